"""Transposes move through ops that do not depend on the layout; values stay equal."""

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.evaluate import evaluate
from pellucid.interop.onnx.layout import cancel_transposes, channels_first, channels_last

FIRST = (0, 3, 1, 2)


@pytest.mark.parametrize(
    ("write", "wanted"),
    [
        (lambda x, y: pel.tanh(channels_first(x)), f"tanh(x).transpose{FIRST}"),
        (lambda x, y: channels_last(pel.tanh(channels_first(x)) * 2), "tanh(x) * 2"),
        (lambda x, y: channels_first(x) + channels_first(y), f"(x + y).transpose{FIRST}"),
        (lambda x, y: pel.join(channels_first(x), channels_first(y), axis=1), f"join(x, y, axis=3).transpose{FIRST}"),
        (lambda x, y: channels_first(x).mean(axis=(2, 3)), "x.mean(axis=(1, 2))"),
        (lambda x, y: channels_first(x).max(axis=2, keepdims=True), f"x.max(axis=1, keepdims=True).transpose{FIRST}"),
        (lambda x, y: channels_first(x).sum(axis=0), "x.sum(axis=0).transpose(2, 0, 1)"),
        (lambda x, y: channels_first(x) + pel.constant(np.ones((1, 4, 1, 1), "float32")), None),
        (lambda x, y: channels_first(x) * y[0, 0, 0][:, None, None], None),
        (lambda x, y: channels_first(x) * pel.expand_dims(y[0, 0, 0], (1, 2)), f"(x * y[0, 0, 0]).transpose{FIRST}"),
        (lambda x, y: channels_first(x) + y.reshape(2, 4, 3, 5), f"x.transpose{FIRST} + y.reshape(2, 4, 3, 5)"),
    ],
)  # fmt: skip
def test_transposes_are_moved_and_canceled(write, wanted):
    rng = np.random.default_rng(0)
    x, y = pel.tensor4("x", shape=(2, 3, 5, 4)), pel.tensor4("y", shape=(2, 3, 5, 4))
    values = {i: rng.normal(size=i.shape).astype("float32") for i in (x, y)}
    before = write(x, y)
    (after,) = cancel_transposes([before])
    assert wanted is None or str(after) == wanted
    assert after.type == before.type
    np.testing.assert_array_equal(*evaluate(np, [before, after], values))
