"""How much longer a run takes through ``fit`` than through the compiled loop written by hand.

    python benchmarks/fit.py                      three networks, five runs of each, taking turns
    python benchmarks/fit.py --only moons --times 15

Both sides compute the same steps, on the same data in the same order, with loss and accuracy of every step handed out.
By hand, a step is compiled as a function of which samples to take, and each epoch is a call of ``over``, and one more
for the samples that are left over, or the whole run is one of ``repeat`` where a step takes all samples. The figures
are the shortest whole runs after one that compiled, in seconds, and their ratio; the last column is the median over the
turns, of which each held the two against one another. With ``--cpu`` they are seconds of processors, which others on
the machine disturb less.
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
"""A compiled model, samples, labels, the size of a batch, and the number of epochs."""


def compiled(layers: list[Any]) -> Any:
    """Return a model for labels."""
    import pellucid as pel

    model = pel.Sequential(layers)
    model.compile(pel.optimizers.SGD(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def moons() -> Network:
    """Two moons, all 200 samples at every step, 20,000 steps."""
    from pellucid import nn
    from pellucid.data import moons as points

    x, y = points(dtype="float32")
    layers = [nn.Input((2,)), nn.Dense(3, activation="tanh"), nn.Dense(2, activation="softmax")]
    return compiled(layers), x, y, len(x), 20_000


def dense() -> Network:
    """A dense network on 2,000 samples of 20 numbers, in batches of 32, of which the last has fewer."""
    from pellucid import nn

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2000, 20)).astype("float32"), rng.integers(0, 4, 2000).astype("int32")
    layers = [nn.Input((20,)), nn.Dense(64, activation="relu"), nn.Dense(4, activation="softmax")]
    return compiled(layers), x, y, 32, 100


def cnn() -> Network:
    """A convolutional network on 4,000 digits, in batches of 50."""
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
    return compiled(layers), x, y, 50, 2


NETWORKS: dict[str, Callable[[], Network]] = {"moons": moons, "dense": dense, "cnn": cnn}


def by_hand(network: Network) -> Callable[[], Any]:
    """Return the run as one would write it on expressions."""
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
            rest = len(x) % batch
            step.over(order[: len(x) - rest].reshape(-1, batch))
            if rest:
                step.over(order[None, -rest:])

    return run


def measured(name: str, times: int, clock: Callable[[], float]) -> dict[str, float]:
    """Time both sides in turns."""
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
    """Measure what is asked for."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--only", choices=list(NETWORKS), action="append", help="one network, or several")
    asked.add_argument("--times", type=int, default=5, help="how many turns")
    asked.add_argument("--cpu", action="store_true", help="count seconds of processors")
    asked.add_argument("--json", action="store_true", help="print the same for a program")
    args = asked.parse_args()
    clock = time.process_time if args.cpu else time.perf_counter
    found = {name: measured(name, args.times, clock) for name in args.only or NETWORKS}
    if args.json:
        print(json.dumps(found))
        return
    print(f"{'network':<10}{'by hand':>10}{'fit':>10}{'ratio':>8}{'median':>8}")
    for name, row in found.items():
        print(f"{name:<10}{row['by hand']:>9.3f}s{row['fit']:>9.3f}s{row['ratio']:>8.3f}{row['median ratio']:>8.3f}")


if __name__ == "__main__":
    main()
