"""TensorFlow 0.x and 1.x on pellucid's expressions: graphs, sessions, variables, optimizers, `nn` and the digits.

A session compiles each combination of fetches and fed shapes as one function of pellucid. Results are those of
TensorFlow, except for random bits.
"""

import argparse
import contextlib
import functools
import itertools
import logging as _logging
import sys
from pathlib import Path as _Path
from pkgutil import resolve_name as _resolve_name
from types import ModuleType, SimpleNamespace

from pellucid.compat.missing_names import add_missing_name_errors, read_old_names
from pellucid.compat.tensorflow import candidate_sampling as _candidate_sampling
from pellucid.compat.tensorflow import control_flow as _control_flow
from pellucid.compat.tensorflow import graph as _graph
from pellucid.compat.tensorflow import input_data as _input_data
from pellucid.compat.tensorflow import mnist as _mnist
from pellucid.compat.tensorflow import rnn as _rnn
from pellucid.compat.tensorflow import summary as summary
from pellucid.compat.tensorflow import train as train
from pellucid.compat.tensorflow.ops import FUNCTIONS as _FUNCTIONS
from pellucid.compat.tensorflow.session import InteractiveSession as InteractiveSession
from pellucid.compat.tensorflow.session import Session as Session

__version__ = VERSION = "1.15.0"


def _select_public(old_name, *sources):
    """Return the values whose names a module of TensorFlow had."""
    known = read_old_names()[old_name]
    return {name: value for source in sources for name, value in source.items() if name in known}


def _make_module(old_name, values, replacements=None):
    """Return a module that can be imported and explains missing names."""
    module = ModuleType(f"pellucid.compat.{old_name}", f"Names of `{old_name}`.")
    vars(module).update(values, __path__=[])
    add_missing_name_errors(vars(module), old_name, replacements)
    sys.modules[module.__name__] = module
    return module


_PARSER = argparse.ArgumentParser(allow_abbrev=False, add_help=False, conflict_handler="resolve")
_FLAGS = argparse.Namespace()


def _define_flag(flag_name, default_value, docstring="", kind=str):
    options = {"type": kind}
    if kind is _KINDS["bool"]:  # `bool` is a dtype here
        options = {"type": lambda text: text.lower() in ("true", "t", "1", "yes", "y"), "nargs": "?", "const": True}
        _PARSER.add_argument(f"--no{flag_name}", action="store_false", dest=flag_name, default=default_value)
    _PARSER.add_argument(f"--{flag_name}", default=default_value, help=docstring, **options)
    vars(_FLAGS).pop(flag_name, None)
    _PARSER.parse_known_args(namespace=_FLAGS)


def _run(main=None, argv=None):
    rest = _PARSER.parse_known_args(argv and argv[1:], _FLAGS)[1]
    sys.exit((main or sys.modules["__main__"].main)([sys.argv[0], *rest]))


_KINDS = {"string": str, "integer": int, "float": float, "boolean": bool, "bool": bool}
flags = _make_module(
    "tensorflow.flags",
    {"FLAGS": _FLAGS, **{f"DEFINE_{n}": functools.partial(_define_flag, kind=kind) for n, kind in _KINDS.items()}},
)
app = _make_module("tensorflow.app", {"flags": flags, "run": _run})
_FILES = """GFile=builtins:open FastGFile=builtins:open Open=builtins:open Exists=os.path:exists MkDir=os:mkdir
IsDirectory=os.path:isdir ListDirectory=os:listdir Glob=glob:glob Remove=os:remove DeleteRecursively=shutil:rmtree"""
gfile = _make_module("tensorflow.gfile", {n: _resolve_name(p) for n, p in (e.split("=") for e in _FILES.split())})
gfile.MakeDirs = lambda dirname: _Path(dirname).mkdir(parents=True, exist_ok=True)
logging = _logging.getLogger("tensorflow")
_LEVELS = {name: getattr(_logging, name) for name in ("DEBUG", "INFO", "WARN", "ERROR", "FATAL")}
vars(logging).update(_LEVELS, warn=logging.warning, set_verbosity=logging.setLevel)

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
}
_SOURCES = vars(train), vars(_graph), vars(_control_flow), summary.OLD_NAMES, _graph.DTYPES, _FUNCTIONS, _HERE
globals().update(_select_public("tensorflow", *_SOURCES))
AUTO_REUSE = "auto"
# Settings of sessions change no result, so all are accepted.
ConfigProto = lambda **settings: SimpleNamespace(**{"gpu_options": SimpleNamespace(), **settings})
RunOptions = RunMetadata = GPUOptions = SimpleNamespace
errors = _make_module("tensorflow.errors", {n: e for n, e in vars(_graph).items() if n.endswith("Error")})
_CELLS = {n: c for n, c in vars(_rnn).items() if n.endswith(("Cell", "Tuple", "Wrapper"))}
_NETWORKS = {n: f for n, f in vars(_rnn).items() if n.endswith("_rnn")}
_NETWORKS |= {"rnn": _rnn.static_rnn, "bidirectional_rnn": _rnn.static_bidirectional_rnn}
_REPLACEMENTS = dict.fromkeys(
    ("layers", "fully_connected"), "Write tf.Variable, tf.matmul, tf.nn.conv2d. Today: pel.nn"
)
_DATASETS = {"mnist": _input_data, "load_dataset": _input_data.load_dataset}
_MODULES = {
    "examples.tutorials.mnist": {"input_data": _input_data, "mnist": _mnist},
    **dict.fromkeys(("contrib.learn.datasets", "contrib.learn.python.learn.datasets"), _DATASETS),
    "python.platform": {"gfile": gfile, "flags": flags, "app": app, "logging": logging, "tf_logging": logging},
    "nn": _select_public("tensorflow.nn", _FUNCTIONS, vars(_candidate_sampling), vars(_rnn)) | _NETWORKS,
    "nn.rnn_cell": _CELLS,
    "contrib.rnn": _CELLS | _NETWORKS,
    "contrib.layers": {"xavier_initializer": train.xavier_initializer},
    "python.ops.rnn": _NETWORKS,
    "python.ops.rnn_cell": _CELLS,
    "models.rnn.rnn": _NETWORKS,
    "models.rnn.rnn_cell": _CELLS,
}
"""Contents of other modules; those of modules above them are added."""
for _name, _values in _MODULES.items():
    for _path in itertools.accumulate(_name.split("."), "{}.{}".format):
        _parent, _, _last = f"{__name__}.{_path}".rpartition(".")
        if _last not in vars(sys.modules[_parent]):
            _made = _make_module(f"tensorflow.{_path}", _values if _path == _name else {}, _REPLACEMENTS)
            setattr(sys.modules[_parent], _last, _made)
    _files = {key: value for key, value in _values.items() if isinstance(value, ModuleType)}
    sys.modules.update({f"{__name__}.{_name}.{key}": value for key, value in _files.items()})
vars(train)["SummaryWriter"] = summary.FileWriter
add_missing_name_errors(globals(), "tensorflow", _REPLACEMENTS)
