"""Regressor with the interface of scikit-learn."""

from __future__ import annotations

from typing import Any, Self

from sklearn.base import RegressorMixin

from pellucid.interop.estimators.base import NetworkEstimator
from pellucid.model.errors import ModelError
from pellucid.model.model import Model
from pellucid.typing import Array, ArrayLike


class Regressor(RegressorMixin, NetworkEstimator):  # type: ignore[misc]  # ships no types
    r"""Neural network regressor for scikit-learn, :math:`\hat y = \dots a(x W_1 + b_1) \dots W_k + b_k`.

    Minimizes the weighted mean squared error with an L2 penalty,
    :math:`\frac{\sum_n w_n (\hat y_n - y_n)^2}{\sum_n w_n} + \frac{\alpha}{2} \sum \lVert W \rVert^2`, by
    `Sequential.fit`. Several targets are averaged. Targets far outside of about [-1, 1] train slowly;
    `sklearn.compose.TransformedTargetRegressor` scales them.

    Parameters
    ----------
    hidden_layer_sizes, activation, optimizer, ...
        As in `Classifier`.
    model : function, optional
        Returns a compiled model to use instead of the built-in one, given ``n_features``, ``n_outputs`` and ``dtype``
        if it has such parameters.

    Attributes
    ----------
    n_features_in_, feature_names_in_
        Number and names of the features.
    history_ : dict from str to list of float
        The loss of every epoch.
    n_iter_ : int
        Number of epochs trained.
    model_ : Model
        The trained network.

    Examples
    --------
    >>> X = np.linspace(-1, 1, 50)[:, None]
    >>> network = pel.Regressor(16, "tanh", learning_rate=0.02, epochs=400, random_state=0)
    >>> network.fit(X, np.sin(3 * X[:, 0])).score(X, np.sin(3 * X[:, 0])) > 0.95
    True
    """

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train from new weights.

        Parameters
        ----------
        X : array, shape (samples, features)
            Samples; finite numbers.
        y : array, shape (samples,) or (samples, outputs)
            Targets.
        sample_weight : array, shape (samples,), optional
            Weight of each sample.

        Returns
        -------
        Regressor
            The estimator itself.
        """
        X, y = self._validate(X, y, reset=True, multi_output=True, y_numeric=True)
        return self._train(X, self._to_columns(X, y, True), self._get_weights(X, y, sample_weight), reset=True)

    def partial_fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train for one more epoch; parameters are those of `fit`.

        Parameters
        ----------
        X : array, shape (n, features)
            Samples.
        y : array, shape (n,) or (n, targets)
            Targets.
        sample_weight : array, optional
            Weights of the samples.
        """
        reset = not hasattr(self, "state_")
        X, y = self._validate(X, y, reset, multi_output=True, y_numeric=True)
        weights = self._get_weights(X, y, sample_weight)
        return self._train(X, self._to_columns(X, y, reset), weights, reset, is_partial=True)

    def predict(self, X: ArrayLike) -> Array:
        """Return the prediction of each sample, in the shape of the targets.

        Parameters
        ----------
        X : array, shape (n, features)
            Samples.
        """
        outputs = self._compute_outputs(X)
        return outputs[:, 0] if self._is_1d else outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _to_columns(self, X: Array, y: Array, reset: bool) -> Array:
        if reset:
            self._is_1d = y.ndim == 1
        return y.reshape(len(y), -1).astype(X.dtype)

    def _get_outputs(self, y: Array) -> tuple[int, str | None, str]:
        return y.shape[1], None, "mean_squared_error"

    def _convert_targets(self, y: Array, model: Model) -> Array:
        columns = model.outputs[0].shape[-1]
        if columns != y.shape[1]:
            raise ModelError(
                f"Expected a model that outputs {y.shape[1]} columns, like y. Received: one that outputs {columns}"
            )
        return y
