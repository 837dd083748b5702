"""Names and options of Keras that differ from pellucid's."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from pellucid.graph.operators import FUNCTIONS
from pellucid.nn import (
    activations,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
    schedules,
)
from pellucid.nn.registry import snake_case

HOMES: dict[str, ModuleType] = {
    "keras.layers": layers,
    "keras.activations": activations,
    "keras.constraints": constraints,
    "keras.initializers": initializers,
    "keras.losses": losses,
    "keras.metrics": metrics,
    "keras.optimizers.schedules": schedules,
    "keras.optimizers": optimizers,
    "keras.regularizers": regularizers,
}
"""pellucid's module for each module of Keras, in which the first match counts."""

NOT_IN_KERAS = {"LocalResponseNormalization", "Maxout"}
"""Layers that Keras does not have."""

WRITTEN_AS_OPERATIONS = {"PiecewiseLinearEncoding", "SelectFeatures"}
"""Layers without weights that Keras does not have; their operations take their place."""

ARGUMENTS_NOT_IN_KERAS = {"checkpoint"}
"""Arguments of layers that Keras does not have, and that change no value."""

KERAS_CLASS_NAMES = {"GroupedQueryAttention": "GroupQueryAttention"}
"""Names of classes in files that differ from the exported names."""

ANY = object()
"""Placeholder for every value."""

UNUSED_OPTIONS: dict[str, tuple[Any, ...]] = {
    "activity_regularizer": (None,),
    "antialias": (False,),
    "bounding_box_format": (None,),
    "build_input_shape": (ANY,),
    "data_format": (None, "channels_last"),
    "fill_mode": ("constant",),
    "flash_attention": (ANY,),
    "input_axes": (None,),
    "lora_alpha": (None,),
    "lora_rank": (None,),
    "noise_shape": (None,),
    "num_labels": (None,),
    "optional": (False,),
    "output_axes": (None,),
    "quantization_config": (None,),
    "ragged": (False,),
    "relative_step": (True,),
    "renorm": (False,),
    "renorm_clipping": (None,),
    "renorm_momentum": (ANY,),
    "rms_scaling": (False,),
    "sliding_window": (None,),
    "sparse": (False,),
    "stateful": (False,),
    "synchronized": (False,),
    "unroll": (ANY,),
    "use_cudnn": (ANY,),
    "use_gate": (False,),
}
"""Options that pellucid does not have, with the values that need none."""


def is_unused(option: str, value: Any) -> bool:
    """Return whether an option has a value that changes nothing."""
    return any(known is ANY or (type(known) is type(value) and known == value) for known in UNUSED_OPTIONS[option])


ELEMENTWISE = [
    "Absolute", "Add", "Arccos", "Arccosh", "Arcsin", "Arcsinh", "Arctan", "Arctan2", "Arctanh", "Ceil", "Cos", "Cosh",
    "Divide", "Equal", "Exp", "Exp2", "Expm1", "Floor", "Greater", "GreaterEqual", "Less", "LessEqual", "Log", "Log10",
    "Log1p", "Log2", "Logaddexp", "LogicalAnd", "LogicalNot", "LogicalOr", "Maximum", "Minimum", "Mod", "Multiply",
    "Negative", "NotEqual", "Power", "Reciprocal", "Relu", "Sigmoid", "Sign", "Silu", "Sin", "Sinh", "Softplus",
    "Softsign", "Sqrt", "Square", "Subtract", "Tan", "Tanh", "TrueDivide", "Where",
]  # fmt: skip
"""Keras's operations on the elements of tensors; their names in snake case are pellucid's functions."""

REDUCTIONS = ["All", "Any", "Max", "Mean", "Min", "Prod", "Std", "Sum", "Var"]
"""Keras's operations with the settings ``axis`` and ``keepdims``."""

NN_OPERATIONS = {"LogSoftmax", "Relu", "Sigmoid", "Silu", "Softmax", "Softplus", "Softsign"}
"""Operations of ``keras.ops.nn``; the others are in ``keras.ops.numpy``."""

OPERATION_SETTINGS: dict[str, dict[str, str]] = {
    **{name: {} for name in [*ELEMENTWISE, "ConvertToTensor", "GetItem", "Matmul"]},
    **{name: {"axis": "axis", "keepdims": "keepdims"} for name in REDUCTIONS},
    **{name: {"axis": "axis", "keepdims": "keepdims", "initial": "initial"} for name in ("Max", "Min")},
    **{name: {"axis": "axis"} for name in ("Softmax", "LogSoftmax", "Concatenate", "ExpandDims", "Squeeze", "Stack")},
    "Clip": {"x_min": "min", "x_max": "max"},
    "Reshape": {"newshape": "shape"},
    "Take": {"axis": "axis"},
    "Transpose": {"axes": "axes"},
}
"""Settings of Keras's operations by Keras's name, with the name of the argument in pellucid."""

KERAS_OPERATIONS = {
    **{snake_case(name): name for name in OPERATION_SETTINGS},
    "abs": "Absolute",
    "gather": "Take",
    "join": "Concatenate",
    "slice": "GetItem",
}
"""Keras's operations by the name of pellucid's op."""


def get_operation(name: str) -> Callable[..., Any] | None:
    """Return pellucid's function for an operation of Keras, or None.

    Examples
    --------
    >>> get_operation("LogicalAnd").__name__, get_operation("Fft")
    ('logical_and', None)
    """
    if name == "GetItem":
        return lambda x, key: x[tuple(key) if isinstance(key, list) else key]
    if name == "ConvertToTensor":
        return lambda x: x
    if name not in OPERATION_SETTINGS:
        return None
    return FUNCTIONS.get(snake_case(name)) or activations.NAMED.get(snake_case(name))
