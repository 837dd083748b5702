"""Classifier with the interface of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets

from pellucid.graph.errors import OptionError
from pellucid.interop.estimators.base import NetworkEstimator
from pellucid.model.errors import ModelError
from pellucid.model.model import Model
from pellucid.nn.layers.base import ActivationLike
from pellucid.training.target_checks import COLUMN_LOSSES, get_loss_function
from pellucid.typing import Array, ArrayLike, Verbosity

if TYPE_CHECKING:
    from pellucid.nn.optimizers.base import Optimizer


class Classifier(ClassifierMixin, NetworkEstimator):  # type: ignore[misc]  # ships no types
    r"""Neural network classifier for scikit-learn, :math:`\hat y = \mathrm{softmax}(\dots a(x W_1 + b_1) \dots)`.

    Minimizes the weighted cross-entropy with an L2 penalty,
    :math:`\frac{\sum_n w_n \ell_n}{\sum_n w_n} + \frac{\alpha}{2} \sum \lVert W \rVert^2`, by `Sequential.fit`.
    Computes in the dtype of ``X``, float32 or float64. Estimators with the same network, as in a grid search, share
    their compiled programs.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int
        Units of the hidden layers.
    activation : str or function
        Activation of the hidden layers.
    optimizer : str or Optimizer
        The optimizer.
    learning_rate : float, optional
        By default that of the optimizer.
    alpha : float
        Strength of the L2 penalty on the kernels.
    epochs : int
        Maximum number of epochs.
    batch_size : int or "auto"
        Samples per step; ``"auto"`` is 200, or all samples if there are fewer.
    early_stopping : bool
        Whether to hold out validation samples, stop when their loss no longer falls, and restore the best weights.
    validation_fraction : float
        Fraction of the samples that is held out.
    n_iter_no_change : int
        Number of epochs without improvement after which training stops.
    class_weight : dict, "balanced" or None
        Weights of the classes.
    random_state : int, RandomState or None
        Seed of the initial weights, the sample order and the validation split.
    model : function, optional
        Returns a compiled model to use instead of the built-in one, given ``n_features``, ``n_outputs`` (the number of
        classes) and ``dtype`` if it has such parameters. Its output is the probability of each class, or of the second
        of two.
    verbose : {0, 1, 2, "auto"}
        As for `Sequential.fit`.

    Attributes
    ----------
    classes_ : array
        The sorted classes.
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
    >>> from sklearn.model_selection import cross_val_score
    >>> X, y = pel.data.moons(100)
    >>> network = pel.Classifier(8, "tanh", learning_rate=0.1, epochs=100, random_state=0)
    >>> network.fit(X, y).score(X, y) > 0.9
    True
    >>> cross_val_score(network, X, y, cv=3).shape
    (3,)
    """

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: ActivationLike = "relu",
        *,
        optimizer: str | Optimizer = "adam",
        learning_rate: float | None = None,
        alpha: float = 0.0001,
        epochs: int = 200,
        batch_size: Literal["auto"] | int = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        class_weight: Literal["balanced"] | Mapping[Any, float] | None = None,
        random_state: int | np.random.RandomState | None = None,
        model: Callable[..., Model] | None = None,
        verbose: Verbosity = 0,
    ) -> None:
        super().__init__(
            hidden_layer_sizes,
            activation,
            optimizer=optimizer,
            learning_rate=learning_rate,
            alpha=alpha,
            epochs=epochs,
            batch_size=batch_size,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            random_state=random_state,
            model=model,
            verbose=verbose,
        )
        self.class_weight = class_weight

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train from new weights.

        Parameters
        ----------
        X : array, shape (samples, features)
            Samples; finite numbers.
        y : array, shape (samples,)
            Class labels of any type.
        sample_weight : array, shape (samples,), optional
            Weight of each sample.

        Returns
        -------
        Classifier
            The estimator itself.
        """
        X, y = self._validate(X, y, reset=True)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        return self._train(X, labels, self._get_weights(X, y, sample_weight), reset=True)

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train for one more epoch.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array, optional
            All classes, for the first call. By default those of ``y``.

        Returns
        -------
        Classifier
            The estimator itself.
        """
        reset = not hasattr(self, "state_")
        X, y = self._validate(X, y, reset)
        check_classification_targets(y)
        if reset:
            self.classes_ = np.unique(y if classes is None else classes)
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise OptionError(f"Expected the classes of the first call, {self.classes_}. Received: {classes}")
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise OptionError(f"Expected y to contain the classes {self.classes_} only. Received: {unknown[0]!r}")
        labels = np.searchsorted(self.classes_, y)
        return self._train(X, labels, self._get_weights(X, y, sample_weight), reset, is_partial=True)

    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probability of every class, shape (samples, classes), in the order of ``classes_``.

        Parameters
        ----------
        X : array, shape (n, features)
            Samples.
        """
        outputs = self._compute_outputs(X)
        if len(self.classes_) == 1:
            return np.ones((len(outputs), 1), outputs.dtype)
        return np.concatenate([1 - outputs, outputs], axis=1) if outputs.shape[1] == 1 else outputs

    def predict(self, X: ArrayLike) -> Array:
        """Return the most probable class of each sample, shape (samples,).

        Parameters
        ----------
        X : array, shape (n, features)
            Samples.
        """
        columns = self.predict_proba(X).argmax(axis=1)  # first: it raises NotFittedError before classes_ is used
        labels: Array = self.classes_[columns]
        return labels

    def _get_weights(self, X: Array, y: Array, sample_weight: ArrayLike | None) -> Array:
        """Return the product of sample and class weights."""
        weights = super()._get_weights(X, y, sample_weight)
        if self.class_weight is None:
            return weights
        class_weight = self.class_weight
        if isinstance(class_weight, Mapping):
            class_weight = {key: value for key, value in class_weight.items() if key in set(self.classes_.tolist())}
        by_class: Array = np.asarray(compute_sample_weight(class_weight, y), X.dtype)
        return weights * by_class

    def _get_outputs(self, y: Array) -> tuple[int, str | None, str]:
        # A softmax of one column would be constant, so a single class gets a second column.
        return max(len(self.classes_), 2), "softmax", "sparse_categorical_crossentropy"

    def _convert_targets(self, y: Array, model: Model) -> Array:
        if self._network_arguments[0] is None:
            return y.astype(np.int32)
        columns, count = model.outputs[0].shape[-1], max(len(self.classes_), 2)
        if columns == 1 and count == 2:
            return y[:, None].astype(self._dtype)
        if columns != count:
            raise ModelError(
                f"Expected a model that outputs a probability for each of {count} classes. Received: one that outputs "
                f"{columns} column{'s' * (columns != 1)}"
            )
        (goal,) = model.compile_config.for_outputs(model.output_names)
        if get_loss_function(goal.loss) in COLUMN_LOSSES:
            return np.eye(count, dtype=self._dtype)[y]
        return y.astype(np.int32)
