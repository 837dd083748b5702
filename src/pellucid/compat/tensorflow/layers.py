"""`tf.layers`, `tf.losses` and the parts of `tf.contrib.layers` that scripts of 1.x use most."""

# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import math

import pellucid as pel
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.tensorflow import nn_functions as nn
from pellucid.compat.tensorflow.graph import convert, make_op
from pellucid.compat.tensorflow.ops import FUNCTIONS, reshape
from pellucid.compat.tensorflow.types import check_neutral
from pellucid.compat.tensorflow.variables import (
    GraphKeys,
    add_to_collection,
    assign,
    get_variable,
    ones_initializer,
    variable_scope,
    zeros_initializer,
)

OPTIONS = dict.fromkeys(["kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer"])


def _connect(kind, inputs, shape, product, activation, use_bias, options):
    """Apply a product with a kernel, a bias and an activation, whose variables are made in a scope."""
    x, given = convert(inputs), {**OPTIONS, "trainable": True, "name": None, "reuse": None, **options}
    check_neutral(f"tf.layers.{kind}", set(options) - {*OPTIONS, "trainable", "reuse"})
    with variable_scope(given["name"], kind, reuse=given["reuse"]):
        full, trainable = [*shape[:-1], x.static_shape[-1].value, shape[-1]], given["trainable"]
        start, penalty = given["kernel_initializer"], given["kernel_regularizer"]
        outputs = product(x, get_variable("kernel", full, x.dtype, start, penalty, trainable))
        if use_bias:
            start, penalty = given["bias_initializer"] or zeros_initializer(), given["bias_regularizer"]
            outputs = outputs + get_variable("bias", shape[-1:], x.dtype, start, penalty, trainable)
        return outputs if activation is None else activation(outputs)


def dense(inputs, units, activation=None, use_bias=True, **options):
    """Fully connected layer."""

    def product(x, w):
        return FUNCTIONS["matmul"](x, w) if x.static_shape.ndims == 2 else FUNCTIONS["tensordot"](x, w, 1)

    return _connect("dense", inputs, [units], product, activation, use_bias, options)


def conv2d(
    inputs,
    filters,
    kernel_size,
    strides=1,
    padding="valid",
    data_format="channels_last",
    dilation_rate=1,
    activation=None,
    use_bias=True,
    **options,
):
    """Convolutional layer, channels last."""
    nn.channels_last({"channels_last": "NHWC"}.get(data_format, data_format))

    def product(x, w):
        return nn.conv2d(x, w, [1, *_pair(strides), 1], padding.upper(), dilations=[1, *_pair(dilation_rate), 1])

    return _connect("conv2d", inputs, [*_pair(kernel_size), filters], product, activation, use_bias, options)


def _pair(size):
    return [int(size)] * 2 if isinstance(size, int) else [int(n) for n in size]


def _make_pooling(pool):
    def pooling(inputs, pool_size, strides, padding="valid", name=None):
        return pool(inputs, [1, *_pair(pool_size), 1], [1, *_pair(strides), 1], padding.upper(), name=name)

    return pooling


max_pooling2d, average_pooling2d = _make_pooling(nn.max_pool), _make_pooling(nn.avg_pool)


def flatten(inputs, name=None):
    x = convert(inputs)
    return reshape(x, [-1, math.prod(int(d) for d in x.static_shape[1:])], name)


def dropout(inputs, rate=0.5, noise_shape=None, seed=None, training=False, name=None):
    """Dropout in training; `rate` is the fraction to drop, other than in `tf.nn.dropout`."""
    return _choose(training, lambda: nn.dropout(inputs, 1 - rate, noise_shape, seed, name), lambda: convert(inputs))


def _choose(training, yes, no):
    if isinstance(training, (bool, int)):
        return yes() if training else no()
    inputs = [convert(yes()), convert(no()), convert(training)]
    return make_op("cond", lambda a, b, p: pel.where(p, a, b), inputs, outputs=inputs[:1])


def batch_normalization(
    inputs,
    axis=-1,
    momentum=0.99,
    epsilon=1e-3,
    center=True,
    scale=True,
    *,
    training=False,
    trainable=True,
    name=None,
    reuse=None,
):
    """Batch normalization; the updates of the moving averages are in the collection UPDATE_OPS."""
    x = convert(inputs)
    n = [x.static_shape[axis].value]
    axes = [i for i in range(x.static_shape.ndims or 0) if i != axis % (x.static_shape.ndims or 1)]
    with variable_scope(name, "batch_normalization", reuse=reuse):
        gamma = get_variable("gamma", n, x.dtype, ones_initializer(), trainable=trainable) if scale else None
        beta = get_variable("beta", n, x.dtype, zeros_initializer(), trainable=trainable) if center else None
        averages = [
            get_variable("moving_mean", n, x.dtype, zeros_initializer(), trainable=False),
            get_variable("moving_variance", n, x.dtype, ones_initializer(), trainable=False),
        ]
        batch = nn.moments(x, axes)
        chosen = [
            _choose(training, lambda b=b: b, lambda a=a: convert(a)) for a, b in zip(averages, batch, strict=True)
        ]
        if not isinstance(training, (bool, int)) or training:
            for a, b in zip(averages, batch, strict=True):
                decay = _choose(training, lambda: convert(momentum, x.dtype), lambda: convert(1.0, x.dtype))
                add_to_collection(GraphKeys.UPDATE_OPS, assign(a, a * decay + b * (1 - decay)))
        return nn.batch_normalization(x, chosen[0], chosen[1], beta, gamma, epsilon)


def l2_regularizer(scale, scope=None):
    return lambda weights: nn.l2_loss(weights) * scale


def l1_regularizer(scale, scope=None):
    return lambda weights: FUNCTIONS["reduce_sum"](FUNCTIONS["abs"](weights)) * scale


add_missing_name_errors(globals(), "tensorflow.layers")
