"""How the cost of training grows with examples, parameters and steps, over three decades, beside two peers.

    python benchmarks/scaling.py                    a table
    python benchmarks/scaling.py --out results      and a picture, a panel each
    python benchmarks/scaling.py --libraries pellucid jax --json

A dense network of one hidden layer passes over all its examples at every step. One of the three grows from panel to
panel, the other two stay. Each library is a process of its own; a point is the shortest of some runs of training alone,
compiled before. The last column of the table is by what a run grew over the last decade: ten is in proportion.

Where a run is short, its beginning and its end are most of it. Where a line of pellucid's or of JAX's is steeper
between two points, XLA goes over to another way to multiply, and pellucid from C of its own to XLA.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
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
    "parameters": [10, 30, 100, 300, 1000, 3000, 10_000],  # hidden units; parameters are written beside them
    "steps": [30, 100, 300, 1000, 3000, 10_000, 30_000],
}
USUAL = {"examples": 200, "parameters": 32, "steps": 20}
COLOURS = {"pellucid": "#d55e00", "jax": "#0072b2", "torch": "#009e73"}
MARKS = {"pellucid": "o", "jax": "s", "torch": "^"}

Run = Callable[[int], Any]


def parameters(hidden: int) -> int:
    """Return how many parameters a network has."""
    return (INPUTS + 1) * hidden + (hidden + 1) * CLASSES


def data(examples: int, hidden: int) -> tuple[Any, Any, list[Any]]:
    """Return examples, their classes, and weights to begin with."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((examples, INPUTS), dtype="float32")
    start = [rng.standard_normal(s, dtype="float32") / s[0] ** 0.5 for s in ((INPUTS, hidden), (hidden, CLASSES))]
    return X, rng.integers(0, CLASSES, examples).astype("int32"), start


def by_pellucid(examples: int, hidden: int) -> Run:
    """Expressions, and all steps one loop."""
    import pellucid as pel

    X, y, (V1, V2) = data(examples, hidden)
    x, t = pel.matrix("x", shape=("n", INPUTS)), pel.ivector("t", shape=("n",))
    W1, b1 = pel.shared(V1, "W1"), pel.shared(np.zeros(hidden, "float32"), "b1")
    W2, b2 = pel.shared(V2, "W2"), pel.shared(np.zeros(CLASSES, "float32"), "b2")
    p = pel.softmax(pel.tanh(x @ W1 + b1) @ W2 + b2)
    loss = pel.losses.sparse_categorical_crossentropy(t, p).mean()
    step = pel.function([x, t], loss, updates=pel.optimizers.SGD(RATE).updates(loss))
    return lambda steps: step.repeat(steps, X, y)


def by_jax(examples: int, hidden: int) -> Run:
    """A scan, which keeps the loss of every step too."""
    import jax
    import jax.numpy as jnp

    X, y, (V1, V2) = data(examples, hidden)

    def loss(weights: Any) -> Any:
        W1, b1, W2, b2 = weights
        z = jax.nn.log_softmax(jnp.tanh(X @ W1 + b1) @ W2 + b2)
        return -jnp.take_along_axis(z, jnp.asarray(y)[:, None], axis=1).mean()

    def step(weights: Any, _: None) -> Any:
        now, slopes = jax.value_and_grad(loss)(weights)
        return [w - RATE * g for w, g in zip(weights, slopes, strict=True)], now

    train = jax.jit(lambda weights, steps: jax.lax.scan(step, weights, length=steps), static_argnums=1)
    weights = [jnp.asarray(v) for v in (V1, np.zeros(hidden, "float32"), V2, np.zeros(CLASSES, "float32"))]
    return lambda steps: jax.block_until_ready(train(weights, steps))


def by_torch(examples: int, hidden: int) -> Run:
    """Eager, with autograd and an optimizer."""
    import torch

    X, y, (V1, V2) = data(examples, hidden)
    x, t = torch.from_numpy(X), torch.from_numpy(y.astype("int64"))
    starts = (V1, np.zeros(hidden, "float32"), V2, np.zeros(CLASSES, "float32"))
    W1, b1, W2, b2 = weights = [torch.from_numpy(v).requires_grad_() for v in starts]
    optimizer = torch.optim.SGD(weights, lr=RATE)

    def run(steps: int) -> None:
        for _ in range(steps):
            loss = torch.nn.functional.cross_entropy(torch.tanh(x @ W1 + b1) @ W2 + b2, t)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return run


LIBRARIES = {"pellucid": by_pellucid, "jax": by_jax, "torch": by_torch}


def inside(library: str, repeats: int) -> list[dict[str, Any]]:
    """Measure all points of one library in this process."""
    rows = []
    for axis, sizes in SIZES.items():
        for size in sizes:
            how = {**USUAL, axis: size}
            run = LIBRARIES[library](how["examples"], how["parameters"])
            run(1)
            run(how["steps"])  # at whose end the length of chunks is known
            taken = []
            for _ in range(repeats):
                start = time.perf_counter()
                run(how["steps"])
                taken.append(time.perf_counter() - start)
            value = parameters(size) if axis == "parameters" else size
            rows.append({"axis": axis, "value": value, "library": library, "seconds": min(taken)})
    return rows


def measure(libraries: list[str], repeats: int) -> list[dict[str, Any]]:
    """Measure all points, each library in a process of its own."""
    rows = []
    for library in libraries:
        command = [sys.executable, __file__, "--inside", library, "--repeats", str(repeats)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=dict(os.environ))
        rows += json.loads(done.stdout.strip().splitlines()[-1])
    return rows


def curves(rows: list[dict[str, Any]], axis: str) -> dict[str, list[tuple[int, float]]]:
    """Return the points of each library along an axis."""
    found: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        if row["axis"] == axis:
            found.setdefault(row["library"], []).append((row["value"], row["seconds"]))
    return found


def growth(points: list[tuple[int, float]]) -> float:
    """Return by what a run grew over the last decade."""
    (low, before), (high, after) = points[-3], points[-1]
    return float((after / before) ** (np.log(10) / np.log(high / low)))


def table(rows: list[dict[str, Any]]) -> str:
    """Write the seconds of each point, and the growth over the last decade."""
    lines = []
    for axis in SIZES:
        found = curves(rows, axis)
        values = [value for value, _ in next(iter(found.values()))]
        lines += ["", f"{axis:<12}" + "".join(f"{value:>10,}" for value in values) + f"{'ten times':>12}"]
        for library, points in found.items():
            times = "".join(f"{seconds:>10.2g}" for _, seconds in points)
            lines.append(f"{library:<12}{times}{growth(points):>12.1f}")
    return "\n".join(lines[1:])


def picture(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw a panel for each axis; grey lines are in proportion."""
    from matplotlib.figure import Figure

    times = [row["seconds"] for row in rows]
    figure = Figure(figsize=(11, 4), layout="constrained")
    for axes, axis in zip(figure.subplots(1, len(SIZES), sharey=True), SIZES, strict=True):
        found = curves(rows, axis)
        for library, points in found.items():
            axes.plot(*zip(*points, strict=True), marker=MARKS[library], color=COLOURS[library], label=library, ms=4)
        values = np.array([value for value, _ in next(iter(found.values()))], float)
        for power in range(-12, 2):
            axes.plot(values, 10.0**power * values, color="#dddddd", lw=0.8, zorder=0)
        axes.set(xscale="log", yscale="log", xlabel=axis, ylim=(min(times) / 2, max(times) * 2))
        axes.set_xlim(values[0] / 1.3, values[-1] * 1.3)
    first = figure.axes[0]
    first.set_ylabel("seconds of training")
    first.legend(frameon=False)
    figure.suptitle("Cost over examples, parameters and steps (grey: in proportion)", fontsize=11)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--libraries", nargs="+", choices=list(LIBRARIES), help="those installed without it")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each point; the shortest is taken")
    parser.add_argument("--out", type=Path, help="a folder for scaling.png")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--inside", choices=list(LIBRARIES), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        print(json.dumps(inside(given.inside, given.repeats)))
        return
    rows = measure(given.libraries or [name for name in LIBRARIES if importlib.util.find_spec(name)], given.repeats)
    print(json.dumps(rows, indent=1) if given.json else table(rows))
    if given.out:
        picture(rows, given.out / "scaling.png")


if __name__ == "__main__":
    main()
