"""``theano.tensor.slinalg``: linear algebra of SciPy."""

from __future__ import annotations

from typing import Any

import pellucid as pel
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.theano.variables import TensorVariable, apply_float


def cholesky(x: Any) -> TensorVariable:
    """Lower Cholesky factor."""
    return apply_float(pel.linalg.cholesky, x)


def solve(a: Any, b: Any) -> TensorVariable:
    """Solution of linear equations."""
    return apply_float(pel.linalg.solve, a, b)


def solve_lower_triangular(a: Any, b: Any) -> TensorVariable:
    """Solution of equations of a lower triangular matrix."""
    return apply_float(lambda a, b: pel.linalg.solve_triangular(a, b, lower=True), a, b)


def solve_upper_triangular(a: Any, b: Any) -> TensorVariable:
    """Solution of equations of an upper triangular matrix."""
    return apply_float(lambda a, b: pel.linalg.solve_triangular(a, b, lower=False), a, b)


def kron(a: Any, b: Any) -> TensorVariable:
    """Kronecker product."""
    return apply_float(pel.kron, a, b)


add_missing_name_errors(globals(), "theano.tensor.slinalg")
