"""Base class of the scikit-learn estimators: hyperparameters, training, and a state that can be pickled."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from pellucid.graph.errors import OptionError
from pellucid.graph.validation import check_integer
from pellucid.interop.estimators import network_cache
from pellucid.interop.estimators.network_cache import CachedNetwork, NetworkSignature
from pellucid.model.model import Model
from pellucid.nn.layers.base import ActivationLike
from pellucid.training.callbacks.early_stopping import EarlyStopping
from pellucid.training.data_adapter import make_dataset
from pellucid.typing import Array, ArrayLike, Verbosity

if TYPE_CHECKING:
    from pellucid.nn.optimizers.base import Optimizer

NETWORK_SETTINGS = ("hidden_layer_sizes", "activation", "optimizer", "learning_rate", "alpha")
"""Hyperparameters of the built-in network, which a custom model does not take."""

_custom_networks: WeakKeyDictionary[Any, CachedNetwork] = WeakKeyDictionary()
"""Networks of estimators with a custom model. They stay outside of the instance, which must be picklable."""


class NetworkEstimator(BaseEstimator):  # type: ignore[misc]  # ships no types
    """Neural network with the interface of scikit-learn; base class of `Classifier` and `Regressor`."""

    state_: network_cache.State
    history_: dict[str, list[float]]
    n_iter_: int

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
        random_state: int | np.random.RandomState | None = None,
        model: Callable[..., Model] | None = None,
        verbose: Verbosity = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.alpha = alpha
        self.epochs = epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.model = model
        self.verbose = verbose

    def _get_outputs(self, y: Array) -> tuple[int, str | None, str]:
        """Return the number of output columns, their activation, and the loss."""
        raise NotImplementedError

    def _convert_targets(self, y: Array, model: Model) -> Array:
        """Return targets in the format of the model's loss."""
        raise NotImplementedError

    def _validate(self, X: ArrayLike, y: ArrayLike, reset: bool, **options: Any) -> tuple[Array, Array]:
        """Return samples and targets as arrays, in the dtype of the network."""
        samples, targets = validate_data(self, X, y, reset=reset, dtype=[np.float64, np.float32], **options)
        return samples if reset else samples.astype(self._dtype, copy=False), targets

    def _get_weights(self, X: Array, y: Array, sample_weight: ArrayLike | None) -> Array:
        weights: Array = _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
        return weights

    def _train(self, X: Array, y: Array, weights: Array, reset: bool, is_partial: bool = False) -> Self:
        """Train on validated data, from new weights or from the current ones; partially for one epoch."""
        epochs = 1 if is_partial else check_integer("epochs", self.epochs)
        if not weights.sum() > 0:
            raise OptionError("Expected at least one sample weight above 0, after multiplication by the class weights")
        if reset:
            self._initialize(X, y)
        validation: list[Array] | None = None
        if self.early_stopping and not is_partial:
            X, X_val, y, y_val, weights, w_val = train_test_split(
                X,
                y,
                weights,
                test_size=self.validation_fraction,
                random_state=self._seed,
                stratify=y if is_classifier(self) else None,
            )
            validation = [X_val, y_val, w_val]
        network = self._get_network()
        size = min(200, len(X)) if self.batch_size == "auto" else check_integer("batch_size", self.batch_size)
        is_full_batch = size >= len(X)
        x, y, w = to_single_batch(X, y, weights) if is_full_batch else (X, y, weights * (len(X) / weights.sum()))
        samples = make_dataset(network.model, x, self._convert_targets(y, network.model), w)
        with network.borrow(self.state_, samples) as model:
            set_hyperparameter(network.alpha, self.alpha, "alpha")
            set_hyperparameter(network.learning_rate, self._learning_rate, "learning_rate")
            validation_data: Any = None
            callbacks = []
            if validation is not None:
                x_val, y_val, w_val = to_single_batch(*validation)
                validation_data = (x_val, self._convert_targets(y_val, model), w_val)
                patience = check_integer("n_iter_no_change", self.n_iter_no_change)
                callbacks.append(EarlyStopping("val_loss", patience=patience, restore_best_weights=True))
            history = model.fit(
                x,
                self._convert_targets(y, model),
                batch_size=max(size, len(x) if is_full_batch else 0),
                epochs=self.n_iter_ + epochs,
                initial_epoch=self.n_iter_,
                verbose=self.verbose,
                callbacks=callbacks,
                validation_data=validation_data,
                sample_weight=w,
                seed=self._seed,
            )
            self.state_ = network.get_state()
        for name, values in history.history.items():
            self.history_.setdefault(name, []).extend(map(float, values))
        self.n_iter_ += len(history.epoch)
        return self

    def _initialize(self, X: Array, y: Array) -> None:
        """Set initial weights, and reset the history."""
        self._seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        self._dtype = X.dtype.name
        outputs, activation, loss = self._get_outputs(y)
        self._network_arguments = (self.model, self.optimizer)
        hidden: tuple[int, ...] = ()
        optimizer, self._learning_rate = "", None
        if self.model is None:
            hidden = parse_layer_sizes(self.hidden_layer_sizes)
            optimizer, default_rate, _ = network_cache.parse_optimizer(self.optimizer)
            if default_rate is None and self.learning_rate is not None:
                raise OptionError(
                    f"The optimizer has a learning rate schedule. Received: {self.optimizer!r} and "
                    f"learning_rate={self.learning_rate!r}; leave one out"
                )
            self._learning_rate = default_rate if self.learning_rate is None else self.learning_rate
        else:
            self._check_network_settings()
            _custom_networks.pop(self, None)
        hidden_activation = self.activation if self.model is None else ""
        self._signature = NetworkSignature(
            X.shape[1], outputs, hidden, hidden_activation, activation, loss, optimizer, self._dtype
        )
        self.state_ = self._get_network(self._seed).initialize(self._seed)
        self.history_ = {}
        self.n_iter_ = 0

    def _check_network_settings(self) -> None:
        """Check that a custom model is not combined with hyperparameters of the built-in network."""
        parameters = inspect.signature(type(self)).parameters
        for name in NETWORK_SETTINGS:
            if getattr(self, name) != parameters[name].default:
                raise OptionError(
                    f"The network is built by model={self.model!r}, so {name} has no effect. "
                    f"Received: {name}={getattr(self, name)!r}; leave one out"
                )

    def _get_network(self, seed: int = 0) -> CachedNetwork:
        """Return the network for the hyperparameters at the last call of fit, which may have changed since."""
        model, optimizer = self._network_arguments
        if model is None:
            return network_cache.get_network(self._signature, network_cache.parse_optimizer(optimizer)[2])
        if self not in _custom_networks:
            _custom_networks[self] = network_cache.build_custom_network(model, self._signature, seed)
        return _custom_networks[self]

    def _compute_outputs(self, X: ArrayLike) -> Array:
        check_is_fitted(self, "state_")
        samples = validate_data(self, X, reset=False, dtype=[np.float64, np.float32]).astype(self._dtype, copy=False)
        with self._get_network().borrow(self.state_) as model:
            return network_cache.predict_rows(model, samples)

    @property
    def model_(self) -> Model:
        """The trained network as an independent `Model`."""
        check_is_fitted(self, "state_")
        network = self._get_network()
        with network.lock:
            model = network.build_model()
            for path, shared in model.paths().items():
                shared.set_value(self.state_[path])
        return model


def to_single_batch(X: Array, y: Array, weights: Array) -> tuple[Array, Array, Array]:
    """Return data as one batch, padded with rows of weight 0 so that few sizes are compiled.

    The loss is the mean over the rows. Weights that sum to the number of rows make it the weighted mean of the data.
    """
    rows = network_cache.round_up_rows(len(X))
    w = np.zeros(rows, X.dtype)
    w[: len(X)] = weights * (rows / weights.sum())
    return network_cache.pad_rows(X, rows), network_cache.pad_rows(y, rows), w


def set_hyperparameter(shared: Any, value: Any, name: str) -> None:
    """Set a hyperparameter of a network, unless the network or the estimator does not have it."""
    if shared is None or value is None:
        return
    if not isinstance(value, (int, float, np.number)) or not 0 <= value < np.inf:
        raise OptionError(f"Expected {name} to be a number of 0 or more. Received: {name}={value!r}")
    shared.set_value(np.asarray(value, shared.dtype))


def parse_layer_sizes(sizes: int | Sequence[int]) -> tuple[int, ...]:
    sizes = [sizes] if isinstance(sizes, (int, np.integer)) else list(sizes)
    return tuple(check_integer("hidden_layer_sizes", size) for size in sizes)
