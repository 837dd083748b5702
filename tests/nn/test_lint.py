"""The linter finds every planted fault, and nothing in twenty sound networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.graph.expr import Expr

L = pel.losses
rng = np.random.default_rng(0)
X = rng.normal(size=(64, 4)).astype("float32")
IMAGES = rng.random((32, 8, 8, 1)).astype("float32")
Y = rng.integers(0, 3, 64).astype("int32")

Made = tuple[Expr, dict[str, Any]]


def table() -> tuple[Expr, Expr, Expr]:
    """Return inputs: features, labels, columns."""
    return (
        pel.matrix("x", shape=("n", 4)),
        pel.ivector("y", shape=("n",)),
        pel.matrix("t", shape=("n", 3)),
    )


def softmax_twice() -> Made:
    x, y, _ = table()
    return L.sparse_categorical_crossentropy(y, pel.softmax(nn.Dense(3, activation="softmax")(x))).mean(), {}


def softmax_from_logits() -> Made:
    x, y, _ = table()
    p = nn.Dense(3, activation="softmax")(x)
    return L.sparse_categorical_crossentropy(y, p, from_logits=True).mean(), {}


def binary_loss_of_softmax() -> Made:
    x, _, t = table()
    return L.binary_crossentropy(t, nn.Dense(3, activation="softmax")(x)).mean(), {}


def linear_output() -> Made:
    x, y, _ = table()
    return L.sparse_categorical_crossentropy(y, nn.Dense(3)(x)).mean(), {}


def tanh_output() -> Made:
    x, _, t = table()
    return L.binary_crossentropy(t, nn.Dense(3, activation="tanh")(x)).mean(), {}


def rectified_output() -> Made:
    x, _, t = table()
    return -(t * pel.log(nn.Dense(3, activation="relu")(x))).sum(-1).mean(), {}


def squared_error_of_sigmoid() -> Made:
    x, _, t = table()
    return L.mean_squared_error(t, nn.Dense(3, activation="sigmoid")(x)).mean(), {}


def linear_after_linear() -> Made:
    x, y, _ = table()
    h = nn.Dropout(0.5)(nn.Dense(8)(x))
    return L.sparse_categorical_crossentropy(y, nn.Dense(3, activation="softmax")(h)).mean(), {}


def rectifier_before_softmax() -> Made:
    x, y, _ = table()
    p = pel.softmax(nn.Dense(3, activation="relu")(x))
    return L.sparse_categorical_crossentropy(y, p).mean(), {}


def unscaled() -> Made:
    x, y, _ = table()
    p = nn.Dense(3, activation="softmax")(x)
    return L.sparse_categorical_crossentropy(y, p).mean(), {"x": np.round(40 * np.abs(X)), "y": Y}


def bytes_unscaled() -> Made:
    x, y = pel.tensor4("x", shape=("n", 8, 8, 1), dtype="uint8"), pel.ivector("y", shape=("n",))
    p = nn.Dense(3, activation="softmax")(nn.Flatten()(nn.Conv2D(4, 3, activation="relu")(x)))
    return L.sparse_categorical_crossentropy(y, p).mean(), {}


def labels_from_one() -> Made:
    x, y, _ = table()
    p = nn.Dense(3, activation="softmax")(x)
    return L.sparse_categorical_crossentropy(y, p).mean(), {"x": X, "y": Y + 1}


def columns_that_do_not_sum_to_one() -> Made:
    x, _, t = table()
    p = nn.Dense(3, activation="softmax")(x)
    return L.categorical_crossentropy(t, p).mean(), {"x": X, "t": np.ones((64, 3), "float32")}


def labels_beyond_probabilities() -> Made:
    x, _, t = table()
    p = nn.Dense(3, activation="sigmoid")(x)
    return L.binary_crossentropy(t, p).mean(), {"x": X, "t": 2 * np.ones((64, 3), "float32")}


def large_first_loss() -> Made:
    x, y, _ = table()
    p = nn.Dense(3, activation="softmax", kernel_initializer=nn.initializers.RandomNormal(stddev=20.0, seed=0))(x)
    return L.sparse_categorical_crossentropy(y, p).mean(), {"x": X, "y": Y}


def bias_before_normalization() -> Made:
    x, y, _ = table()
    h = pel.relu(nn.BatchNormalization()(nn.Dense(8)(x)))
    return L.sparse_categorical_crossentropy(y, nn.Dense(3, activation="softmax")(h)).mean(), {}


FAULTS: list[tuple[Callable[[], Made], str]] = [
    (softmax_twice, "softmax twice"),
    (softmax_from_logits, "softmax twice"),
    (binary_loss_of_softmax, "binary crossentropy of a softmax"),
    (linear_output, "crossentropy of what is no probability"),
    (tanh_output, "crossentropy of what is no probability"),
    (rectified_output, "crossentropy of what is no probability"),
    (squared_error_of_sigmoid, "squared error of a sigmoid"),
    (linear_after_linear, "two linear layers"),
    (rectifier_before_softmax, "rectifier before a softmax"),
    (unscaled, "unscaled input"),
    (bytes_unscaled, "unscaled input"),
    (labels_from_one, "labels that do not fit the loss"),
    (columns_that_do_not_sum_to_one, "labels that do not fit the loss"),
    (labels_beyond_probabilities, "labels that do not fit the loss"),
    (large_first_loss, "first loss far from log(classes)"),
    (bias_before_normalization, "bias before a normalization"),
]


@pytest.mark.parametrize(("make", "name"), FAULTS, ids=lambda v: getattr(v, "__name__", ""))
def test_a_planted_fault_is_found(make: Callable[[], Made], name: str) -> None:
    what, values = make()
    found = pel.lint(what, values or None)
    assert name in {f.name for f in found}
    allowed = {name, "first loss far from log(classes)"} if name == "unscaled input" else {name}
    assert {f.name for f in found} <= allowed
    for f in found:
        assert "test_lint.py" in f.place
        assert all(len(part) > 20 for part in (f.what, f.why, f.fix))


def test_a_parameter_that_the_loss_does_not_reach_is_found() -> None:
    x, y, _ = table()
    layer, idle = nn.Dense(3, activation="softmax"), nn.Dense(2, name="idle")
    loss = L.sparse_categorical_crossentropy(y, layer(x)).mean()
    idle(x)
    found = pel.lint(loss, parameters=[*layer.parameters, *idle.parameters])
    assert [f.name for f in found] == ["parameter that the loss does not reach"] * 2
    assert "idle/kernel" in found[0].what


def test_dropout_left_in_an_inference_graph_is_found() -> None:
    x, _, _ = table()
    p = nn.Dense(3, activation="softmax")(nn.Dropout(0.5)(x))
    assert [f.name for f in pel.lint(p, training=False)] == ["dropout left in an inference graph"]
    assert [f.name for f in pel.lint(pel.function([x], p))] == ["dropout left in an inference graph"]
    assert not pel.lint(pel.inference(p), training=False)
    assert not pel.lint(pel.function([x], pel.inference(p)))


def network(*layers: Any, loss: Any = L.sparse_categorical_crossentropy, images: bool = False) -> Made:
    """Put layers in a row on features or images, and a loss of labels behind them."""
    y = pel.ivector("y", shape=("n",))
    x = pel.tensor4("x", shape=("n", 8, 8, 1)) if images else pel.matrix("x", shape=("n", 4))
    h: Any = x
    for layer in layers:
        h = layer(h)
    values = {"x": IMAGES, "y": Y[:32]} if images else {"x": X, "y": Y}
    return loss(y, h).mean(), values


def columns_of(loss: Any, out: int, *layers: Any) -> Made:
    """Put layers in a row on features, and a loss of columns behind them."""
    x, t = pel.matrix("x", shape=("n", 4)), pel.matrix("t", shape=("n", out))
    h: Any = x
    for layer in layers:
        h = layer(h)
    labels = np.eye(out, dtype="float32")[Y % out] if out > 1 else (Y[:, None] > 0).astype("float32")
    return loss(t, h).mean(), {"x": X, "t": labels}


def by_hand() -> Made:
    X_, y = pel.matrix("x", shape=("n", 4)), pel.ivector("y", shape=("n",))
    W1, W2 = pel.shared(0.5 * rng.normal(size=(4, 3)), "W1"), pel.shared(0.5 * rng.normal(size=(3, 3)), "W2")
    p = pel.softmax(pel.tanh(X_ @ W1) @ W2)
    return -pel.log(p[pel.arange_like(y, 0), y]).mean() + 0.01 * (W1**2).sum(), {"x": X, "y": Y}


def poisson() -> Made:
    x, t = pel.matrix("x", shape=("n", 4)), pel.matrix("t", shape=("n", 1))
    rate = nn.Dense(1, activation="exponential")(x)
    return (rate - t * pel.log(rate)).mean(), {"x": X, "t": np.ones((64, 1), "float32")}


def tied() -> Made:
    layer = nn.Dense(4, activation="tanh")
    return network(layer, layer, nn.Dense(3, activation="softmax"))


def attention_by_hand() -> Made:
    x, y = pel.tensor3("x", shape=("n", 5, 4)), pel.ivector("y", shape=("n",))
    q, k, v = (nn.Dense(4, use_bias=False)(x) for _ in range(3))
    h = pel.softmax(q @ pel.swapaxes(k, 1, 2) / 2) @ v
    p = nn.Dense(3, activation="softmax")(h.mean(1))
    return L.sparse_categorical_crossentropy(y, p).mean(), {}


def ensemble() -> Made:
    x, y, _ = table()
    p = (nn.Dense(3, activation="softmax")(x) + nn.Dense(3, activation="softmax")(x)) / 2
    return L.sparse_categorical_crossentropy(y, p).mean(), {"x": X, "y": Y}


def clipped() -> Made:
    x, _, t = table()
    p = pel.clip(nn.Dense(3, activation="softmax")(x), 1e-7, 1)
    return -(t * pel.log(p)).sum(-1).mean(), {"x": X, "t": np.eye(3, dtype="float32")[Y]}


def scaled_bytes() -> Made:
    x, y = pel.tensor4("x", shape=("n", 8, 8, 1), dtype="uint8"), pel.ivector("y", shape=("n",))
    h = nn.Flatten()(nn.Conv2D(4, 3, activation="relu")(x / 255))
    p = nn.Dense(3, activation="softmax")(h)
    return L.sparse_categorical_crossentropy(y, p).mean(), {"x": (255 * IMAGES).astype("uint8"), "y": Y[:32]}


Dense, Conv = nn.Dense, nn.Conv2D
SOUND: list[Callable[[], Made]] = [
    lambda: network(Dense(3, activation="softmax")),
    lambda: network(Dense(16, activation="relu"), Dense(3, activation="softmax")),
    lambda: network(Dense(16, activation="tanh"), nn.Dropout(0.3), Dense(3, activation="softmax")),
    lambda: network(Dense(16, activation="relu"), Dense(16, activation="relu"), Dense(3, activation="softmax")),
    lambda: network(Dense(3), loss=lambda y, z: L.sparse_categorical_crossentropy(y, z, from_logits=True)),
    lambda: network(
        Dense(8, use_bias=False), nn.BatchNormalization(), nn.Activation("relu"), Dense(3, activation="softmax")
    ),
    lambda: network(Conv(4, 3, activation="relu"), nn.Flatten(), Dense(3, activation="softmax"), images=True),
    lambda: network(
        Conv(4, 3, activation="relu"),
        nn.MaxPooling2D(2),
        nn.Flatten(),
        Dense(8, activation="relu"),
        Dense(3, activation="softmax"),
        images=True,
    ),
    lambda: network(
        Conv(4, 3, padding="same"),
        Conv(4, 3, activation="relu"),
        nn.Flatten(),
        Dense(3, activation="softmax"),
        images=True,
    ),
    lambda: columns_of(L.categorical_crossentropy, 3, Dense(8, activation="relu"), Dense(3, activation="softmax")),
    lambda: columns_of(L.binary_crossentropy, 1, Dense(8, activation="relu"), Dense(1, activation="sigmoid")),
    lambda: columns_of(L.binary_crossentropy, 3, Dense(3, activation="sigmoid")),
    lambda: columns_of(L.mean_squared_error, 1, Dense(8, activation="tanh"), Dense(1)),
    lambda: columns_of(L.mean_absolute_error, 1, Dense(8, activation="relu"), Dense(1)),
    by_hand,
    poisson,
    tied,
    attention_by_hand,
    ensemble,
    clipped,
    scaled_bytes,
]


@pytest.mark.parametrize("number", range(len(SOUND)))
def test_nothing_is_found_in_a_sound_network(number: int) -> None:
    assert len(SOUND) >= 20
    what, values = SOUND[number]()
    assert list(pel.lint(what, values or None)) == []


def test_a_compiled_model_is_looked_at_with_its_data() -> None:
    model = pel.Sequential([nn.Input((4,)), Dense(8), Dense(3, activation="softmax")])
    model.compile("sgd", loss="sparse_categorical_crossentropy")
    assert [f.name for f in pel.lint(model)] == ["two linear layers"]
    found = {f.name for f in pel.lint(model, {"x": X, "y": Y + 1})}
    assert found == {"two linear layers", "labels that do not fit the loss"}


def test_findings_are_shown() -> None:
    found = pel.lint(softmax_twice()[0])
    told = str(found)
    assert told.startswith("softmax twice: a softmax is taken of what is a softmax already\n  in  softmax(softmax(")
    assert "\n  why probabilities" in told
    assert "\n  fix take one of them away" in told
    assert "<td><b>softmax twice</b></td>" in found._repr_html_()
    assert str(pel.lint(by_hand()[0])) == "No mistake was found."
    assert found[0].where.op is not None
    assert found[:1] == list(found)


def test_what_cannot_be_looked_at_is_refused() -> None:
    loss = softmax_twice()[0]
    with pytest.raises(
        TypeError, match=r"lint looks at a loss, predictions, a function or a compiled model\. Received: 3"
    ):
        pel.lint(3)
    with pytest.raises(pel.InputError, match=r"lint: there is no one input 'z'\. Inputs: x, y"):
        pel.lint(loss, {"z": X})
    with pytest.raises(pel.InputError, match=r"lint: x has shape \(n, 4\). Received: a value of shape \(4,\)"):
        pel.lint(loss, {"x": X[0]})
