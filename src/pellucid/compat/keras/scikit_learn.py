"""Estimators of scikit-learn whose model a function builds, as in Keras 1's ``wrappers.scikit_learn``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.compat.keras.arguments import NEWER
from pellucid.compat.keras.models import EVALUATE, FIT
from pellucid.compat.keras.utils import to_categorical
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.model.errors import ModelError
from pellucid.optional_packages import require_packages
from pellucid.typing import Array

with require_packages("keras.wrappers.scikit_learn"):
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin


class BaseWrapper(BaseEstimator):  # type: ignore[misc]
    """Estimator with the arguments of ``build_fn``, ``fit`` and ``evaluate`` as hyperparameters."""

    def __init__(self, build_fn: Callable[..., Any] | None = None, **sk_params: Any) -> None:
        self.build_fn, self.sk_params = build_fn, sk_params

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the hyperparameters."""
        return {**self.sk_params, "build_fn": self.build_fn}

    def set_params(self, **params: Any) -> Any:
        """Set hyperparameters."""
        self.build_fn = params.pop("build_fn", self.build_fn)
        self.sk_params.update(params)
        return self

    def select(self, signature: inspect.Signature, **given: Any) -> dict[str, Any]:
        """Return the hyperparameters that a function takes."""
        named = {NEWER.get(k, k): v for k, v in {**self.sk_params, **given}.items()}
        return {k: v for k, v in named.items() if k in signature.parameters}

    def to_targets(self, y: Any) -> Array:
        """Return class numbers as one-hot rows if the loss needs them."""
        return to_categorical(y) if self.model.loss == "categorical_crossentropy" and np.ndim(y) != 2 else np.asarray(y)

    def fit(self, x: Any, y: Any, **options: Any) -> Any:
        """Build a model and train it; return its history."""
        builder: Any = self if self.build_fn is None else self.build_fn
        known = inspect.signature(builder).parameters
        self.model = builder(**{k: v for k, v in self.sk_params.items() if k in known})
        return self.model.fit(np.asarray(x), self.to_targets(y), **self.select(FIT, **options))

    def evaluate(self, x: Any, y: Any, **options: Any) -> dict[str, float]:
        """Return loss and metrics by name."""
        given = {"verbose": 0, **self.select(EVALUATE, **options)}
        found = self.model.evaluate(np.asarray(x), self.to_targets(y), **given)
        return dict(zip(self.model.metrics_names, np.atleast_1d(found).tolist(), strict=True))


class KerasClassifier(ClassifierMixin, BaseWrapper):  # type: ignore[misc]
    """Classifier whose model a function builds."""

    def predict(self, x: Any) -> Array:
        """Return class numbers."""
        return np.asarray(self.model.predict_classes(np.asarray(x), verbose=0))

    def predict_proba(self, x: Any) -> Array:
        """Return a column of probabilities for each class."""
        p = self.model.predict(np.asarray(x))
        return np.hstack([1 - p, p]) if p.shape[1] == 1 else np.asarray(p)

    def score(self, x: Any, y: Any, **options: Any) -> float:
        """Return the accuracy that the model computes."""
        found = self.evaluate(x, y, **options)
        if "acc" not in found:
            raise ModelError("score: the model computes no accuracy. Pass metrics=['accuracy'] to its compile")
        return found["acc"]


class KerasRegressor(RegressorMixin, BaseWrapper):  # type: ignore[misc]
    """Regressor whose model a function builds."""

    def predict(self, x: Any) -> Array:
        """Return predictions."""
        return np.asarray(np.squeeze(self.model.predict(np.asarray(x))))

    def score(self, x: Any, y: Any, **options: Any) -> float:
        """Return the loss with its sign reversed, so that higher is better."""
        return -self.evaluate(x, y, **options)["loss"]


add_missing_name_errors(globals(), "keras.wrappers.scikit_learn")
