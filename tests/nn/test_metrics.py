"""Tests of metrics: agreement with Keras over batches, with weights and masks, and with counts."""

import copy
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.nn import losses, metrics
from tests.nn.peers import metrics as peers
from tests.nn.peers import store

P = np.array([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.3, 0.3, 0.4]], "float32")


@pytest.mark.parametrize("case", peers.CASES)
def test_values_agree_with_keras(case: str) -> None:
    store.compare(peers.by_pellucid(case), store.load("metrics")[case])


@pytest.mark.parametrize("case", [name for name, case in peers.CASES.items() if not case.mask])
def test_values_of_arrays_agree_with_keras(case: str) -> None:
    store.compare(peers.by_arrays(case), store.load("metrics")[case])


@pytest.mark.peer
@pytest.mark.filterwarnings(
    "ignore:Explicitly requested dtype int64", "ignore:.*Falling back to standard R2"
)  # in Keras
@pytest.mark.parametrize("case", peers.CASES)
def test_golden_values_are_those_of_keras(case: str) -> None:
    pytest.importorskip("keras")
    store.compare(peers.by_keras(case), store.load("metrics")[case])


@pytest.mark.parametrize("mode", ["numpy", "xla"])
def test_accuracy_depends_on_the_shapes(mode: str) -> None:
    p = pel.matrix("p", shape=("n", 3))
    y, column, hot = pel.ivector("y", shape=("n",)), pel.imatrix("y", shape=("n", 1)), pel.matrix("y", shape=("n", 3))
    labels, targets = np.array([0, 2, 2], "int32"), (y, column, hot)
    made = [e for target in targets for e in (metrics.accuracy(target, p), metrics.Accuracy()(target, p))]
    f = pel.function([*targets, p], made, mode=mode)
    found = f(labels, labels[:, None], np.eye(3, dtype="float32")[labels], P)
    for target, result, mean in zip(targets, found[::2], found[1::2], strict=True):
        assert result.dtype == np.float32, target
        assert result.tolist() == [1, 0, 1], target
        assert mean == pytest.approx(2 / 3), target


@pytest.mark.parametrize("mode", ["numpy", "xla"])
@pytest.mark.parametrize("columns", [(), (1,)])
def test_accuracy_of_one_column_is_binary(mode: str, columns: tuple[int, ...]) -> None:
    y, p = pel.ivector("y", shape=("n",)), pel.tensor("p", ("n", *columns))
    value = np.array([0.4, 0.5, 0.6], "float32").reshape(3, *columns)
    result = pel.function([y, p], metrics.accuracy(y, p), mode=mode)(np.array([0, 0, 0], "int32"), value)
    assert result.tolist() == [1, 1, 0]  # 0.5 is not above the threshold


def test_binary_accuracy_is_a_mean_over_columns() -> None:
    t, p = pel.matrix("t", shape=("n", 2)), pel.matrix("p", shape=("n", 2))
    f = pel.function([t, p], metrics.binary_accuracy(t, p, threshold=0.25), mode="numpy")
    assert f([[1, 0], [1, 1]], [[0.3, 0.3], [0.9, 0.9]]).tolist() == [0.5, 1]


def test_mean_and_sum_accumulate_until_reset() -> None:
    v, w = pel.vector("v", shape=("n",)), pel.vector("w", shape=("n",))
    mean, total = metrics.Mean().to_streaming(v, w), metrics.Sum().to_streaming(v, w)
    step = pel.function([v, w], [mean.result, total.result], updates={**mean.updates, **total.updates}, mode="numpy")
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
    found = pel.function([y, z, w], both, mode="numpy")(values[0], *(v.astype("float32") for v in values[1:]))
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


def test_arrays_are_accumulated_until_reset() -> None:
    mean = metrics.Mean()
    mean.update_state([1.0, 2.0])
    mean.update_state(6.0, sample_weight=2.0)
    assert mean.result() == 3.75
    mean.reset_state()
    mean.update_state(np.array([[1, 2], [3, 4]]))
    assert mean.result() == 2.5
    wrapped = metrics.MeanMetricWrapper(lambda t, y: abs(t - y), name="off")
    wrapped.update_state([1.0, 2.0], [1.0, 4.0])
    wrapped.update_state(y_pred=[7.0], y_true=[1.0])
    assert wrapped.result() == np.float32(8 / 3)


def test_many_batches_are_summed_in_double_precision() -> None:
    total = metrics.Sum()
    for value in (2.0**24, 1.0, 1.0, 1.0, 1.0):
        total.update_state(value)
    assert total.result() == 2**24 + 4


def test_a_metric_of_a_model_and_of_arrays_are_one_object(make: Any, data: Any, tmp_path: Any) -> None:
    model, auc = make(), metrics.AUC(num_thresholds=10)
    model.compile("sgd", "mse", metrics=[auc])
    x, y = data[0], np.eye(2, dtype="float32")[data[1]]
    auc.update_state(y, model.predict(x))
    before = auc.result()
    assert model.evaluate(x, y, return_dict=True)["auc"] == pytest.approx(before, rel=1e-6)
    assert auc.result() == before
    copied = copy.deepcopy(auc)
    copied.update_state(y, 1 - y)
    assert copied.result() != before == auc.result()
    model.save(tmp_path / "model.pel")
    loaded = pel.load_model(tmp_path / "model.pel").compile_config.metrics[0].metric
    with pytest.raises(pel.UseError, match="auc: there is no batch yet"):
        loaded.result()


def test_invalid_batches_are_refused() -> None:
    recall = metrics.Recall(name="hits")
    with pytest.raises(pel.UseError, match=r"hits: there is no batch yet\. Call update_state\(y_true, y_pred\) before"):
        recall.result()
    with pytest.raises(pel.UseError, match=r"hits: missing a required argument: 'y_pred'\. Expected update_state\("):
        recall.update_state([1.0])
    with pytest.raises(pel.UseError, match=r"unexpected keyword argument 'weights'\. .*sample_weight"):
        recall.update_state([1.0], [1.0], weights=[1.0])
    with pytest.raises(pel.ShapeError, match="the same size for 'batch' in all inputs"):
        recall.update_state([1.0, 0.0], [1.0])
    recall.update_state([1.0], [1.0])
    recall.reset_state()
    with pytest.raises(pel.UseError, match="there is no batch yet"):
        recall.result()
