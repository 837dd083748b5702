"""The few names of `tf.contrib` that scripts of 1.x use most."""

# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.tensorflow import layers as _layers
from pellucid.compat.tensorflow import rnn as _rnn
from pellucid.compat.tensorflow import rnn_cell as _cells
from pellucid.compat.tensorflow import variables as _variables
from pellucid.compat.tensorflow.types import make_module

_CELLS = {n: getattr(_cells, n) for n in dir(_cells) if n.endswith(("Cell", "Wrapper", "Tuple"))}
rnn = make_module("tensorflow.contrib.rnn", {**_CELLS, "static_rnn": _rnn.static_rnn})
layers = make_module(
    "tensorflow.contrib.layers",
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
