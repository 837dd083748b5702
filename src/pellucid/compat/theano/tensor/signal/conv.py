"""``theano.tensor.signal.conv``: convolution of single-channel images."""

from __future__ import annotations

from typing import Any

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.theano.tensor.nnet.abstract_conv import conv2d as _conv2d
from pellucid.compat.theano.variables import TensorVariable, as_tensor_variable


def conv2d(
    input: Any,
    filters: Any,
    image_shape: Any = None,
    filter_shape: Any = None,
    border_mode: str = "valid",
    subsample: Any = (1, 1),
    **options: Any,
) -> TensorVariable:
    """Convolution of one image or several with one filter or several."""
    x, w = as_tensor_variable(input), as_tensor_variable(filters)
    images = x.dimshuffle(0, "x", 1, 2) if x.ndim == 3 else x.dimshuffle("x", "x", 0, 1)
    kernels = w.dimshuffle(0, "x", 1, 2) if w.ndim == 3 else w.dimshuffle("x", "x", 0, 1)
    found = _conv2d(images, kernels, border_mode=border_mode, subsample=subsample)
    index = (slice(None) if x.ndim == 3 else 0, slice(None) if w.ndim == 3 else 0)
    return found[index]  # type: ignore[index, no-any-return]


add_missing_name_errors(globals(), "theano.tensor.signal.conv")
