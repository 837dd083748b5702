"""Losses are their formulas, finite at any score, and refuse what does not belong together."""

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
def test_they_agree_with_keras(case: str) -> None:
    store.compare(peers.by_pellucid(case), GOLDEN[case])


@pytest.mark.peer
@pytest.mark.parametrize("case", peers.CASES)
def test_the_golden_values_are_those_of_keras(case: str) -> None:
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
def test_errors(z: Any, t: Any, mode: str) -> None:
    for name, value in (("mse", ((t - z) ** 2).mean(-1)), ("mae", np.abs(t - z).mean(-1))):
        result = pel.function([COLUMNS, SCORES], losses.get(name)(COLUMNS, SCORES), mode=mode)(t, z)
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, value, rtol=1e-5)


def test_one_value_a_sample_may_be_written_in_two_ways() -> None:
    v, c = pel.vector("v", shape=("n",)), pel.matrix("c", shape=("n", 1))
    for loss in (losses.binary_crossentropy, losses.mean_squared_error):
        for y_true, y_pred in ((v, c), (v, v), (c, v), (c, c)):
            assert loss(y_true, pel.sigmoid(y_pred)).shape == ("n",)
    y, p = pel.imatrix("y", shape=("n", 1)), pel.softmax(SCORES)
    assert losses.sparse_categorical_crossentropy(y, p).shape == ("n",)
    steps, q = pel.imatrix("steps", shape=("n", "t")), pel.tensor3("q", shape=("n", "t", 3))
    assert losses.sparse_categorical_crossentropy(steps, q).shape == ("n", "t")


def test_integer_and_double_targets_leave_the_prediction_in_float32() -> None:
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


def test_binary_crossentropy_of_a_saturated_softmax_pulls_back() -> None:
    z, t = pel.matrix("z", shape=("n", 2)), pel.matrix("t", shape=("n", 2))
    loss = losses.binary_crossentropy(t, pel.softmax(z))
    value, gradient = pel.function([z, t], [loss, pel.grad(loss.sum(), z)])([[1000.0, -1000.0]], [[0.0, 1.0]])
    np.testing.assert_allclose(value, [2000])
    np.testing.assert_allclose(gradient, [[1, -1]], atol=1e-6)


@pytest.mark.parametrize("name", ["binary_crossentropy", "categorical_crossentropy", "mse"])
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_gradients_are_right(
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
            r"y_pred=p of shape \(n, 2\); integer labels become columns by pel.one_hot\(y, 2\)",
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
        (lambda: losses.get("crossentropy"), "no loss named 'crossentropy'. Did you mean '.*crossentropy'"),
    ],
)
def test_what_does_not_belong_together_is_refused(write: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write()


def test_labels_must_be_integers() -> None:
    with pytest.raises(pel.DtypeError, match=r"expected integer labels. Received: y_true=v, which is float32"):
        losses.sparse_categorical_crossentropy(pel.vector("v", shape=("n",)), SCORES)


def test_a_loss_may_be_a_function() -> None:
    assert losses.get(losses.mean_squared_error) is losses.mean_squared_error
    with pytest.raises(TypeError, match=r"Expected a name or a function for the loss. Received: 3"):
        losses.get(3)  # type: ignore[arg-type]
