"""Cross-validation with the signatures of scikit-learn before 0.18, over today's ``sklearn.model_selection``."""

from functools import partial

import numpy as np
from sklearn import model_selection
from sklearn.model_selection import cross_val_predict, cross_val_score, permutation_test_score, train_test_split

from pellucid.compat.missing_names import add_missing_name_errors

__all__ = ["cross_val_predict", "cross_val_score", "permutation_test_score", "train_test_split"]


class Splitter:
    """Iterable of training and test indices, by a class of scikit-learn, for a number of samples or for labels."""

    def __init__(self, name, y, *args, **options):
        self.splitter, self.y = getattr(model_selection, name)(*args, **options), np.zeros(y) if np.ndim(y) == 0 else y
        self.n, self.labels = len(self.y), {"groups": self.y} if "Group" in name else {}

    __iter__ = lambda self: iter(self.splitter.split(np.zeros(self.n), self.y, **self.labels))
    __len__ = lambda self: self.splitter.get_n_splits(np.zeros(self.n), self.y, **self.labels)


as_count = lambda n: int(n) if n == int(n) else n  # scripts round numbers, which are floats in Python 2


def split_into_folds(name, y, n_folds=3, shuffle=False, random_state=None):
    return Splitter(name, y, as_count(n_folds), shuffle=shuffle, random_state=random_state if shuffle else None)


def split_randomly(name, y, n_iter=10, test_size=0.1, train_size=None, random_state=None):
    return Splitter(name, y, n_iter, test_size=test_size, train_size=train_size, random_state=random_state)


KFold, StratifiedKFold = (partial(split_into_folds, name) for name in ("KFold", "StratifiedKFold"))
ShuffleSplit, StratifiedShuffleSplit = (partial(split_randomly, f"{kind}ShuffleSplit") for kind in ("", "Stratified"))
LabelKFold = lambda labels, n_folds=3: Splitter("GroupKFold", labels, as_count(n_folds))
LeaveOneOut = lambda n: Splitter("LeaveOneOut", n)
LeavePOut = lambda n, p: Splitter("LeavePOut", n, p)
LeaveOneLabelOut = lambda labels: Splitter("LeaveOneGroupOut", labels)
add_missing_name_errors(globals(), "sklearn.cross_validation")
