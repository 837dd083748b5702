"""`prove`: two forms of one network, trained from the same weights on the same batches and compared at every step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.graph.types import is_float, shape_text
from pellucid.inspect.equivalence.report import Proof
from pellucid.inspect.equivalence.runners import Array, Side, Tensors, side_of
from pellucid.inspect.equivalence.tensor_matching import matched
from pellucid.inspect.layer_trace import training_of
from pellucid.model.errors import ModelError
from pellucid.model.model import Model
from pellucid.nn.random_seed import as_seed
from pellucid.training import data_validation

FACTOR = 100
"""How many times what the last bit does two trainings may differ."""

Report = TypeVar("Report", bound=Proof)

MEASURED = (
    f"A difference is allowed up to {FACTOR} times what rounding does: in a third training the last bit of every "
    "weight and number was changed at random before every step, and the tolerance of a tensor is "
    f"{FACTOR} times how far that moved it so far, or {FACTOR} times the last bit where that is more. Integers must "
    "be equal."
)


def prove(
    a: Any,
    b: Any,
    *data: Any,
    steps: int = 10,
    batch_size: int | None = None,
    over: bool = False,
    seed: int = 0,
    tolerance: float | None = None,
) -> Proof:
    r"""Train two forms of one network from the same weights on the same batches, and compare them at every step:
    :math:`\max_i |a_i - b_i| / \max_i |a_i|` of the loss and of every tensor.

    Parameters
    ----------
    a, b : Model, Function, str, Path, module or mapping
        A compiled model; a function with updates; a program, as `peel` writes it or by hand in NumPy: its text, a file,
        a module or its names, with ``step(x, y)`` and arrays as global variables. A program is run, so it must be one
        that you trust. Both keep the values they had before.
    *data : arrays
        One for each input, such as x and y. Without them a model is given random ones.
    steps : int
        How many steps are made.
    batch_size : int, optional
        How many samples a step takes, in the order of `Model.fit`; all of them without it.
    over : bool
        Whether each step takes one element of the data, as in `Function.over`.
    seed : int
        Of the order of samples, and of what is drawn.
    tolerance : float, optional
        What difference is allowed. Without it, rounding is measured: what becomes of the last bit in this network.

    Returns
    -------
    Proof
        True if they agree. It has the differences of every step, and the first step and tensor beyond the tolerance.

    Raises
    ------
    ModelError
        If a tensor of one has no partner in the other, or the data do not fit.
    TypeError
        If one of the two cannot be trained.

    Examples
    --------
    >>> from pellucid import nn
    >>> model = pel.Sequential([nn.Input((2,), name="x"), nn.Dense(1, name="line")], name="line")
    >>> model.compile("sgd", "mse")
    >>> proof = pel.prove(model, model.peel("numpy"), steps=3)
    >>> proof.agrees, proof.steps, sorted(proof.differences)
    (True, 3, ['line/bias', 'line/kernel', 'loss'])

    References
    ----------
    N. J. Higham, Accuracy and Stability of Numerical Algorithms, SIAM 2002, chapter 1, of errors that are judged by
    what a change of the data's last bit does.
    """
    steps = data_validation.positive("steps", steps)
    if tolerance is not None and not tolerance >= 0:
        raise OptionError(f"Expected a tolerance of 0 or more. Received: tolerance={tolerance!r}")
    arrays = given_data(a, data, as_seed(seed))
    target = arrays[1] if len(arrays) == 2 else None
    first, second = side_of(a, target), side_of(b, target)
    batches = batches_of(arrays, steps, batch_size, over, seed)
    return Comparison(first, second, seed, tolerance).run(list(batches))


class Comparison:
    """Two sides in step, and a third that shows what rounding does."""

    def __init__(
        self,
        first: Side,
        second: Side,
        seed: int,
        tolerance: float | None,
        pairs: Mapping[str, str] | None = None,
    ) -> None:
        self.first, self.second = first, second
        self.tolerance = tolerance
        self.rng = np.random.default_rng(seed)
        self.start = first.tensors(), second.tensors()
        self.pairs, self.alone = (
            matched(*self.start, (first.title, second.title)) if pairs is None else (dict(pairs), [])
        )

    def run(self, batches: Sequence[Sequence[Array]], report: type[Report] = Proof) -> Report:  # type: ignore[assignment]
        """Make all steps, and leave both sides as they were."""
        mine, theirs = self.start
        shadow = mine
        gaps: list[dict[str, float]] = []
        drifts: list[dict[str, float]] = []
        losses: list[tuple[Any, Any]] = []
        try:
            theirs = {**theirs, **{b: mine[a].astype(theirs[b].dtype) for a, b in self.pairs.items()}}
            for batch in batches:
                said, mine = self.first.advance(mine, batch)
                answered, theirs = self.second.advance(theirs, batch)
                gaps.append(self.gaps(said, mine, answered, theirs))
                losses.append((said.get("loss"), answered.get("loss")))
                if self.tolerance is None:
                    moved = [self.moved(part) for part in batch]
                    other, shadow = self.first.advance({n: self.moved(t) for n, t in shadow.items()}, moved)
                    drifts.append(self.gaps(said, mine, other, {b: shadow[a] for a, b in self.pairs.items()}))
        finally:
            for side, start in ((self.first, self.start[0]), (self.second, self.start[1])):
                restore(side, start)
        differences = {name: np.array([gap[name] for gap in gaps]) for name in gaps[0]}
        return report(
            (self.first.title, self.second.title),
            numbers(losses),
            differences,
            self.allowed(differences, drifts),
            MEASURED if self.tolerance is None else f"The tolerance of {self.tolerance:g} was given.",
            self.alone,
        )

    def gaps(self, said: Tensors, mine: Tensors, answered: Tensors, theirs: Tensors) -> dict[str, float]:
        """Return the difference of everything a step puts out, and of every tensor after it."""
        if said.keys() != answered.keys():
            raise ModelError(
                f"A step of {self.first.title} puts out {', '.join(said) or 'nothing'}, and one of {self.second.title} "
                f"{', '.join(answered) or 'nothing'}"
            )
        found = {name: difference(value, answered[name]) for name, value in said.items()}
        return found | {a: difference(mine[a], theirs[b]) for a, b in self.pairs.items()}

    def moved(self, value: Array) -> Array:
        """Change the last bit of every real number up or down."""
        if not is_float(value.dtype):
            return value
        signs = self.rng.choice([-1, 1], value.shape).astype(value.dtype)
        moved: Array = (value + value * (signs * np.asarray(self.bit(value.dtype), value.dtype))).astype(value.dtype)
        return moved

    def bit(self, dtype: Any) -> float:
        """Return the last bit of the coarser of the two sides."""
        others = [t.dtype for start in self.start for t in start.values() if is_float(t.dtype)]
        return max(float(np.finfo(d).eps) for d in {np.dtype(dtype), *others})

    def allowed(self, differences: dict[str, Array], drifts: Sequence[dict[str, float]]) -> dict[str, Array]:
        """Return the tolerance of everything at every step."""
        if self.tolerance is not None:
            return {name: np.full(len(d), float(self.tolerance)) for name, d in differences.items()}
        exact = {name for name, t in self.start[0].items() if not is_float(t.dtype)}
        bit = self.bit(np.float64)
        result = {}
        for name, d in differences.items():
            drift = np.maximum.accumulate([step[name] for step in drifts])
            result[name] = np.zeros(len(d)) if name in exact else FACTOR * np.maximum(bit, drift)
        return result


def difference(a: Array, b: Array) -> float:
    """Return the largest difference as a share of the greatest element; infinity for other shapes or where one is nan.

    Examples
    --------
    >>> difference(np.array([1.0, -4.0]), np.array([1.0, -3.0])), difference(np.zeros(2), np.zeros(3))
    (0.25, inf)
    """
    if a.shape != b.shape:
        return float("inf")
    wide, other = (np.asarray(v, np.float64 if is_float(v.dtype) else v.dtype) for v in (a, b))
    if not is_float(a.dtype) or not wide.size:
        return 0.0 if np.array_equal(wide, other) else float("inf")
    same = (wide == other) | (np.isnan(wide) & np.isnan(other))
    if same.all():
        return 0.0
    with np.errstate(all="ignore"):
        gap = np.where(same, 0.0, np.abs(wide - other)).max()
        scale = np.abs(wide[np.isfinite(wide)]).max(initial=0.0)
    return float(gap / scale) if np.isfinite(gap) and scale else float("inf")


def numbers(losses: Sequence[tuple[Any, Any]]) -> tuple[Array, Array] | None:
    """Return the losses of both sides, if a step returns one number."""
    if any(part is None or np.ndim(part) for pair in losses for part in pair):
        return None
    return np.array([float(a) for a, _ in losses]), np.array([float(b) for _, b in losses])


def restore(side: Side, tensors: Tensors) -> None:
    """Put back what a side held."""
    scope = getattr(side, "scope", None)
    if scope is not None:
        scope |= tensors
    for name, shared in getattr(side, "shared", {}).items():
        shared.set_value(tensors[name])


def given_data(a: Any, data: Sequence[Any], seed: int) -> list[Array]:
    """Return the data, held against the model, or random data that fit it."""
    if data and isinstance(a, Model) and len(data) == 2:
        return list(a.checked(*data))
    if data:
        return [np.asarray(part) for part in data]
    if not isinstance(a, Model):
        raise ModelError("Without a model first, prove needs data: one array for each input, such as prove(f, g, X, y)")
    return drawn(a, np.random.default_rng(seed))


def drawn(model: Model, rng: np.random.Generator, count: int = 8) -> list[Array]:
    """Draw samples of the form that a model takes, and targets of the form that its loss is made for."""
    training = training_of(model)
    targets = set(training.targets)
    found = []
    for given in training.given:
        shape = (count, *(size for size in given.shape[1:] if isinstance(size, int)))
        if len(shape) < given.ndim:
            raise ModelError(f"{given} has the shape {shape_text(given.shape)}, of which none can be drawn; give data")
        if is_float(given.dtype):
            values = rng.random(shape) if given in targets else rng.normal(size=shape)
            found.append(values.astype(given.dtype))
        else:
            classes = training.outputs[0].shape[-1]
            found.append(rng.integers(0, classes if isinstance(classes, int) else 2, shape).astype(given.dtype))
    return found


def batches_of(
    data: Sequence[Array], steps: int, batch_size: int | None, over: bool, seed: int
) -> Iterator[list[Array]]:
    """Deal out the data: all of them at every step, samples in the order of `Model.fit`, or one element a step."""
    if not over and batch_size is None:
        yield from ([*data] for _ in range(steps))
        return
    count = len(data[0])
    if any(len(part) != count for part in data):
        raise ModelError(f"Expected data of one length. Received: {', '.join(str(len(part)) for part in data)}")
    if over:
        yield from ([part[step % count] for part in data] for step in range(steps))
        return
    size = data_validation.positive("batch_size", batch_size)
    made = 0
    epoch = 0
    while made < steps:
        order = np.random.default_rng([seed, epoch]).permutation(count)
        for start in range(0, count, size):
            if made < steps:
                yield [part[order[start : start + size]] for part in data]
                made += 1
        epoch += 1
