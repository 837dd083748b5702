"""TensorFlow 0.x and 1.x on pellucid's expressions: graphs, sessions, variables, optimizers, `nn` and the digits.

A session compiles each combination of fetches and fed shapes as one function of pellucid. Results are those of
TensorFlow, except for random bits.
"""

import contextlib
import sys
from types import SimpleNamespace

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.tensorflow import graph as _graph
from pellucid.compat.tensorflow import input_data as _input_data
from pellucid.compat.tensorflow import modules as _modules
from pellucid.compat.tensorflow import train as train
from pellucid.compat.tensorflow.ops import FUNCTIONS as _FUNCTIONS
from pellucid.compat.tensorflow.session import InteractiveSession as InteractiveSession
from pellucid.compat.tensorflow.session import Session as Session

__version__ = VERSION = "1.15.0"


_default = _graph.get_default_graph
_HERE = {
    "placeholder": lambda dtype="float32", shape=None, name=None: _graph.make_op(
        "Placeholder", None, [], name, outputs=[(shape, dtype)]
    ),
    "placeholder_with_default": lambda input, shape, name=None: _graph.make_op(
        "PlaceholderWithDefault", lambda e: e, [x := _graph.convert(input)], name, outputs=[(shape, x.dtype)]
    ),
    "name_scope": lambda name, default_name=None, values=None: _default().name_scope(name or default_name),
    "control_dependencies": lambda control_inputs: _default().control_dependencies(control_inputs),
    "device": lambda name: contextlib.nullcontext(),  # JAX's default device runs everything
    "set_random_seed": lambda seed: setattr(_default(), "seed", seed),
    "reset_default_graph": lambda: _graph.GRAPHS.__setitem__(-1, _graph.Graph()),
    "get_default_session": lambda: _graph.SESSIONS[-1] if _graph.SESSIONS else None,
    "convert_to_tensor": _graph.convert,
    "flags": _modules.flags,
    "app": _modules.app,
}
globals().update(_modules.select_public("tensorflow", vars(train), vars(_graph), _graph.DTYPES, _FUNCTIONS, _HERE))
AUTO_REUSE = "auto"
# Settings of sessions change no result, so all are accepted.
ConfigProto = lambda **settings: SimpleNamespace(**{"gpu_options": SimpleNamespace(), **settings})
RunOptions = RunMetadata = GPUOptions = SimpleNamespace
nn = _modules.make_module("tensorflow.nn", _modules.select_public("tensorflow.nn", _FUNCTIONS))
errors = _modules.make_module("tensorflow.errors", {n: e for n, e in vars(_graph).items() if n.endswith("Error")})
_mnist = _modules.make_module("tensorflow.examples.tutorials.mnist", {"input_data": _input_data})
_tutorials = _modules.make_module("tensorflow.examples.tutorials", {"mnist": _mnist})
examples = _modules.make_module("tensorflow.examples", {"tutorials": _tutorials})
sys.modules[f"{_mnist.__name__}.input_data"] = _input_data
_REPLACEMENTS = {
    "cond": "Compute both branches and choose with tf.where. Today: pel.cond(condition, then, otherwise)",
    **dict.fromkeys(
        ["while_loop", "scan", "map_fn"], "Write a Python loop. Today: pel.while_loop, pel.scan and pel.map"
    ),
    "layers": "Write tf.Variable, tf.matmul and tf.nn.conv2d. Layers are in pel.nn today",
    "summary": "Leave it out. Today: pel.callbacks.TensorBoard",
}
add_missing_name_errors(globals(), "tensorflow", _REPLACEMENTS)
