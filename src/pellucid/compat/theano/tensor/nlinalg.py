"""``theano.tensor.nlinalg``: linear algebra."""

from __future__ import annotations

import functools
from typing import Any

import pellucid as pel
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.theano.tensor.basic import dot, matrix_inverse, sum
from pellucid.compat.theano.tensor.basic import diag as diag
from pellucid.compat.theano.variables import TensorVariable, apply_float, as_tensor_variable


def det(x: Any) -> TensorVariable:
    """Determinant."""
    return apply_float(pel.linalg.det, x)


def trace(x: Any) -> TensorVariable:
    """Sum of the diagonal."""
    return sum(as_tensor_variable(x).diagonal())


def matrix_dot(*args: Any) -> TensorVariable:
    """Product of any number of matrices."""
    return functools.reduce(dot, args)


inv = matrix_inverse
alloc_diag = extract_diag = diag
add_missing_name_errors(globals(), "theano.tensor.nlinalg")
