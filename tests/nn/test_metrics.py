"""Metrics count what is right, one value a sample."""

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.nn import metrics

P = np.array([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.3, 0.3, 0.4]], "float32")


@pytest.mark.parametrize("mode", ["numpy", "xla"])
def test_accuracy_goes_by_the_shapes(mode: str) -> None:
    p = pel.matrix("p", shape=("n", 3))
    y, column, hot = pel.ivector("y", shape=("n",)), pel.imatrix("y", shape=("n", 1)), pel.matrix("y", shape=("n", 3))
    labels = np.array([0, 2, 2], "int32")
    for target, value in ((y, labels), (column, labels[:, None]), (hot, np.eye(3, dtype="float32")[labels])):
        result = pel.function([target, p], metrics.accuracy(target, p), mode=mode)(value, P)
        assert result.dtype == np.float32
        assert result.tolist() == [1, 0, 1]


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


def test_losses_are_metrics_too() -> None:
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
def test_what_does_not_fit_is_refused(write: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write()
