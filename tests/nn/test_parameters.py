"""Tests of parameter names and tags, and of freezing, sharing and replacing parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.nn.optimizers import SGD

X = pel.matrix("x", shape=("n", 4))


def get_names(found: Any) -> list[str]:
    return [p.name for p in found]


def test_paths_and_tags() -> None:
    hidden, normal, out = nn.Dense(3, name="hidden"), nn.BatchNormalization(name="normal"), nn.Dense(2, name="out")
    y = out(normal(hidden(X)))
    found = ["hidden/kernel", "hidden/bias", "normal/gamma", "normal/beta", "out/kernel", "out/bias"]
    assert sorted(get_names(pel.parameters(y))) == sorted(found)
    assert get_names(pel.parameters(y, regularizable=True)) == ["hidden/kernel", "out/kernel"]
    assert get_names(normal.parameters) == [
        "normal/gamma",
        "normal/beta",
        "normal/moving_mean",
        "normal/moving_variance",
    ]
    assert [p.trainable for p in normal.parameters] == [True, True, False, False]


def test_freezing() -> None:
    hidden, out = nn.Dense(3, name="hidden"), nn.Dense(2, name="out")
    loss = (out(hidden(X)) ** 2).mean()
    hidden.trainable = False
    assert get_names(SGD(momentum=0.9).updates(loss)) == [
        "out/kernel",
        "out/kernel/momentum",
        "out/bias",
        "out/bias/momentum",
    ]
    hidden.trainable = True
    hidden.kernel.trainable = False
    assert get_names(SGD().updates(loss)) == ["hidden/bias", "out/kernel", "out/bias"]


def test_sharing() -> None:
    nn.set_random_seed(0)
    layer = nn.Dense(4, name="both")
    assert get_names(pel.parameters(layer(layer(X)))) == ["both/kernel", "both/bias"]
    encode = nn.Dense(3, name="encode", use_bias=False)
    code = encode(X)
    same = nn.Dense(3, name="same", kernel_initializer=encode.kernel)
    back = nn.Dense(4, name="back", kernel_initializer=encode.kernel.T)
    assert same(X).unlabeled is code.unlabeled + same.bias
    assert get_names(pel.parameters(back(code))) == ["encode/kernel", "back/bias"]
    assert back.parameters == [encode.kernel, back.bias]
    values = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
    loss = ((back(code) - X) ** 2).mean()
    history = pel.function([X], loss, updates=SGD(0.1).updates(loss), mode="numpy").repeat(200, values)
    W, b = encode.kernel.get_value(), back.bias.get_value()
    left_over = np.linalg.svd(values - values.mean(0), compute_uv=False)[3:] ** 2
    assert history[-1] == pytest.approx(((values @ W @ W.T + b - values) ** 2).mean(), rel=1e-3)
    assert history[-1] == pytest.approx(left_over.sum() / values.size, rel=0.02)  # as little as principal components


def test_replacing() -> None:
    layer, other = nn.Dense(2, name="layer"), pel.shared(np.ones((4, 2), "float32"), "other")
    y = layer(X)
    ones = np.ones((1, 4), "float32")
    layer.kernel.set_value(2 * other.get_value())
    assert pel.function([X], y, mode="numpy")(ones).tolist() == [[8, 8]]
    assert pel.function([X], pel.replace(y, {layer.kernel: other}), mode="numpy")(ones).tolist() == [[4, 4]]
    layer.set_weights([np.zeros((4, 2)), [5.0, 6.0]])
    assert pel.function([X], y, mode="numpy")(ones).tolist() == [[5, 6]]


def test_a_number_or_an_array_is_an_initializer() -> None:
    layer = nn.Dense(2, kernel_initializer=0.5, bias_initializer=[1.0, 2.0])
    assert pel.function([X], layer(X), mode="numpy")(np.ones((1, 4), "float32")).tolist() == [[3, 4]]
    assert nn.initializers.get(np.float64(0.5))(()).dtype == np.float32
    with pytest.raises(pel.ShapeError, match=r"the parameter's shape \(4, 2\)\. Received: an array of shape \(2, 4\)"):
        nn.Dense(2, kernel_initializer=np.ones((2, 4)))(X)
    with pytest.raises(pel.ShapeError, match=r"kernel has shape \(4, 3\)\. Received: a value of shape \(4, 2\) from"):
        nn.Dense(3, kernel_initializer=layer.kernel)(X)


def test_tied_weights_are_saved_once(tmp_path: Any) -> None:
    encode = nn.Dense(3, name="encode")
    model = pel.Sequential([nn.Input((4,)), encode])
    model.add(nn.Dense(4, name="back", kernel_initializer=encode.kernel.T))
    model.save(tmp_path / "tied.pel")
    again = pel.load_model(tmp_path / "tied.pel")
    assert get_names(again.parameters) == ["encode/kernel", "encode/bias", "back/bias"]
    ones = np.ones((2, 4), "float32")
    again.set_weights([2 * w for w in model.get_weights()])
    model.set_weights(again.get_weights())
    np.testing.assert_array_equal(again.predict(ones), model.predict(ones))
