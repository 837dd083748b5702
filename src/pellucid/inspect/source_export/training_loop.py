"""Training loop and main block of an exported program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.show.sources.literals import array_to_source
from pellucid.typing import Array, DTypeLike

TRAINING_LOOP_NAMES = {"fit", "predict", "losses", "total", "batch", "order", "start", "epoch", "data", "sys"}
"""Names in the training loop and main block, which no variable of the network may have."""


@dataclass(frozen=True)
class ExportOptions:
    """Training settings of an exported program; epochs, batch_size and seed are as for `Model.fit`."""

    data: Sequence[Array]  # to embed, inputs and then targets; if empty, the program reads a file
    epochs: int = 1
    batch_size: int = 32
    seed: int = 0
    weights: bool = False  # whether code with layers contains the weights


def name_data(inputs: Sequence[Expr], targets: Sequence[Expr]) -> list[str]:
    """Return variable names for the data: x and y, with numbers if there are several.

    Examples
    --------
    >>> x = pel.matrix("pixels")
    >>> name_data([x], [x]), name_data([x, x], [x])
    (['x', 'y'], ['x1', 'x2', 'y'])
    """

    def number(letter: str, count: int) -> list[str]:
        return [letter] if count == 1 else [f"{letter}{i}" for i in range(1, count + 1)]

    return [*number("x", len(inputs)), *number("y", len(targets))]


def write_fit_lines(names: Sequence[str], dtypes: Sequence[DTypeLike], options: ExportOptions) -> list[str]:
    """Write a function ``fit`` with the same mini-batches as `Model.fit` with the same seed."""
    first = names[0]
    batch = ", ".join(
        f'{name}[batch].astype("{np.dtype(dtype).name}")' for name, dtype in zip(names, dtypes, strict=True)
    )
    defaults = f"epochs={options.epochs}, batch_size={options.batch_size}, seed={options.seed}"
    return [
        f"def fit({', '.join(names)}, {defaults}):",
        '    """Train on all samples in each epoch, in an order determined by seed and epoch."""',
        "    losses = []",
        "    for epoch in range(epochs):",
        f"        order = np.random.default_rng([seed, epoch]).permutation(len({first}))",
        "        total = 0.0",
        f"        for start in range(0, len({first}), batch_size):",
        "            batch = order[start : start + batch_size]",
        f"            total += len(batch) * float(step({batch}))",
        f"        losses.append(total / len({first}))",
        '        print(f"epoch {epoch + 1}: loss {losses[-1]:.6f}")',
        "    return losses",
    ]


def write_main_lines(names: Sequence[str], options: ExportOptions, imports: dict[str, None]) -> list[str]:
    """Write the main block, which trains on the embedded data or on a file named on the command line."""
    if len(options.data):
        assignments = [
            f"    {name} = " + array_to_source(value, imports, 4 + len(f"{name} = "))
            for name, value in zip(names, options.data, strict=True)
        ]
        return ['if __name__ == "__main__":', *assignments, f"    fit({', '.join(names)})"]
    imports["import sys"] = None
    arrays = " and ".join(names) if len(names) == 2 else ", ".join(names)
    loaded = ", ".join(f'data["{name}"]' for name in names)
    return [
        'if __name__ == "__main__":',
        "    if len(sys.argv) != 2:",
        f'        sys.exit("usage: python SCRIPT DATA; DATA is a file made by np.savez, with the arrays {arrays}")',
        "    with np.load(sys.argv[1]) as data:",
        f"        fit({loaded})",
    ]
