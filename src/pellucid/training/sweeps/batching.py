"""Batches of trials: trials with equal graphs become one graph, in which numbers and sizes are variables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.gradient import grad
from pellucid.graph.graph_batching import GraphBatcher, get_known_sizes, structural_hash, unpad
from pellucid.graph.graph_batching_padding import PaddingError
from pellucid.graph.passes import collect_updates, inference
from pellucid.graph.traversal import replace_all
from pellucid.training.sweeps.trials import Trial
from pellucid.training.train_step import get_train_step
from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.nn.optimizers.base import Optimizer
    from pellucid.training.train_step import TrainStep

PROGRAM_SECONDS = 0.4
"""Estimated time to compile and start one more program."""

SECONDS_PER_WEIGHT = 2e-10
"""Estimated time per weight, sample and step, in native code on two cores."""


class TrialGraph:
    """The graph of a trial without its gradients, which inputs replace.

    Gradients are computed once for the merged graph, not for each trial.
    """

    evaluation: dict[str, Expr]
    training: dict[str, Expr]

    def __init__(self, trial: Trial) -> None:
        self.train_step: TrainStep = get_train_step(trial.model, trial.samples)
        self.training, self.evaluation = self.train_step.get_outputs(True), self.train_step.get_outputs(False)
        self.predictions: list[Expr] = inference(trial.model.outputs)
        self.parameters: list[Shared] = self.train_step.parameters
        self.gradients: list[Input] = [Input("g", p.shape, p.dtype) for p in self.parameters]
        self.optimizer: Optimizer = self.train_step.optimizer
        self.updates: dict[Shared, Expr] = self.optimizer.apply(self.gradients, self.parameters)

    @property
    def outputs(self) -> list[Expr]:
        """All expressions of the graph, in a fixed order."""
        return [
            self.train_step.loss,
            *self.training.values(),
            *self.evaluation.values(),
            *self.predictions,
            *self.updates.values(),
            *self.updates,
            *self.train_step.inputs,
            *self.gradients,
            *self.parameters,
        ]

    @property
    def signature(self) -> Any:
        """What must be equal for two trials to be batched, apart from the structure of their graphs."""
        scale = self.optimizer.options["loss_scale_factor"]
        return tuple(self.training), tuple(self.evaluation), scale


@dataclass(frozen=True)
class TrialBatch:
    """Trials that are trained as one program, and their merged graph."""

    trials: list[Trial]
    numbers: list[int]  # of the trials in the sweep
    graphs: list[TrialGraph]
    batcher: GraphBatcher  # from the graphs of the trials to the merged graph
    inputs: list[Expr]  # of a mini-batch
    training: dict[str, Expr]  # outputs of a step in training mode
    evaluation: dict[str, Expr]  # outputs of a step in inference mode
    predictions: list[Expr]
    updates: dict[Shared, Expr]

    @property
    def variables(self) -> list[Shared]:
        """The variables of the merged graph that have a value for each trial."""
        return [leaf for leaf in (*self.batcher.leaves, *self.batcher.sizes) if isinstance(leaf, Shared)]

    def update_models(self, variable: Shared, values: Array) -> None:
        """Set a variable of the models, such as a parameter or a slot of the optimizer, to the trained values."""
        for value, original in zip(values, self.batcher.leaves.get(variable, ()), strict=False):
            if isinstance(original, Shared):
                original.storage = unpad(value, original)


def batch_trials(trials: Sequence[Trial], samples_per_trial: float) -> list[TrialBatch]:
    """Divide trials into batches: as few as possible, or more where that is faster.

    ``samples_per_trial`` is the number of samples that a trial trains on, counted in each epoch.
    """
    graphs = [TrialGraph(trial) for trial in trials]
    numbers: dict[Any, int] = {}
    signatures = [
        (structural_hash(graph.outputs, numbers), graph.signature, id(trial.samples), len(trial))
        for graph, trial in zip(graphs, trials, strict=True)
    ]
    batches: list[TrialBatch] = []
    for signature in dict.fromkeys(signatures):
        equal = [i for i, each in enumerate(signatures) if each == signature]
        batches += split_by_size(trials, graphs, equal, samples_per_trial)
    return sorted(batches, key=lambda batch: batch.numbers)


def split_by_size(
    trials: Sequence[Trial], graphs: Sequence[TrialGraph], numbers: Sequence[int], samples_per_trial: float
) -> list[TrialBatch]:
    """Batch trials with equal graphs; several batches if padding is impossible or slower than another program."""
    shapes = {i: tuple(get_known_sizes(p) for p in graphs[i].parameters) for i in numbers}
    ordered = sorted(numbers, key=lambda i: (count_elements(shapes[i]), shapes[i]))
    same_shape = [list(group) for _, group in groupby(ordered, key=shapes.__getitem__)]
    batches = []
    for plan in plan_batches(same_shape, [shapes[group[0]] for group in same_shape], samples_per_trial):
        try:
            batches.append(merge_trials(trials, graphs, sorted(i for group in plan for i in group)))
        except PaddingError:
            batches += [merge_trials(trials, graphs, sorted(group)) for group in plan]
    return batches


def plan_batches(groups: Sequence[list[int]], shapes: Sequence[Any], samples_per_trial: float) -> list[list[list[int]]]:
    """Cut groups of trials, ordered by size, into batches of minimal total time.

    Padding costs time for every padded weight, and another batch costs the time of a program. This is a shortest path,
    solved by dynamic programming: ``best[i]`` is the best plan for the first i groups.
    """
    best: list[tuple[float, list[list[list[int]]]]] = [(0.0, [])]
    for stop in range(1, len(groups) + 1):
        plans = []
        for start in range(stop):
            padded = tuple(tuple(map(max, zip(*dims, strict=True))) for dims in zip(*shapes[start:stop], strict=True))
            trials = sum(map(len, groups[start:stop]))
            seconds = PROGRAM_SECONDS + SECONDS_PER_WEIGHT * samples_per_trial * trials * count_elements(padded)
            plans.append((best[start][0] + seconds, [*best[start][1], list(groups[start:stop])]))
        best.append(min(plans, key=lambda plan: plan[0]))
    return best[-1][1]


def count_elements(shapes: Sequence[tuple[int, ...]]) -> int:
    return sum(int(np.prod(shape, dtype=int)) for shape in shapes)


def merge_trials(trials: Sequence[Trial], graphs: Sequence[TrialGraph], numbers: list[int]) -> TrialBatch:
    """Merge trials with equal graphs into a batch; raise a PaddingError if padding would change results."""
    chosen = [graphs[i] for i in numbers]
    batcher = GraphBatcher(len(chosen))

    def merge(get_exprs: Callable[[TrialGraph], Iterable[Expr]], differentiated: bool = False) -> list[Expr]:
        return batcher.merge(list(zip(*map(get_exprs, chosen), strict=True)), differentiated=differentiated)

    def merge_dict(get_exprs: Callable[[TrialGraph], dict[str, Expr]]) -> dict[str, Expr]:
        return dict(zip(get_exprs(chosen[0]), merge(lambda m: get_exprs(m).values()), strict=True))

    # The loss comes first: only on the way to it must padding also leave the gradients unchanged.
    (loss,) = merge(lambda m: [m.train_step.loss], differentiated=True)
    scale = chosen[0].optimizer.options["loss_scale_factor"]
    gradients = grad(loss if scale is None else scale * loss, merge(lambda m: m.parameters))
    gradient_by_input = dict(zip(merge(lambda m: m.gradients), gradients, strict=True))
    targets = [target for target in merge(lambda m: m.updates) if isinstance(target, Shared)]
    new_values = replace_all(merge(lambda m: m.updates.values()), gradient_by_input)
    updates = collect_updates(loss)
    for target, value in zip(targets, new_values, strict=True):
        updates[target] = batcher.padded.mask_like(value, target)
    training, evaluation = merge_dict(lambda m: m.training), merge_dict(lambda m: m.evaluation)
    inputs, predictions = merge(lambda m: m.train_step.inputs), merge(lambda m: m.predictions)
    batcher.merge_default_updates()
    return TrialBatch(
        [trials[i] for i in numbers], numbers, chosen, batcher, inputs, training, evaluation, predictions, updates
    )
