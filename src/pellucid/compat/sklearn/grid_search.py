"""Search of hyperparameters as in scikit-learn before 0.18, over today's ``sklearn.model_selection``."""

from __future__ import annotations

from typing import Any, NamedTuple

from sklearn import model_selection
from sklearn.model_selection import ParameterGrid, ParameterSampler

from pellucid.compat.missing_names import add_missing_name_errors

__all__ = ["ParameterGrid", "ParameterSampler"]


class Score(NamedTuple):
    """Scores of one choice of hyperparameters."""

    parameters: dict[str, Any]
    mean_validation_score: float
    cv_validation_scores: Any


class OldSearch:
    """Three folds by default, and the scores of all choices as ``grid_scores_``."""

    cv: Any
    cv_results_: Any
    n_splits_: int

    def fit(self, X: Any, y: Any = None, **options: Any) -> Any:
        """Search, and fit the estimator with the best choice."""
        self.cv = 3 if self.cv is None else self.cv
        return super().fit(X, y, **options)  # type: ignore[misc]

    @property
    def grid_scores_(self) -> list[Score]:
        """Scores of every choice."""
        results = self.cv_results_
        folds = zip(*(results[f"split{i}_test_score"] for i in range(self.n_splits_)), strict=True)
        return [Score(*row) for row in zip(results["params"], results["mean_test_score"], folds, strict=True)]


class GridSearchCV(OldSearch, model_selection.GridSearchCV):  # type: ignore[misc]
    """Search over all choices."""


class RandomizedSearchCV(OldSearch, model_selection.RandomizedSearchCV):  # type: ignore[misc]
    """Search over random choices."""


add_missing_name_errors(globals(), "sklearn.grid_search")
