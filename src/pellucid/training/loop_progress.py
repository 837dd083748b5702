"""Where a training run stands: all that has to be known, beside the model's state, to take it up again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pellucid.training.metric_accumulator import Tally

Array = np.ndarray[Any, Any]


@dataclass
class Run:
    """A run of `Model.fit`, between two steps.

    With the values of ``model.state()`` this is all that the rest of a run follows from, bit by bit: the order of the
    samples is a function of seed and epoch, and every random number one of a stream's seed and its count of steps.
    Set it in ``on_train_begin``, and training goes on from there.

    Attributes
    ----------
    seed : int
        Of the orders.
    epoch : int
        The epoch at hand, from 0; how many there are once the run has finished.
    batch : int
        How many batches of it are done.
    step : int
        How many steps the model has made in its life, that is since it was compiled.
    tally : Tally
        The measures of the batches of the epoch at hand.
    """

    unsaved: ClassVar[Mapping[str, Callable[[], Any]]] = {"tally": lambda: Tally({})}
    """What the file of a model leaves out: sums of an epoch that is under way."""

    seed: int
    epoch: int
    batch: int
    step: int
    tally: Tally

    def get_state(self) -> dict[str, Array]:
        """Return all of it as arrays, to be saved."""
        place = {name: np.array(getattr(self, name), np.uint64) for name in ("seed", "epoch", "batch", "step")}
        return {**place, **prefixed("tally/", self.tally.get_state())}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` returned."""
        self.seed, self.epoch, self.batch, self.step = (int(state[n]) for n in ("seed", "epoch", "batch", "step"))
        self.tally.set_state({k.removeprefix("tally/"): v for k, v in state.items() if k.startswith("tally/")})


def prefixed(prefix: str, state: Mapping[str, Array]) -> dict[str, Array]:
    """Put a word before every name."""
    return {f"{prefix}{name}": value for name, value in state.items()}


def order_of(seed: int, epoch: int, count: int, shuffle: bool = True) -> Array:
    """Return the order in which an epoch takes the samples, a function of seed and epoch: any can be taken up again.

    Examples
    --------
    >>> bool((order_of(7, 3, 100) == order_of(7, 3, 100)).all())
    True
    """
    if not shuffle:
        return np.arange(count, dtype=np.int32)
    return np.random.default_rng([seed, epoch]).permutation(count).astype(np.int32)
