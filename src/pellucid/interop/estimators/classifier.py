"""`pel.Classifier`: a network that tells classes apart, for scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight

from pellucid.graph.errors import OptionError
from pellucid.interop.estimators.base import NetworkEstimator
from pellucid.model.errors import ModelError
from pellucid.model.model import Model
from pellucid.training import data_validation

Array = np.ndarray[Any, Any]


class Classifier(ClassifierMixin, NetworkEstimator):  # type: ignore[misc]  # ships no types
    r"""A network that tells classes apart, :math:`\hat y = \mathrm{softmax}(\dots a(x W_1 + b_1) \dots)`, as an
    estimator of scikit-learn.

    It is trained by `Sequential.fit` towards small crossentropy and small weights,
    :math:`\frac{\sum_n w_n \ell_n}{\sum_n w_n} + \frac{\alpha}{2} \sum \lVert W \rVert^2`. It computes in the dtype of
    ``X``, float32 or float64. Fits of one form, as in a search, share their compiled programs.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int
        The units of the hidden layers.
    activation : str or function
        Theirs.
    optimizer : str or Optimizer
        How it descends.
    learning_rate : float, optional
        The optimizer's own without it.
    alpha : float
        Strength of the L2 penalty on the kernels.
    epochs : int
        How often all samples are walked.
    batch_size : int or "auto"
        Samples a step; ``"auto"`` is 200, or all if they are fewer.
    early_stopping : bool
        Whether to hold samples out, stop when their loss has not fallen for a while, and keep the best weights.
    validation_fraction : float
        The share that is held out.
    n_iter_no_change : int
        For how many epochs it may not fall.
    class_weight : dict, "balanced" or None
        What the samples of a class weigh.
    random_state : int, RandomState or None
        Seeds first weights, orders, and what is held out.
    model : function, optional
        Returns a compiled model to be used instead; it is given ``n_features``, ``n_outputs`` (the number of classes)
        and ``dtype`` where it has such parameters. It puts out a probability for each class, or one for the second of
        two.
    verbose : {0, 1, 2, "auto"}
        As for `Sequential.fit`.

    Attributes
    ----------
    classes_ : array
        The classes, sorted.
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
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        optimizer: Any = "adam",
        learning_rate: float | None = None,
        alpha: float = 0.0001,
        epochs: int = 200,
        batch_size: Any = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        class_weight: Any = None,
        random_state: Any = None,
        model: Any = None,
        verbose: Any = 0,
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

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new network.

        Parameters
        ----------
        X : array, shape (samples, features)
            Finite numbers.
        y : array, shape (samples,)
            Classes, of any kind.
        sample_weight : array, shape (samples,), optional
            What each sample weighs.

        Returns
        -------
        Classifier
            Itself.
        """
        X, y = self._samples(X, y, anew=True)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        return self._train(X, labels, self._weights(X, y, sample_weight), self.epochs, anew=True)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one more epoch, on these samples.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array, optional
            All classes that there will be; at the first call those of ``y`` without it.

        Returns
        -------
        Classifier
            Itself.
        """
        anew = not hasattr(self, "state_")
        X, y = self._samples(X, y, anew)
        check_classification_targets(y)
        if anew:
            self.classes_ = np.unique(y if classes is None else classes)
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise OptionError(f"Expected classes to be those of the first call, {self.classes_}. Received: {classes}")
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise OptionError(f"Expected y to hold the classes {self.classes_}. Received: {unknown[0]!r} besides")
        labels = np.searchsorted(self.classes_, y)
        stopping, self.early_stopping = self.early_stopping, False
        try:
            return self._train(X, labels, self._weights(X, y, sample_weight), 1, anew)
        finally:
            self.early_stopping = stopping

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of every class, shape (samples, classes), in the order of ``classes_``."""
        said = self._say(X)
        if len(self.classes_) == 1:
            return np.ones((len(said), 1), said.dtype)
        return np.concatenate([1 - said, said], axis=1) if said.shape[1] == 1 else said

    def predict(self, X: Any) -> Array:
        """Return the most probable class of each sample, shape (samples,)."""
        places = self.predict_proba(X).argmax(axis=1)
        found: Array = self.classes_[places]
        return found

    def _weights(self, X: Array, y: Array, given: Any) -> Array:
        """Return what samples weigh, by themselves and by their classes."""
        weights: Array = _check_sample_weight(given, X, dtype=X.dtype, ensure_non_negative=True)
        if self.class_weight is None:
            return weights
        known = self.class_weight
        if isinstance(known, Mapping):
            known = {key: value for key, value in known.items() if key in set(self.classes_.tolist())}
        by_class: Array = np.asarray(compute_sample_weight(known, y), X.dtype)
        return weights * by_class

    def _outputs(self, y: Array) -> tuple[int, str | None, str]:
        # One class alone has a probability of 1; a second column, of no class, keeps the network a network.
        return max(len(self.classes_), 2), "softmax", "sparse_categorical_crossentropy"

    def _targets(self, y: Array, model: Model) -> Array:
        if self._given[0] is None:
            return y.astype(np.int32)
        columns, count = model.outputs[0].shape[-1], max(len(self.classes_), 2)
        if columns == 1 and count == 2:
            return y[:, None].astype(self._dtype)
        if columns != count:
            raise ModelError(
                f"Expected a model that puts out a probability for each of {count} classes. Received: one that puts "
                f"out {columns} columns"
            )
        (goal,) = model.goal.of(model.output_names)
        if data_validation.formula(goal.loss) in data_validation.COLUMNS:
            return np.eye(count, dtype=self._dtype)[y]
        return y.astype(np.int32)

    def _split(self, X: Array, y: Array, weights: Array, seed: int) -> list[Array]:
        share = self.validation_fraction
        return list(train_test_split(X, y, weights, test_size=share, random_state=seed, stratify=y))
