"""Tests of losses: agreement with Keras and with formulas, finite results for extreme scores, and error messages."""

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import losses, nn
from tests.nn.peers import losses as peers
from tests.nn.peers import store

LABELS = pel.ivector("y", shape=("n",))
COLUMNS = pel.matrix("t", shape=("n", 3))
SCORES = pel.matrix("z", shape=("n", 3))


def softmax(z: Any) -> Any:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("case", peers.CASES)
def test_values_agree_with_keras(case: str) -> None:
    store.compare(peers.by_pellucid(case), store.load("losses")[case])


@pytest.mark.peer
@pytest.mark.parametrize("case", peers.CASES)
def test_golden_values_are_those_of_keras(case: str) -> None:
    pytest.importorskip("keras")
    store.compare(peers.by_keras(case), store.load("losses")[case])


@pytest.fixture
def z(rng: np.random.Generator) -> Any:
    return rng.normal(size=(4, 3)).astype("float32")


@pytest.fixture
def t() -> Any:
    return np.array([[1, 0, 0], [0, 1, 0], [0.2, 0.3, 0.5], [0, 0, 1]], "float32")


@pytest.mark.parametrize("mode", ["numpy", "xla"])
def test_losses_agree_with_their_formulas(z: Any, t: Any, mode: str) -> None:
    labels, p, q = np.array([0, 2, 1, 1], "int32"), softmax(z), 1 / (1 + np.exp(-z))
    sparse, categorical, binary = (
        losses.sparse_categorical_crossentropy,
        losses.categorical_crossentropy,
        losses.binary_crossentropy,
    )
    chosen, mixed = -np.log(p[np.arange(4), labels]), -(t * np.log(p)).sum(-1)
    cases = {
        "sparse crossentropy of probabilities": (sparse(LABELS, pel.softmax(SCORES), False), chosen),
        "sparse crossentropy of logits": (sparse(LABELS, SCORES, True), chosen),
        "categorical crossentropy of probabilities": (categorical(COLUMNS, pel.softmax(SCORES), False), mixed),
        "categorical crossentropy of logits": (categorical(COLUMNS, SCORES, True), mixed),
        "binary crossentropy of a sigmoid": (binary(COLUMNS, pel.sigmoid(SCORES)), mean_of_columns(t, q)),
        "binary crossentropy of a softmax": (binary(COLUMNS, pel.softmax(SCORES)), mean_of_columns(t, p)),
        "binary crossentropy of logits": (binary(COLUMNS, SCORES, from_logits=True), mean_of_columns(t, q)),
        "squared error": (losses.get("mse")(COLUMNS, SCORES), ((t - z) ** 2).mean(-1)),
        "absolute error": (losses.get("mae")(COLUMNS, SCORES), np.abs(t - z).mean(-1)),
    }
    found = pel.function([LABELS, COLUMNS, SCORES], [loss for loss, _ in cases.values()], mode=mode)(labels, t, z)
    for (name, (_, wanted)), value in zip(cases.items(), found, strict=True):
        assert value.dtype == np.float32, name
        np.testing.assert_allclose(value, wanted, rtol=1e-5, err_msg=name)


def mean_of_columns(t: Any, p: Any) -> Any:
    """Return the binary cross-entropy of probabilities."""
    return -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(-1)


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
def test_value_and_gradient_are_finite_at_extreme_scores(mode: str) -> None:
    labels, columns = pel.ivector("labels", shape=("n",)), pel.matrix("columns", shape=("n", 2))
    x, outputs, names = pel.matrix("x", shape=("n", 2)), [], []
    for name, activation in (
        ("sparse_categorical_crossentropy", "softmax"),
        ("categorical_crossentropy", "softmax"),
        ("categorical_crossentropy", "sigmoid"),
        ("binary_crossentropy", "softmax"),
        ("binary_crossentropy", "sigmoid"),
        ("mse", "softmax"),
        ("mae", "sigmoid"),
    ):
        layer = nn.Dense(2, activation=activation, kernel_initializer=lambda shape, dtype: np.eye(2, dtype=dtype))
        loss = losses.get(name)(labels if name.startswith("sparse") else columns, layer(x))
        outputs += [loss, pel.grad(loss.sum(), x), *pel.grad(loss.mean(), layer.parameters)]
        names += [f"{name} of {activation}"] * 4
    f = pel.function([x, labels, columns], outputs, mode=mode)
    scores = np.array(EXTREME, "float32")
    for label in (0, 1):
        with np.errstate(over="ignore", under="ignore"):
            values = f(scores, np.full(6, label, "int32"), np.tile(np.eye(2, dtype="float32")[label], (6, 1)))
        for name, value in zip(names, values, strict=True):
            assert value.dtype == np.float32, name
            assert np.isfinite(value).all(), name


def test_binary_crossentropy_of_a_saturated_softmax_has_a_gradient() -> None:
    z, t = pel.matrix("z", shape=("n", 2)), pel.matrix("t", shape=("n", 2))
    loss = losses.binary_crossentropy(t, pel.softmax(z))
    value, gradient = pel.function([z, t], [loss, pel.grad(loss.sum(), z)], mode="numpy")(
        [[1000.0, -1000.0]], [[0.0, 1.0]]
    )
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


@pytest.mark.parametrize("mode", ["numpy", "xla"])
def test_probabilities_and_logits_have_identical_losses_and_gradients(mode: str) -> None:
    cases: dict[Any, tuple[str, dict[str, Any]]] = {
        losses.BinaryCrossentropy: ("sigmoid", {"label_smoothing": 0.1}),
        losses.BinaryFocalCrossentropy: ("sigmoid", {}),
        losses.CategoricalCrossentropy: ("softmax", {"label_smoothing": 0.1}),
        losses.CategoricalFocalCrossentropy: ("softmax", {}),
        losses.SparseCategoricalCrossentropy: ("softmax", {"ignore_class": 2}),
    }
    outputs: list[Any] = []
    for loss, (activation, settings) in cases.items():
        y = LABELS if loss is losses.SparseCategoricalCrossentropy else COLUMNS
        made = (
            loss(**settings)(y, nn.activations.get(activation)(SCORES)),
            loss(from_logits=True, **settings)(y, SCORES),
        )
        outputs += [*made, *(pel.grad(e, SCORES) for e in made)]
    labels = np.array([1, 0, 2, 2], "int32")
    f = pel.function([LABELS, COLUMNS, SCORES], outputs, mode=mode)
    found = f(labels, np.eye(3, dtype="float32")[labels], SATURATED)
    for number, loss in enumerate(cases):
        by_p, by_z, g_p, g_z = found[4 * number : 4 * number + 4]
        assert np.isfinite(by_p), loss
        assert np.isfinite(g_p).all(), loss
        assert by_p == by_z, loss
        np.testing.assert_array_equal(g_p, g_z, err_msg=str(loss))


def test_ignored_samples_are_excluded_from_mean_and_gradient() -> None:
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)(LABELS, pel.softmax(SCORES))
    f = pel.function([LABELS, SCORES], [loss, pel.grad(loss, SCORES)], mode="numpy")
    z = np.array([[0.0, 0.0, 0.0], [9.0, -9.0, 3.0]], "float32")
    value, gradient = f(np.array([0, -1], "int32"), z)
    assert value == pytest.approx(np.log(3))
    assert not gradient[1].any()
    assert f(np.array([-1, -1], "int32"), z)[0] == 0


def test_masked_steps_and_ignored_classes_are_both_excluded() -> None:
    labels, scores = pel.imatrix("t", shape=("n", 3)), pel.tensor3("z", shape=("n", 3, 2))
    mask = pel.tensor("m", ("n", 3), "bool")
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=1)(labels, pel.attach_mask(scores, mask))
    z = np.array([[[0, 0], [9, 0], [0, 5]]], "float32")
    f = pel.function([labels, scores, mask], loss, mode="numpy")
    assert f([[0, 1, 0]], z, [[True, True, False]]) == pytest.approx(np.log(2))
    assert f([[0, 0, 0]], z, [[True, False, False]]) == pytest.approx(np.log(2))
    assert f([[0, 1, 0]], z, [[True, True, True]]) == pytest.approx((np.log(2) + np.log1p(np.exp(5))) / 2)


def test_poisson_with_zero_counts() -> None:
    t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    loss = losses.poisson(t, pel.relu(y))
    assert pel.function([t, y], loss, mode="numpy")([0.0, 1.0], [-1.0, 1.0]).tolist() == [0, 1]
    z = pel.matrix("z", shape=("n", 1))
    assert pel.function([t, z], losses.poisson(t, pel.exp(z)), mode="numpy")([2.0], [[-200.0]]).tolist() == [400]


def test_hinges_agree_with_lasagne(rng: np.random.Generator) -> None:
    scores, labels = rng.normal(size=(6, 3)).astype("float32"), np.array([0, 1, 2, 2, 1, 0], "int32")
    hot = np.eye(3)[labels]
    found = pel.function([LABELS, SCORES], losses.multiclass_hinge(LABELS, SCORES, delta=0.7), mode="numpy")(
        labels, scores
    )
    wrong = np.where(hot == 1, -np.inf, scores).max(-1)
    np.testing.assert_allclose(found, np.maximum(wrong - scores[hot == 1] + 0.7, 0), rtol=1e-5)
    p = pel.sigmoid(SCORES)
    outputs = [
        losses.binary_hinge(COLUMNS, SCORES, 0.7),
        losses.binary_hinge(COLUMNS, p, 0.7, log_odds=False),
    ]
    wanted = np.maximum(0.7 - (2 * hot - 1) * scores, 0).mean(-1)
    for value in pel.function([COLUMNS, SCORES], outputs, mode="numpy")(hot.astype("float32"), scores):
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
    assert [float(x) for x in pel.function([], made, mode="numpy")()] == [3, 15, 3.75]


def test_class_weights_as_labels_and_as_columns() -> None:
    labels = np.array([0, 2, 1], "int32")
    for weights in ([1.0, 2.0, 4.0], {1: 2.0, 2: 4.0}):
        y = pel.function([LABELS], losses.class_weight(LABELS, weights), mode="numpy")(labels)
        t = pel.function([COLUMNS], losses.class_weight(COLUMNS, weights), mode="numpy")(
            np.eye(3, dtype="float32")[labels]
        )
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
