"""The training loop: epochs over a compiled walk, with what a person sees and what is kept if it is stopped."""

from __future__ import annotations

import time
import warnings
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.model.errors import ModelError, TrainingWarning
from pellucid.model.history import History
from pellucid.model.progress import display
from pellucid.model.walk import Passage, Walk
from pellucid.run.interrupts import Interrupted

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Part:
    """Samples and targets, and the walk that goes over them."""

    walk: Walk
    x: Array
    y: Array

    def __len__(self) -> int:
        return len(self.x)

    def held(self) -> AbstractContextManager[Walk]:
        """Hold the data on the device."""
        return self.walk.over(self.x, self.y)

    def measure(self, batch_size: int) -> dict[str, float]:
        """Return the means over all samples, for a walk that does not train and data that are held."""
        return self.walk.run(np.arange(len(self)), min(batch_size, len(self))).means()


@dataclass(frozen=True)
class Plan:
    """How to train."""

    batch_size: int
    epochs: int
    shuffle: bool
    seed: int
    verbose: Any


def order_of(plan: Plan, epoch: int, count: int) -> Array:
    """Return the order in which an epoch takes the samples, a function of seed and epoch: any can be taken up again.

    Examples
    --------
    >>> plan = Plan(batch_size=32, epochs=5, shuffle=True, seed=7, verbose=0)
    >>> bool((order_of(plan, 3, 100) == order_of(plan, 3, 100)).all())
    True
    """
    return np.random.default_rng([plan.seed, epoch]).permutation(count) if plan.shuffle else np.arange(count)


def train(plan: Plan, training: Part, validation: Part | None, history: History) -> None:
    """Run all epochs, entering each into the history as it is finished.

    Raises
    ------
    Interrupted
        On Ctrl-C; weights and history keep what was reached.
    """
    batch_size = min(plan.batch_size, len(training))
    steps = -(-len(training) // batch_size)
    finished = 0
    screen = display(plan.verbose, plan.epochs, steps)
    try:
        with screen, training.held(), validation.held() if validation else nullcontext():
            for epoch in range(plan.epochs):
                start = time.perf_counter()
                passage = training.walk.run(
                    order_of(plan, epoch, len(training)),
                    batch_size,
                    lambda done, steps, latest, epoch=epoch: screen.step(epoch, done, latest),
                )
                finished += steps
                measures = passage.means()
                if validation is not None:
                    measures |= {f"val_{name}": value for name, value in validation.measure(plan.batch_size).items()}
                warn_of_no_number(passage, epoch, history)
                seconds = time.perf_counter() - start
                history.append(measures, seconds)
                screen.epoch(epoch, measures, seconds)
    except KeyboardInterrupt as stop:
        raise Interrupted(history, finished + getattr(stop, "steps", 0)) from None


def warn_of_no_number(passage: Passage, epoch: int, history: History) -> None:
    """Say so when the loss is no longer a number, for the first time."""
    finite = np.isfinite(passage.steps["loss"])
    if finite.all() or not np.isfinite(history.history.get("loss", [])).all():
        return
    step = int(np.argmin(finite))
    warnings.warn(
        f"The loss became {passage.steps['loss'][step]} in step {step + 1} of {len(finite)} of epoch {epoch + 1}, and "
        "what is learned from it is of no use. A smaller learning rate, or data brought to the range of about -1 to 1, "
        "is the usual cure",
        TrainingWarning,
        stacklevel=4,
    )


def split(x: Array, y: Array, share: Any) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Keep the last part of the data for validation, as Keras does, before anything is shuffled."""
    if not isinstance(share, (int, float)) or not 0 <= share < 1:
        raise OptionError(f"Expected validation_split from 0 up to but without 1. Received: validation_split={share!r}")
    kept = int(len(x) * (1 - share))
    if share and not 0 < kept < len(x):
        raise ModelError(
            f"validation_split={share} of {len(x)} samples leaves {kept} to train on and {len(x) - kept} to validate "
            "on. Both need one at least"
        )
    return (x[:kept], y[:kept]), (x[kept:], y[kept:])
