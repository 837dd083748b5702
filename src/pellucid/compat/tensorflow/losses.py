"""`tf.losses`: means of weighted losses, collected in GraphKeys.LOSSES."""

# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import pellucid as pel
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.tensorflow import nn_functions as nn
from pellucid.compat.tensorflow.graph import convert, make_op
from pellucid.compat.tensorflow.ops import add_n, unify
from pellucid.compat.tensorflow.variables import GraphKeys, add_to_collection, get_collection


def compute_weighted_loss(losses, weights=1.0, scope=None, loss_collection=GraphKeys.LOSSES):
    """Sum of the weighted losses, divided by the number of losses whose weight is not 0."""

    def fn(e, w):
        count = pel.sum(pel.broadcast_arrays(pel.cast(pel.not_equal(w, 0), e.dtype), e)[0])
        return pel.where(count > 0, pel.sum(e * w) / pel.maximum(count, 1), 0)

    made = make_op("weighted_loss", fn, unify([losses, weights]), scope)
    add_to_collection(loss_collection, made)
    return made


def _make_loss(loss, names):
    first, second = names.split()

    def compute(*args, weights=1.0, scope=None, **kwargs):
        given = dict(zip([first, second, "weights"], args, strict=False)) | {"weights": weights} | kwargs
        extra = {k: v for k, v in given.items() if k not in (first, second, "weights")}
        return compute_weighted_loss(loss(given[first], given[second], **extra), given["weights"], scope)

    return compute


def _elementwise(fn):
    return lambda labels, predictions: make_op("loss", lambda p, t: fn(p, t), unify([predictions, labels]))


def _cross_entropy(labels, logits, label_smoothing=0):
    z = convert(logits)
    t = convert(labels)
    t = t if t.dtype == z.dtype else make_op("Cast", lambda e: pel.cast(e, z.dtype.numpy), [t], dtype=z.dtype)
    if label_smoothing:
        t = make_op("smooth", lambda e: e * (1 - label_smoothing) + label_smoothing / e.shape[-1], [t])
    return nn.softmax_cross_entropy_with_logits(labels=t, logits=z)


absolute_difference = _make_loss(_elementwise(lambda p, t: pel.abs(p - t)), "labels predictions")
mean_squared_error = _make_loss(_elementwise(lambda p, t: pel.square(p - t)), "labels predictions")
log_loss = _make_loss(
    _elementwise(lambda p, t: -t * pel.log(p + 1e-7) - (1 - t) * pel.log(1 - p + 1e-7)), "labels predictions"
)
hinge_loss = _make_loss(_elementwise(lambda z, t: pel.relu(1 - (2 * t - 1) * z)), "labels logits")
softmax_cross_entropy = _make_loss(_cross_entropy, "onehot_labels logits")
sparse_softmax_cross_entropy = _make_loss(
    lambda labels, logits: nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits), "labels logits"
)
sigmoid_cross_entropy = _make_loss(
    lambda labels, logits: nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits),
    "multi_class_labels logits",
)


def get_losses(scope=None, loss_collection=GraphKeys.LOSSES):
    return get_collection(loss_collection, scope)


def get_regularization_losses(scope=None):
    return get_collection(GraphKeys.REGULARIZATION_LOSSES, scope)


def get_total_loss(add_regularization_losses=True, name="total_loss"):
    return add_n(get_losses() + (get_regularization_losses() if add_regularization_losses else []), name)


add_missing_name_errors(globals(), "tensorflow.losses")
