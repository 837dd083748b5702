"""Tests of losses: agreement with Keras and with formulas, finite results for extreme scores, and error messages."""

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import losses, nn
from tests.nn.peers import losses as peers
from tests.nn.peers import store

GOLDEN = store.load("losses")
LABELS = pel.ivector("y", shape=("n",))
COLUMNS = pel.matrix("t", shape=("n", 3))
SCORES = pel.matrix("z", shape=("n", 3))


def softmax(z: Any) -> Any:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("case", peers.CASES)
def test_values_agree_with_keras(case: str) -> None:
    store.compare(peers.by_pellucid(case), GOLDEN[case])


@pytest.mark.peer
@pytest.mark.parametrize("case", peers.CASES)
def test_golden_values_are_those_of_keras(case: str) -> None:
    pytest.importorskip("keras")
    store.compare(peers.by_keras(case), GOLDEN[case])


@pytest.fixture
def z(rng: np.random.Generator) -> Any:
    return rng.normal(size=(4, 3)).astype("float32")


@pytest.fixture
def t() -> Any:
    return np.array([[1, 0, 0], [0, 1, 0], [0.2, 0.3, 0.5], [0, 0, 1]], "float32")


@pytest.mark.parametrize("mode", ["numpy", "xla"])
@pytest.mark.parametrize("from_logits", [False, True])
def test_sparse_crossentropy(z: Any, mode: str, from_logits: bool) -> None:
    y = np.array([0, 2, 1, 1], "int32")
    p = SCORES if from_logits else pel.softmax(SCORES)
    loss = losses.sparse_categorical_crossentropy(LABELS, p, from_logits)
    result = pel.function([LABELS, SCORES], loss, mode=mode)(y, z)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, -np.log(softmax(z)[np.arange(4), y]), rtol=1e-5)


@pytest.mark.parametrize("mode", ["numpy", "xla"])
@pytest.mark.parametrize("from_logits", [False, True])
def test_categorical_crossentropy(z: Any, t: Any, mode: str, from_logits: bool) -> None:
    p = SCORES if from_logits else pel.softmax(SCORES)
    result = pel.function([COLUMNS, SCORES], losses.categorical_crossentropy(COLUMNS, p, from_logits), mode=mode)(t, z)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, -(t * np.log(softmax(z))).sum(-1), rtol=1e-5)


@pytest.mark.parametrize("mode", ["numpy", "xla"])
@pytest.mark.parametrize("how", ["sigmoid", "softmax", "from_logits"])
def test_binary_crossentropy(z: Any, t: Any, mode: str, how: str) -> None:
    y_pred = SCORES if how == "from_logits" else nn.activations.get(how)(SCORES)
    loss = losses.binary_crossentropy(COLUMNS, y_pred, from_logits=how == "from_logits")
    p = softmax(z) if how == "softmax" else 1 / (1 + np.exp(-z))
    result = pel.function([COLUMNS, SCORES], loss, mode=mode)(t, z)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(-1), rtol=1e-5)


@pytest.mark.parametrize("mode", ["numpy", "xla"])
def test_squared_and_absolute_errors(z: Any, t: Any, mode: str) -> None:
    for name, value in (("mse", ((t - z) ** 2).mean(-1)), ("mae", np.abs(t - z).mean(-1))):
        result = pel.function([COLUMNS, SCORES], losses.get(name)(COLUMNS, SCORES), mode=mode)(t, z)
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, value, rtol=1e-5)


def test_vectors_and_columns_of_one_are_equivalent() -> None:
    v, c = pel.vector("v", shape=("n",)), pel.matrix("c", shape=("n", 1))
    for loss in (losses.binary_crossentropy, losses.mean_squared_error):
        for y_true, y_pred in ((v, c), (v, v), (c, v), (c, c)):
            assert loss(y_true, pel.sigmoid(y_pred)).shape == ("n",)
    y, p = pel.imatrix("y", shape=("n", 1)), pel.softmax(SCORES)
    assert losses.sparse_categorical_crossentropy(y, p).shape == ("n",)
    steps, q = pel.imatrix("steps", shape=("n", "t")), pel.tensor3("q", shape=("n", "t", 3))
    assert losses.sparse_categorical_crossentropy(steps, q).shape == ("n", "t")


def test_losses_have_the_dtype_of_the_prediction() -> None:
    for dtype in ("int32", "uint8", "bool", "float64"):
        target = pel.matrix("t", shape=("n", 3), dtype=dtype)
        for name in ("binary_crossentropy", "categorical_crossentropy", "mse", "mae"):
            assert losses.get(name)(target, pel.softmax(SCORES)).dtype == np.float32


EXTREME = [[1000.0, -1000.0], [-1000.0, 1000.0], [0.0, 0.0], [1000.0, 1000.0], [-100.0, 90.0], [20.0, -20.0]]


@pytest.mark.parametrize("mode", ["numpy", "xla"])
@pytest.mark.parametrize(
    ("name", "activation"),
    [
        ("sparse_categorical_crossentropy", "softmax"),
        ("categorical_crossentropy", "softmax"),
        ("categorical_crossentropy", "sigmoid"),
        ("binary_crossentropy", "softmax"),
        ("binary_crossentropy", "sigmoid"),
        ("mse", "softmax"),
        ("mae", "sigmoid"),
    ],
)
def test_value_and_gradient_are_finite_at_extreme_scores(name: str, activation: str, mode: str) -> None:
    sparse = name.startswith("sparse")
    y = pel.ivector("y", shape=("n",)) if sparse else pel.matrix("y", shape=("n", 2))
    x = pel.matrix("x", shape=("n", 2))
    layer = nn.Dense(2, activation=activation, kernel_initializer=lambda shape, dtype: np.eye(2, dtype=dtype))
    loss = losses.get(name)(y, layer(x))
    f = pel.function([x, y], [loss, pel.grad(loss.sum(), x), *pel.grad(loss.mean(), layer.parameters)], mode=mode)
    scores = np.array(EXTREME, "float32")
    for one in ([1, 0], [0, 1]):
        target = (
            np.full(len(scores), one[1], "int32") if sparse else np.tile(np.array(one, "float32"), (len(scores), 1))
        )
        with np.errstate(over="ignore", under="ignore"):
            values = f(scores, target)
        assert all(v.dtype == np.float32 and np.isfinite(v).all() for v in values)


def test_binary_crossentropy_of_a_saturated_softmax_has_a_gradient() -> None:
    z, t = pel.matrix("z", shape=("n", 2)), pel.matrix("t", shape=("n", 2))
    loss = losses.binary_crossentropy(t, pel.softmax(z))
    value, gradient = pel.function([z, t], [loss, pel.grad(loss.sum(), z)])([[1000.0, -1000.0]], [[0.0, 1.0]])
    np.testing.assert_allclose(value, [2000])
    np.testing.assert_allclose(gradient, [[1, -1]], atol=1e-6)


@pytest.mark.parametrize("name", ["binary_crossentropy", "categorical_crossentropy", "mse"])
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_gradients_agree_with_finite_differences(
    rng: np.random.Generator, check_gradients: Any, t: Any, name: str, activation: str
) -> None:
    x, y = pel.tensor("x", ("n", 2), "float64"), pel.tensor("y", ("n", 3), "float64")
    layer = nn.Dense(3, activation=activation)
    loss = losses.get(name)(y, layer(x)).mean()
    check_gradients(loss, layer.parameters, [x, y], [3 * rng.normal(size=(4, 2)), t.astype("float64")])


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (
            lambda: losses.binary_crossentropy(LABELS, pel.matrix("p", shape=("n", 2))),
            r"binary_crossentropy: expected y_true to have the shape of y_pred. Received: y_true=y of shape \(n,\) and "
            r"y_pred=p of shape \(n, 2\). Convert integer labels with pel.one_hot\(y, 2\)",
        ),
        (
            lambda: losses.mean_squared_error(COLUMNS, pel.matrix("p", shape=("n", 2))),
            r"mean_squared_error: .* Received: y_true=t of shape \(n, 3\) and y_pred=p of shape \(n, 2\)\n",
        ),
        (
            lambda: losses.sparse_categorical_crossentropy(COLUMNS, SCORES),
            "expected y_pred to have one more axis than y_true.*use categorical_crossentropy",
        ),
        (
            lambda: losses.sparse_categorical_crossentropy(pel.ivector("y", shape=("m",)), SCORES),
            r"Received: y_true=y of shape \(m,\)",
        ),
        (lambda: losses.get("crossentropy"), "no loss named 'crossentropy'. Use 'sparse_categorical_crossentropy'"),
    ],
)
def test_shapes_that_do_not_match_are_rejected(write: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write()


def test_labels_must_be_integers() -> None:
    with pytest.raises(pel.DtypeError, match=r"ctc: expected integer labels. Received: t, which is float32"):
        losses.ctc(COLUMNS, pel.tensor3("z", shape=("n", 4, 3)))
    with pytest.raises(pel.DtypeError, match=r"expected integer labels. Received: y_true=v, which is float32"):
        losses.sparse_categorical_crossentropy(pel.vector("v", shape=("n",)), SCORES)


def test_a_loss_may_be_a_function() -> None:
    assert losses.get(losses.mean_squared_error) is losses.mean_squared_error
    assert isinstance(losses.get(losses.MeanSquaredError), losses.MeanSquaredError)
    with pytest.raises(TypeError, match=r"Expected a name or a function for the loss. Received: 3"):
        losses.get(3)  # type: ignore[arg-type]


SATURATED = np.array([[1000.0, -1000.0, 0.0], [-50.0, 60.0, 60.0], [0.0, 0.0, 0.0], [3e4, 3e4, -3e4]], "float32")


@pytest.mark.parametrize(
    ("loss", "activation", "settings"),
    [
        (losses.BinaryCrossentropy, "sigmoid", {"label_smoothing": 0.1}),
        (losses.BinaryFocalCrossentropy, "sigmoid", {}),
        (losses.CategoricalCrossentropy, "softmax", {"label_smoothing": 0.1}),
        (losses.CategoricalFocalCrossentropy, "softmax", {}),
        (losses.SparseCategoricalCrossentropy, "softmax", {"ignore_class": 2}),
    ],
)
@pytest.mark.parametrize("mode", ["numpy", "xla"])
def test_probabilities_and_logits_have_identical_losses_and_gradients(
    loss: Any, activation: str, settings: Any, mode: str
) -> None:
    sparse = loss is losses.SparseCategoricalCrossentropy
    y = LABELS if sparse else COLUMNS
    made = [
        loss(**settings)(y, nn.activations.get(activation)(SCORES)),
        loss(from_logits=True, **settings)(y, SCORES),
    ]
    results = pel.function([y, SCORES], [*made, *(pel.grad(e, SCORES) for e in made)], mode=mode)
    labels = np.array([1, 0, 2, 2], "int32")
    by_p, by_z, g_p, g_z = results(labels if sparse else np.eye(3, dtype="float32")[labels], SATURATED)
    assert np.isfinite(by_p)
    assert np.isfinite(g_p).all()
    assert by_p == by_z
    np.testing.assert_array_equal(g_p, g_z)


def test_ignored_samples_are_excluded_from_mean_and_gradient() -> None:
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)(LABELS, pel.softmax(SCORES))
    f = pel.function([LABELS, SCORES], [loss, pel.grad(loss, SCORES)])
    z = np.array([[0.0, 0.0, 0.0], [9.0, -9.0, 3.0]], "float32")
    value, gradient = f(np.array([0, -1], "int32"), z)
    assert value == pytest.approx(np.log(3))
    assert not gradient[1].any()
    assert f(np.array([-1, -1], "int32"), z)[0] == 0


def test_poisson_with_zero_counts() -> None:
    t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    loss = losses.poisson(t, pel.relu(y))
    assert pel.function([t, y], loss)([0.0, 1.0], [-1.0, 1.0]).tolist() == [0, 1]
    z = pel.matrix("z", shape=("n", 1))
    assert pel.function([t, z], losses.poisson(t, pel.exp(z)))([2.0], [[-200.0]]).tolist() == [400]


def test_hinges_agree_with_lasagne(rng: np.random.Generator) -> None:
    scores, labels = rng.normal(size=(6, 3)).astype("float32"), np.array([0, 1, 2, 2, 1, 0], "int32")
    hot = np.eye(3)[labels]
    found = pel.function([LABELS, SCORES], losses.multiclass_hinge(LABELS, SCORES, delta=0.7))(labels, scores)
    wrong = np.where(hot == 1, -np.inf, scores).max(-1)
    np.testing.assert_allclose(found, np.maximum(wrong - scores[hot == 1] + 0.7, 0), rtol=1e-5)
    p = pel.sigmoid(SCORES)
    outputs = [
        losses.binary_hinge(COLUMNS, SCORES, 0.7),
        losses.binary_hinge(COLUMNS, p, 0.7, log_odds=False),
    ]
    wanted = np.maximum(0.7 - (2 * hot - 1) * scores, 0).mean(-1)
    for value in pel.function([COLUMNS, SCORES], outputs)(hot.astype("float32"), scores):
        np.testing.assert_allclose(value, wanted, rtol=1e-5)


def test_ctc_sums_the_probabilities_of_all_alignments(rng: np.random.Generator) -> None:
    y, z = pel.imatrix("y", shape=("n", 2)), pel.tensor3("z", shape=("n", 4, 3))
    scores = rng.normal(size=(1, 4, 3)).astype("float32")
    p = np.exp(scores[0]) / np.exp(scores[0]).sum(-1, keepdims=True)
    by_labels: dict[tuple[int, ...], float] = {}
    for alignment in np.ndindex(3, 3, 3, 3):
        kept = tuple(c for c, before in zip(alignment, (-1, *alignment), strict=False) if c not in (before, 0))
        by_labels[kept] = by_labels.get(kept, 0.0) + float(np.prod([p[t, c] for t, c in enumerate(alignment)]))
    loss = pel.function([y, z], losses.ctc(y, z), mode="numpy")
    for labels in ([1, 2], [1, 1], [2, 0], [0, 0]):
        nonblank = tuple(c for c in labels if c)
        assert loss(np.array([labels], "int32"), scores) == pytest.approx(-np.log(by_labels[nonblank]), rel=1e-5)
    short = pel.function([y, z], losses.ctc(y, z[:, :1]), mode="numpy")
    assert short(np.array([[1, 2]], "int32"), scores) > 1e29


def test_circle_loss_excludes_samples_without_another_of_their_class() -> None:
    y, x = pel.ivector("y", shape=("n",)), pel.matrix("x", shape=("n", 2))
    outputs = [
        losses.Circle()(y, x),
        losses.Circle(reduction="sum")(y, x),
        pel.grad(losses.Circle()(y, x), x),
    ]
    places = np.array([[1, 0], [1, 0], [-1, 0], [0, 1], [0, -1]], "float32")
    mean, total, slope = pel.function([y, x], outputs, mode="numpy")(np.array([0, 0, 1, 2, 2], "int32"), places)
    assert mean == pytest.approx(total / 4, rel=1e-6)  # the third sample is alone in its class
    assert np.isfinite(slope).all()


def test_aggregate() -> None:
    v, w = pel.constant([1.0, 2.0, 6.0]), pel.constant([1.0, 1.0, 2.0])
    made = [losses.aggregate(v), losses.aggregate(v, w, "sum"), losses.aggregate(v, w, mode="normalized_sum")]
    assert [float(x) for x in pel.function([], made)()] == [3, 15, 3.75]


def test_class_weights_as_labels_and_as_columns() -> None:
    labels = np.array([0, 2, 1], "int32")
    for weights in ([1.0, 2.0, 4.0], {1: 2.0, 2: 4.0}):
        y = pel.function([LABELS], losses.class_weight(LABELS, weights))(labels)
        t = pel.function([COLUMNS], losses.class_weight(COLUMNS, weights))(np.eye(3, dtype="float32")[labels])
        assert y.tolist() == t.tolist() == [1, 4, 2]
        assert y.dtype == np.float32


def test_custom_loss_and_repr() -> None:
    class Cubes(losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return (abs(y_true - y_pred) ** 3).mean(axis=-1)

    assert Cubes().name == "cubes"
    assert Cubes(reduction=None)(COLUMNS, SCORES).shape == ("n",)
    assert repr(losses.Huber(2.0, reduction="sum")) == "Huber(delta=2.0, reduction='sum')"
    assert losses.MeanSquaredError().name == "mean_squared_error"
    with pytest.raises(NotImplementedError, match="Loss does not implement call"):
        losses.Loss()(COLUMNS, SCORES)


def test_every_loss_has_a_case() -> None:
    objects = {v for v in vars(losses).values() if isinstance(v, type) and issubclass(v, losses.Loss)}
    assert {case.name for case in peers.CASES.values()} == {v.__name__ for v in objects} - {"Loss"}
    assert losses.get("MeanSquaredError") is losses.get("mse")


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (
            lambda: losses.MeanSquaredError("average"),
            "Expected reduction to be one of .* Received: reduction='average'",
        ),
        (
            lambda: losses.MeanSquaredError()(COLUMNS, SCORES, pel.vector("w", shape=("m",))),
            r"Expected sample_weight to have the shape of the values.* Received: w of shape \(m,\)",
        ),
        (lambda: losses.huber(COLUMNS, SCORES, 0.0), "huber: expected delta > 0. Received: delta=0.0"),
        (
            lambda: losses.categorical_crossentropy(COLUMNS, SCORES, label_smoothing=1.5),
            "Expected label_smoothing to be in .* Received: label_smoothing=1.5",
        ),
        (
            lambda: losses.categorical_generalized_cross_entropy(LABELS, SCORES, q=0.0),
            "expected 0 < q <= 1. Received: q=0.0",
        ),
        (
            lambda: losses.ctc(LABELS, SCORES),
            r"ctc: expected y_true of shape \(batch, labels\) and .* Received: y_true=y of shape \(n,\)",
        ),
        (
            lambda: losses.ctc(pel.imatrix("y"), pel.tensor3("z", shape=("n", 4, 3))),
            "ctc: expected a known number of labels",
        ),
        (lambda: losses.circle(LABELS, SCORES, margin=-1), "Expected margin to be a number of 0 or more"),
        (lambda: losses.aggregate(SCORES, mode="max"), "Expected mode to be one of .* Received: mode='max'"),
        (lambda: losses.aggregate(SCORES, mode="normalized_sum"), "mode='normalized_sum' needs weights"),
        (lambda: losses.class_weight(LABELS, {}), "Expected weights of non-negative classes"),
    ],
)
def test_settings_out_of_range_are_refused(write: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write()
