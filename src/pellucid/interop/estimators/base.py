"""What both estimators are: settings, a network that is fitted to arrays, and a state of arrays that pickles."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Self
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from pellucid.graph.errors import OptionError
from pellucid.interop.estimators import network_cache
from pellucid.interop.estimators.network_cache import Form, Network
from pellucid.model.model import Model
from pellucid.training import data_validation
from pellucid.training.callbacks.early_stopping import EarlyStopping
from pellucid.training.data_adapter import samples_of

Array = np.ndarray[Any, Any]

OWN = ("hidden_layer_sizes", "activation", "optimizer", "learning_rate", "alpha")
"""The settings of the network that an estimator makes by itself."""

_custom: WeakKeyDictionary[Any, Network] = WeakKeyDictionary()
"""The networks of estimators whose model is somebody's own function."""


class NetworkEstimator(BaseEstimator):  # type: ignore[misc]  # ships no types
    """A network with the interface of scikit-learn; `Classifier` and `Regressor` say what it puts out."""

    state_: network_cache.State
    history_: dict[str, list[float]]
    n_iter_: int

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
        random_state: Any = None,
        model: Callable[..., Model] | None = None,
        verbose: Any = 0,
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

    # What the two estimators say.

    def _outputs(self, y: Array) -> tuple[int, str | None, str]:
        """Return how many columns come out, their activation, and the loss."""
        raise NotImplementedError

    def _targets(self, y: Array, model: Model) -> Array:
        """Return what the model is trained towards."""
        raise NotImplementedError

    def _split(self, X: Array, y: Array, weights: Array, seed: int) -> list[Array]:
        """Return training and validation parts of samples, targets and weights, one after the other."""
        raise NotImplementedError

    # What they share.

    def _samples(self, X: Any, y: Any, anew: bool, **how: Any) -> tuple[Array, Array]:
        """Return samples and targets as arrays, in the dtype in which the network computes."""
        X, y = validate_data(self, X, y, reset=anew, dtype=[np.float64, np.float32], **how)
        return X if anew else X.astype(self._dtype, copy=False), y

    def _train(self, X: Array, y: Array, weights: Array, epochs: int, anew: bool) -> Self:
        """Train on checked data, anew or from where the estimator stands."""
        data_validation.positive("epochs", epochs)
        if not weights.sum() > 0:
            raise OptionError("Expected sample weights, times those of the classes, of which one at least is above 0")
        if anew:
            self._begin(X, y)
        held_out: list[Array] | None = None
        if anew and self.early_stopping:
            X, held_out_X, y, held_out_y, weights, held_out_w = self._split(X, y, weights, self._seed)
            held_out = [held_out_X, held_out_y, held_out_w]
        network = self._network()
        size = self._size(len(X))
        x, y, w = whole(X, y, weights) if size >= len(X) else (X, y, weights * (len(X) / weights.sum()))
        samples = samples_of(network.model, x, self._targets(y, network.model), w)
        with network.holding(self.state_, samples) as model:
            put(network.alpha, self.alpha, "alpha")
            put(network.rate, self._rate, "learning_rate")
            validation: Any = None
            callbacks = []
            if held_out is not None:
                vx, vy, vw = whole(*held_out)
                validation = (vx, self._targets(vy, model), vw)
                patience = data_validation.positive("n_iter_no_change", self.n_iter_no_change)
                callbacks.append(EarlyStopping("val_loss", patience=patience, restore_best_weights=True))
            history = model.fit(
                x,
                self._targets(y, model),
                batch_size=max(size, len(x) if size >= len(X) else 0),
                epochs=self.n_iter_ + epochs,
                initial_epoch=self.n_iter_,
                verbose=self.verbose,
                callbacks=callbacks,
                validation_data=validation,
                sample_weight=w,
                seed=self._seed,
            )
            self.state_ = network.state()
        for name, values in history.history.items():
            self.history_.setdefault(name, []).extend(map(float, values))
        self.n_iter_ += len(history.epoch)
        return self

    def _begin(self, X: Array, y: Array) -> None:
        """Stand where training begins: with first weights, and no epoch done."""
        self._seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        self._dtype = X.dtype.name
        outputs, last, loss = self._outputs(y)
        self._given = (self.model, self.optimizer)
        if self.model is None:
            hidden = sizes(self.hidden_layer_sizes)
            written, usual, _ = network_cache.optimizer_of(self.optimizer)
            if usual is None and self.learning_rate is not None:
                raise OptionError(
                    f"The optimizer has a schedule for its learning rate. Received: {self.optimizer!r}, and "
                    f"learning_rate={self.learning_rate!r}; leave one out"
                )
            self._rate = usual if self.learning_rate is None else self.learning_rate
            self._form = Form(X.shape[1], outputs, hidden, self.activation, last, loss, written, self._dtype)
        else:
            self._check_own()
            self._rate = None
            self._form = Form(X.shape[1], outputs, (), "", last, loss, "", self._dtype)
            _custom.pop(self, None)
        self.state_ = self._network(self._seed).start(self._seed)
        self.history_ = {}
        self.n_iter_ = 0

    def _check_own(self) -> None:
        """Refuse settings of a network that is not made."""
        usual = inspect.signature(type(self)).parameters
        for name in OWN:
            if getattr(self, name) != usual[name].default:
                raise OptionError(
                    f"The network is made by model={self.model!r}, so {name} says nothing. "
                    f"Received: {name}={getattr(self, name)!r}; leave one out"
                )

    def _network(self, seed: int = 0) -> Network:
        """Return the network that the state belongs to."""
        model, optimizer = self._given
        if model is None:
            return network_cache.network_of(self._form, network_cache.optimizer_of(optimizer)[2])
        if self not in _custom:
            _custom[self] = network_cache.custom(model, self._form, seed)
        return _custom[self]

    def _size(self, count: int) -> int:
        """Return how many samples a step has."""
        return min(200, count) if self.batch_size == "auto" else data_validation.positive("batch_size", self.batch_size)

    def _say(self, X: Any) -> Array:
        """Return what the network puts out for data."""
        check_is_fitted(self, "state_")
        X = validate_data(self, X, reset=False, dtype=[np.float64, np.float32]).astype(self._dtype, copy=False)
        with self._network().holding(self.state_) as model:
            return network_cache.predicted(model, X)

    @property
    def model_(self) -> Model:
        """The trained network as a `Model` of its own."""
        check_is_fitted(self, "state_")
        network = self._network()
        with network.lock:
            made = network.fresh()
            for path, shared in made.paths().items():
                shared.set_value(self.state_[path])
        return made


def whole(X: Array, y: Array, weights: Array) -> tuple[Array, Array, Array]:
    """Return data as one batch, rounded up by rows that weigh nothing, so that few sizes are compiled.

    The loss is the mean over the rows, so weights that add up to their number make it the weighted mean of the data.
    """
    rows = network_cache.rows_for(len(X))
    w = np.zeros(rows, X.dtype)
    w[: len(X)] = weights * (rows / weights.sum())
    return network_cache.padded(X, rows), network_cache.padded(y, rows), w


def put(shared: Any, value: Any, name: str) -> None:
    """Set a number of the network, if it has it."""
    if shared is None or value is None:
        return
    if not isinstance(value, (int, float, np.number)) or not 0 <= value < np.inf:
        raise OptionError(f"Expected {name} to be a number of 0 or more. Received: {name}={value!r}")
    shared.set_value(np.asarray(value, shared.dtype))


def sizes(given: Any) -> tuple[int, ...]:
    """Return the numbers of hidden units."""
    listed = [given] if isinstance(given, (int, np.integer)) else list(given)
    return tuple(data_validation.positive("hidden_layer_sizes", each) for each in listed)
