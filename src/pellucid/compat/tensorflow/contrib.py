"""The few names of `tf.contrib` that scripts of 1.x use most."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.tensorflow import layers as _layers
from pellucid.compat.tensorflow import rnn as _rnn
from pellucid.compat.tensorflow import rnn_cell as _cells
from pellucid.compat.tensorflow import variables as _variables


def _make_module(name: str, values: dict[str, Any]) -> ModuleType:
    """Return a module below `tensorflow.contrib` that can be imported."""
    module = ModuleType(f"{__name__}.{name}", f"Names of `tf.contrib.{name}`.")
    vars(module).update(values)
    add_missing_name_errors(vars(module), f"tensorflow.contrib.{name}")
    sys.modules[module.__name__] = module
    return module


_CELLS = {n: getattr(_cells, n) for n in dir(_cells) if n.endswith(("Cell", "Wrapper", "Tuple"))}
rnn = _make_module("rnn", {**_CELLS, "static_rnn": _rnn.static_rnn})
layers = _make_module(
    "layers",
    {
        "xavier_initializer": lambda uniform=True, seed=None, dtype="float32": (
            _variables.glorot_uniform_initializer if uniform else _variables.glorot_normal_initializer
        )(seed, dtype),
        "xavier_initializer_conv2d": _variables.glorot_uniform_initializer,
        "variance_scaling_initializer": _variables.variance_scaling_initializer,
        "l1_regularizer": _layers.l1_regularizer,
        "l2_regularizer": _layers.l2_regularizer,
        "flatten": _layers.flatten,
    },
)
__path__: list[str] = []
add_missing_name_errors(globals(), "tensorflow.contrib")
