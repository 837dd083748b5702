"""A group of runs trained as one program: the steps of one model, over leaves that hold the values of all."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.graph_batching import own_part
from pellucid.run.batched import batched
from pellucid.run.epoch_loop import begun, rounds, turn
from pellucid.run.function import Function
from pellucid.run.interrupts import Interrupted, Uninterrupted
from pellucid.run.jax_runtime import cores
from pellucid.training.data_adapter import Samples
from pellucid.training.epoch_program import Flow, Moments, Walk
from pellucid.training.loop_progress import order_of
from pellucid.training.metric_accumulator import Measure
from pellucid.training.sweeps.batching import Group

Array = np.ndarray[Any, Any]
Outputs = dict[str, Array]
Curves = dict[str, Array]

ORDER_BYTES = 2**27
"""How much the orders of a sweep may take that are remembered from group to group."""


def remembered(count: int) -> Callable[..., Array]:
    """Return what makes orders of so many samples, and remembers as many as there is room for."""
    return functools.lru_cache(max(1, ORDER_BYTES // (4 * count)))(order_of)


def compile_together(teams: Sequence[Team]) -> None:
    """Compile the loops of all teams, one on each core, and have orders made meanwhile, as far as they are kept."""
    pool = ThreadPoolExecutor(cores())
    try:
        waiting = [pool.submit(finish) for team in teams for finish in team.loops]
        for team in (each for each in teams if each.batch_size < each.count):
            for epoch in range(min(team.epochs, ORDER_BYTES // (4 * team.count * len(team.seeds) * len(teams)))):
                if all(each.done() for each in waiting):
                    break
                team.orders_of(epoch)
        for each in waiting:
            each.result()
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C, those that have not begun


INDEX_BYTES = 2**25
"""How much the numbers of the samples may take that are handed to a program at once."""


class Team:
    """The runs of a group with their values, and the programs that train and measure them.

    Parameters
    ----------
    group : Group
        The runs.
    validation : Samples or None
        What is only measured.
    batch_size, epochs, shuffle, devices
        How they are trained.
    known : function
        As `order_of`; one that remembers serves the groups of a sweep, whose runs have the same seeds.

    Attributes
    ----------
    loops : list of function
        What is still to be done to compile each of the programs; see `compile_together`.
    """

    def __init__(
        self,
        group: Group,
        validation: Samples | None,
        batch_size: int,
        epochs: int,
        shuffle: bool,
        devices: Any = None,
        known: Callable[..., Array] = order_of,
    ) -> None:
        self.known = known
        self.group, self.epochs, self.shuffle, self.devices = group, epochs, shuffle, devices
        self.samples = group.runs[0].samples
        self.many, self.moments = values_of(group), Moments()
        rows = [run.rows for run in group.runs if run.rows is not None]
        self.rows = np.stack(rows) if rows else None
        self.count, self.seeds = len(group.runs[0]), list(dict.fromkeys(run.seed for run in group.runs))
        self.batch_size = min(batch_size, self.count)
        self.whole, self.rest = divmod(self.count, self.batch_size)
        self.measured_size = 0 if validation is None else min(batch_size, len(validation))
        self.loops: list[Callable[[], None]] = []
        self.run = self.all_at_once() if self.count == self.batch_size else self.in_batches()
        self.measure = None if validation is None else self.measurer(validation)

    def train(self, told: Callable[[int], None]) -> tuple[Curves, float]:
        """Run all epochs; the curves have shape (members, epochs), and with them come the seconds it took."""
        start = time.perf_counter()
        together = 1 if self.measure is not None else self.together
        sizes = np.array([self.batch_size] * self.whole + [self.rest] * bool(self.rest))
        parts: list[Curves] = []
        for first in range(0, self.epochs, together):
            count = min(together, self.epochs - first)
            try:
                outputs = self.run(first, count, lambda steps, first=first: told(first + steps // self.whole))
            except Interrupted as stop:
                raise self.stopped(stop, sizes, parts) from None
            parts.append(self.figures(outputs, sizes, count, training=True))
            if self.measure is not None:
                parts[-1] |= {f"val_{name}": values for name, values in self.measure().items()}
        return joined(parts), time.perf_counter() - start

    def stopped(self, stop: Interrupted, sizes: Array, parts: list[Curves]) -> Interrupted:
        """Return what tells of Ctrl-C, with the curves of the epochs that were finished."""
        epochs = stop.steps // len(sizes)
        if epochs:
            whole = {name: values[: epochs * len(sizes)] for name, values in stop.history.items()}
            parts.append(self.figures(whole, sizes, epochs, training=True))
        return Interrupted(joined(parts) if parts else None, stop.steps)

    @property
    def together(self) -> int:
        """How many epochs may run at once: all, if no order has to be handed in."""
        if self.count == self.batch_size:
            return self.epochs
        return max(1, INDEX_BYTES // (len(self.group.runs) * self.count * 4))

    def all_at_once(self) -> Callable[..., Outputs]:
        """Return what runs epochs of one step on all samples; the order makes no difference then."""
        arrays = self.samples.arrays
        flow = Flow(
            self.group.training,
            self.group.updates,
            {e: a.dtype for e, a in zip(self.group.given, arrays, strict=True)},
            self.devices,
        )
        places = places_in(flow.function, self.many)
        if self.rows is not None:
            places |= {i: Input(i.name, ("members", *i.shape), i.dtype) for i in flow.function.program.inputs}
            arrays = [a[self.rows] for a in arrays]
        f = batched(flow.function, places)

        def run(first: int, epochs: int, told: Callable[[int], None]) -> Outputs:
            found: Outputs = f.repeat(epochs, *arrays, progress=lambda done, *_: told(done))
            return found

        self.loops += [begun(f, arrays, walk=False)]
        return run

    def in_batches(self) -> Callable[..., Outputs]:
        """Return what runs epochs in which every member takes its samples in an order of its own."""
        arrays = self.samples.arrays
        data = dict(zip(self.group.given, arrays, strict=True))
        walk = Walk(self.group.training, self.group.updates, data, self.devices)
        (index,) = walk.function.program.inputs
        indices = Input("indices", ("members", *index.shape), index.dtype)
        f = batched(walk.function, {**places_in(walk.function, self.many), index: indices})
        for shared, array in zip(walk.data, arrays, strict=True):
            shared.storage = array

        def run(first: int, epochs: int, told: Callable[[int], None]) -> Outputs:
            if self.rest:
                return self.rounds(f, first, epochs, told)
            batches = self.batches(self.orders(first, epochs))
            outputs: Outputs = f.over(batches, progress=lambda done, *_: told(done))
            return outputs

        shape, sizes = (1, len(self.group.runs)), [self.batch_size, *[self.rest] * bool(self.rest)]
        self.loops += [begun(f, [np.zeros((*shape, size), np.int32)], walk=True) for size in sizes]
        return run

    def batches(self, orders: Array) -> Array:
        """Return the whole batches of some epochs, one after the other: shape (steps, members, batch)."""
        batches = orders[:, :, : self.whole * self.batch_size].reshape(len(orders), -1, self.batch_size)
        return batches.swapaxes(0, 1)  # members lie one after the other, as a loop wants them

    def rounds(self, f: Function, first: int, epochs: int, told: Callable[[int], None]) -> Outputs:
        """Run epochs that end with a smaller step."""
        parts: list[Outputs] = []
        done = 0
        try:
            for start, count in self.moments.spans(epochs):
                orders = self.orders(first + start, count)
                with Uninterrupted():  # until the steps are entered where they belong
                    parts.append(rounds(f, [self.batches(orders)], [orders[:, :, -self.rest :].swapaxes(0, 1)], count))
                    done += count
                told(done * self.whole)
        except KeyboardInterrupt:
            raise Interrupted(in_a_row(parts) if parts else None, done * (self.whole + 1)) from None
        return in_a_row(parts)

    def orders(self, first: int, epochs: int) -> Array:
        """Return which samples the members take in some epochs: shape (members, epochs, samples)."""
        each = np.stack([self.orders_of(first + epoch) for epoch in range(epochs)], axis=1)
        found = np.empty((len(self.group.runs), epochs, self.count), np.int32)
        for number, run in enumerate(self.group.runs):
            orders = each[self.seeds.index(run.seed)]
            found[number] = orders if run.rows is None else run.rows[orders]
        return found

    def orders_of(self, epoch: int) -> Array:
        """Return the orders of an epoch: shape (seeds, samples)."""
        orders = [self.known(seed, epoch, self.count, self.shuffle) for seed in self.seeds]
        return np.concatenate(orders).reshape(len(orders), self.count)

    def measurer(self, samples: Samples) -> Callable[[], Curves]:
        """Return what measures all members, as they are after training, on samples."""
        data = dict(zip(self.group.given, samples.arrays, strict=True))
        walk = Walk(self.group.evaluation, {}, data, self.devices)
        f = batched(walk.function, places_in(walk.function, self.many))
        for shared, array in zip(walk.data, samples.arrays, strict=True):
            shared.storage = array
        whole, rest = divmod(len(samples), self.measured_size)
        numbers = np.arange(len(samples), dtype=np.int32)
        sizes = np.array([self.measured_size] * whole + [rest] * bool(rest))

        def measure() -> Curves:
            outputs: Outputs = f.over(numbers[: whole * self.measured_size].reshape(whole, self.measured_size))
            if rest:
                last = turn(f, numbers[-rest:])
                outputs = {name: np.concatenate([values, last[name][None]]) for name, values in outputs.items()}
            return self.figures(outputs, sizes, 1, training=False)

        self.loops += [begun(f, [numbers[None, :size]], walk=True) for size in dict.fromkeys(sizes.tolist())]
        return measure

    def figures(self, outputs: Outputs, sizes: Array, epochs: int, training: bool) -> Curves:
        """Return the figures of whole epochs, of shape (members, epochs), as `Tally` comes to them for one model."""
        totals: Outputs = {}
        measures: dict[str, Measure] = self.group.members[0].objective.measured(training)
        for measure in measures.values():
            for key in measure.outputs:
                values = outputs[key].astype(np.float64)
                values = values.reshape(epochs, len(sizes), *values.shape[1:])
                if measure.result is None:
                    values = values * sizes[:, None]
                totals[key] = np.add.accumulate(values, axis=1)[:, -1]
        return {
            name: (totals[name] / sizes.sum()).T if measure.result is None else self.results(name, totals, training)
            for name, measure in measures.items()
        }

    def results(self, name: str, totals: Outputs, training: bool) -> Array:
        """Return a figure that is made of sums, of every member and epoch."""
        rows = []
        for number, member in enumerate(self.group.members):
            measure = member.objective.measured(training)[name]
            epochs = range(len(next(iter(totals.values()))))
            rows.append([measure.of({k: totals[k][e, number] for k in measure.outputs}, 1.0) for e in epochs])
        return np.array(rows)

    def put_back(self) -> None:
        """Give the models of the runs what they have learned, and their optimizers what they remember."""
        for leaf, members in self.group.merging.leaves.items():
            if not isinstance(leaf, Shared):
                continue
            values = self.many[leaf].get_value()
            for value, own in zip(values, members, strict=True):
                if isinstance(own, Shared):
                    own.storage = own_part(value, own)


def values_of(group: Group) -> dict[Shared, Shared]:
    """Return variables that hold the values of all members, for the leaves of a group's graph."""
    return {
        leaf: Shared(group.merging.values(leaf), leaf.name, trainable=False)
        for leaf in (*group.merging.leaves, *group.merging.sizes)
        if isinstance(leaf, Shared)
    }


def places_in(f: Function, many: Mapping[Shared, Shared]) -> dict[Expr, Any]:
    """Return which leaves of a function have a value for each member."""
    known: set[Expr] = {*f.program.updates, *f.program.read}
    return {leaf: each for leaf, each in many.items() if leaf in known}


def in_a_row(parts: list[Outputs]) -> Outputs:
    """Return the outputs of some steps, one after the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def joined(parts: list[Curves]) -> Curves:
    """Return the curves of epochs one after the other; a measure that some lack ends with the last that has it."""
    return {name: np.concatenate([part[name] for part in parts if name in part], axis=1) for name in parts[0]}


def predictor(group: Group, dtypes: Sequence[Any]) -> Function:
    """Return a function from samples to what all members say of them, as they are now."""
    inputs = group.given[: len(dtypes)]
    f = Flow({str(i): e for i, e in enumerate(group.predictions)}, {}, dict(zip(inputs, dtypes, strict=True))).function
    return batched(f, places_in(f, values_of(group)))
