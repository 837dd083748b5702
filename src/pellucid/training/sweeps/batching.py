"""Runs put together: those whose graphs are alike become one graph, in which numbers and sizes are variables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.gradient import grad
from pellucid.graph.graph_batching import Merging, form, sizes_of
from pellucid.graph.inference import inference
from pellucid.graph.padded_sizes import PaddingError
from pellucid.graph.state_updates import updates_of
from pellucid.graph.traversal import replace_all
from pellucid.training.sweeps.runs import Run

PROGRAM_SECONDS = 0.4
"""About what one more program takes to be compiled and started."""

SECONDS_A_WEIGHT = 2e-10
"""About what one weight takes in a step, for each sample, as C on two cores."""


class Member:
    """The graph of a run, as far as it can be written without its gradient.

    Attributes
    ----------
    objective : Objective
        What is measured and made small.
    training, evaluation : dict from str to Expr
        What a step puts out, while training and after it.
    predictions : list of Expr
        What the model says once it is trained.
    slopes : list of Expr
        Inputs in the place of the gradients.
    steps : dict from Shared to Expr
        What the optimizer makes of them.
    """

    def __init__(self, run: Run) -> None:
        self.objective = run.model.objective(run.samples)
        self.training, self.evaluation = self.objective.outputs(True), self.objective.outputs(False)
        self.predictions = inference(run.model.outputs)
        self.parameters = self.objective.model.parameters
        self.slopes = [Input("g", p.shape, p.dtype) for p in self.parameters]
        self.optimizer = self.objective.optimizer
        self.steps: dict[Shared, Expr] = self.optimizer.apply(self.slopes, self.parameters)

    @property
    def outputs(self) -> list[Expr]:
        """All of it, in one order."""
        return [
            self.objective.loss,
            *self.training.values(),
            *self.evaluation.values(),
            *self.predictions,
            *self.steps.values(),
            *self.steps,
            *self.objective.given,
            *self.slopes,
            *self.parameters,
        ]

    @property
    def kind(self) -> Any:
        """What must be equal for two runs to be trained together, besides the form of their graphs."""
        scale = self.optimizer.options["loss_scale_factor"]
        return tuple(self.training), tuple(self.evaluation), scale


@dataclass(frozen=True)
class Group:
    """Runs that are trained as one program.

    Attributes
    ----------
    runs : list of Run
        In the order of the sweep.
    numbers : list of int
        Their places in it.
    members : list of Member
        Their graphs.
    merging : Merging
        How their graphs became one.
    given : list of Expr
        The inputs of a batch.
    training, evaluation : dict from str to Expr
        What is measured.
    predictions : list of Expr
        What is said once training is over.
    updates : dict from Shared to Expr
        What one step changes.
    """

    runs: list[Run]
    numbers: list[int]
    members: list[Member]
    merging: Merging
    given: list[Expr]
    training: dict[str, Expr]
    evaluation: dict[str, Expr]
    predictions: list[Expr]
    updates: dict[Shared, Expr]


def grouped(runs: Sequence[Run], work: float) -> list[Group]:
    """Return the runs in as few groups as there must be, or as many as are quickest.

    Parameters
    ----------
    runs : sequence of Run
        All runs.
    work : float
        How many samples a run meets, counted each time.
    """
    members = [Member(run) for run in runs]
    numbers: dict[Any, int] = {}
    places = [
        (form(member.outputs, numbers), member.kind, id(run.samples), len(run))
        for member, run in zip(members, runs, strict=True)
    ]
    groups: list[Group] = []
    for place in dict.fromkeys(places):
        alike = [i for i, each in enumerate(places) if each == place]
        groups += by_size(runs, members, alike, work)
    return sorted(groups, key=lambda group: group.numbers)


def by_size(runs: Sequence[Run], members: Sequence[Member], alike: Sequence[int], work: float) -> list[Group]:
    """Put runs of one form into one group, or into several where padding is refused or costs more than a program."""
    shapes = {i: tuple(sizes_of(p) for p in members[i].parameters) for i in alike}
    ordered = sorted(alike, key=lambda i: (weights(shapes[i]), shapes[i]))
    bundles = [list(bundle) for _, bundle in groupby(ordered, key=shapes.__getitem__)]
    parts = quickest(bundles, [shapes[bundle[0]] for bundle in bundles], work)
    groups = []
    for part in parts:
        try:
            groups.append(merge(runs, members, sorted(i for bundle in part for i in bundle)))
        except PaddingError:
            groups += [merge(runs, members, sorted(bundle)) for bundle in part]
    return groups


def quickest(bundles: Sequence[list[int]], shapes: Sequence[Any], work: float) -> list[list[list[int]]]:
    """Cut bundles of runs, ordered by size, where another program is quicker than padding; a shortest path."""
    best: list[tuple[float, list[list[list[int]]]]] = [(0.0, [])]
    for stop in range(1, len(bundles) + 1):
        ways = []
        for start in range(stop):
            widest = tuple(tuple(map(max, zip(*dims, strict=True))) for dims in zip(*shapes[start:stop], strict=True))
            members = sum(map(len, bundles[start:stop]))
            seconds = PROGRAM_SECONDS + SECONDS_A_WEIGHT * work * members * weights(widest)
            ways.append((best[start][0] + seconds, [*best[start][1], list(bundles[start:stop])]))
        best.append(min(ways, key=lambda way: way[0]))
    return best[-1][1]


def weights(shapes: Sequence[tuple[int, ...]]) -> int:
    """Return how many numbers there are in arrays of some shapes."""
    return sum(int(np.prod(shape, dtype=int)) for shape in shapes)


def merge(runs: Sequence[Run], members: Sequence[Member], numbers: list[int]) -> Group:
    """Return the group of some runs, whose graphs are alike.

    Raises
    ------
    PaddingError
        If they differ in sizes, and padding would have an influence.
    """
    chosen = [members[i] for i in numbers]
    merging = Merging(len(chosen))

    def one(part: Callable[[Member], Iterable[Expr]], differentiated: bool = False) -> list[Expr]:
        return merging.merged(list(zip(*map(part, chosen), strict=True)), differentiated=differentiated)

    def named(part: Callable[[Member], dict[str, Expr]]) -> dict[str, Expr]:
        return dict(zip(part(chosen[0]), one(lambda m: part(m).values()), strict=True))

    # Gradients pass through the loss, so it comes first, and with more care.
    (loss,) = one(lambda m: [m.objective.loss], differentiated=True)
    scale = chosen[0].optimizer.options["loss_scale_factor"]
    gradients = grad(loss if scale is None else scale * loss, one(lambda m: m.parameters))
    slopes = dict(zip(one(lambda m: m.slopes), gradients, strict=True))
    targets = [target for target in one(lambda m: m.steps) if isinstance(target, Shared)]
    steps = replace_all(one(lambda m: m.steps.values()), slopes)
    updates = updates_of(loss)
    for target, step in zip(targets, steps, strict=True):
        updates[target] = merging.ragged.masked_like(step, target)
    training, evaluation = named(lambda m: m.training), named(lambda m: m.evaluation)
    given, predictions = one(lambda m: m.objective.given), one(lambda m: m.predictions)
    merging.default_updates()
    return Group(
        [runs[i] for i in numbers], numbers, chosen, merging, given, training, evaluation, predictions, updates
    )
