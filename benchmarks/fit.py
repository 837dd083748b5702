"""Overhead of ``fit`` over a compiled training loop written by hand.

    python benchmarks/fit.py                      three networks, five runs of each, in turn
    python benchmarks/fit.py --only moons --times 15

Both sides compute the same steps on the same data, and return loss and accuracy of every step. By hand, a step is a
compiled function of sample indices. Each epoch is a call of ``over``, and one more for the remainder batch; with full
batches, the whole run is one call of ``repeat``. The table shows the shortest run of each side in seconds, after a run
that compiles, and their ratio; the last column is the median of the ratios of the turns. ``--cpu`` measures CPU time,
which depends less on other processes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

Network = tuple[Any, np.ndarray, np.ndarray, int, int]
"""A compiled model, samples, labels, batch size and number of epochs."""


def compile_classifier(layers: list[Any]) -> Any:
    """Return a compiled model for integer labels."""
    import pellucid as pel

    model = pel.Sequential(layers)
    model.compile(pel.optimizers.SGD(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def moons() -> Network:
    """Two moons, 20,000 steps on all 200 samples."""
    from pellucid import nn
    from pellucid.data import moons as points

    x, y = points(dtype="float32")
    layers = [nn.Input((2,)), nn.Dense(3, activation="tanh"), nn.Dense(2, activation="softmax")]
    return compile_classifier(layers), x, y, len(x), 20_000


def dense() -> Network:
    """A dense network on 2,000 samples of 20 features, batches of 32 and a remainder batch."""
    from pellucid import nn

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2000, 20)).astype("float32"), rng.integers(0, 4, 2000).astype("int32")
    layers = [nn.Input((20,)), nn.Dense(64, activation="relu"), nn.Dense(4, activation="softmax")]
    return compile_classifier(layers), x, y, 32, 100


def cnn() -> Network:
    """A convolutional network on 4,000 random images, batches of 50."""
    from pellucid import nn

    rng = np.random.default_rng(0)
    x, y = rng.random((4000, 28, 28, 1), "float32"), rng.integers(0, 10, 4000).astype("int32")
    layers = [
        nn.Input((28, 28, 1)),
        nn.Conv2D(8, 3, activation="relu"),
        nn.MaxPooling2D(2),
        nn.Flatten(),
        nn.Dense(32, activation="relu"),
        nn.Dense(10, activation="softmax"),
    ]
    return compile_classifier(layers), x, y, 50, 2


NETWORKS: dict[str, Callable[[], Network]] = {"moons": moons, "dense": dense, "cnn": cnn}


def by_hand(network: Network) -> Callable[[], Any]:
    """Return the training loop, written with expressions."""
    import pellucid as pel
    from pellucid import nn

    model, x, y, batch, epochs = network
    given, output = model.inputs[0], model.outputs[0]
    target, index = pel.ivector("target", shape=("n",)), pel.ivector("index", shape=("n",))
    loss = pel.losses.sparse_categorical_crossentropy(target, output).mean()
    measured = [loss, nn.metrics.accuracy(target, output).mean()]
    updates = pel.optimizers.SGD(0.05).updates(loss)
    if batch == len(x):
        whole = pel.function([given, target], measured, updates=updates)
        return lambda: whole.repeat(epochs, x, y)
    samples, labels = (pel.shared(values, trainable=False) for values in (x, y))
    step = pel.function([index], measured, updates=updates, givens={given: samples[index], target: labels[index]})

    def run() -> None:
        for epoch in range(epochs):
            order = np.random.default_rng([0, epoch]).permutation(len(x)).astype("int32")
            remainder = len(x) % batch
            step.over(order[: len(x) - remainder].reshape(-1, batch))
            if remainder:
                step.over(order[None, -remainder:])

    return run


def measure(name: str, times: int, clock: Callable[[], float]) -> dict[str, float]:
    """Time both sides in turn."""
    network = NETWORKS[name]()
    model, x, y, batch, epochs = network
    sides = {
        "hand": by_hand(network),
        "fit": lambda: model.fit(x, y, batch_size=batch, epochs=epochs, seed=0, verbose=0),
    }
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for turn in range(times + 1):
        for side in list(sides) if turn % 2 else list(sides)[::-1]:
            start = clock()
            sides[side]()
            if turn:
                seconds[side].append(clock() - start)
    ratios = [a / b for a, b in zip(seconds["fit"], seconds["hand"], strict=True)]
    hand, fit = min(seconds["hand"]), min(seconds["fit"])
    return {"by hand": hand, "fit": fit, "ratio": fit / hand, "median ratio": statistics.median(ratios)}


def main() -> None:
    """Run the chosen networks and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(NETWORKS), action="append", help="network to run; may be repeated")
    parser.add_argument("--times", type=int, default=5, help="number of turns (default 5)")
    parser.add_argument("--cpu", action="store_true", help="measure CPU time instead of wall-clock time")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    args = parser.parse_args()
    clock = time.process_time if args.cpu else time.perf_counter
    found = {name: measure(name, args.times, clock) for name in args.only or NETWORKS}
    if args.json:
        print(json.dumps(found))
        return
    print(f"{'network':<10}{'by hand':>10}{'fit':>10}{'ratio':>8}{'median':>8}")
    for name, row in found.items():
        print(f"{name:<10}{row['by hand']:>9.3f}s{row['fit']:>9.3f}s{row['ratio']:>8.3f}{row['median ratio']:>8.3f}")


if __name__ == "__main__":
    main()
