"""Two runs, held against each other step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.graph.errors import StateError, UseError
from pellucid.training.callbacks.history import History
from pellucid.training.snapshots import Recording, Values

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Comparison:
    """Where two runs part. It is true if they do.

    Attributes
    ----------
    first, last : int
        The steps between which they were compared.
    step : int or None
        After how many steps they are no longer the same; None if they are to the end.
    tensors : dict from str to (array, array)
        What is not the same then, by its path in ``model.state()``.
    """

    first: int
    last: int
    step: int | None = None
    tensors: dict[str, tuple[Array, Array]] = field(default_factory=dict, repr=False)

    def __bool__(self) -> bool:
        return self.step is not None

    @property
    def tensor(self) -> str | None:
        """The first tensor that differs, in the order of ``model.state()``."""
        return next(iter(self.tensors), None)

    def __str__(self) -> str:
        if self.tensor is None:
            return f"The runs are the same, bit by bit, from step {self.first} to step {self.last}"
        others = list(self.tensors)[1:]
        told = f"; so are {', '.join(others[:3])}{' and others' * (len(others) > 3)}" if others else ""
        return f"The runs part at step {self.step}: {written(self.tensor, *self.tensors[self.tensor])}{told}"


def written(path: str, a: Array, b: Array) -> str:
    """Say where two values of a tensor are farthest apart."""
    apart = np.abs(a.astype("float64") - b.astype("float64"))
    place = np.unravel_index(int(np.argmax(np.where(np.isnan(apart), np.inf, apart))), a.shape)
    where = f"[{', '.join(map(str, place))}]" if a.ndim else ""
    return f"{path}{where} is {a[place]} in one and {b[place]} in the other"


def compare(a: History, b: History) -> Comparison:
    """Find the first step after which two runs differ, and in which tensor, down to the last bit.

    The runs are entered again where both have snapshots or something was set, and step by step where they begin to
    differ. What differs and is the same again before the next such place is not noticed.

    Parameters
    ----------
    a, b : History
        Of two runs of `Model.fit`, on data in memory, of models with the same tensors. Steps are counted as
        ``model.step`` counts them.

    Returns
    -------
    Comparison
        True if the runs differ. As text, a sentence.

    Raises
    ------
    StateError
        If a run cannot be entered again, or the models or the steps have nothing in common.

    Examples
    --------
    >>> from pellucid import nn
    >>> model = pel.Sequential([nn.Input((1,)), nn.Dense(1)])
    >>> model.compile(pel.optimizers.SGD(0.1), "mse")
    >>> history = model.fit(np.ones((8, 1)), np.ones(8), batch_size=2, epochs=3, verbose=0, seed=0)
    >>> print(pel.compare(history, history.branch(at=4)))
    The runs are the same, bit by bit, from step 4 to step 12
    >>> print(pel.compare(history, history.branch(at=4, learning_rate=0.5)))
    The runs part at step 4: optimizer/learning_rate is 0.1 in one and 0.5 in the other
    """
    one, other = (recording_of(run) for run in (a, b))
    if set(one.state) != set(other.state):
        odd = sorted(set(one.state) ^ set(other.state))
        raise StateError(f"The models of the runs have not the same tensors: {', '.join(odd[:5])} is in one alone")
    first, last = max(one.begin, other.begin), min(one.end, other.end)
    if first > last:
        raise StateError(f"The runs have no step in common: one ends at step {last}, the other begins at {first}")
    equal = first
    for step in probes(one, other, first, last):
        if differing(one.at(step)[0], other.at(step)[0]):
            for (now, left), (_, right) in zip(one.each(equal, step), other.each(equal, step), strict=True):
                found = differing(left, right)
                if found:
                    return Comparison(first, last, now, found)
        equal = step
    return Comparison(first, last)


def recording_of(run: Any) -> Recording:
    """Return what was kept of a run."""
    if not isinstance(run, History):
        raise UseError(f"Expected what fit returns, a History. Received: {run!r:.100}, a {type(run).__name__}")
    return run.checked_recording()


def probes(one: Recording, other: Recording, first: int, last: int) -> Iterator[int]:
    """Return the steps at which the runs are compared first: those of snapshots and changes, and the ends."""
    steps = {first, last}
    for recording in (one, other):
        steps.update(s.step for s in recording.snapshots)
        steps.update(step for step, _ in recording.changes)
    yield from sorted(step for step in steps if first <= step <= last)


def differing(a: Values, b: Values) -> dict[str, tuple[Array, Array]]:
    """Return the tensors that are not the same, bit by bit."""
    return {path: (a[path], b[path]) for path in a if a[path].tobytes() != b[path].tobytes()}
