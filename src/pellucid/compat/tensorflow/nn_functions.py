"""Functions of `tf.nn`: activations, convolution, pooling, normalization and losses."""

# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import numpy as np

import pellucid as pel
from pellucid.compat.tensorflow.graph import TRACES, as_shape_inputs, convert, make_op, read_shape
from pellucid.compat.tensorflow.ops import define, read_axis, unify
from pellucid.graph.errors import OptionError, UseError
from pellucid.graph.expr import Expr
from pellucid.graph.operators import FUNCTIONS as OPS
from pellucid.graph.ops.convolution_gradients import conv_input_gradient

relu = define("Relu", 1, lambda features: pel.relu(features), "iuf")
relu6 = define("Relu6", 1, lambda features: pel.minimum(pel.relu(features), 6), "iuf")
elu = define("Elu", 1, lambda features: pel.where(features > 0, features, pel.expm1(pel.minimum(features, 0))), "f")
leaky_relu = define("LeakyRelu", 1, lambda features, alpha=0.2: pel.maximum(features, alpha * features), "f")
crelu = define("CRelu", 1, lambda features: pel.relu(pel.concatenate([features, -features], axis=-1)), "f")
softmax = define(
    "Softmax", 1, lambda logits, dim=-1, axis=None: pel.softmax(logits, axis=dim if axis is None else axis), "f"
)
log_softmax = define(
    "LogSoftmax", 1, lambda logits, dim=-1, axis=None: pel.log_softmax(logits, axis=dim if axis is None else axis), "f"
)
bias_add = define(
    "BiasAdd", 2, lambda value, bias, data_format="NHWC": channels_last(data_format) and value + bias, "iuf"
)
l2_loss = define("L2Loss", 1, lambda t: pel.sum(pel.square(t)) / 2, "f")
l2_normalize = define(
    "l2_normalize",
    1,
    lambda x, dim=None, epsilon=1e-12, axis=None: (
        x / pel.sqrt(pel.maximum(pel.sum(x * x, read_axis(dim if axis is None else axis), True), epsilon))
    ),
    "f",
)
xw_plus_b = define("xw_plus_b", 3, lambda x, weights, biases: x @ weights + biases, "f")
relu_layer = define("relu_layer", 3, lambda x, weights, biases: pel.relu(x @ weights + biases), "f")
conv2d = define(
    "Conv2D",
    2,
    lambda input, filter, strides=None, padding="VALID", use_cudnn_on_gpu=True, data_format="NHWC", dilations=[1] * 4: (
        convolve(input, filter, read_window(strides, data_format), padding, read_window(dilations))
    ),
    "f",
)
depthwise_conv2d = depthwise_conv2d_native = define(
    "depthwise",
    2,
    lambda input, filter, strides=None, padding="VALID", rate=(1, 1): convolve_depthwise(
        input, filter, strides, padding, rate
    ),
    "f",
)
separable_conv2d = define(
    "separable_conv2d",
    3,
    lambda input, depthwise_filter, pointwise_filter, strides=None, padding="VALID", rate=(1, 1): pel.conv(
        convolve_depthwise(input, depthwise_filter, strides, padding, rate), pointwise_filter
    ),
    "f",
)
max_pool = define(
    "MaxPool",
    1,
    lambda value, ksize=None, strides=None, padding="VALID", data_format="NHWC": pel.max_pool(
        value, read_window(ksize, data_format), read_window(strides), padding.lower()
    ),
    "f",
)
avg_pool = define(
    "AvgPool",
    1,
    lambda value, ksize=None, strides=None, padding="VALID", data_format="NHWC": pel.average_pool(
        value, read_window(ksize, data_format), read_window(strides), padding.lower()
    ),
    "f",
)
local_response_normalization = lrn = define(
    "LRN",
    1,
    lambda input, depth_radius=5, bias=1, alpha=1, beta=0.5: pel.local_response_normalization(
        input, 2 * depth_radius + 1, bias, alpha, beta
    ),
    "f",
)
embedding_lookup = define(
    "embedding_lookup", 2, lambda params, ids, partition_strategy="mod": pel.take(params, ids, axis=0), mixed=True
)
zero_fraction = define("zero_fraction", 1, lambda value: pel.mean(pel.cast(value == 0, "float32")), dtype="float32")


def channels_last(data_format):
    if data_format not in (None, "NHWC"):
        raise OptionError(f"Expected data_format='NHWC', channels last. Received: {data_format!r}. Use tf.transpose")
    return True


def read_window(sizes, data_format=None):
    """Return the height and width of sizes of four axes."""
    channels_last(data_format)
    values = [int(n) for n in sizes] if isinstance(sizes, (list, tuple, np.ndarray)) else []
    if len(values) != 4 or values[0] != 1 or values[3] != 1:
        raise OptionError(f"Expected sizes of four axes, such as [1, 2, 2, 1]. Received: {sizes!r}")
    return values[1], values[2]


def convolve(x, kernel, strides, padding, rate, groups=1):
    if padding not in ("SAME", "VALID"):
        raise OptionError(f"Expected padding='SAME' or 'VALID'. Received: {padding!r}")
    made: Expr = OPS["conv"](x, kernel, strides, padding.lower(), rate, groups)
    return made


def convolve_depthwise(x, kernel, strides, padding, rate):
    height, width, channels, multiplier = kernel.shape
    grouped = pel.reshape(kernel, (height, width, 1, channels * multiplier))
    return convolve(x, grouped, read_window(strides), padding, tuple(rate), channels)


def conv2d_transpose(value, filter, output_shape, strides, padding="SAME", data_format="NHWC", name=None):
    """Gradient of a convolution with respect to its input of shape `output_shape`."""
    sizes, listed = as_shape_inputs(output_shape)

    def fn(g, kernel, *dims):
        like = pel.zeros(read_shape(dims, listed), g.dtype)
        y = convolve(like, kernel, read_window(strides, data_format), padding, 1)
        return conv_input_gradient(g, kernel, like, **y.settings)

    return make_op("conv2d_transpose", fn, [*unify([value, filter]), *sizes], name)


def dropout(x, keep_prob=None, noise_shape=None, seed=None, name=None, rate=None):
    """Keep each element with a probability, and divide it by that."""
    tensor, keep_prob = convert(x), keep_prob if rate is None else 1 - rate
    if keep_prob is None or (isinstance(keep_prob, (int, float)) and not 0 < keep_prob <= 1):
        raise OptionError(f"tf.nn.dropout: expected keep_prob in (0, 1], the fraction to keep. Received: {keep_prob!r}")
    sizes, listed = as_shape_inputs(noise_shape) if noise_shape is not None else ([], True)

    def fn(e, keep, *dims):
        if not TRACES:
            return e
        size, generator = (read_shape(dims, listed) if sizes else e.shape), TRACES[-1].get_generator(seed)
        return e / keep * pel.floor(keep + generator.random(size, dtype=e.dtype))

    return make_op("dropout", fn, [tensor, convert(keep_prob, tensor.dtype), *sizes], name)


def moments(x, axes, shift=None, name=None, keep_dims=False, keepdims=False):
    keep, axis, tensor = keep_dims or keepdims, read_axis(axes), convert(x)
    return tuple(
        make_op("moments", lambda e, f=f: f(e, axis=axis, keepdims=keep), [tensor], name) for f in (pel.mean, pel.var)
    )


def batch_normalization(x, mean, variance, offset, scale, variance_epsilon, name=None):
    inputs = unify([x, mean, variance, 0 if offset is None else offset, 1 if scale is None else scale])

    def fn(e, m, v, b, s):
        return (e - m) * (s / pel.sqrt(v + variance_epsilon)) + b

    return make_op("batchnorm", fn, inputs, name)


def get_logits_and_labels(args, logits, labels):
    """Return the logits and the labels; in 0.x, they are positional in this order."""
    if (len(args), logits is None, labels is None) == (2, True, True):
        return args
    if args or logits is None or labels is None:
        raise UseError("Expected named arguments: logits=..., labels=...")
    return logits, labels


def softmax_cross_entropy_with_logits(*args, labels=None, logits=None, dim=-1, name=None):
    z, t = get_logits_and_labels(args, logits, labels)

    def fn(z, t):
        return -pel.sum(t * pel.log_softmax(z, axis=dim), axis=dim)

    return make_op("SoftmaxCrossEntropyWithLogits", fn, unify([z, t]), name)


softmax_cross_entropy_with_logits_v2 = softmax_cross_entropy_with_logits


def sparse_softmax_cross_entropy_with_logits(*args, labels=None, logits=None, name=None):
    z, t = get_logits_and_labels(args, logits, labels)

    def fn(z, t):
        return -pel.take_along_axis(pel.log_softmax(z), pel.expand_dims(t, -1), axis=-1)[..., 0]

    return make_op("SparseSoftmaxCrossEntropyWithLogits", fn, [convert(z), convert(t)], name)


def sigmoid_cross_entropy_with_logits(*args, labels=None, logits=None, name=None):
    z, t = get_logits_and_labels(args, logits, labels)
    return weighted_cross_entropy_with_logits(t, z, 1.0, name)


def weighted_cross_entropy_with_logits(targets, logits, pos_weight, name=None):
    def fn(z, t, w):
        return w * t * pel.softplus(-z) + (1 - t) * pel.softplus(z)

    return make_op("logistic_loss", fn, unify([logits, targets, pos_weight]), name)


def in_top_k(predictions, targets, k, name=None):
    def fn(p, t):
        return pel.sum(p > pel.take_along_axis(p, pel.expand_dims(t, -1), axis=-1), axis=-1) < k

    return make_op("InTopK", fn, [convert(predictions), convert(targets)], name, dtype="bool")


def top_k(input, k=1, sorted=True, name=None):
    x = convert(input)
    values = make_op("TopKV2", lambda e: pel.top_k(e, k)[0], [x], name)
    return values, make_op("TopKV2", lambda e: pel.cast(pel.top_k(e, k)[1], "int32"), [x], name, dtype="int32")
