"""`pel.Regressor`: a network that tells numbers, for scikit-learn."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import _check_sample_weight

from pellucid.interop.estimators.base import NetworkEstimator
from pellucid.model.errors import ModelError
from pellucid.model.model import Model

Array = np.ndarray[Any, Any]


class Regressor(RegressorMixin, NetworkEstimator):  # type: ignore[misc]  # ships no types
    r"""A network that tells one number or several, :math:`\hat y = \dots a(x W_1 + b_1) \dots W_k + b_k`, as an
    estimator of scikit-learn.

    It is trained by `Sequential.fit` towards small squared errors and small weights,
    :math:`\frac{\sum_n w_n (\hat y_n - y_n)^2}{\sum_n w_n} + \frac{\alpha}{2} \sum \lVert W \rVert^2`, with the mean of
    the squared errors where there are several. Targets far from the range of about -1 to 1 are learned slowly;
    `sklearn.compose.TransformedTargetRegressor` brings them there and back.

    Parameters
    ----------
    hidden_layer_sizes, activation, optimizer, learning_rate, alpha, epochs, batch_size, early_stopping, \
validation_fraction, n_iter_no_change, random_state, verbose
        As for `pellucid.Classifier`.
    model : function, optional
        Returns a compiled model to be used instead; it is given ``n_features``, ``n_outputs`` and ``dtype`` where it
        has such parameters.

    Attributes
    ----------
    n_features_in_, feature_names_in_
        Of the samples that it was fitted to.
    history_ : dict from str to list of float
        The loss of every epoch.
    n_iter_ : int
        How many epochs there were.
    model_ : Model
        The trained network.

    Examples
    --------
    >>> X = np.linspace(-1, 1, 50)[:, None]
    >>> network = pel.Regressor(16, "tanh", learning_rate=0.02, epochs=400, random_state=0)
    >>> network.fit(X, np.sin(3 * X[:, 0])).score(X, np.sin(3 * X[:, 0])) > 0.95
    True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new network.

        Parameters
        ----------
        X : array, shape (samples, features)
            Finite numbers.
        y : array, shape (samples,) or (samples, outputs)
            What is wanted.
        sample_weight : array, shape (samples,), optional
            What each sample weighs.

        Returns
        -------
        Regressor
            Itself.
        """
        X, y = self._samples(X, y, anew=True, multi_output=True, y_numeric=True)
        return self._train(X, self._columns(X, y, True), self._weights(X, sample_weight), self.epochs, anew=True)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one more epoch, on these samples; parameters are those of `fit`."""
        anew = not hasattr(self, "state_")
        X, y = self._samples(X, y, anew, multi_output=True, y_numeric=True)
        stopping, self.early_stopping = self.early_stopping, False
        try:
            return self._train(X, self._columns(X, y, anew), self._weights(X, sample_weight), 1, anew)
        finally:
            self.early_stopping = stopping

    def predict(self, X: Any) -> Array:
        """Return what each sample is taken for, of the shape that ``y`` had."""
        said = self._say(X)
        return said[:, 0] if self._flat else said

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _columns(self, X: Array, y: Array, anew: bool) -> Array:
        """Return targets in columns."""
        if anew:
            self._flat = y.ndim == 1
        return y.reshape(len(y), -1).astype(X.dtype)

    def _weights(self, X: Array, given: Any) -> Array:
        weights: Array = _check_sample_weight(given, X, dtype=X.dtype, ensure_non_negative=True)
        return weights

    def _outputs(self, y: Array) -> tuple[int, str | None, str]:
        return y.shape[1], None, "mean_squared_error"

    def _targets(self, y: Array, model: Model) -> Array:
        columns = model.outputs[0].shape[-1]
        if columns != y.shape[1]:
            raise ModelError(
                f"Expected a model that puts out {y.shape[1]} columns, as y has. Received: one that puts out {columns}"
            )
        return y

    def _split(self, X: Array, y: Array, weights: Array, seed: int) -> list[Array]:
        return list(train_test_split(X, y, weights, test_size=self.validation_fraction, random_state=seed))
