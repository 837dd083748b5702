"""``theano.tensor.nnet.neighbours``: patches of images as rows."""

from __future__ import annotations

from typing import Any

import pellucid as pel
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.theano.tensor.nnet.abstract_conv import as_tuple
from pellucid.compat.theano.variables import TensorVariable, as_tensor_variable, wrap
from pellucid.graph.errors import OptionError


def images2neibs(ten4: Any, neib_shape: Any, neib_step: Any = None, mode: str = "valid") -> TensorVariable:
    """Each patch of each channel of each image as a row."""
    if mode not in ("valid", "ignore_borders"):
        raise OptionError(f"images2neibs: expected mode 'valid' or 'ignore_borders'. Received: {mode!r}")
    x = as_tensor_variable(ten4).expr
    rows, columns = as_tuple(neib_shape, 2)
    down, right = as_tuple(neib_step if neib_step is not None else neib_shape, 2)
    views = pel.sliding_window_view(x, (rows, columns), axis=(2, 3))[:, :, ::down, ::right]
    return wrap(pel.reshape(views, (-1, rows * columns)))


add_missing_name_errors(globals(), "theano.tensor.nnet.neighbours")
