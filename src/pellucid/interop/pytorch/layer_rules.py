"""How the parameters of each layer follow from the tensors of a PyTorch module.

A rule names the tensors, and computes the parameter. Linear weights are transposed, kernels of convolutions are
(height, width, input, output) instead of (output, input, height, width), and gates are in the order of Keras.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.errors import StorageError
from pellucid.graph.expr import Shared
from pellucid.interop.pytorch.feature_order import FeatureOrder
from pellucid.nn import layers
from pellucid.nn.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Dense,
    Embedding,
    GroupNormalization,
    GroupQueryAttention,
    Layer,
    LayerNormalization,
    MultiHeadAttention,
    PReLU,
    RMSNormalization,
    SimpleRNN,
)
from pellucid.typing import Array

Tensors = dict[str, Array]


@dataclass(frozen=True)
class TensorRule:
    """A parameter, the tensors that determine it, and the function from them to its value."""

    parameter: Shared
    names: tuple[str, ...]
    convert: Callable[..., Array]


CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv3D)
TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)
RECURRENT = (SimpleRNN, LSTM, GRU)
WITH_RULES = (
    *CONVOLUTIONS, *TRANSPOSED, *DEPTHWISE, *SEPARABLE, *RECURRENT, BatchNormalization, Bidirectional, Dense, Embedding,
    GroupNormalization, LayerNormalization, MultiHeadAttention, PReLU, RMSNormalization,
)  # fmt: skip
"""Layers whose parameters this module converts."""

IGNORED = ("num_batches_tracked",)
"""Tensors without a parameter here."""


def has_rules(layer: Layer) -> bool:
    return isinstance(layer, WITH_RULES) and not isinstance(layer, GroupQueryAttention)


def count_modules(layer: Layer) -> int:
    """Return how many modules a layer is in PyTorch."""
    return 2 if isinstance(layer, SEPARABLE) else 1


def list_rules(layer: Layer, tensors: Tensors, order: FeatureOrder) -> list[TensorRule]:
    """Return the rules of a layer; ``order`` is that of the features before and after it.

    The tensors of a second module have names that begin with ``second.``.
    """
    if isinstance(layer, Bidirectional):
        forward = list_recurrent_rules(layer.forward_layer, "", order)
        return [*forward, *list_recurrent_rules(layer.backward_layer, "_reverse", order)]
    if isinstance(layer, RECURRENT):
        return list_recurrent_rules(layer, "", order)
    if isinstance(layer, MultiHeadAttention):
        return list_attention_rules(layer, tensors)
    if isinstance(layer, (BatchNormalization, LayerNormalization, GroupNormalization, RMSNormalization)):
        return list_normalization_rules(layer, order)
    kernel, *bias = layer.parameters
    bias_name = "second.bias" if isinstance(layer, SEPARABLE) else "bias"
    bias_rules = [TensorRule(p, (bias_name,), order.sort_outputs) for p in bias]
    if isinstance(layer, Dense):
        return [TensorRule(kernel, ("weight",), lambda w: order.sort_rows(order.sort_outputs(w.T))), *bias_rules]
    if isinstance(layer, Embedding):
        return [TensorRule(kernel, ("weight",), np.asarray)]
    if isinstance(layer, PReLU):
        return [
            TensorRule(kernel, ("weight",), lambda w: np.broadcast_to(order.sort_last(w), kernel.get_value().shape))
        ]
    if isinstance(layer, DEPTHWISE):
        return [TensorRule(kernel, ("weight",), lambda w: to_depthwise(w, kernel.shape)), *bias_rules]
    if isinstance(layer, SEPARABLE):
        pointwise, *bias = bias
        bias_rules = [TensorRule(p, (bias_name,), np.asarray) for p in bias]
        first = TensorRule(kernel, ("weight",), lambda w: to_depthwise(w, kernel.shape))
        return [first, TensorRule(pointwise, ("second.weight",), reverse_kernel), *bias_rules]
    return [TensorRule(kernel, ("weight",), reverse_kernel), *bias_rules]  # also of transposed convolutions


def reverse_kernel(w: Array) -> Array:
    """Return a kernel (spatial, input, output) of one (output, input, spatial), also of a transposed convolution."""
    return w.transpose(*range(2, w.ndim), 1, 0)


def to_depthwise(w: Array, shape: Any) -> Array:
    """Return a depthwise kernel (spatial, channels, multiplier) of one (channels * multiplier, 1, spatial)."""
    split = w.reshape(*shape[-2:], *w.shape[2:])
    return split.transpose(*range(2, split.ndim), 0, 1)


def list_normalization_rules(layer: Layer, order: FeatureOrder) -> list[TensorRule]:
    names = {"gamma": "weight", "scale": "weight", "beta": "bias", "moving_mean": "running_mean"}
    names["moving_variance"] = "running_var"
    return [TensorRule(p, (names[str(p.name).rpartition("/")[2]],), order.sort_last) for p in layer.parameters]


def list_recurrent_rules(layer: Any, suffix: str, order: FeatureOrder) -> list[TensorRule]:
    kernel, recurrent, *bias = layer.parameters
    if isinstance(layer, GRU) and not layer.config["reset_after"]:
        raise StorageError("PyTorch applies the reset gate after the product; create the GRU with reset_after=True")

    def sort_gates(w: Array) -> Array:
        """Return the gates z, r, n of a GRU in this order, from r, z, n; those of other layers have the same order."""
        if not isinstance(layer, GRU):
            return w
        r, z, n = np.split(w, 3)
        return np.concatenate([z, r, n])

    def convert_bias(of_inputs: Array, of_states: Array) -> Array:
        parts = [sort_gates(of_inputs), sort_gates(of_states)]
        return np.stack(parts) if isinstance(layer, GRU) else parts[0] + parts[1]

    return [
        TensorRule(kernel, (f"weight_ih{suffix}",), lambda w: order.sort_rows(sort_gates(w).T)),
        TensorRule(recurrent, (f"weight_hh{suffix}",), lambda w: sort_gates(w).T),
        *(TensorRule(p, (f"bias_ih{suffix}", f"bias_hh{suffix}"), convert_bias) for p in bias),
    ]


def list_attention_rules(layer: MultiHeadAttention, tensors: Tensors) -> list[TensorRule]:
    rules = []
    for number, part in enumerate(("query", "key", "value")):
        weight, *bias = layer.projections[part]
        separate = f"{part[0]}_proj_weight"
        name = separate if separate in tensors else "in_proj_weight"
        rules.append(make_projection_rule(weight, name, None if name == separate else number))
        rules += [make_projection_rule(b, "in_proj_bias", number) for b in bias]
    kernel, *bias = layer.projections["attention_output"]
    rules.append(TensorRule(as_shared(kernel), ("out_proj.weight",), lambda w: w.T.reshape(kernel.shape)))
    rules += [TensorRule(as_shared(b), ("out_proj.bias",), np.asarray) for b in bias]
    return rules


def make_projection_rule(parameter: Any, name: str, number: int | None) -> TensorRule:
    """Return the rule of one of the three projections, which PyTorch stacks in one tensor unless number is None."""

    def convert(w: Array) -> Array:
        own = w if number is None else np.split(w, 3)[number]
        return own.T.reshape(parameter.shape)

    return TensorRule(as_shared(parameter), (name,), convert)


def as_shared(parameter: Any) -> Shared:
    if not isinstance(parameter, Shared):
        raise StorageError(f"expected a parameter. Received: {parameter}, an expression of another one")
    return parameter
