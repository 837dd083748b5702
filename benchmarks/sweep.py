"""Time of a sweep over seven hidden sizes and twenty seeds on two moons, compared with one run of the widest network.

    python benchmarks/sweep.py                                five training lengths, both sides in turn
    python benchmarks/sweep.py --epochs 20000 --batch 200     one training length, with full batches

The single run is ``fit`` of the network with 50 hidden units; the sweep trains 140 networks. Both times include
building and compiling the models, without the disk cache. Some networks of the sweep are also fitted separately. The
last column is the largest difference of their weights, relative to the largest weight.

The arithmetic of the 140 networks is 34 times that of the single one, and the sweep uses all cores for it while the
single run uses one. So the ratio grows with the training length, from the ratio of the compile times to about 34
divided by the number of cores.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
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
"""Hidden size and seed of the networks that are also fitted separately."""


def build_model(hidden: int) -> pel.Sequential:
    """Return a compiled network with one hidden layer."""
    model = pel.Sequential([nn.Input((2,)), nn.Dense(hidden, activation="tanh"), nn.Dense(2, activation="softmax")])
    model.compile(nn.optimizers.SGD(0.5), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def fit_single(hidden: int, seed: int, data: Any, settings: dict[str, int]) -> Any:
    """Build one network and fit it."""
    nn.set_random_seed(seed)
    model = build_model(hidden)
    model.fit(*data, seed=seed, verbose=0, **settings)
    return model


def time_cold(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds and the result of a call, with no compiled program in memory."""
    loaded_libraries.clear()
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def compare_weights(sweep: Any, data: Any, settings: dict[str, int]) -> float:
    """Return the largest relative difference between weights of the sweep and of networks fitted separately."""
    differences = []
    for hidden, seed in COMPARED:
        ours = sweep.model(SIZES.index(hidden) * len(SEEDS) + seed).get_weights()
        separate = fit_single(hidden, seed, data, settings).get_weights()
        largest = max(float(np.abs(w).max()) for w in separate)
        differences.append(max(float(np.abs(a - b).max()) for a, b in zip(ours, separate, strict=True)) / largest)
    return max(differences)


def measure(epochs: int, batch: int, times: int) -> dict[str, Any]:
    """Time both sides in turn."""
    data, settings = moons(200), {"epochs": epochs, "batch_size": batch}
    pairs = []
    for _ in range(times):
        single, _ = time_cold(lambda: fit_single(max(SIZES), 0, data, settings))
        seconds, sweep = time_cold(
            lambda: pel.sweep(build_model, *data, hidden=SIZES, seed=SEEDS, verbose=0, **settings)
        )
        pairs.append((single, seconds))
    single, seconds = (statistics.median(column) for column in zip(*pairs, strict=True))
    return {
        **settings,
        "single": single,
        "sweep": seconds,
        "ratio": statistics.median(b / a for a, b in pairs),
        "programs": sweep.programs,
        "difference": compare_weights(sweep, data, settings),
    }


def format_table(rows: list[dict[str, Any]]) -> str:
    """Return the results as a table."""
    lines = [f"{'epochs':>7}{'batch':>7}{'single run':>12}{'sweep':>9}{'ratio':>8}{'programs':>10}{'difference':>12}"]
    lines += [
        f"{r['epochs']:>7}{r['batch_size']:>7}{r['single']:>11.2f}s{r['sweep']:>8.2f}s{r['ratio']:>8.2f}"
        f"{r['programs']:>10}{r['difference']:>12.1e}"
        for r in rows
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure the training lengths and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, help="a single training length, in epochs")
    parser.add_argument("--batch", type=int, default=32, help="batch size with --epochs (default 32; all points: 200)")
    parser.add_argument("--times", type=int, default=3, help="number of repetitions (default 3)")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    args = parser.parse_args()
    os.environ["PELLUCID_CACHE"] = "0"
    fit_single(max(SIZES), 0, moons(200), {"epochs": 1, "batch_size": 32})  # starts JAX before the clock
    lengths = LENGTHS if args.epochs is None else [(args.epochs, args.batch)]
    rows = [measure(epochs, batch, args.times) for epochs, batch in lengths]
    print(json.dumps(rows, indent=1) if args.json else format_table(rows))


if __name__ == "__main__":
    main()
