"""Comparison of two training runs: the first step after which they differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.graph.errors import StateError, UseError
from pellucid.run.backends import compare_backends
from pellucid.training.callbacks.history import History
from pellucid.training.snapshots import RunRecorder, Values
from pellucid.typing import Array


@dataclass(frozen=True)
class RunComparison:
    """Where two runs diverge; true if they do.

    Attributes
    ----------
    first, last : int
        The steps between which they were compared.
    step : int or None
        Number of steps after which they first differ; None if they never do.
    tensors : dict from str to (array, array)
        The tensors that differ after that step, by their paths in ``model.state()``.
    backends : str or None
        How the backends of the runs differ, such as XLA and the C compiler; None if they are the same.
    """

    first: int
    last: int
    step: int | None = None
    tensors: dict[str, tuple[Array, Array]] = field(default_factory=dict, repr=False)
    backends: str | None = None

    def __bool__(self) -> bool:
        return self.step is not None

    @property
    def tensor(self) -> str | None:
        """The first tensor that differs, in the order of ``model.state()``."""
        return next(iter(self.tensors), None)

    def __str__(self) -> str:
        return ". ".join(filter(None, [self.describe(), self.backends]))

    def describe(self) -> str:
        """Return where the runs diverge, in a sentence."""
        if self.tensor is None:
            return f"The runs are bit-identical from step {self.first} to step {self.last}"
        others = list(self.tensors)[1:]
        more = f". {', '.join(others[:3])}{' and others' * (len(others) > 3)} differ too" if others else ""
        difference = describe_difference(self.tensor, *self.tensors[self.tensor])
        return f"The runs diverge at step {self.step}: {difference}{more}"


def describe_difference(path: str, a: Array, b: Array) -> str:
    """Return the element at which two tensors differ most."""
    x, y = a.astype("float64"), b.astype("float64")
    is_equal = (x == y) | (np.isnan(x) & np.isnan(y))  # the difference of two infinities is NaN
    with np.errstate(invalid="ignore"):
        distance = np.where(is_equal, 0, np.nan_to_num(np.abs(x - y), nan=np.inf))
    index = np.unravel_index(int(np.argmax(distance)), a.shape)
    where = f"[{', '.join(map(str, index))}]" if a.ndim else ""
    return f"{path}{where} is {a[index]} in one and {b[index]} in the other"


def compare(a: History, b: History) -> RunComparison:
    """Find the first step after which two runs differ in any bit, and the tensor that differs.

    The runs are repeated from their snapshots: first at the steps where a snapshot was taken or a value was set, then
    step by step from the last of them without a difference. A difference that disappears before the next such step is
    not found.

    Parameters
    ----------
    a, b : History
        Of two runs of `Model.fit` on data in memory, of models with the same tensors. Steps are counted by
        ``model.step``.

    Returns
    -------
    RunComparison
        True if the runs differ. As text, a sentence.

    Raises
    ------
    StateError
        If a run cannot be repeated, or the models have different tensors, or the runs have no step in common.

    Examples
    --------
    >>> from pellucid import nn
    >>> model = pel.Sequential([nn.Input((1,)), nn.Dense(1)])
    >>> model.compile(pel.optimizers.SGD(0.1), "mse")
    >>> history = model.fit(np.ones((8, 1)), np.ones(8), batch_size=2, epochs=3, verbose=0, seed=0)
    >>> print(pel.compare(history, history.branch(at=4)))
    The runs are bit-identical from step 4 to step 12
    >>> print(pel.compare(history, history.branch(at=4, learning_rate=0.5)))
    The runs diverge at step 4: optimizer/learning_rate is 0.1 in one and 0.5 in the other
    """
    one, other = (get_recorder(run) for run in (a, b))
    if set(one.state) != set(other.state):
        unmatched = sorted(set(one.state) ^ set(other.state))
        raise StateError(
            f"The models of the runs have different tensors: {', '.join(unmatched[:5])} is only in one of them"
        )
    backends = compare_backends(a.backends, b.backends)
    first, last = max(one.begin, other.begin), min(one.end, other.end)
    if first > last:
        raise StateError(f"The runs have no step in common: one ends at step {last}, the other begins at {first}")
    equal = first
    for step in list_probe_steps(one, other, first, last):
        if find_differences(one.restore(step)[0], other.restore(step)[0]):
            states = zip(one.iter_states(equal, step), other.iter_states(equal, step), strict=True)
            for (now, left), (_, right) in states:
                different = find_differences(left, right)
                if different:
                    return RunComparison(first, last, now, different, backends)
        equal = step
    return RunComparison(first, last, backends=backends)


def get_recorder(run: Any) -> RunRecorder:
    if not isinstance(run, History):
        raise UseError(f"Expected the History that fit returns. Received: {run!r:.100}, a {type(run).__name__}")
    return run.get_recorder()


def list_probe_steps(one: RunRecorder, other: RunRecorder, first: int, last: int) -> Iterator[int]:
    """Return the steps to compare first: those of snapshots and of external writes, and both ends."""
    steps = {first, last}
    for recorder in (one, other):
        steps.update(snapshot.step for snapshot in recorder.snapshots)
        steps.update(step for step, _ in recorder.changes)
    yield from sorted(step for step in steps if first <= step <= last)


def find_differences(a: Values, b: Values) -> dict[str, tuple[Array, Array]]:
    """Return the tensors that differ in any bit."""
    return {path: (a[path], b[path]) for path in a if a[path].tobytes() != b[path].tobytes()}
