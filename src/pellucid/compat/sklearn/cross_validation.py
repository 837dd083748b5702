"""Cross-validation with the signatures of scikit-learn before 0.18, over today's ``sklearn.model_selection``.

A splitter is made for a number of samples or for labels, and is an iterable of pairs of indices.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn import model_selection
from sklearn.model_selection import cross_val_predict, cross_val_score, permutation_test_score, train_test_split

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.typing import Array

__all__ = ["cross_val_predict", "cross_val_score", "permutation_test_score", "train_test_split"]


class Splitter:
    """Iterable of training and test indices."""

    def __init__(self, splitter: Any, y: Any, **attributes: Any) -> None:
        self.splitter, self.y = splitter, np.zeros(y) if isinstance(y, (int, np.integer)) else np.asarray(y)
        self.n = len(self.y)
        vars(self).update(attributes)

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        groups = {"groups": self.y} if isinstance(self.splitter, GROUPED) else {}
        return iter(self.splitter.split(np.zeros(self.n), self.y, **groups))

    def __len__(self) -> int:
        return int(self.splitter.get_n_splits(np.zeros(self.n), self.y, self.y))


GROUPED = (model_selection.LeaveOneGroupOut, model_selection.LeavePGroupsOut, model_selection.GroupKFold)


def KFold(n: int, n_folds: int = 3, shuffle: bool = False, random_state: Any = None) -> Splitter:
    """Return consecutive folds of n samples."""
    seed = random_state if shuffle else None
    return Splitter(model_selection.KFold(n_folds, shuffle=shuffle, random_state=seed), n, n_folds=n_folds)


def StratifiedKFold(y: Any, n_folds: int = 3, shuffle: bool = False, random_state: Any = None) -> Splitter:
    """Return folds with the same fractions of the labels."""
    seed = random_state if shuffle else None
    return Splitter(model_selection.StratifiedKFold(n_folds, shuffle=shuffle, random_state=seed), y, n_folds=n_folds)


def LabelKFold(labels: Any, n_folds: int = 3) -> Splitter:
    """Return folds that share no label."""
    return Splitter(model_selection.GroupKFold(n_folds), labels, n_folds=n_folds)


def ShuffleSplit(
    n: int, n_iter: int = 10, test_size: Any = 0.1, train_size: Any = None, random_state: Any = None
) -> Splitter:
    """Return random splits of n samples."""
    options = {"test_size": test_size, "train_size": train_size, "random_state": random_state}
    return Splitter(model_selection.ShuffleSplit(n_iter, **options), n, n_iter=n_iter)


def StratifiedShuffleSplit(
    y: Any, n_iter: int = 10, test_size: Any = 0.1, train_size: Any = None, random_state: Any = None
) -> Splitter:
    """Return random splits with the same fractions of the labels."""
    options = {"test_size": test_size, "train_size": train_size, "random_state": random_state}
    return Splitter(model_selection.StratifiedShuffleSplit(n_iter, **options), y, n_iter=n_iter)


def LeaveOneOut(n: int) -> Splitter:
    """Return splits with a single test sample."""
    return Splitter(model_selection.LeaveOneOut(), n)


def LeavePOut(n: int, p: int) -> Splitter:
    """Return splits with all sets of p test samples."""
    return Splitter(model_selection.LeavePOut(p), n)


def LeaveOneLabelOut(labels: Any) -> Splitter:
    """Return splits whose test samples have one label."""
    return Splitter(model_selection.LeaveOneGroupOut(), labels)


add_missing_name_errors(globals(), "sklearn.cross_validation")
