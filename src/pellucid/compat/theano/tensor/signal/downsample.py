"""``theano.tensor.signal.downsample``: pooling in the spelling of older versions."""

from __future__ import annotations

from typing import Any

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.theano.tensor.signal.pool import max_pool_2d_same_size, pool_2d  # noqa: F401
from pellucid.compat.theano.variables import TensorVariable


def max_pool_2d(
    input: Any, ds: Any, ignore_border: bool = False, st: Any = None, padding: Any = (0, 0), mode: str = "max"
) -> TensorVariable:
    """Pooling over the last two axes."""
    return pool_2d(input, ds, ignore_border, st, padding, mode)


add_missing_name_errors(globals(), "theano.tensor.signal.downsample")
