"""Cross-validation with the signatures of scikit-learn before 0.18, over today's ``sklearn.model_selection``.

A splitter is made for a number of samples or for labels, and is an iterable of pairs of indices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn import model_selection
from sklearn.model_selection import cross_val_predict, cross_val_score, permutation_test_score, train_test_split

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.typing import Array

__all__ = ["cross_val_predict", "cross_val_score", "permutation_test_score", "train_test_split"]


class Splitter:
    """Iterable of training and test indices, for a number of samples or for labels."""

    def __init__(self, splitter: Any, y: Any, **attributes: Any) -> None:
        self.splitter, self.y = splitter, np.zeros(y) if isinstance(y, (int, np.integer)) else np.asarray(y)
        self.n = len(self.y)
        vars(self).update(attributes)

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        grouped = isinstance(self.splitter, (model_selection.LeaveOneGroupOut, model_selection.GroupKFold))
        return iter(self.splitter.split(np.zeros(self.n), self.y, **({"groups": self.y} if grouped else {})))

    def __len__(self) -> int:
        return int(self.splitter.get_n_splits(np.zeros(self.n), self.y, self.y))


def make_folds(name: str) -> Callable[..., Splitter]:
    """Return the function that makes a splitter into folds."""

    def split(y: Any, n_folds: int = 3, shuffle: bool = False, random_state: Any = None) -> Splitter:
        seed = random_state if shuffle else None
        return Splitter(getattr(model_selection, name)(n_folds, shuffle=shuffle, random_state=seed), y, n_folds=n_folds)

    return split


def make_random_splits(name: str) -> Callable[..., Splitter]:
    """Return the function that makes a splitter into random parts."""

    def split(
        y: Any, n_iter: int = 10, test_size: Any = 0.1, train_size: Any = None, random_state: Any = None
    ) -> Splitter:
        options = {"test_size": test_size, "train_size": train_size, "random_state": random_state}
        return Splitter(getattr(model_selection, name)(n_iter, **options), y, n_iter=n_iter)

    return split


KFold, StratifiedKFold = make_folds("KFold"), make_folds("StratifiedKFold")
ShuffleSplit, StratifiedShuffleSplit = make_random_splits("ShuffleSplit"), make_random_splits("StratifiedShuffleSplit")
SPLITTERS: dict[str, Callable[..., Splitter]] = {
    "LabelKFold": lambda labels, n_folds=3: Splitter(model_selection.GroupKFold(n_folds), labels),
    "LeaveOneOut": lambda n: Splitter(model_selection.LeaveOneOut(), n),
    "LeavePOut": lambda n, p: Splitter(model_selection.LeavePOut(p), n),
    "LeaveOneLabelOut": lambda labels: Splitter(model_selection.LeaveOneGroupOut(), labels),
}
globals().update(SPLITTERS)

add_missing_name_errors(globals(), "sklearn.cross_validation")
