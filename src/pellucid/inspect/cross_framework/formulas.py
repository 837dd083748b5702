"""Layers written in the functions of another framework: matrices, convolutions and pooling are its own."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pellucid.inspect.source_export.config import named_function
from pellucid.model.errors import ModelError
from pellucid.nn import activations


def activated(f: Any, name: Any, x: Any) -> Any:
    """Apply an activation that is given by name, or as the function of that name."""
    found = name if isinstance(name, str) else named_function(activations.get(name), "activation")
    if found in (None, "linear"):
        return x
    if found == "softmax":
        return f.softmax(x)
    if found not in f.activations:
        raise ModelError(f"no activation {name!r} is known there")
    return f.activations[found](x)


def dense(f: Any, layer: Any, w: dict[str, Any], x: Any) -> Any:
    """Dense."""
    z = x @ w["kernel"]
    return activated(f, layer.config["activation"], z + w["bias"] if "bias" in w else z)


def convolution(f: Any, layer: Any, w: dict[str, Any], x: Any) -> Any:
    """Conv1D and Conv2D."""
    config, kernel = layer.config, w["kernel"]
    axes = len(kernel.shape) - 2
    strides, dilation = several(config["strides"], axes), several(config["dilation_rate"], axes)
    x = padded(f, config["padding"], x, tuple(kernel.shape[:axes]), strides, dilation, 0.0)
    z = f.convolve(x, kernel, strides, dilation, config["groups"])
    return activated(f, config["activation"], z + w["bias"] if "bias" in w else z)


def pooling(f: Any, layer: Any, w: dict[str, Any], x: Any) -> Any:
    """Max and average pooling along one or two axes."""
    config, greatest = layer.config, type(layer).__name__.startswith("Max")
    axes = len(x.shape) - 2
    size = several(config["pool_size"], axes)
    strides = size if config["strides"] is None else several(config["strides"], axes)
    if config["padding"] != "valid" and not greatest:
        raise ModelError("averages are compared without padding alone")
    x = padded(f, config["padding"], x, size, strides, (1,) * axes, -np.inf)
    return f.pool(x, size, strides, greatest)


def global_pooling(f: Any, layer: Any, w: dict[str, Any], x: Any) -> Any:
    """Means and maxima over all places."""
    axes = tuple(range(1, len(x.shape) - 1))
    over = f.largest if "Max" in type(layer).__name__ else f.mean
    return over(x, axes, bool(layer.config["keepdims"]))


def batch_normalization(f: Any, layer: Any, w: dict[str, Any], x: Any) -> Any:
    """BatchNormalization in training, and its moving averages."""
    config = layer.config
    if config["axis"] not in (-1, len(x.shape) - 1):
        raise ModelError("it is compared along the last axis alone")
    axes = tuple(range(len(x.shape) - 1))
    mean = f.mean(x, axes, False)
    variance = f.mean((x - mean) ** 2, axes, False)
    y = (x - mean) / f.root(variance + config["epsilon"])
    y = y * w["gamma"] if "gamma" in w else y
    kept = config["momentum"]
    news = {
        "moving_mean": w["moving_mean"] * kept + f.constant(mean) * (1 - kept),
        "moving_variance": w["moving_variance"] * kept + f.constant(variance) * (1 - kept),
    }
    return y + w["beta"] if "beta" in w else y, news


def layer_normalization(f: Any, layer: Any, w: dict[str, Any], x: Any) -> Any:
    """LayerNormalization along the last axis."""
    if layer.config["axis"] not in (-1, len(x.shape) - 1):
        raise ModelError("it is compared along the last axis alone")
    axes = (len(x.shape) - 1,)
    mean = f.mean(x, axes, True)
    y = (x - mean) / f.root(f.mean((x - mean) ** 2, axes, True) + layer.config["epsilon"])
    y = y * w["gamma"] if "gamma" in w else y
    return y + w["beta"] if "beta" in w else y


def recurrent(f: Any, layer: Any, w: dict[str, Any], x: Any) -> Any:
    """SimpleRNN, LSTM and GRU, step by step."""
    config, kind = layer.config, type(layer).__name__
    if config["return_state"]:
        raise ModelError("it is compared without return_state alone")
    units = config["units"]
    h = c = f.array(np.zeros((int(x.shape[0]), units), f.dtype_of(x)))
    said = []
    for t in range(int(x.shape[1]))[:: -1 if config["go_backwards"] else 1]:
        h, c = STEPS[kind](f, config, w, x[:, t], h, c)
        said.append(h)
    return f.stack(said) if config["return_sequences"] else h


def simple_step(f: Any, config: Any, w: Any, x: Any, h: Any, c: Any) -> Any:
    """One step of a SimpleRNN."""
    z = x @ w["kernel"] + h @ w["recurrent_kernel"]
    return activated(f, config["activation"], z + w["bias"] if "bias" in w else z), c


def lstm_step(f: Any, config: Any, w: Any, x: Any, h: Any, c: Any) -> Any:
    """One step of an LSTM, whose gates are input, forget, candidate and output."""
    z = x @ w["kernel"] + h @ w["recurrent_kernel"]
    z = z + w["bias"] if "bias" in w else z
    i, g, n, o = (z[:, k * config["units"] : (k + 1) * config["units"]] for k in range(4))
    gate, act = config["recurrent_activation"], config["activation"]
    c = activated(f, gate, g) * c + activated(f, gate, i) * activated(f, act, n)
    return activated(f, gate, o) * activated(f, act, c), c


def gru_step(f: Any, config: Any, w: Any, x: Any, h: Any, c: Any) -> Any:
    """One step of a GRU that resets after the product."""
    if not config["reset_after"]:
        raise ModelError("it is compared with reset_after=True alone")
    units = config["units"]
    a, b = x @ w["kernel"], h @ w["recurrent_kernel"]
    if "bias" in w:
        a, b = a + w["bias"][0], b + w["bias"][1]
    (az, ar, an), (bz, br, bn) = ([v[:, k * units : (k + 1) * units] for k in range(3)] for v in (a, b))
    gate = config["recurrent_activation"]
    z, r = activated(f, gate, az + bz), activated(f, gate, ar + br)
    return z * h + (1 - z) * activated(f, config["activation"], an + r * bn), c


STEPS: dict[str, Callable[..., Any]] = {"SimpleRNN": simple_step, "LSTM": lstm_step, "GRU": gru_step}


def rescaling(f: Any, layer: Any, w: dict[str, Any], x: Any) -> Any:
    """Rescaling by numbers."""
    return x * layer.config["scale"] + layer.config["offset"]


def merged(f: Any, layer: Any, w: dict[str, Any], x: Any) -> Any:
    """Add, Subtract, Multiply, Average and Concatenate."""
    kind = type(layer).__name__
    if len({len(part.shape) for part in x}) > 1:
        raise ModelError("it is compared where all have equally many axes")
    if kind == "Concatenate":
        return f.concatenate(x, layer.config["axis"])
    total = functools.reduce({"Subtract": operator.sub, "Multiply": operator.mul}.get(kind, operator.add), x)
    return total / len(x) if kind == "Average" else total


def reshaped(f: Any, layer: Any, w: dict[str, Any], x: Any) -> Any:
    """Flatten and Reshape."""
    shape = layer.config.get("target_shape", (-1,))
    return f.reshape(x, (int(x.shape[0]), *shape))


def leaky(f: Any, layer: Any, w: dict[str, Any], x: Any) -> Any:
    """LeakyReLU."""
    relu = f.activations["relu"]
    return relu(x) - layer.config["negative_slope"] * relu(-x)


def rectified(f: Any, layer: Any, w: dict[str, Any], x: Any) -> Any:
    """ReLU as it is without arguments."""
    config = layer.config
    if config["max_value"] is not None or config["negative_slope"] or config["threshold"]:
        raise ModelError("it is compared without arguments alone")
    return f.activations["relu"](x)


FORMULAS: dict[str, Callable[[Any, Any, dict[str, Any], Any], Any]] = {
    **dict.fromkeys(("Add", "Average", "Concatenate", "Multiply", "Subtract"), merged),
    "Activation": lambda f, layer, w, x: activated(f, layer.config["activation"], x),
    "AveragePooling1D": pooling,
    "AveragePooling2D": pooling,
    "BatchNormalization": batch_normalization,
    "Conv1D": convolution,
    "Conv2D": convolution,
    "Dense": dense,
    "Embedding": lambda f, layer, w, x: f.take(w["embeddings"], x),
    "Flatten": reshaped,
    "GRU": recurrent,
    "GlobalAveragePooling1D": global_pooling,
    "GlobalAveragePooling2D": global_pooling,
    "GlobalMaxPooling1D": global_pooling,
    "GlobalMaxPooling2D": global_pooling,
    "Identity": lambda f, layer, w, x: x,
    "LSTM": recurrent,
    "LayerNormalization": layer_normalization,
    "LeakyReLU": leaky,
    "MaxPooling1D": pooling,
    "MaxPooling2D": pooling,
    "ReLU": rectified,
    "Rescaling": rescaling,
    "Reshape": reshaped,
    "SimpleRNN": recurrent,
    "Softmax": lambda f, layer, w, x: f.softmax(x),
}
"""By the kind of a layer, what it computes of its weights and its input."""


def several(value: Any, axes: int) -> tuple[int, ...]:
    """Return one number an axis."""
    return tuple(int(v) for v in value) if isinstance(value, Sequence) else (int(value),) * axes


def padded(f: Any, padding: str, x: Any, size: Any, strides: Any, dilation: Any, value: float) -> Any:
    """Pad as ``"same"`` does: as much as is needed, and what is odd at the end."""
    if padding == "valid":
        return x
    if padding != "same":
        raise ModelError(f"padding {padding!r} is not compared")
    pads = []
    for length, k, s, d in zip(x.shape[1:-1], size, strides, dilation, strict=True):
        length, reach = int(length), (k - 1) * d + 1
        missing = max((-(-length // s) - 1) * s + reach - length, 0)
        pads.append((missing // 2, missing - missing // 2))
    return f.pad(x, pads, value)
