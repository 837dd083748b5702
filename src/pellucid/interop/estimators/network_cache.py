"""The models behind estimators: made once for a form of network, lent to whoever fits or predicts with it.

What an estimator learns are arrays. The compiled programs belong to a model that is kept here, so that the next fit of
the same form, in a search or a cross-validation, compiles nothing. Sizes of data are rounded up, for the same reason.
"""

from __future__ import annotations

import inspect
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid import nn
from pellucid.graph.errors import UseError
from pellucid.graph.expr import Shared
from pellucid.graph.ops.elementwise import square
from pellucid.graph.ops.reductions import sum
from pellucid.model.model import Model
from pellucid.model.sequential import Sequential
from pellucid.nn.optimizers import Optimizer
from pellucid.nn.random_seed import seeded
from pellucid.training.data_adapter import Samples

Array = np.ndarray[Any, Any]
State = dict[str, Array]

MOST_KEPT = 32
"""How many forms of network are kept with their programs."""

FEWEST_ROWS = 16
"""Data of fewer rows are rounded up to this many."""

ROWS_AT_ONCE = 1024
"""So many rows are predicted in one call at most."""


@dataclass(frozen=True)
class Form:
    """What decides which program a network is compiled to.

    Attributes
    ----------
    features, outputs : int
        How many columns come in and go out.
    hidden : tuple of int
        The units of the hidden layers.
    activation : str or function
        Theirs.
    last : str or None
        The activation of the outputs.
    loss : str
        What is made small.
    optimizer : str
        It, written out but for the learning rate.
    dtype : str
        What everything is computed in.
    """

    features: int
    outputs: int
    hidden: tuple[int, ...]
    activation: Any
    last: str | None
    loss: str
    optimizer: str
    dtype: str

    def build(self, alpha: Shared | None = None) -> Model:
        """Return a new model, not compiled yet."""
        how: dict[str, Any] = {}
        if alpha is not None:
            how["kernel_regularizer"] = lambda w: 0.5 * alpha * sum(square(w))
        layers = [nn.Dense(units, self.activation, **how) for units in self.hidden]
        last = nn.Dense(self.outputs, self.last, **how)
        return Sequential([nn.Input((self.features,), dtype=self.dtype), *layers, last])


class Network:
    """A compiled model of a form, and the values that can be put into it.

    Parameters
    ----------
    model : Model
        Built and compiled.
    fresh : function
        Returns another model of the same form, for its first weights.
    alpha, rate : Shared or None
        The strength of its penalty and the learning rate, where they can be set.
    """

    def __init__(
        self, model: Model, fresh: Callable[[], Model], alpha: Shared | None = None, rate: Shared | None = None
    ) -> None:
        self.model, self.fresh, self.alpha, self.rate = model, fresh, alpha, rate
        self.lock = threading.RLock()
        self.first: State = {}

    def start(self, seed: int) -> State:
        """Return the state from which a fit begins: weights of a seed, and an optimizer that remembers nothing."""
        with seeded(seed):
            weights = self.fresh().get_weights()
        return dict(zip(self.model.paths(), weights, strict=True))

    @contextmanager
    def holding(self, state: Mapping[str, Array], samples: Samples | None = None) -> Iterator[Model]:
        """Lend the model with a state, to one at a time; it is ready to be trained on the samples, if there are."""
        with self.lock:
            if samples is not None:
                self.model.objective(samples).updates  # noqa: B018  (from here on the optimizer remembers)
            shared = self.model.state()
            for path, s in shared.items():
                self.first.setdefault(path, s.get_value())
                s.set_value(state.get(path, self.first[path]))
            yield self.model

    def state(self) -> State:
        """Return copies of all that the model has learned and remembers."""
        return {path: shared.get_value() for path, shared in self.model.state().items()}


_kept: OrderedDict[Form, Network] = OrderedDict()
_keeping = threading.Lock()


def network_of(form: Form, optimizer: Callable[[Any], Optimizer]) -> Network:
    """Return the network of a form, made at the first call.

    Parameters
    ----------
    form : Form
        What is asked for.
    optimizer : function
        Makes the optimizer that the form names, from a learning rate.
    """
    with _keeping:
        if form not in _kept:
            alpha = Shared(np.zeros((), form.dtype), "alpha", trainable=False, regularizable=False)
            rate = Shared(np.zeros((), np.float64), "rate", trainable=False, regularizable=False)
            model = form.build(alpha)
            model.compile(optimizer(rate), loss=form.loss)
            _kept[form] = Network(model, form.build, alpha, rate)
            if len(_kept) > MOST_KEPT:
                _kept.popitem(last=False)
        _kept.move_to_end(form)
        return _kept[form]


def optimizer_of(given: Any) -> tuple[str, float | None, Callable[[Any], Optimizer]]:
    """Return how an optimizer is written but for its learning rate, what that is, and what makes one with another.

    The rate is None where it is a schedule, which stays.
    """
    example = nn.optimizers.get(given)
    config = example.config
    rate = config.pop("learning_rate")
    written = f"{type(example).__name__}({config})"
    if not isinstance(rate, (int, float)):
        return f"{written} at {rate!r}", None, lambda _: type(example)(learning_rate=rate, **config)
    return written, float(rate), lambda rate: type(example)(learning_rate=rate, **config)


def rows_for(count: int) -> int:
    """Return how many rows data are rounded up to: a power of two."""
    return max(FEWEST_ROWS, 1 << (count - 1).bit_length())


def padded(array: Array, count: int) -> Array:
    """Return an array with copies of its first row behind, until there are so many."""
    return np.concatenate([array, np.repeat(array[:1], count - len(array), axis=0)]) if count > len(array) else array


def predicted(model: Model, x: Array) -> Array:
    """Return what a model says of data, in calls of few different sizes."""
    parts = []
    for start in range(0, len(x), ROWS_AT_ONCE):
        part = x[start : start + ROWS_AT_ONCE]
        rows = rows_for(len(part))
        parts.append(model.predict(padded(part, rows), batch_size=rows)[: len(part)])
    return np.concatenate(parts)


def custom(build: Callable[..., Any], form: Form, seed: int) -> Network:
    """Return the network of somebody's own function.

    Parameters
    ----------
    build : function
        Returns a compiled model; it is given ``n_features``, ``n_outputs`` and ``dtype`` where it has such parameters.
    form : Form
        What goes in and comes out.
    seed : int
        Of the first weights.
    """
    known = {"n_features": form.features, "n_outputs": form.outputs, "dtype": form.dtype}
    given = {name: known[name] for name in inspect.signature(build).parameters if name in known}

    def fresh() -> Model:
        model = build(**given)
        if not isinstance(model, Model):
            raise UseError(f"Expected model to return a compiled Model. Received: {model!r}")
        if not model.stages:
            model.on((form.features,), form.dtype)
        return model

    with seeded(seed):
        made = fresh()
    made.goal  # noqa: B018  (says that the model is not compiled)
    return Network(made, fresh)
