"""``theano.tensor.extra_ops``: functions that NumPy has too."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.theano.tensor.basic import (  # noqa: F401
    bincount,
    cumprod,
    cumsum,
    diff,
    fill_diagonal,
    repeat,
    squeeze,
    to_one_hot,
    unique,
)
from pellucid.compat.theano.variables import TensorVariable, as_tensor_variable, make_constant


def bartlett(M: int) -> TensorVariable:
    """Triangular window."""
    return make_constant(np.bartlett(M))


def compress(condition: Any, x: Any, axis: int | None = None) -> TensorVariable:
    """Elements along an axis at which a condition is true."""
    chosen = as_tensor_variable(condition).nonzero()[0]
    return as_tensor_variable(x).take(chosen, axis=axis)  # type: ignore[no-any-return]


add_missing_name_errors(globals(), "theano.tensor.extra_ops")
