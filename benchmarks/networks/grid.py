"""Cliffs: neighboring sizes at which the time of a step rises far more than its work."""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from networks.by_layers import build_pellucid
from networks.catalog import Array, Network, make_dense_stack

MAX_RISE = 1.3
"""By how much the time per unit of work may rise from one size to the next."""

MAX_OPERATIONS = 1.5e10
"""Operations of the largest step."""

STEPS, CALLS, SECONDS = 16, 3, 0.1
"""Steps of an epoch; timed calls of ``fit``, of which the shortest counts; and how long a call takes at least."""

SHOWN = 20
"""How many cliffs of a grid are printed."""

Cell = tuple[int, ...]


@dataclass(frozen=True)
class Grid:
    """Networks over all combinations of sizes.

    Attributes
    ----------
    axes : dict from str to tuple of int
        The sizes of each axis, in rising order.
    make_network : function
        Returns the network of a cell.
    count_work : function
        Returns the layers, operations, elements of activations and parameters of a cell.
    """

    axes: dict[str, tuple[int, ...]]
    make_network: Callable[..., Network]
    count_work: Callable[..., tuple[float, ...]]

    def list_cells(self) -> list[Cell]:
        """Return the cells that are small enough."""
        return [cell for cell in itertools.product(*self.axes.values()) if self.count_work(*cell)[1] <= MAX_OPERATIONS]

    def list_neighbors(self, cells: set[Cell]) -> Iterator[tuple[Cell, Cell]]:
        """Yield each pair of cells, the smaller first, that are one step of one axis apart."""
        for cell in sorted(cells):
            for k, sizes in enumerate(self.axes.values()):
                larger = [size for size in sizes if size > cell[k]]
                if larger and (other := (*cell[:k], larger[0], *cell[k + 1 :])) in cells:
                    yield cell, other

    def name_cell(self, cell: Cell) -> str:
        """Return the sizes of a cell as text."""
        return ", ".join(f"{axis} {size:,}" for axis, size in zip(self.axes, cell, strict=True))


def make_dense(depth: int, width: int, batch: int) -> Network:
    return Network((width,), make_dense_stack(depth, width, "tanh"), batch, STEPS, 1)


def count_dense_work(depth: int, width: int, batch: int) -> tuple[float, ...]:
    parameters = depth * width**2
    # Two products for the first layer, whose input needs no gradient, and three for each of the others.
    return depth, 2 * batch * (3 * parameters - width**2), batch * width * depth, parameters


def make_convolutional(image: int, channels: int, batch: int) -> Network:
    convolution = ("conv", channels, 3, 1, "relu")
    layers = (convolution, convolution, ("global_pool",), ("dense", 10))
    return Network((image, image, channels), layers, batch, STEPS, 1)


def count_convolutional_work(image: int, channels: int, batch: int) -> tuple[float, ...]:
    places, parameters = batch * image**2, 2 * 9 * channels**2
    # Two convolutions for the first layer, whose input needs no gradient, and three for the second.
    return 2, 5 * places * parameters, 2 * places * channels, parameters


GRIDS = {
    "dense": Grid(
        {
            "depth": (1, 2, 4, 8),
            "width": (8, 16, 32, 64, 128, 256, 512, 1024),
            "batch": (16, 64, 256, 1024, 4096),
        },
        make_dense,
        count_dense_work,
    ),
    "convolution": Grid(
        {"image": (8, 16, 32, 64), "channels": (4, 8, 16, 32, 64), "batch": (4, 16, 64)},
        make_convolutional,
        count_convolutional_work,
    ),
}


def time_step(net: Network) -> float:
    """Return the seconds of a step of ``fit`` in steady state."""
    model, _ = build_pellucid(net)
    x, y = net.make_data()

    def fit(epochs: int) -> float:
        start = time.perf_counter()
        model.fit(x, y, batch_size=net.batch, epochs=epochs, seed=0, verbose=0)
        return time.perf_counter() - start

    fit(1)
    epochs = 1
    while fit(epochs) < SECONDS:
        epochs *= 4
    return min(fit(epochs) for _ in range(CALLS)) / (epochs * STEPS)


def model_times(work: Array, seconds: Array) -> Array:
    """Return the times that follow from the work: a sum with the costs that fit all relative times best."""
    from scipy.optimize import nnls

    terms = np.column_stack([np.ones(len(work)), work])
    scales = terms.max(axis=0)
    costs, _ = nnls(terms / scales / seconds[:, None], np.ones(len(seconds)))
    return np.asarray(terms / scales @ costs)


def find_cliffs(grid: Grid, seconds: dict[Cell, float]) -> list[dict[str, Any]]:
    """Return the neighbors between which the time rises more than the work, the steepest first."""
    cells = list(seconds)
    work = np.array([grid.count_work(*cell) for cell in cells], float)
    modeled = dict(zip(cells, model_times(work, np.array([*seconds.values()])), strict=True))
    cliffs = []
    for smaller, larger in grid.list_neighbors(set(cells)):
        rise = seconds[larger] / seconds[smaller] * modeled[smaller] / modeled[larger]
        if rise > MAX_RISE:
            cliffs.append(
                {
                    "from": grid.name_cell(smaller),
                    "to": grid.name_cell(larger),
                    "seconds": [seconds[smaller], seconds[larger]],
                    "rise": float(rise),
                }
            )
    return sorted(cliffs, key=lambda cliff: -cliff["rise"])


def measure_grid(name: str) -> dict[str, Any]:
    """Time all cells of a grid."""
    grid, seconds = GRIDS[name], {}
    cells = grid.list_cells()
    for k, cell in enumerate(cells):
        print(f"  {name}: {k + 1} of {len(cells)}".ljust(79), end="\r", file=sys.stderr, flush=True)
        seconds[cell] = time_step(grid.make_network(*cell))
    times = {grid.name_cell(cell): value for cell, value in seconds.items()}
    return {"seconds": times, "cliffs": find_cliffs(grid, seconds)}


def format_table(found: dict[str, Any]) -> str:
    """Return the steepest cliffs of all grids."""
    lines = []
    for name, one in found.items():
        count = len(one["cliffs"])
        lines.append(f"{name}: {len(one['seconds'])} sizes, {count} cliffs of more than {MAX_RISE}")
        for cliff in one["cliffs"][:SHOWN]:
            before, after = (f"{1000 * seconds:.4g} ms" for seconds in cliff["seconds"])
            lines.append(f"  {cliff['rise']:.2f}  {cliff['from']}: {before}; {cliff['to']}: {after}")
    return "\n".join(lines)


def run(names: list[str], as_json: bool) -> None:
    """Measure grids and print their cliffs."""
    found = {}
    for name in names:
        found[name] = measure_grid(name)
        if not as_json:
            print(format_table({name: found[name]}), flush=True)
    if as_json:
        print(json.dumps(found))
