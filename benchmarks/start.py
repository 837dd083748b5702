"""Start-up time of commands and of compiled programs, with an empty and with a filled compilation cache.

    python benchmarks/start.py                    commands and three networks, each in separate processes
    python benchmarks/start.py --only cnn --times 5

A command is timed from its start to the line with its result; the time until it ends, with all pictures drawn, is in
the last column. For a network, the first process compiles and fills the cache, the second process reads it. The table
has the medians of ``Function.compile_seconds`` over several pairs of processes, and their ratio. Python's own bytecode
is compiled beforehand, as in an installation.
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
    """Two moons: a network written as formulas, trained in one compiled loop."""
    import pellucid as pel

    rng = np.random.default_rng(0)
    X, y = pel.matrix("X", shape=("n", 2)), pel.ivector("y", shape=("n",))
    W1, b1 = pel.shared(rng.standard_normal((2, 3)), "W1"), pel.shared(np.zeros(3), "b1")
    W2, b2 = pel.shared(rng.standard_normal((3, 2)), "W2"), pel.shared(np.zeros(2), "b2")
    p = pel.softmax(pel.tanh(X @ W1 + b1) @ W2 + b2)
    loss = pel.losses.sparse_categorical_crossentropy(y, p).sum() + 0.005 * ((W1**2).sum() + (W2**2).sum())
    return compile_step([X, y], loss), (draw_points(rng, 200, 2), draw_labels(rng, 200, 2))


def cnn() -> tuple[Any, tuple[Any, ...]]:
    """A convolutional network for images of 28 by 28 pixels."""
    import pellucid as pel
    from pellucid import nn

    rng = np.random.default_rng(0)
    x, y = pel.tensor4("x", shape=("n", 28, 28, 1)), pel.ivector("y", shape=("n",))
    h = nn.MaxPooling2D(2)(nn.Conv2D(8, 3, activation="relu")(x))
    h = nn.MaxPooling2D(2)(nn.Conv2D(16, 3, activation="relu")(h))
    p = nn.Dense(10, activation="softmax")(nn.Dense(64, activation="relu")(nn.Flatten()(h)))
    loss = pel.losses.sparse_categorical_crossentropy(y, p).mean()
    return compile_step([x, y], loss), (draw_points(rng, 32, 28, 28, 1), draw_labels(rng, 32, 10))


def lstm() -> tuple[Any, tuple[Any, ...]]:
    """An LSTM of 32 units written as formulas, on sequences of 20 steps."""
    import pellucid as pel

    rng = np.random.default_rng(0)
    units, inputs = 32, 8
    x, y = pel.tensor3("x", shape=(20, "n", inputs)), pel.ivector("y", shape=("n",))
    W = pel.shared(draw_points(rng, inputs + units, 4 * units) / 8, "W")
    b, V = pel.shared(np.zeros(4 * units, "float32"), "b"), pel.shared(draw_points(rng, units, 2), "V")

    def step(x_t: Any, h: Any, c: Any) -> tuple[Any, Any]:
        z = pel.concatenate([x_t, h], axis=1) @ W + b
        i, f, o, g = (z[:, k * units : (k + 1) * units] for k in range(4))
        c = pel.sigmoid(f) * c + pel.sigmoid(i) * pel.tanh(g)
        return pel.sigmoid(o) * pel.tanh(c), c

    zero = pel.zeros_like(x[0, :, :1]) * np.zeros((1, units), "float32")
    h, _ = pel.scan(step, x, [zero, zero])
    loss = pel.losses.sparse_categorical_crossentropy(y, pel.softmax(h[-1] @ V)).mean()
    return compile_step([x, y], loss), (draw_points(rng, 20, 16, inputs), draw_labels(rng, 16, 2))


def compile_step(inputs: list[Any], loss: Any) -> Any:
    """Return a training step that minimizes a loss."""
    import pellucid as pel

    return pel.function(inputs, loss, updates=pel.optimizers.SGD(0.01, momentum=0.9).updates(loss))


def draw_points(rng: np.random.Generator, *shape: int) -> np.ndarray[Any, Any]:
    return rng.standard_normal(shape).astype("float32")


def draw_labels(rng: np.random.Generator, count: int, classes: int) -> np.ndarray[Any, Any]:
    return rng.integers(0, classes, count).astype("int32")


NETWORKS: dict[str, Callable[[], tuple[Any, tuple[Any, ...]]]] = {"moons": moons, "cnn": cnn, "lstm": lstm}


def run_network(name: str) -> None:
    """Run two steps of a network in this process, and print its compile time and the last loss."""
    step, args = NETWORKS[name]()
    history = step.repeat(2, *args)
    print(step.compile_seconds, history[-1])


def make_environment(cache: str) -> dict[str, str]:
    """Return the environment of a process whose compilation cache is in a folder."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PELLUCID_CACHE": cache}


def run_in_process(name: str, cache: str) -> tuple[float, str]:
    """Return the compile time of a network in a separate process, and the last loss."""
    command = [sys.executable, __file__, "--child", name]
    done = subprocess.run(command, env=make_environment(cache), capture_output=True, text=True, check=False)
    if done.returncode or done.stderr:
        raise SystemExit(done.stderr or f"{name}: exit status {done.returncode}")
    seconds, loss = done.stdout.split()
    return float(seconds), loss


def measure_network(name: str, times: int) -> dict[str, float]:
    """Return the median times of compiling a program and of reading it from the cache."""
    pairs = []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as cache:
            (first, loss), (second, cached_loss) = run_in_process(name, cache), run_in_process(name, cache)
        if loss != cached_loss:
            raise SystemExit(f"{name}: the loss of the cached program is {cached_loss} instead of {loss}")
        pairs.append((first, second))
    compiled, cached = (median(column) for column in zip(*pairs, strict=True))
    return {"compiled": compiled, "cached": cached}


def time_command(words: list[str], cache: str, result: str) -> dict[str, float]:
    """Return the seconds until a command prints a line with its result, and until it ends."""
    script = Path(sys.executable).with_name("pellucid")
    program = [str(script)] if script.exists() else [sys.executable, "-m", "pellucid"]
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as here:
        process = subprocess.Popen(
            [*program, *words], env=make_environment(cache), cwd=here, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        seconds = [time.perf_counter() - start for line in process.stdout if result in line]
        if process.wait() or not seconds:
            output = "printed" if seconds else "did not print"
            raise SystemExit(f"pellucid {' '.join(words)}: exit status {process.returncode}, {output} {result!r}")
        return {"seconds": seconds[0], "end": time.perf_counter() - start}


def measure_commands(times: int) -> dict[str, dict[str, float]]:
    """Time the commands of a first session."""
    runs: dict[str, list[dict[str, float]]] = {"help": [], "moons, cold": [], "moons, warm": []}
    result = "(baseline: logistic regression"
    for turn in range(times + 1):
        with tempfile.TemporaryDirectory() as cache:
            found = {
                "help": time_command(["--help"], cache, "pellucid"),
                "moons, cold": time_command(["run", "moons"], cache, result),
                "moons, warm": time_command(["run", "moons"], cache, result),
            }
        if turn:  # during the first turn, Python compiles its bytecode
            for name, one in found.items():
                runs[name].append(one)
    return {name: summarize(group) for name, group in runs.items()}


def summarize(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return medians and extremes of the runs of a command."""
    seconds = [run["seconds"] for run in runs]
    return {"median": median(seconds), "min": min(seconds), "max": max(seconds), "end": median(r["end"] for r in runs)}


def format_tables(found: dict[str, Any]) -> str:
    """Return the results as two tables."""
    lines = []
    if found["commands"]:
        lines += [f"{'command':<14}{'result after':>14}{'min':>10}{'max':>10}{'end after':>12}"]
        for name, one in found["commands"].items():
            times = f"{one['median']:>12.3f} s{one['min']:>8.3f} s{one['max']:>8.3f} s{one['end']:>10.3f} s"
            lines.append(f"{name:<14}{times}")
        lines.append("")
    lines.append(f"{'network':<14}{'compiled':>14}{'cached':>10}{'ratio':>10}")
    for name, one in found["networks"].items():
        ratio = one["compiled"] / one["cached"]
        lines.append(f"{name:<14}{one['compiled']:>12.3f} s{one['cached']:>8.3f} s{ratio:>10.1f}")
    return "\n".join(lines)


def main() -> None:
    """Measure the commands and networks and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=NETWORKS, help="only this network, without the commands")
    parser.add_argument("--times", type=int, default=5, help="number of repetitions (default 5)")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--child", choices=NETWORKS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        run_network(args.child)
        return
    found = {
        "commands": {} if args.only else measure_commands(args.times),
        "networks": {name: measure_network(name, args.times) for name in ([args.only] if args.only else NETWORKS)},
    }
    print(json.dumps(found, indent=1) if args.json else format_tables(found))


if __name__ == "__main__":
    main()
