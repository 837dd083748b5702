"""Search of hyperparameters as in scikit-learn before 0.18, over today's ``sklearn.model_selection``."""

from collections import namedtuple

from sklearn import model_selection
from sklearn.model_selection import ParameterGrid, ParameterSampler

from pellucid.compat.missing_names import add_missing_name_errors

__all__ = ["ParameterGrid", "ParameterSampler"]
Score = namedtuple("Score", "parameters mean_validation_score cv_validation_scores")


class OldSearch:
    """Three folds by default, and the scores of all choices as ``grid_scores_``."""

    def fit(self, X, y=None, **options):
        self.cv = 3 if self.cv is None else self.cv
        return super().fit(X, y, **options)

    @property
    def grid_scores_(self):
        results = self.cv_results_
        folds = zip(*(results[f"split{i}_test_score"] for i in range(self.n_splits_)), strict=True)
        return [Score(*row) for row in zip(results["params"], results["mean_test_score"], folds, strict=True)]


class GridSearchCV(OldSearch, model_selection.GridSearchCV):
    """Search over all choices."""


class RandomizedSearchCV(OldSearch, model_selection.RandomizedSearchCV):
    """Search over random choices."""


add_missing_name_errors(globals(), "sklearn.grid_search")
