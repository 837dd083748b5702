"""How long a sweep of seven hidden sizes and twenty seeds takes on two moons, beside one run of the widest network.

    python benchmarks/sweep.py                                a few lengths of training, both ways in turn
    python benchmarks/sweep.py --epochs 20000 --batch 200     the workshop's length alone, every step on all points

One run is `fit` of the network of 50 units; the sweep trains 140 networks. Both are timed from building the models to
the last epoch, compiling included, and nothing is taken from the disk cache. Some networks of each sweep are fitted
alone as well, and how far they are apart is printed, as a share of the largest weight. The arithmetic of the 140
networks is 34 times that of the one, and the sweep has all cores for it where the one run has a single one. So the
ratio grows with the length of training: from that of compiling to 34 divided by the cores, or less where narrow
networks are quicker than their share. On two cores it is below five for the first four lengths, and above for the
last, where the twenty networks of 50 units alone take ten times the loop of the one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from typing import Any

import numpy as np

import pellucid as pel
from pellucid import nn
from pellucid.data import moons
from pellucid.run.native.compiler import loaded_libraries

SIZES = [1, 2, 3, 4, 5, 20, 50]
SEEDS = range(20)
LENGTHS = [(200, 32), (1000, 32), (500, 200), (3000, 32), (20_000, 200)]
COMPARED = [(1, 0), (3, 7), (20, 19), (50, 4)]
"""The size and seed of the networks that are fitted alone as well."""


def build(hidden: int) -> pel.Sequential:
    """Return the network of two inputs, some hidden units, and two classes."""
    model = pel.Sequential([nn.Input((2,)), nn.Dense(hidden, activation="tanh"), nn.Dense(2, activation="softmax")])
    model.compile(nn.optimizers.SGD(0.5), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def alone(hidden: int, seed: int, data: Any, how: dict[str, int]) -> Any:
    """Build one network and fit it."""
    nn.set_random_seed(seed)
    model = build(hidden)
    model.fit(*data, seed=seed, verbose=0, **how)
    return model


def timed(work: Any) -> tuple[float, Any]:
    """Return the seconds that something takes where nothing is compiled, and what it returns."""
    loaded_libraries.clear()
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def apart(found: Any, data: Any, how: dict[str, int]) -> float:
    """Return how far networks of the sweep are from those that are fitted alone."""
    gaps = []
    for hidden, seed in COMPARED:
        ours = found.model(SIZES.index(hidden) * len(SEEDS) + seed).get_weights()
        theirs = alone(hidden, seed, data, how).get_weights()
        largest = max(float(np.abs(w).max()) for w in theirs)
        gaps.append(max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True)) / largest)
    return max(gaps)


def measure(epochs: int, batch: int, rounds: int) -> dict[str, Any]:
    """Time both, one after the other, several times."""
    data, how = moons(200), {"epochs": epochs, "batch_size": batch}
    pairs = []
    for _ in range(rounds):
        one, _ = timed(lambda: alone(max(SIZES), 0, data, how))
        many, found = timed(lambda: pel.sweep(build, *data, hidden=SIZES, seed=SEEDS, verbose=0, **how))
        pairs.append((one, many))
    one, many = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(many / one for one, many in pairs)
    return {
        **how,
        "one": one,
        "sweep": many,
        "ratio": ratio,
        "programs": found.programs,
        "apart": apart(found, data, how),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Write the figures as a table."""
    lines = [f"{'epochs':>7}{'batch':>7}{'one run':>10}{'the sweep':>11}{'ratio':>8}{'programs':>10}{'apart':>10}"]
    lines += [
        f"{r['epochs']:>7}{r['batch_size']:>7}{r['one']:>9.2f}s{r['sweep']:>10.2f}s{r['ratio']:>8.2f}"
        f"{r['programs']:>10}{r['apart']:>10.1e}"
        for r in rows
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, help="one length of training instead of a few")
    parser.add_argument("--batch", type=int, default=32, help="points a step, with --epochs; 200 is all")
    parser.add_argument("--rounds", type=int, default=3, help="how often; medians are printed")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    chosen = parser.parse_args()
    os.environ["PELLUCID_CACHE"] = "0"
    alone(max(SIZES), 0, moons(200), {"epochs": 1, "batch_size": 32})  # wakes JAX, which is no part of either
    lengths = LENGTHS if chosen.epochs is None else [(chosen.epochs, chosen.batch)]
    rows = [measure(epochs, batch, chosen.rounds) for epochs, batch in lengths]
    print(json.dumps(rows, indent=1) if chosen.json else table(rows))


if __name__ == "__main__":
    main()
