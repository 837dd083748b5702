"""How long a command takes until its result is printed, and a process until its program is ready; the next one, too.

    python benchmarks/start.py                    commands, and three networks, each in processes of its own
    python benchmarks/start.py --only cnn --times 5

A command is timed from its start to the line with its result; pictures that are drawn afterwards are told apart. The
first process of a network compiles and keeps what it compiled; the second finds it. The figures are the seconds that
``Function.compile_seconds`` counts, medians over some pairs of processes, and the last column is their ratio. Python
has compiled its own files before, as it has on a machine where pellucid was installed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
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


def environment(folder: str) -> dict[str, str]:
    """Return the environment of a process that keeps what it compiles in a folder."""
    own = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**own, "PELLUCID_CACHE": folder}


def seconds(name: str, folder: str) -> tuple[float, str]:
    """Return the seconds of a process of its own, and the loss it came to."""
    command = [sys.executable, __file__, "--inside", name]
    done = subprocess.run(command, env=environment(folder), capture_output=True, text=True, check=False)
    if done.returncode or done.stderr:
        raise SystemExit(done.stderr or f"{name} ended with {done.returncode}")
    taken, loss = done.stdout.split()
    return float(taken), loss


def network(name: str, times: int) -> dict[str, float]:
    """Return how long a network's process took to compile its program, and the next one to find it."""
    pairs = []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            (first, loss), (second, again) = seconds(name, folder), seconds(name, folder)
        if loss != again:
            raise SystemExit(f"{name}: the program that was found gives {again} and not {loss}")
        pairs.append((first, second))
    compiled, found = (median(column) for column in zip(*pairs, strict=True))
    return {"compiled": compiled, "found": found}


def command(words: list[str], folder: str, result: str) -> dict[str, float]:
    """Return the seconds until a command prints a line with its result, and until it ends."""
    script = Path(sys.executable).with_name("pellucid")
    program = [str(script)] if script.exists() else [sys.executable, "-m", "pellucid"]
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as here:
        process = subprocess.Popen(
            [*program, *words], env=environment(folder), cwd=here, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        told = [time.perf_counter() - start for line in process.stdout if result in line]
        if process.wait() or not told:
            raise SystemExit(
                f"pellucid {' '.join(words)} ended with {process.returncode}, and did not print {result!r}"
            )
        return {"seconds": told[0], "end": time.perf_counter() - start}


def commands(times: int) -> dict[str, dict[str, float]]:
    """Time the commands that a newcomer types first."""
    runs: dict[str, list[dict[str, float]]] = {"help": [], "moons, cold": [], "moons, warm": []}
    result = "(to compare: logistic regression"
    for turn in range(times + 1):
        with tempfile.TemporaryDirectory() as folder:
            found = {
                "help": command(["--help"], folder, "pellucid"),
                "moons, cold": command(["run", "moons"], folder, result),
                "moons, warm": command(["run", "moons"], folder, result),
            }
        if turn:  # the first turn has Python compile its files
            for name, one in found.items():
                runs[name].append(one)
    return {name: extremes(some) for name, some in runs.items()}


def extremes(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return medians, and the shortest and the longest."""
    taken = [run["seconds"] for run in runs]
    return {"median": median(taken), "least": min(taken), "most": max(taken), "end": median(r["end"] for r in runs)}


def tables(found: dict[str, Any]) -> str:
    """Write what was found as two tables."""
    lines = []
    if found["commands"]:
        lines += [f"{'command':<14}{'result after':>14}{'least':>10}{'most':>10}{'all after':>12}"]
        for name, one in found["commands"].items():
            times = f"{one['median']:>12.3f} s{one['least']:>8.3f} s{one['most']:>8.3f} s{one['end']:>10.3f} s"
            lines.append(f"{name:<14}{times}")
        lines.append("")
    lines.append(f"{'network':<14}{'compiled':>14}{'found':>10}{'ratio':>10}")
    for name, one in found["networks"].items():
        ratio = one["compiled"] / one["found"]
        lines.append(f"{name:<14}{one['compiled']:>12.3f} s{one['found']:>8.3f} s{ratio:>10.1f}")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=NETWORKS, help="one network alone, and no commands")
    parser.add_argument("--times", type=int, default=5, help="how often")
    parser.add_argument("--json", action="store_true", help="print the same for a program")
    parser.add_argument("--inside", choices=NETWORKS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        ready(given.inside)
        return
    found = {
        "commands": {} if given.only else commands(given.times),
        "networks": {name: network(name, given.times) for name in ([given.only] if given.only else NETWORKS)},
    }
    print(json.dumps(found, indent=1) if given.json else tables(found))


if __name__ == "__main__":
    main()
