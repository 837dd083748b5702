"""Tests of metrics: agreement with Keras over batches, with weights and masks, and with counts."""

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.nn import losses, metrics
from tests.nn.peers import metrics as peers
from tests.nn.peers import store

GOLDEN = store.load("metrics")
P = np.array([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.3, 0.3, 0.4]], "float32")


@pytest.mark.parametrize("case", peers.CASES)
def test_values_agree_with_keras(case: str) -> None:
    store.compare(peers.by_pellucid(case), GOLDEN[case])


@pytest.mark.peer
@pytest.mark.filterwarnings(
    "ignore:Explicitly requested dtype int64", "ignore:.*Falling back to standard R2"
)  # in Keras
@pytest.mark.parametrize("case", peers.CASES)
def test_golden_values_are_those_of_keras(case: str) -> None:
    pytest.importorskip("keras")
    store.compare(peers.by_keras(case), GOLDEN[case])


@pytest.mark.parametrize("mode", ["numpy", "xla"])
def test_accuracy_depends_on_the_shapes(mode: str) -> None:
    p = pel.matrix("p", shape=("n", 3))
    y, column, hot = pel.ivector("y", shape=("n",)), pel.imatrix("y", shape=("n", 1)), pel.matrix("y", shape=("n", 3))
    labels = np.array([0, 2, 2], "int32")
    for target, value in ((y, labels), (column, labels[:, None]), (hot, np.eye(3, dtype="float32")[labels])):
        made = [metrics.accuracy(target, p), metrics.Accuracy()(target, p)]
        result, mean = pel.function([target, p], made, mode=mode)(value, P)
        assert result.dtype == np.float32
        assert result.tolist() == [1, 0, 1]
        assert mean == pytest.approx(2 / 3)


@pytest.mark.parametrize("mode", ["numpy", "xla"])
@pytest.mark.parametrize("columns", [(), (1,)])
def test_accuracy_of_one_column_is_binary(mode: str, columns: tuple[int, ...]) -> None:
    y, p = pel.ivector("y", shape=("n",)), pel.tensor("p", ("n", *columns))
    value = np.array([0.4, 0.5, 0.6], "float32").reshape(3, *columns)
    result = pel.function([y, p], metrics.accuracy(y, p), mode=mode)(np.array([0, 0, 0], "int32"), value)
    assert result.tolist() == [1, 1, 0]  # 0.5 is not above the threshold


def test_binary_accuracy_is_a_mean_over_columns() -> None:
    t, p = pel.matrix("t", shape=("n", 2)), pel.matrix("p", shape=("n", 2))
    f = pel.function([t, p], metrics.binary_accuracy(t, p, threshold=0.25))
    assert f([[1, 0], [1, 1]], [[0.3, 0.3], [0.9, 0.9]]).tolist() == [0.5, 1]


def test_mean_and_sum_accumulate_until_reset() -> None:
    v, w = pel.vector("v", shape=("n",)), pel.vector("w", shape=("n",))
    mean, total = metrics.Mean().to_streaming(v, w), metrics.Sum().to_streaming(v, w)
    step = pel.function([v, w], [mean.result, total.result], updates={**mean.updates, **total.updates})
    assert [float(x) for x in step([1.0, 4.0], [1.0, 2.0])] == [3, 9]
    assert [float(x) for x in step([3.0], [3.0])] == [3, 18]
    mean.reset()
    assert [float(x) for x in step([5.0], [2.0])] == [5, 28]


def test_a_metric_ignores_the_same_samples_as_its_loss(rng: np.random.Generator) -> None:
    y, z, w = pel.imatrix("y", shape=("n", 3)), pel.tensor("z", ("n", 3, 4)), pel.vector("w", shape=("n",))
    settings: dict[str, Any] = {"from_logits": True, "ignore_class": 2}
    metric = metrics.SparseCategoricalCrossentropy(**settings)
    loss = losses.SparseCategoricalCrossentropy(**settings)
    weighted = losses.SparseCategoricalCrossentropy(reduction="mean_with_sample_weight", **settings)
    both = [metric(y, z), loss(y, z), metric(y, z, w), weighted(y, z, w)]
    values = rng.integers(0, 4, (5, 3)).astype("int32"), rng.normal(size=(5, 3, 4)), rng.random(5)
    found = pel.function([y, z, w], both)(values[0], *(v.astype("float32") for v in values[1:]))
    assert found[0] == pytest.approx(found[1], rel=1e-6)
    assert found[2] == pytest.approx(found[3], rel=1e-6)
    assert found[0] != pytest.approx(found[2], rel=1e-3)


def test_confusion_matrix_and_auc_are_counts_of_pairs(rng: np.random.Generator) -> None:
    y, q, t, p = pel.ivector("y", shape=("n",)), pel.ivector("q", shape=("n",)), pel.vector("t"), pel.vector("p")
    labels, predicted = rng.integers(0, 3, (2, 50)).astype("int32")
    scores, positive = (rng.permutation(50) / 50 + 0.005).astype("float32"), labels > 0
    made = [metrics.ConfusionMatrix(3)(y, q), metrics.AUC(thresholds=np.arange(0.01, 1, 0.02).tolist())(t, p)]
    table, area = pel.function([y, q, t, p], made, mode="numpy")(labels, predicted, positive.astype("float32"), scores)
    for i, j in np.ndindex(3, 3):
        assert table[i, j] == np.sum((labels == i) & (predicted == j))
    assert area == pytest.approx(np.mean(scores[positive][:, None] > scores[~positive]), rel=1e-5)


def test_losses_can_be_metrics() -> None:
    assert metrics.get("mse").__name__ == "mean_squared_error"
    assert metrics.get("accuracy") is metrics.get("acc") is metrics.accuracy
    assert metrics.get(metrics.binary_accuracy) is metrics.binary_accuracy


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: metrics.get("acuracy"), "no metric named 'acuracy'. Did you mean 'accuracy'"),
        (
            lambda: metrics.accuracy(pel.matrix("t", shape=("n", 2)), pel.matrix("p", shape=("n", 3))),
            "categorical_accuracy: expected y_true to have the shape of y_pred",
        ),
        (
            lambda: metrics.sparse_categorical_accuracy(
                pel.ivector("y", shape=("m",)), pel.matrix("p", shape=("n", 3))
            ),
            "sparse_categorical_accuracy: expected y_pred to have one more axis",
        ),
    ],
)
def test_shapes_that_do_not_match_are_rejected(write: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write()
