"""Training loops of Theano on pellucid, compared with pellucid's own function called in the same loop.

    python benchmarks/legacy.py
    python benchmarks/legacy.py --epochs 10 --repeats 9 --json

Softmax regression and a perceptron on 6,000 samples of 784 columns, in batches of 100. ``batches`` passes arrays;
``slices`` passes the number of a batch, whose slice of a shared array is the input. The two sides take turns in one
process, and each swaps its place with every repeat. The ratio is the median over repeats of the time of Theano's
spelling divided by that of pellucid's.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np

import pellucid as pel
from pellucid.compat import theano
from pellucid.compat.theano import tensor as T

SAMPLES, COLUMNS, CLASSES, BATCH = 6000, 784, 10, 100
WIDTHS = {"softmax regression": [COLUMNS, CLASSES], "perceptron": [COLUMNS, 128, CLASSES]}


def make_weights(widths: list[int]) -> list[Any]:
    rng = np.random.default_rng(0)
    return [a.astype("float32") for i, o in pairwise(widths) for a in (rng.normal(0, i**-0.5, (i, o)), np.zeros(o))]


def compile_theano(widths: list[int], data: Any, labels: Any, slices: bool) -> Callable[..., Any]:
    """Return a training step in Theano's spelling."""
    x, y, index = T.matrix("x"), T.ivector("y"), T.lscalar("index")
    weights = [theano.shared(w) for w in make_weights(widths)]
    h = x
    for k in range(0, len(weights), 2):
        h = T.dot(T.tanh(h) if k else h, weights[k]) + weights[k + 1]
    cost = -T.mean(T.log(T.nnet.softmax(h))[T.arange(y.shape[0]), y])
    updates = [(w, w - 0.1 * g) for w, g in zip(weights, T.grad(cost, weights), strict=True)]
    if not slices:
        return theano.function([x, y], cost, updates=updates)
    rows = slice(index * BATCH, (index + 1) * BATCH)
    givens = {x: theano.shared(data)[rows], y: theano.shared(labels)[rows]}
    return theano.function([index], cost, updates=updates, givens=givens)


def compile_pellucid(widths: list[int], data: Any, labels: Any, slices: bool) -> Callable[..., Any]:
    """Return the same step as a function of pellucid."""
    x, y, index = pel.matrix("x"), pel.ivector("y"), pel.scalar("index", dtype="int64")
    weights = [pel.shared(w) for w in make_weights(widths)]
    h: Any = x
    for k in range(0, len(weights), 2):
        h = (pel.tanh(h) if k else h) @ weights[k] + weights[k + 1]
    cost = -pel.mean(pel.log(pel.softmax(h))[pel.arange(y.shape[0]), y])
    updates = [(w, w - 0.1 * g) for w, g in zip(weights, pel.grad(cost, weights), strict=True)]
    if not slices:
        return pel.function([x, y], cost, updates=updates)
    rows = slice(index * BATCH, (index + 1) * BATCH)
    givens = {x: pel.shared(data)[rows], y: pel.shared(labels)[rows]}
    return pel.function([index], cost, updates=updates, givens=givens)


def measure_loop(step: Callable[..., Any], batches: list[tuple[Any, ...]], epochs: int) -> float:
    """Return the seconds of some epochs."""
    start = time.perf_counter()
    for _ in range(epochs):
        for batch in batches:
            step(*batch)
    return time.perf_counter() - start


def compare(name: str, slices: bool, epochs: int, repeats: int) -> dict[str, Any]:
    """Return the times of both spellings and their ratio."""
    rng = np.random.default_rng(1)
    data = rng.normal(size=(SAMPLES, COLUMNS)).astype("float32")
    labels = rng.integers(0, CLASSES, SAMPLES).astype("int32")
    steps = [compile_one(WIDTHS[name], data, labels, slices) for compile_one in (compile_theano, compile_pellucid)]
    starts = range(0, SAMPLES, BATCH)
    batches: list[tuple[Any, ...]] = [(data[s : s + BATCH], labels[s : s + BATCH]) for s in starts]
    batches = [(k,) for k in range(SAMPLES // BATCH)] if slices else batches
    costs = [float(step(*batches[0])) for step in steps]
    if not np.isclose(*costs, rtol=1e-5):
        raise SystemExit(f"The costs differ: {costs}")
    times: list[list[float]] = [[], []]
    for repeat in range(repeats):
        for side in (0, 1) if repeat % 2 else (1, 0):
            times[side].append(measure_loop(steps[side], batches, epochs) / (epochs * len(batches)))
    ratios = [a / b for a, b in zip(*times, strict=True)]
    return {
        "network": name,
        "data": "slices" if slices else "batches",
        "theano_us": 1e6 * median(times[0]),
        "pellucid_us": 1e6 * median(times[1]),
        "ratio": median(ratios),
    }


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=5, help="epochs of each measurement (default 5)")
    parser.add_argument("--repeats", type=int, default=7, help="measurements of each side (default 7)")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    given = parser.parse_args(words)
    theano.config.floatX = "float32"
    rows = [compare(name, slices, given.epochs, given.repeats) for name in WIDTHS for slices in (False, True)]
    if given.json:
        print(json.dumps(rows, indent=2))
        return 0
    print(f"{'network':20} {'data':8} {'Theano spelling':>16} {'pellucid':>10} {'ratio':>6}")
    for row in rows:
        times = f"{row['theano_us']:13.1f} µs {row['pellucid_us']:7.1f} µs"
        print(f"{row['network']:20} {row['data']:8} {times} {row['ratio']:6.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
