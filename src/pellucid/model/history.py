"""What a training run measured, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass
class History:
    """The measures of every finished epoch, as `Sequential.fit` returns them.

    Attributes
    ----------
    history : dict from str to list of float
        The mean over the samples of ``"loss"`` and of every metric, one number an epoch; those of the validation
        data begin with ``"val_"``.
    epoch : list of int
        The numbers of the finished epochs, from 0.
    seconds : list of float
        How long each epoch took, compiling included.

    Examples
    --------
    >>> history = History()
    >>> history.append({"loss": 0.7}, seconds=0.1)
    >>> history.append({"loss": 0.5}, seconds=0.1)
    >>> history.history
    {'loss': [0.7, 0.5]}
    >>> print(history)
    2 epochs in 0.2 s
      loss  0.7 -> 0.5  (least 0.5 in epoch 2)
    """

    history: dict[str, list[float]] = field(default_factory=dict)
    epoch: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def append(self, measures: Mapping[str, float], seconds: float) -> None:
        """Enter the measures of one more finished epoch."""
        for name, value in measures.items():
            self.history.setdefault(name, []).append(value)
        self.epoch.append(len(self.epoch))
        self.seconds.append(seconds)

    def __str__(self) -> str:
        count = len(self.epoch)
        if not count:
            return "no finished epoch"
        width = max(map(len, self.history))
        lines = [f"{count} epoch{'s' * (count != 1)} in {sum(self.seconds):.3g} s"]
        for name, values in self.history.items():
            lines.append(f"  {name:<{width}}  {values[0]:.4g} -> {values[-1]:.4g}{best(name, values)}")
        return "\n".join(lines)


def best(name: str, values: Sequence[float]) -> str:
    """Say in which epoch a loss was least, or a metric greatest."""
    numbers = [value for value in values if math.isfinite(value)]
    if not numbers:
        return ""
    extreme, word = (min(numbers), "least") if name.endswith("loss") else (max(numbers), "greatest")
    return f"  ({word} {extreme:.4g} in epoch {values.index(extreme) + 1})"
