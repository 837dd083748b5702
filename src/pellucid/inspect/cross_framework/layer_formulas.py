"""Forward formulas of layers in the functions of another framework.

Each takes the backend f, the layer, its weights w by name, and the input x. Matrix products, convolutions and pooling
are the framework's own.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.inspect.cross_framework.backend import Backend, Tensor
from pellucid.model.errors import ModelError
from pellucid.model.object_config import get_registered_name
from pellucid.nn import activations
from pellucid.nn.layers import Layer, Normalization, PiecewiseLinearEncoding, Rescaling
from pellucid.nn.layers.rescaling import EPSILON

Weights = Mapping[str, Tensor]


Output: TypeAlias = Tensor | tuple[Tensor, dict[str, Tensor]]
"""Output of a layer, and the new values of its moving averages if it has some."""


def activate(f: Backend, activation: str | Callable[[Expr], Expr] | None, x: Tensor) -> Tensor:
    """Apply an activation, given by name or as pellucid's function of that name."""
    name = activation if isinstance(activation, str) else get_registered_name(activations.get(activation), "activation")
    if name in (None, "linear"):
        return x
    if name == "softmax":
        return f.softmax(x)
    if name not in f.activations:
        raise ModelError(f"{f.title}: the activation {activation!r} is not supported")
    return f.activations[name](x)


def dense(f: Backend, layer: Layer, w: Weights, x: Tensor) -> Tensor:
    z = x @ w["kernel"]
    return activate(f, layer.config["activation"], z + w["bias"] if "bias" in w else z)


def einsum_dense(f: Backend, layer: Layer, w: Weights, x: Tensor) -> Tensor:
    z = f.einsum(layer.config["equation"].replace(" ", ""), x, w["kernel"])
    return activate(f, layer.config["activation"], z + w["bias"] if "bias" in w else z)


def piecewise_linear_encoding(f: Backend, layer: Layer, w: Weights, x: Tensor) -> Tensor:
    assert isinstance(layer, PiecewiseLinearEncoding)
    features, starts, widths = layer.list_bins()
    dtype = np.result_type(f.get_dtype(x), np.float32)
    selection, start, width = (
        f.to_tensor(value.astype(dtype)) for value in (np.eye(int(x.shape[-1]))[:, features], starts, widths)
    )
    return -f.maximum(-f.maximum((x @ selection - start) / width, 0.0), -1.0)


def convolution(f: Backend, layer: Layer, w: Weights, x: Tensor) -> Tensor:
    config, kernel = layer.config, w["kernel"]
    axes = len(kernel.shape) - 2
    strides, dilation = to_tuple(config["strides"], axes), to_tuple(config["dilation_rate"], axes)
    x = pad(f, config["padding"], x, tuple(kernel.shape[:axes]), strides, dilation, 0.0)
    z = f.convolve(x, kernel, strides, dilation, config["groups"])
    return activate(f, config["activation"], z + w["bias"] if "bias" in w else z)


def pooling(f: Backend, layer: Layer, w: Weights, x: Tensor) -> Tensor:
    """Max and average pooling over one or two axes."""
    config, is_max = layer.config, type(layer).__name__.startswith("Max")
    axes = len(x.shape) - 2
    size = to_tuple(config["pool_size"], axes)
    strides = size if config["strides"] is None else to_tuple(config["strides"], axes)
    if config["padding"] != "valid" and not is_max:
        raise ModelError("average pooling is supported without padding only")
    x = pad(f, config["padding"], x, size, strides, (1,) * axes, -np.inf)
    return f.pool(x, size, strides, is_max)


def global_pooling(f: Backend, layer: Layer, w: Weights, x: Tensor) -> Tensor:
    axes = tuple(range(1, len(x.shape) - 1))
    reduce = f.max if "Max" in type(layer).__name__ else f.mean
    return reduce(x, axes, bool(layer.config["keepdims"]))


def rescaling(f: Backend, layer: Layer, w: Weights, x: Tensor) -> Tensor:
    assert isinstance(layer, Rescaling)
    dtype = np.result_type(f.get_dtype(x), np.float32)
    scale, offset = (
        f.to_tensor(value.astype(dtype)) if value.ndim else float(value) for value in (layer.scale, layer.offset)
    )
    return x * scale + offset


def normalization(f: Backend, layer: Layer, w: Weights, x: Tensor) -> Tensor:
    """Normalization by the statistics of the training set."""
    assert isinstance(layer, Normalization)
    axes = layer.get_axes(len(x.shape))
    shape = [x.shape[axis] if axis in axes else 1 for axis in range(len(x.shape))]
    mean, variance = (f.reshape(w[name], shape) for name in ("mean", "variance"))
    deviation = f.maximum(f.sqrt(variance), EPSILON)
    return mean + x * deviation if layer.invert else (x - mean) / deviation


def batch_normalization(f: Backend, layer: Layer, w: Weights, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """BatchNormalization in training mode: the output and the new moving averages."""
    config = layer.config
    if config["axis"] not in (-1, len(x.shape) - 1):
        raise ModelError("only normalization over the last axis is supported")
    axes = tuple(range(len(x.shape) - 1))
    mean = f.mean(x, axes, False)
    variance = f.mean((x - mean) ** 2, axes, False)
    y = (x - mean) / f.sqrt(variance + config["epsilon"])
    y = y * w["gamma"] if "gamma" in w else y
    momentum = config["momentum"]
    state = {
        "moving_mean": w["moving_mean"] * momentum + f.stop_gradient(mean) * (1 - momentum),
        "moving_variance": w["moving_variance"] * momentum + f.stop_gradient(variance) * (1 - momentum),
    }
    return y + w["beta"] if "beta" in w else y, state


def layer_normalization(f: Backend, layer: Layer, w: Weights, x: Tensor) -> Tensor:
    """LayerNormalization over the last axis."""
    if layer.config["axis"] not in (-1, len(x.shape) - 1):
        raise ModelError("only normalization over the last axis is supported")
    axes = (len(x.shape) - 1,)
    mean = f.mean(x, axes, True)
    y = (x - mean) / f.sqrt(f.mean((x - mean) ** 2, axes, True) + layer.config["epsilon"])
    y = y * w["gamma"] if "gamma" in w else y
    return y + w["beta"] if "beta" in w else y


def recurrent(f: Backend, layer: Layer, w: Weights, x: Tensor) -> Tensor:
    """SimpleRNN, LSTM and GRU, unrolled."""
    config, kind = layer.config, type(layer).__name__
    if config["return_state"]:
        raise ModelError("return_state=True is not supported")
    units = config["units"]
    h = c = f.to_tensor(np.zeros((int(x.shape[0]), units), f.get_dtype(x)))
    outputs = []
    for t in range(int(x.shape[1]))[:: -1 if config["go_backwards"] else 1]:
        h, c = STEPS[kind](f, config, w, x[:, t], h, c)
        outputs.append(h)
    return f.stack_steps(outputs) if config["return_sequences"] else h


def simple_step(
    f: Backend, config: Mapping[str, Any], w: Weights, x: Tensor, h: Tensor, c: Tensor
) -> tuple[Tensor, Tensor]:
    z = x @ w["kernel"] + h @ w["recurrent_kernel"]
    return activate(f, config["activation"], z + w["bias"] if "bias" in w else z), c


def lstm_step(
    f: Backend, config: Mapping[str, Any], w: Weights, x: Tensor, h: Tensor, c: Tensor
) -> tuple[Tensor, Tensor]:
    """One step of an LSTM. The kernel holds the input gate, forget gate, candidate and output gate."""
    z = x @ w["kernel"] + h @ w["recurrent_kernel"]
    z = z + w["bias"] if "bias" in w else z
    i, g, n, o = (z[:, k * config["units"] : (k + 1) * config["units"]] for k in range(4))
    gate, act = config["recurrent_activation"], config["activation"]
    c = activate(f, gate, g) * c + activate(f, gate, i) * activate(f, act, n)
    return activate(f, gate, o) * activate(f, act, c), c


def gru_step(
    f: Backend, config: Mapping[str, Any], w: Weights, x: Tensor, h: Tensor, c: Tensor
) -> tuple[Tensor, Tensor]:
    """One step of a GRU that applies the reset gate after the matrix product."""
    if not config["reset_after"]:
        raise ModelError("only reset_after=True is supported")
    units = config["units"]
    a, b = x @ w["kernel"], h @ w["recurrent_kernel"]
    if "bias" in w:
        a, b = a + w["bias"][0], b + w["bias"][1]
    (az, ar, an), (bz, br, bn) = ([v[:, k * units : (k + 1) * units] for k in range(3)] for v in (a, b))
    gate = config["recurrent_activation"]
    z, r = activate(f, gate, az + bz), activate(f, gate, ar + br)
    return z * h + (1 - z) * activate(f, config["activation"], an + r * bn), c


STEPS: dict[str, Callable[..., tuple[Tensor, Tensor]]] = {"SimpleRNN": simple_step, "LSTM": lstm_step, "GRU": gru_step}


def merge(f: Backend, layer: Layer, w: Weights, x: Sequence[Tensor]) -> Tensor:
    """Add, Subtract, Multiply, Average and Concatenate."""
    kind = type(layer).__name__
    if len({len(part.shape) for part in x}) > 1:
        raise ModelError("inputs with different numbers of axes are not supported")
    if kind == "Concatenate":
        return f.concatenate(x, layer.config["axis"])
    total = functools.reduce({"Subtract": operator.sub, "Multiply": operator.mul}.get(kind, operator.add), x)
    return total / len(x) if kind == "Average" else total


def reshape(f: Backend, layer: Layer, w: Weights, x: Tensor) -> Tensor:
    """Flatten and Reshape."""
    shape = layer.config.get("target_shape", (-1,))
    return f.reshape(x, (int(x.shape[0]), *shape))


def leaky_relu(f: Backend, layer: Layer, w: Weights, x: Tensor) -> Tensor:
    rectify = f.activations["relu"]
    result: Tensor = rectify(x) - layer.config["negative_slope"] * rectify(-x)
    return result


def relu(f: Backend, layer: Layer, w: Weights, x: Tensor) -> Tensor:
    config = layer.config
    if config["max_value"] is not None or config["negative_slope"] or config["threshold"]:
        raise ModelError("only ReLU without arguments is supported")
    return f.activations["relu"](x)


FORMULAS: dict[str, Callable[[Backend, Layer, Weights, Any], Output]] = {
    **dict.fromkeys(("Add", "Average", "Concatenate", "Multiply", "Subtract"), merge),
    "Activation": lambda f, layer, w, x: activate(f, layer.config["activation"], x),
    "AveragePooling1D": pooling,
    "AveragePooling2D": pooling,
    "BatchNormalization": batch_normalization,
    "Conv1D": convolution,
    "Conv2D": convolution,
    "Dense": dense,
    "EinsumDense": einsum_dense,
    "Embedding": lambda f, layer, w, x: f.gather(w["embeddings"], x),
    "Flatten": reshape,
    "GRU": recurrent,
    "GlobalAveragePooling1D": global_pooling,
    "GlobalAveragePooling2D": global_pooling,
    "GlobalMaxPooling1D": global_pooling,
    "GlobalMaxPooling2D": global_pooling,
    "Identity": lambda f, layer, w, x: x,
    "LSTM": recurrent,
    "LayerNormalization": layer_normalization,
    "LeakyReLU": leaky_relu,
    "MaxPooling1D": pooling,
    "MaxPooling2D": pooling,
    "Normalization": normalization,
    "PiecewiseLinearEncoding": piecewise_linear_encoding,
    "ReLU": relu,
    "Rescaling": rescaling,
    "Reshape": reshape,
    "SimpleRNN": recurrent,
    "Softmax": lambda f, layer, w, x: f.softmax(x),
}
"""The formula of each layer class."""


def to_tuple(value: int | Sequence[int], axes: int) -> tuple[int, ...]:
    """Return one number per axis."""
    return tuple(int(v) for v in value) if isinstance(value, Sequence) else (int(value),) * axes


def pad(
    f: Backend,
    padding: str,
    x: Tensor,
    size: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    value: float,
) -> Tensor:
    """Pad for ``"same"``, with an odd amount at the end."""
    if padding == "valid":
        return x
    if padding != "same":
        raise ModelError(f"padding={padding!r} is not supported")
    pads = []
    for length, k, s, d in zip(x.shape[1:-1], size, strides, dilation, strict=True):
        length, reach = int(length), (k - 1) * d + 1  # reach: extent of the dilated kernel
        total = max((-(-length // s) - 1) * s + reach - length, 0)
        pads.append((total // 2, total - total // 2))
    return f.pad(x, pads, value)
