"""TensorFlow 0.x and 1.x on pellucid's expressions: graphs, sessions, variables, optimizers, `nn`, `layers`, `summary`.

A session compiles each combination of fetches and fed shapes as one function of pellucid. Results are those of
TensorFlow, except for random bits. Not covered: queues, `tf.data`, estimators, sparse and ragged tensors, saved graphs,
several devices, and values that decide shapes.
"""

# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from types import SimpleNamespace

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.tensorflow import app as _app
from pellucid.compat.tensorflow import contrib as contrib
from pellucid.compat.tensorflow import control as _control
from pellucid.compat.tensorflow import graph as _graph
from pellucid.compat.tensorflow import layers as layers
from pellucid.compat.tensorflow import losses as losses
from pellucid.compat.tensorflow import nn as nn
from pellucid.compat.tensorflow import ops as _ops
from pellucid.compat.tensorflow import random_ops as _random_ops
from pellucid.compat.tensorflow import session as _session
from pellucid.compat.tensorflow import summary as summary
from pellucid.compat.tensorflow import train as train
from pellucid.compat.tensorflow import types as _types
from pellucid.compat.tensorflow import variables as _variables

__version__ = VERSION = "1.15.0"


def placeholder(dtype="float32", shape=None, name=None):
    """Tensor whose value is fed."""
    return _graph.make_op("Placeholder", None, [], name, outputs=[_graph.Spec(shape, dtype)])


def placeholder_with_default(input, shape, name=None):
    """Tensor whose value may be fed."""
    x = _graph.convert(input)
    return _graph.make_op("PlaceholderWithDefault", lambda e: e, [x], name, outputs=[_graph.Spec(shape, x.dtype)])


def name_scope(name, default_name=None, values=None):
    """Put the names of operations below a prefix."""
    return _graph.get_default_graph().name_scope(name if name is not None else default_name)


def op_scope(values, name, default_name=None):
    """`name_scope` with the order of arguments of 0.x."""
    return name_scope(name, default_name)


def control_dependencies(control_inputs):
    """Run operations before those that are made in the block."""
    return _graph.get_default_graph().control_dependencies(control_inputs)


def device(device_name_or_function):
    """Accept a device; JAX's default device runs everything."""
    return _graph.get_default_graph().device(device_name_or_function)


class ConfigProto(SimpleNamespace):
    """Settings of a session, which change no result and are accepted."""

    def __init__(self, **settings):
        super().__init__(**{"gpu_options": GPUOptions(), "graph_options": SimpleNamespace(), **settings})


class GPUOptions(SimpleNamespace):
    """Settings of GPUs, which are accepted."""


_SOURCES = (_variables, _random_ops, _control, _ops, _graph, _session, _types)
globals().update(_types.select_public("tensorflow", *map(vars, _SOURCES), _ops.FUNCTIONS, _ops.PUBLIC, _types.DTYPES))
double, half = _types.DTYPES["float64"], _types.DTYPES["float16"]
convert_to_tensor, AUTO_REUSE = _graph.convert, _variables.AUTO_REUSE
app, flags, gfile, logging, errors = _app, _app.flags, _app.gfile, _app.logging, _types.errors
RunOptions = RunMetadata = OptimizerOptions = GraphOptions = SimpleNamespace
scalar_summary, histogram_summary = summary.scalar, summary.histogram
image_summary, merge_summary, merge_all_summaries = summary.image, summary.merge, summary.merge_all
test = SimpleNamespace(is_gpu_available=lambda: False, is_built_with_cuda=lambda: False)

add_missing_name_errors(globals(), "tensorflow")
