"""Search of hyperparameters as in scikit-learn before 0.18, over today's ``sklearn.model_selection``."""

from __future__ import annotations

from typing import Any, NamedTuple

from sklearn import model_selection
from sklearn.model_selection import ParameterGrid, ParameterSampler

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.typing import Array

__all__ = ["ParameterGrid", "ParameterSampler"]


class Score(NamedTuple):
    """Scores of one choice of hyperparameters."""

    parameters: dict[str, Any]
    mean_validation_score: float
    cv_validation_scores: Array


class ScoresMixin:
    """Scores in a list, as ``grid_scores_``."""

    cv_results_: Any
    n_splits_: int

    @property
    def grid_scores_(self) -> list[Score]:
        """Scores of every choice."""
        results = self.cv_results_
        folds = zip(*(results[f"split{i}_test_score"] for i in range(self.n_splits_)), strict=True)
        return [Score(*row) for row in zip(results["params"], results["mean_test_score"], folds, strict=True)]


class GridSearchCV(ScoresMixin, model_selection.GridSearchCV):  # type: ignore[misc]
    """Search over all choices, with three folds by default."""

    def __init__(
        self, estimator: Any, param_grid: Any, scoring: Any = None, *, n_jobs: Any = 1, refit: Any = True, cv: Any = 3,
        verbose: int = 0, error_score: Any = "raise"
    ) -> None:  # fmt: skip
        options = {"scoring": scoring, "n_jobs": n_jobs, "refit": refit, "verbose": verbose}
        super().__init__(estimator, param_grid, cv=3 if cv is None else cv, error_score=error_score, **options)


class RandomizedSearchCV(ScoresMixin, model_selection.RandomizedSearchCV):  # type: ignore[misc]
    """Search over random choices, with three folds by default."""

    def __init__(
        self, estimator: Any, param_distributions: Any, n_iter: int = 10, scoring: Any = None, *, n_jobs: Any = 1,
        refit: Any = True, cv: Any = 3, verbose: int = 0, random_state: Any = None, error_score: Any = "raise"
    ) -> None:  # fmt: skip
        options = {"scoring": scoring, "n_jobs": n_jobs, "refit": refit, "verbose": verbose, "random_state": random_state}
        options |= {"cv": 3 if cv is None else cv, "error_score": error_score}
        super().__init__(estimator, param_distributions, n_iter=n_iter, **options)


add_missing_name_errors(globals(), "sklearn.grid_search")
