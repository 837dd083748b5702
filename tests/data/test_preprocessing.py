"""Labels and splits."""

import numpy as np
import pytest

from pellucid.data import DataError, encode_labels, one_hot, split


def test_split_keeps_rows_together_and_drops_none() -> None:
    X, y = np.arange(100), np.arange(100) * 2
    X_train, X_test, y_train, y_test = split(X, y)
    assert (len(X_train), len(X_test)) == (75, 25)
    assert (y_train == 2 * X_train).all()
    assert (y_test == 2 * X_test).all()
    assert sorted([*X_train, *X_test]) == X.tolist()


def test_split_depends_on_the_seed_and_keeps_class_proportions() -> None:
    y = np.repeat([0, 1], [80, 20])
    first, again, other = (split(np.arange(100), seed=seed)[1].tolist() for seed in (0, 0, 1))
    assert first == again != other
    assert np.bincount(split(y, stratify=y)[1]).tolist() == [20, 5]


def test_encoded_labels_can_be_decoded() -> None:
    labels = ["dog", "cat", "emu", "cat"]
    codes, names = encode_labels(labels)
    assert codes.dtype == np.int32
    assert names == ("cat", "dog", "emu")
    assert [names[code] for code in codes] == labels


def test_one_hot_has_a_single_one() -> None:
    rows = one_hot(np.array([[0, 2], [1, 1]]), num_classes=4)
    assert rows.shape == (2, 2, 4)
    assert rows.dtype == np.float32
    assert rows.argmax(-1).tolist() == [[0, 2], [1, 1]]
    assert (rows.sum(-1) == 1).all()
    assert one_hot(np.zeros(0, int)).shape == (0, 0)
    assert one_hot(np.array([1, 0], "uint8"), dtype="int32").tolist() == [[0, 1], [1, 0]]  # the dtype of MNIST labels


@pytest.mark.parametrize(
    ("labels", "num_classes", "message"),
    [
        (["cat"], None, "integer labels, received dtype <U3; use encode_labels"),
        ([0, 3], 3, "labels from 0 to 2, received 0 to 3"),
        ([-1, 1], None, "labels from 0 to 1, received -1 to 1"),
    ],
)
def test_labels_out_of_range_are_refused(labels: list, num_classes: int | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        one_hot(labels, num_classes)
