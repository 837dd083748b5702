"""How long a process takes to have its program ready, and how long the next one takes, which finds it on disk.

    python benchmarks/start.py                    three networks, each in processes of its own
    python benchmarks/start.py --only cnn --times 5

The first process compiles and keeps what it compiled; the second loads it. Both trace the graph and lower it, which no
cache saves. The figures are the seconds that ``Function.compile_seconds`` counts, the shortest of some pairs of
processes, and the last column their ratio.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np


def moons() -> tuple[Any, tuple[Any, ...]]:
    """Two moons: the network from formulas, its whole run one loop."""
    import pellucid as pel

    rng = np.random.default_rng(0)
    X, y = pel.matrix("X", shape=("n", 2)), pel.ivector("y", shape=("n",))
    W1, b1 = pel.shared(rng.standard_normal((2, 3)), "W1"), pel.shared(np.zeros(3), "b1")
    W2, b2 = pel.shared(rng.standard_normal((3, 2)), "W2"), pel.shared(np.zeros(2), "b2")
    p = pel.softmax(pel.tanh(X @ W1 + b1) @ W2 + b2)
    loss = pel.losses.sparse_categorical_crossentropy(y, p).sum() + 0.005 * ((W1**2).sum() + (W2**2).sum())
    return training([X, y], loss), (points(rng, 200, 2), labels(rng, 200, 2))


def cnn() -> tuple[Any, tuple[Any, ...]]:
    """A convolutional network for digits of 28 by 28."""
    import pellucid as pel
    from pellucid import nn

    rng = np.random.default_rng(0)
    x, y = pel.tensor4("x", shape=("n", 28, 28, 1)), pel.ivector("y", shape=("n",))
    h = nn.MaxPooling2D(2)(nn.Conv2D(8, 3, activation="relu")(x))
    h = nn.MaxPooling2D(2)(nn.Conv2D(16, 3, activation="relu")(h))
    p = nn.Dense(10, activation="softmax")(nn.Dense(64, activation="relu")(nn.Flatten()(h)))
    loss = pel.losses.sparse_categorical_crossentropy(y, p).mean()
    return training([x, y], loss), (points(rng, 32, 28, 28, 1), labels(rng, 32, 10))


def lstm() -> tuple[Any, tuple[Any, ...]]:
    """A long short-term memory of 32 units, from formulas, along 20 steps."""
    import pellucid as pel

    rng = np.random.default_rng(0)
    units, inputs = 32, 8
    x, y = pel.tensor3("x", shape=(20, "n", inputs)), pel.ivector("y", shape=("n",))
    W = pel.shared(points(rng, inputs + units, 4 * units) / 8, "W")
    b, V = pel.shared(np.zeros(4 * units, "float32"), "b"), pel.shared(points(rng, units, 2), "V")

    def step(x_t: Any, h: Any, c: Any) -> tuple[Any, Any]:
        z = pel.concatenate([x_t, h], axis=1) @ W + b
        i, f, o, g = (z[:, k * units : (k + 1) * units] for k in range(4))
        c = pel.sigmoid(f) * c + pel.sigmoid(i) * pel.tanh(g)
        return pel.sigmoid(o) * pel.tanh(c), c

    zero = pel.zeros_like(x[0, :, :1]) * np.zeros((1, units), "float32")
    h, _ = pel.scan(step, x, [zero, zero])
    loss = pel.losses.sparse_categorical_crossentropy(y, pel.softmax(h[-1] @ V)).mean()
    return training([x, y], loss), (points(rng, 20, 16, inputs), labels(rng, 16, 2))


def training(inputs: list[Any], loss: Any) -> Any:
    """Return the training step of a loss."""
    import pellucid as pel

    return pel.function(inputs, loss, updates=pel.optimizers.SGD(0.01, momentum=0.9).updates(loss))


def points(rng: np.random.Generator, *shape: int) -> np.ndarray[Any, Any]:
    """Draw numbers."""
    return rng.standard_normal(shape).astype("float32")


def labels(rng: np.random.Generator, count: int, classes: int) -> np.ndarray[Any, Any]:
    """Draw classes."""
    return rng.integers(0, classes, count).astype("int32")


NETWORKS: dict[str, Callable[[], tuple[Any, tuple[Any, ...]]]] = {"moons": moons, "cnn": cnn, "lstm": lstm}


def ready(name: str) -> None:
    """Run two steps of a network in this process, and print how long its program took to be ready."""
    step, args = NETWORKS[name]()
    history = step.repeat(2, *args)
    print(step.compile_seconds, history[-1])


def seconds(name: str, folder: str) -> tuple[float, str]:
    """Return the seconds of a process of its own, and the loss it came to."""
    command = [sys.executable, __file__, "--inside", name]
    done = subprocess.run(
        command, env={**os.environ, "PELLUCID_CACHE": folder}, capture_output=True, text=True, check=True
    )
    if done.stderr:
        raise SystemExit(done.stderr)
    taken, loss = done.stdout.split()
    return float(taken), loss


def main() -> None:
    """Print one line a network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=NETWORKS, help="one network alone")
    parser.add_argument("--times", type=int, default=3, help="pairs of processes")
    parser.add_argument("--inside", choices=NETWORKS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        ready(given.inside)
        return
    print(f"{'network':<8}{'compiled':>10}{'loaded':>10}{'ratio':>8}")
    for name in [given.only] if given.only else NETWORKS:
        pairs = []
        for _ in range(given.times):
            with tempfile.TemporaryDirectory() as folder:
                (first, loss), (second, again) = seconds(name, folder), seconds(name, folder)
            if loss != again:
                raise SystemExit(f"{name}: the loaded program gives {again} and not {loss}")
            pairs.append((first, second))
        first, second = (min(column) for column in zip(*pairs, strict=True))
        print(f"{name:<8}{first:>8.3f} s{second:>8.3f} s{first / second:>8.1f}")


if __name__ == "__main__":
    main()
