"""Search of hyperparameters by its module before scikit-learn 0.18, with three folds by default."""

import functools

from sklearn import model_selection
from sklearn.model_selection import ParameterGrid, ParameterSampler

from pellucid.compat.missing_names import add_missing_name_errors

__all__ = ["ParameterGrid", "ParameterSampler"]
GridSearchCV = functools.partial(model_selection.GridSearchCV, cv=3)
RandomizedSearchCV = functools.partial(model_selection.RandomizedSearchCV, cv=3)
add_missing_name_errors(globals(), "sklearn.grid_search")
