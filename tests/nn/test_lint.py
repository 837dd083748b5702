"""Tests of the linter: every planted mistake is found, with its place, its effect and a fix."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.graph.expr import Expr, Input
from pellucid.graph.traversal import topological

L = pel.losses
rng = np.random.default_rng(0)
X = rng.normal(size=(64, 4)).astype("float32")
Y = rng.integers(0, 3, 64).astype("int32")

Dense = nn.Dense
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


def sigmoid_from_logits() -> Made:
    x, _, _ = table()
    t = pel.matrix("t", shape=("n", 1))
    return L.binary_crossentropy(t, nn.Dense(1, activation="sigmoid")(x), from_logits=True).mean(), {}


def softmax_of_a_sigmoid() -> Made:
    x, y, _ = table()
    p = nn.Dense(3, activation="sigmoid")(x)
    return L.sparse_categorical_crossentropy(y, p, from_logits=True).mean(), {}


def sigmoid_columns_of_classes() -> Made:
    x, y, _ = table()
    return L.sparse_categorical_crossentropy(y, nn.Dense(3, activation="sigmoid")(x)).mean(), {}


def one_column_of_classes() -> Made:
    x, _, _ = table()
    t = pel.matrix("t", shape=("n", 1))
    return L.categorical_crossentropy(t, nn.Dense(1, activation="sigmoid")(x)).mean(), {}


def squared_error_by_hand() -> Made:
    x, _, t = table()
    off = nn.Dense(3, activation="sigmoid")(x) - t
    return (off * off).sum(), {"x": X, "t": np.eye(3, dtype="float32")[Y]}


def linear_then_flat() -> Made:
    x, y = pel.tensor3("x", shape=("n", 5, 4)), pel.ivector("y", shape=("n",))
    h = nn.Flatten()(nn.Dense(8)(x))
    return L.sparse_categorical_crossentropy(y, nn.Dense(3, activation="softmax")(h)).mean(), {}


def linear_twice_over_two_inputs() -> Made:
    a, b, t = pel.matrix("a", shape=("n", 4)), pel.matrix("b", shape=("n", 4)), pel.matrix("t", shape=("n", 1))
    first, second = nn.Dense(8), nn.Dense(5)
    off = abs(second(first(a)) - second(first(b)))
    return L.binary_crossentropy(t, nn.Dense(1, activation="sigmoid")(off)).mean(), {}


def cut_at_zero_before_softmax() -> Made:
    x, y, _ = table()
    p = pel.softmax(nn.Dropout(0.5)(pel.maximum(nn.Dense(3)(x), 0)))
    return L.sparse_categorical_crossentropy(y, p).mean(), {}


def bias_before_instance_normalization() -> Made:
    x, y = pel.tensor4("x", shape=("n", 8, 8, 1)), pel.ivector("y", shape=("n",))
    h = pel.relu(nn.GroupNormalization(groups=-1)(nn.Conv2D(4, 3)(x)))
    p = nn.Dense(3, activation="softmax")(nn.GlobalAveragePooling2D()(h))
    return L.sparse_categorical_crossentropy(y, p).mean(), {}


def unscaled_columns_of_a_table() -> Made:
    x, _, _ = table()
    t = pel.matrix("t", shape=("n", 1))
    return L.mean_squared_error(t, nn.Dense(1)(x)).mean(), {"x": 1000 * X, "t": X[:, :1]}


def columns_for_numbers_of_classes() -> Made:
    x, y, _ = table()
    p = nn.Dense(3, activation="softmax")(x)
    return L.sparse_categorical_crossentropy(y, p).mean(), {"x": X, "y": np.eye(3)[Y]}


def numbers_of_classes_for_columns() -> Made:
    x, _, t = table()
    return L.categorical_crossentropy(t, nn.Dense(3, activation="softmax")(x)).mean(), {"x": X, "t": Y}


def measures_for_classes() -> Made:
    x, y, _ = table()
    return L.sparse_categorical_crossentropy(y, nn.Dense(3, activation="softmax")(x)).mean(), {"x": X, "y": X[:, 0]}


def signs_for_probabilities() -> Made:
    x, _, _ = table()
    t = pel.matrix("t", shape=("n", 1))
    return L.binary_crossentropy(t, nn.Dense(1, activation="sigmoid")(x)).mean(), {"x": X, "t": np.sign(X[:, :1])}


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


def bytes_flipped_and_moved() -> Made:
    x, y = pel.tensor4("x", shape=("n", 8, 8, 1), dtype="uint8"), pel.ivector("y", shape=("n",))
    h = nn.RandomFlip()(pel.cast(x, dtype="float32") - 127.5)
    p = nn.Dense(3, activation="softmax")(nn.Flatten()(nn.Conv2D(4, 3, activation="relu")(h)))
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


def loss_of_all_pairs() -> Made:
    x, _, _ = table()
    return ((nn.Dense(1)(x) - pel.vector("t", shape=("n",))) ** 2).mean(), {}


def swapped_arguments() -> Made:
    x, _, t = table()
    return L.categorical_crossentropy(nn.Dense(3, activation="softmax")(x), t).mean(), {}


def channels_first() -> Made:
    x, y = pel.tensor4("x", shape=("n", 3, 16, 16)), pel.ivector("y", shape=("n",))
    p = nn.Dense(3, activation="softmax")(nn.Flatten()(nn.Conv2D(4, 3, activation="relu")(x / 255)))
    return L.sparse_categorical_crossentropy(y, p).mean(), {}


def zero_weights() -> Made:
    x, y, _ = table()
    h = nn.Dropout(0.0)(nn.Dense(8, activation="tanh", kernel_initializer="zeros")(x))
    p = nn.Dense(3, activation="softmax", kernel_initializer="zeros")(h)
    return L.sparse_categorical_crossentropy(y, p).mean(), {}


def equal_weights_of_convolutions() -> Made:
    x, y = pel.tensor4("x", shape=("n", 8, 8, 1)), pel.ivector("y", shape=("n",))
    options = {"activation": "relu", "kernel_initializer": nn.initializers.Constant(0.1)}
    h = nn.Conv2D(4, 3, **options)(nn.MaxPooling2D(2)(nn.Conv2D(4, 3, **options)(x)))
    return L.sparse_categorical_crossentropy(y, nn.Dense(3, activation="softmax")(nn.Flatten()(h))).mean(), {}


MISTAKES: list[tuple[Callable[[], Made], str]] = [
    (softmax_twice, "softmax twice"),
    (softmax_from_logits, "softmax twice"),
    (sigmoid_from_logits, "sigmoid twice"),
    (softmax_of_a_sigmoid, "softmax of a sigmoid"),
    (binary_loss_of_softmax, "binary cross-entropy of a softmax"),
    (linear_output, "cross-entropy of non-probabilities"),
    (tanh_output, "cross-entropy of non-probabilities"),
    (rectified_output, "cross-entropy of non-probabilities"),
    (sigmoid_columns_of_classes, "cross-entropy of non-probabilities"),
    (one_column_of_classes, "cross-entropy of one column"),
    (swapped_arguments, "swapped loss arguments"),
    (loss_of_all_pairs, "loss of all pairs"),
    (channels_first, "channels first"),
    (zero_weights, "symmetric weights"),
    (equal_weights_of_convolutions, "symmetric weights"),
    (squared_error_of_sigmoid, "squared error of a sigmoid"),
    (squared_error_by_hand, "squared error of a sigmoid"),
    (linear_after_linear, "stacked linear layers"),
    (linear_then_flat, "stacked linear layers"),
    (linear_twice_over_two_inputs, "stacked linear layers"),
    (rectifier_before_softmax, "ReLU before a softmax"),
    (cut_at_zero_before_softmax, "ReLU before a softmax"),
    (unscaled, "unscaled input"),
    (unscaled_columns_of_a_table, "unscaled input"),
    (bytes_unscaled, "unscaled input"),
    (bytes_flipped_and_moved, "unscaled input"),
    (labels_from_one, "labels do not fit the loss"),
    (columns_that_do_not_sum_to_one, "labels do not fit the loss"),
    (labels_beyond_probabilities, "labels do not fit the loss"),
    (columns_for_numbers_of_classes, "labels do not fit the loss"),
    (numbers_of_classes_for_columns, "labels do not fit the loss"),
    (measures_for_classes, "labels do not fit the loss"),
    (signs_for_probabilities, "labels do not fit the loss"),
    (large_first_loss, "high initial loss"),
    (bias_before_normalization, "bias before a normalization"),
    (bias_before_instance_normalization, "bias before a normalization"),
]


WARNED = {
    *("softmax twice", "sigmoid twice", "softmax of a sigmoid", "cross-entropy of non-probabilities"),
    *("cross-entropy of one column", "channels first", "loss of all pairs"),
    "swapped loss arguments",
}
"""Mistakes of which optimizers warn: training cannot succeed."""


@pytest.mark.parametrize(("make", "name"), MISTAKES, ids=lambda v: getattr(v, "__name__", ""))
def test_planted_mistake_is_found(make: Callable[[], Made], name: str) -> None:
    nn.set_random_seed(0)
    what, values = make()
    found = pel.lint(what, values or None)
    assert name in {f.name for f in found}
    allowed = {name, "high initial loss"} if name == "unscaled input" else {name}
    assert {f.name for f in found} <= allowed
    for f in found:
        assert "test_lint.py" in f.location
        assert all(len(part) > 20 for part in (f.what, f.why, f.fix))
    inputs = [e for e in topological([what]) if isinstance(e, Input)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        updates = pel.optimizers.SGD().updates(what)
    assert [str(w.message).partition(":")[0] for w in caught] == ([name] if name in WARNED else [])
    step = pel.function(inputs, what, updates=updates)
    assert {f.name for f in pel.lint(step, values or None)} == {f.name for f in found}


def test_unused_parameter() -> None:
    x, y, _ = table()
    layer, idle = nn.Dense(3, activation="softmax"), nn.Dense(2, name="idle")
    loss = L.sparse_categorical_crossentropy(y, layer(x)).mean()
    idle(x)
    found = pel.lint(loss, parameters=[*layer.parameters, *idle.parameters])
    assert [f.name for f in found] == ["unused parameter"] * 2
    assert "idle/kernel" in found[0].what


def test_parameter_behind_an_op_without_gradient() -> None:
    x, y, _ = table()
    layer, other = nn.Dense(3, activation="softmax", name="layer"), nn.Dense(4, activation="relu", name="other")
    right = nn.metrics.sparse_categorical_accuracy(y, layer(other(x))).mean()
    found = pel.lint(right, parameters=[*layer.parameters, *other.parameters])
    assert [f.name for f in found] == ["unused parameter"]
    assert found[0].what == (
        "The loss depends on layer/kernel, layer/bias, other/kernel, other/bias only through argmax, which has no "
        "gradient."
    )
    smooth = L.sparse_categorical_crossentropy(y, layer(pel.stop_gradient(other(x)))).mean()
    found = pel.lint(smooth, parameters=[*layer.parameters, *other.parameters])
    assert "The loss depends on other/kernel, other/bias only through stop_gradient, which" in str(found)
    assert len(found) == 1


def test_training_ops_in_an_inference_graph() -> None:
    x, _, _ = table()
    p = nn.Dense(3, activation="softmax")(nn.Dropout(0.5)(x))
    assert [f.name for f in pel.lint(p, training=False)] == ["dropout left in an inference graph"]
    assert [f.name for f in pel.lint(pel.function([x], p))] == ["dropout left in an inference graph"]
    assert not pel.lint(pel.inference(p), training=False)
    assert not pel.lint(pel.function([x], pel.inference(p)))
    assert "Predictions are random" in pel.lint(p, training=False)[0].why
    normal = nn.Dense(3, activation="softmax")(nn.BatchNormalization()(x))
    [found] = pel.lint(normal, training=False)
    assert found.name == "batch_normalization left in an inference graph"
    assert "the other samples of its batch" in found.why


def test_compiled_model_with_data() -> None:
    model = pel.Sequential([nn.Input((4,)), Dense(8), Dense(3, activation="softmax")])
    model.compile("sgd", loss="sparse_categorical_crossentropy")
    assert [f.name for f in pel.lint(model)] == ["stacked linear layers"]
    found = {f.name for f in pel.lint(model, {"x": X, "y": Y + 1})}
    assert found == {"stacked linear layers", "labels do not fit the loss"}


def test_model_with_any_loss_and_without_one() -> None:
    model = pel.Sequential([nn.Input((4,)), Dense(8), Dense(3, activation="softmax")])
    assert [f.name for f in pel.lint(model)] == ["stacked linear layers"]
    model.compile("sgd", loss=L.SparseCategoricalCrossentropy(from_logits=True))
    assert {f.name for f in pel.lint(model)} == {"stacked linear layers", "softmax twice"}
    model.compile("sgd", loss="categorical_crossentropy")
    found = pel.lint(model, {"x": X, "y": Y})
    assert {f.name for f in found} == {"stacked linear layers", "labels do not fit the loss"}
    assert "np.eye(3, dtype='float32')[y]" in str(found)
    bound = pel.Sequential([nn.Input((4,)), Dense(3, activation="softmax", kernel_initializer="ones")])
    bound.compile("sgd", loss=lambda t, p: (t - p) ** 2)
    bound.layers[-1].bias.trainable = False
    assert not pel.lint(bound)


def test_model_with_several_inputs_and_outputs() -> None:
    first, second = nn.Input((4,)), nn.Input((3,))
    h = nn.Concatenate()([Dense(8, activation="relu")(first), Dense(8, activation="relu")(second)])
    model = pel.Model([first, second], [Dense(3, activation="softmax")(h), Dense(1)(h)])
    assert not pel.lint(model)
    model.compile("adam", ["sparse_categorical_crossentropy", "mse"])
    assert not pel.lint(model)
    [found] = pel.lint(model, {"x": [X, np.full((64, 3), 200.0)]})
    assert found.name == "unscaled input"
    assert str(second) in found.what


def test_copied_function_has_its_own_parameters() -> None:
    x, _, _ = table()
    layer = Dense(3, name="mine")
    f = pel.function([x], Dense(2, name="next")(layer(x)))
    other = pel.shared(layer.kernel.get_value(), "others")
    assert "product with others" in str(pel.lint(f.copy(swap={layer.kernel: other})))


def test_limits_of_a_second_softmax() -> None:
    for classes, probability, loss in ((3, 0.58, 0.55), (10, 0.23, 1.46)):
        x, y = pel.matrix("x", shape=("n", 4)), pel.ivector("y", shape=("n",))
        p = pel.softmax(pel.softmax(x @ pel.shared(np.ones((4, classes), "float32"), "W")))
        message = str(pel.lint(L.sparse_categorical_crossentropy(y, p).mean()))
        assert f"with {classes} classes, no probability exceeds {probability}." in message
        assert f"the loss of a sample stays above {loss}" in message
        best = np.exp(1) / (np.exp(1) + classes - 1)
        assert (round(best, 2), round(-np.log(best), 2)) == (probability, loss)


def test_non_finite_initial_loss_and_short_output_for_a_deep_network() -> None:
    x, y, _ = table()
    h = x
    for _ in range(9):
        h = h + Dense(4, activation="relu")(h)
    last = Dense(3, activation="softmax", kernel_initializer=lambda shape, dtype: np.full(shape, np.nan, dtype))
    [found] = pel.lint(L.sparse_categorical_crossentropy(y, last(h)).mean(), {"x": X, "y": Y})
    assert found.what == "The initial cross-entropy is nan."
    assert "mode='guard'" in found.fix
    assert "softmax(… @ " in str(found)
    assert max(map(len, str(found).splitlines())) < 200


def test_initial_loss_without_positive_labels() -> None:
    x, _, _ = table()
    t = pel.matrix("t", shape=("n", 1))
    loss = L.binary_crossentropy(t, Dense(1, activation="sigmoid")(x)).mean()
    assert not pel.lint(loss, {"x": X, "t": np.zeros((len(X), 1), "float32")})


def test_text_and_html_of_findings() -> None:
    found = pel.lint(softmax_twice()[0])
    message = str(found)
    assert message.startswith(
        "softmax twice: A softmax is applied to the output of a softmax.\n  where: softmax(softmax("
    )
    assert "\n  line:  " in message
    assert "\n  why:   The inner softmax returns values between 0 and 1" in message
    assert "\n  fix:   Remove one of the two" in message
    assert "<td><b>softmax twice</b></td>" in found._repr_html_()
    x, y, _ = table()
    sound = L.sparse_categorical_crossentropy(y, Dense(3, activation="softmax")(x)).mean()
    assert str(pel.lint(sound)) == "No problems found."
    assert "No problems" in pel.lint(sound)._repr_html_()
    assert found[0].where.op is not None
    assert found[:1] == list(found)


def test_invalid_arguments() -> None:
    loss = softmax_twice()[0]
    with pytest.raises(pel.UseError, match=r"lint expects a loss, predictions, a function or a model\. Received: 3"):
        pel.lint(3)
    with pytest.raises(pel.UseError, match="lint checks the outputs of a function, and this one has none"):
        pel.lint(pel.function([], updates=pel.optimizers.SGD().updates(pel.shared(1.0, "w") ** 2)))
    with pytest.raises(pel.InputError, match=r"lint: there is no input 'z'\. Inputs: x, y"):
        pel.lint(loss, {"z": X})
    with pytest.raises(pel.InputError, match=r"lint: x has shape \(n, 4\). Received: a value of shape \(4,\)"):
        pel.lint(loss, {"x": X[0]})
