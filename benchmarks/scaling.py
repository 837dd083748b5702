"""Cost of training over examples, parameters and steps, across three decades, in pellucid, JAX and PyTorch.

    python benchmarks/scaling.py                    a table
    python benchmarks/scaling.py --out results      a picture too, with one panel per quantity
    python benchmarks/scaling.py --libraries pellucid jax --json

A dense network with one hidden layer is trained by full-batch gradient descent. One quantity varies, the other two are
fixed. Each library runs in a separate process. A point is the shortest of several runs, without compilation. The last
column of the table is the growth over the last decade: 10 means proportional cost.

Short runs are dominated by the cost of starting them. A step in a curve of pellucid or JAX is where XLA switches to
another matrix product, or pellucid from its own C code to XLA.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

INPUTS, CLASSES, RATE = 20, 2, 0.001
SIZES = {
    "examples": [100, 300, 1000, 3000, 10_000, 30_000, 100_000],
    "parameters": [10, 30, 100, 300, 1000, 3000, 10_000],  # hidden units; the results have the number of parameters
    "steps": [30, 100, 300, 1000, 3000, 10_000, 30_000],
}
FIXED = {"examples": 200, "parameters": 32, "steps": 20}
"""Sizes of the quantities that do not vary."""
COLORS = {"pellucid": "#d55e00", "jax": "#0072b2", "torch": "#009e73"}
MARKERS = {"pellucid": "o", "jax": "s", "torch": "^"}

Run = Callable[[int], Any]


def count_parameters(hidden: int) -> int:
    """Return the number of parameters of a network."""
    return (INPUTS + 1) * hidden + (hidden + 1) * CLASSES


def make_data(examples: int, hidden: int) -> tuple[Any, Any, list[Any]]:
    """Return examples, their classes, and initial weights."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((examples, INPUTS), dtype="float32")
    start = [rng.standard_normal(s, dtype="float32") / s[0] ** 0.5 for s in ((INPUTS, hidden), (hidden, CLASSES))]
    return X, rng.integers(0, CLASSES, examples).astype("int32"), start


def by_pellucid(examples: int, hidden: int) -> Run:
    """Return a run of pellucid: expressions, with all steps in one compiled loop."""
    import pellucid as pel

    X, y, (V1, V2) = make_data(examples, hidden)
    x, t = pel.matrix("x", shape=("n", INPUTS)), pel.ivector("t", shape=("n",))
    W1, b1 = pel.shared(V1, "W1"), pel.shared(np.zeros(hidden, "float32"), "b1")
    W2, b2 = pel.shared(V2, "W2"), pel.shared(np.zeros(CLASSES, "float32"), "b2")
    p = pel.softmax(pel.tanh(x @ W1 + b1) @ W2 + b2)
    loss = pel.losses.sparse_categorical_crossentropy(t, p).mean()
    step = pel.function([x, t], loss, updates=pel.optimizers.SGD(RATE).updates(loss))
    return lambda steps: step.repeat(steps, X, y)


def by_jax(examples: int, hidden: int) -> Run:
    """Return a run of JAX: a scan that stacks the losses of the steps, as pellucid does."""
    import jax
    import jax.numpy as jnp

    X, y, (V1, V2) = make_data(examples, hidden)

    def loss(weights: Any) -> Any:
        W1, b1, W2, b2 = weights
        z = jax.nn.log_softmax(jnp.tanh(X @ W1 + b1) @ W2 + b2)
        return -jnp.take_along_axis(z, jnp.asarray(y)[:, None], axis=1).mean()

    def step(weights: Any, _: None) -> Any:
        value, gradients = jax.value_and_grad(loss)(weights)
        return [w - RATE * g for w, g in zip(weights, gradients, strict=True)], value

    train = jax.jit(lambda weights, steps: jax.lax.scan(step, weights, length=steps), static_argnums=1)
    weights = [jnp.asarray(v) for v in (V1, np.zeros(hidden, "float32"), V2, np.zeros(CLASSES, "float32"))]
    return lambda steps: jax.block_until_ready(train(weights, steps))


def by_torch(examples: int, hidden: int) -> Run:
    """Return a run of PyTorch: eager, with autograd and an optimizer."""
    import torch

    X, y, (V1, V2) = make_data(examples, hidden)
    x, t = torch.from_numpy(X), torch.from_numpy(y.astype("int64"))
    initial = (V1, np.zeros(hidden, "float32"), V2, np.zeros(CLASSES, "float32"))
    W1, b1, W2, b2 = weights = [torch.from_numpy(v).requires_grad_() for v in initial]
    optimizer = torch.optim.SGD(weights, lr=RATE)

    def run(steps: int) -> None:
        for _ in range(steps):
            loss = torch.nn.functional.cross_entropy(torch.tanh(x @ W1 + b1) @ W2 + b2, t)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return run


LIBRARIES = {"pellucid": by_pellucid, "jax": by_jax, "torch": by_torch}


def measure_library(library: str, repeats: int) -> list[dict[str, Any]]:
    """Measure all points of one library in this process."""
    rows = []
    for axis, sizes in SIZES.items():
        for size in sizes:
            chosen = {**FIXED, axis: size}
            run = LIBRARIES[library](chosen["examples"], chosen["parameters"])
            run(1)
            run(chosen["steps"])  # pellucid chooses its chunk size during this run
            seconds = []
            for _ in range(repeats):
                start = time.perf_counter()
                run(chosen["steps"])
                seconds.append(time.perf_counter() - start)
            value = count_parameters(size) if axis == "parameters" else size
            rows.append({"axis": axis, "value": value, "library": library, "seconds": min(seconds)})
    return rows


def measure(libraries: list[str], repeats: int) -> list[dict[str, Any]]:
    """Measure all points, each library in a separate process."""
    rows = []
    for library in libraries:
        command = [sys.executable, __file__, "--child", library, "--repeats", str(repeats)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        rows += json.loads(done.stdout.strip().splitlines()[-1])
    return rows


def group_points(rows: list[dict[str, Any]], axis: str) -> dict[str, list[tuple[int, float]]]:
    """Return the points of each library along an axis."""
    points: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        if row["axis"] == axis:
            points.setdefault(row["library"], []).append((row["value"], row["seconds"]))
    return points


def compute_growth(points: list[tuple[int, float]]) -> float:
    """Return the factor by which the time grows over the last decade."""
    (low, before), (high, after) = points[-3], points[-1]
    return float((after / before) ** (np.log(10) / np.log(high / low)))


def format_table(rows: list[dict[str, Any]]) -> str:
    """Return the seconds of each point, and the growth over the last decade."""
    lines = []
    for axis in SIZES:
        libraries = group_points(rows, axis)
        values = [value for value, _ in next(iter(libraries.values()))]
        lines += ["", f"{axis:<12}" + "".join(f"{value:>10,}" for value in values) + f"{'per decade':>12}"]
        for library, points in libraries.items():
            times = "".join(f"{seconds:>10.2g}" for _, seconds in points)
            lines.append(f"{library:<12}{times}{compute_growth(points):>12.1f}")
    return "\n".join(lines[1:])


def draw_curves(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw a panel for each axis, with gray lines of proportional cost."""
    from matplotlib.figure import Figure

    times = [row["seconds"] for row in rows]
    figure = Figure(figsize=(11, 4), layout="constrained")
    for axes, axis in zip(figure.subplots(1, len(SIZES), sharey=True), SIZES, strict=True):
        libraries = group_points(rows, axis)
        for library, points in libraries.items():
            axes.plot(*zip(*points, strict=True), marker=MARKERS[library], color=COLORS[library], label=library, ms=4)
        values = np.array([value for value, _ in next(iter(libraries.values()))], float)
        for power in range(-12, 2):
            axes.plot(values, 10.0**power * values, color="#dddddd", lw=0.8, zorder=0)
        axes.set(xscale="log", yscale="log", xlabel=axis, ylim=(min(times) / 2, max(times) * 2))
        axes.set_xlim(values[0] / 1.3, values[-1] * 1.3)
    first = figure.axes[0]
    first.set_ylabel("seconds of training")
    first.legend(frameon=False)
    figure.suptitle("Cost over examples, parameters and steps (gray: proportional)", fontsize=11)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--libraries", nargs="+", choices=list(LIBRARIES), help="libraries (default: all that are installed)"
    )
    parser.add_argument("--repeats", type=int, default=3, help="runs of each point (default 3); the shortest counts")
    parser.add_argument("--out", type=Path, help="folder for scaling.png")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--child", choices=list(LIBRARIES), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(measure_library(args.child, args.repeats)))
        return
    rows = measure(args.libraries or [name for name in LIBRARIES if importlib.util.find_spec(name)], args.repeats)
    print(json.dumps(rows, indent=1) if args.json else format_table(rows))
    if args.out:
        draw_curves(rows, args.out / "scaling.png")


if __name__ == "__main__":
    main()
