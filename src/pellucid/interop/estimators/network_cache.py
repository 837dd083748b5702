"""Cache of compiled models, shared by all estimators with the same network.

An estimator stores its trained values as arrays, and the cache holds the compiled programs. The next fit of the same
network, in a search or a cross-validation, therefore compiles nothing. The sizes of data are rounded up for the same
reason.
"""

from __future__ import annotations

import inspect
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid import nn
from pellucid.graph.errors import UseError
from pellucid.graph.expr import Shared
from pellucid.graph.ops.elementwise import square
from pellucid.graph.ops.reductions import sum
from pellucid.model.interfaces import ModelLike
from pellucid.model.model import Model
from pellucid.model.sequential import Sequential
from pellucid.nn.layers.base import ActivationLike
from pellucid.nn.optimizers import Optimizer
from pellucid.nn.random_seed import temporary_seed
from pellucid.training.array_source import ArrayDataset
from pellucid.training.train_step import get_train_step
from pellucid.typing import Array

State = dict[str, Array]

MAX_CACHED = 32
"""Number of networks in the cache."""

MIN_ROWS = 16
"""Smallest number of rows that data are padded to."""

MAX_ROWS_PER_CALL = 1024
"""Largest number of rows per prediction call."""


@dataclass(frozen=True)
class NetworkSignature:
    """Everything that the compiled program of a network depends on."""

    features: int
    outputs: int
    hidden: tuple[int, ...]
    activation: ActivationLike
    output_activation: str | None
    loss: str
    optimizer: str  # as text, without its learning rate
    dtype: str

    def build_model(self, alpha: Shared | None = None) -> Model:
        """Return a new model that is not compiled, with an L2 penalty of strength ``alpha``."""
        options: dict[str, Any] = {}
        if alpha is not None:
            options["kernel_regularizer"] = lambda w: 0.5 * alpha * sum(square(w))
        layers = [nn.Dense(units, self.activation, **options) for units in self.hidden]
        last = nn.Dense(self.outputs, self.output_activation, **options)
        return Sequential([nn.Input((self.features,), dtype=self.dtype), *layers, last])


@dataclass(eq=False)
class CachedNetwork:
    """A compiled model that estimators borrow and fill with their values.

    ``build_model`` returns another model with the same layers, to initialize weights. ``alpha`` and ``learning_rate``
    are the hyperparameters that can be set; None for a custom model.
    """

    model: Model
    build_model: Callable[[], Model]
    alpha: Shared | None = None
    learning_rate: Shared | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)
    initial_values: State = field(default_factory=dict)

    def initialize(self, seed: int) -> State:
        with temporary_seed(seed):
            weights = self.build_model().get_weights()
        return dict(zip(self.model.paths(), weights, strict=True))

    @contextmanager
    def borrow(self, state: Mapping[str, Array], samples: ArrayDataset | None = None) -> Iterator[Model]:
        """Yield the model with the values of a state, prepared to train on samples, to one thread at a time."""
        with self.lock:
            if samples is not None:
                _ = get_train_step(self.model, samples).updates  # creates the slots of the optimizer
            shared = self.model.state()
            for path, s in shared.items():
                self.initial_values.setdefault(path, s.get_value())
                s.set_value(state.get(path, self.initial_values[path]))
            yield self.model

    def get_state(self) -> State:
        """Return copies of the weights and the optimizer state."""
        return {path: shared.get_value() for path, shared in self.model.state().items()}


_cache: OrderedDict[NetworkSignature, CachedNetwork] = OrderedDict()
_cache_lock = threading.Lock()


def get_network(signature: NetworkSignature, make_optimizer: Callable[[Any], Optimizer]) -> CachedNetwork:
    """Return the network with a signature, and build it at the first call with an optimizer for a learning rate."""
    with _cache_lock:
        if signature not in _cache:
            alpha = Shared(np.zeros((), signature.dtype), "alpha", trainable=False, regularizable=False)
            rate = Shared(np.zeros((), np.float64), "learning_rate", trainable=False, regularizable=False)
            model = signature.build_model(alpha)
            model.compile(make_optimizer(rate), loss=signature.loss)
            _cache[signature] = CachedNetwork(model, signature.build_model, alpha, rate)
            if len(_cache) > MAX_CACHED:
                _cache.popitem(last=False)
        _cache.move_to_end(signature)
        return _cache[signature]


def parse_optimizer(optimizer: str | Optimizer) -> tuple[str, float | None, Callable[[Any], Optimizer]]:
    """Return an optimizer without its learning rate as text, the learning rate, and a function that makes it.

    The learning rate is None if it is a schedule, which the function keeps.
    """
    example = nn.optimizers.get(optimizer)
    config = dict(example.config)
    rate = config.pop("learning_rate")
    text = f"{type(example).__name__}({config})"
    if not isinstance(rate, (int, float)):
        return f"{text} at {rate!r}", None, lambda _: type(example)(learning_rate=rate, **config)
    return text, float(rate), lambda rate: type(example)(learning_rate=rate, **config)


def round_up_rows(count: int) -> int:
    """Return the next power of two, so that few sizes are compiled."""
    return max(MIN_ROWS, 1 << (count - 1).bit_length())


def pad_rows(array: Array, count: int) -> Array:
    """Pad an array with copies of its first row."""
    return np.concatenate([array, np.repeat(array[:1], count - len(array), axis=0)]) if count > len(array) else array


def predict_rows(model: Model, x: Array) -> Array:
    """Return predictions, computed in calls of few different sizes."""
    parts = []
    for start in range(0, len(x), MAX_ROWS_PER_CALL):
        part = x[start : start + MAX_ROWS_PER_CALL]
        rows = round_up_rows(len(part))
        parts.append(model.predict(pad_rows(part, rows), batch_size=rows)[: len(part)])
    return np.concatenate(parts)


def build_custom_network(build: Callable[..., ModelLike], signature: NetworkSignature, seed: int) -> CachedNetwork:
    """Return the network of a user's function, which gets n_features, n_outputs and dtype if it takes them."""
    known = {"n_features": signature.features, "n_outputs": signature.outputs, "dtype": signature.dtype}
    arguments = {name: known[name] for name in inspect.signature(build).parameters if name in known}

    def build_model() -> Model:
        model = build(**arguments)
        if not isinstance(model, Model):
            raise UseError(f"Expected model to return a compiled Model. Received: {model!r}")
        if not model.stages:
            model.build_for((signature.features,), signature.dtype)
        return model

    with temporary_seed(seed):
        model = build_model()
    _ = model.compile_config  # raises an error if the model is not compiled
    return CachedNetwork(model, build_model)
