"""The part of a script that trains: the loop over epochs, and the data it is run on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.show.literals import array_source

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Settings:
    """How a script trains.

    Attributes
    ----------
    data : list of array
        What it trains on, for every input and then every target; empty for a script that is given a file.
    epochs, batch_size, seed : int
        As for `Model.fit`.
    weights : bool
        Whether the weights stand in the code of layers.
    """

    data: Sequence[Array]
    epochs: int = 1
    batch_size: int = 32
    seed: int = 0
    weights: bool = False


def data_names(inputs: Sequence[Expr], targets: Sequence[Expr]) -> list[str]:
    """Return what the data are called: x and y, numbered where there are several.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.matrix("pixels")
    >>> data_names([x], [x]), data_names([x, x], [x])
    (['x', 'y'], ['x1', 'x2', 'y'])
    """

    def numbered(letter: str, count: int) -> list[str]:
        return [letter] if count == 1 else [f"{letter}{i}" for i in range(1, count + 1)]

    return [*numbered("x", len(inputs)), *numbered("y", len(targets))]


def fit_lines(names: Sequence[str], dtypes: Sequence[Any], settings: Settings) -> list[str]:
    """Write the training loop, whose batches are those of `Model.fit` with the same seed."""
    first = names[0]
    batch = ", ".join(
        f'{name}[batch].astype("{np.dtype(dtype).name}")' for name, dtype in zip(names, dtypes, strict=True)
    )
    defaults = f"epochs={settings.epochs}, batch_size={settings.batch_size}, seed={settings.seed}"
    return [
        f"def fit({', '.join(names)}, {defaults}):",
        '    """Train: every epoch walks all samples once, in an order that follows from seed and epoch."""',
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


def main_lines(names: Sequence[str], settings: Settings, imports: dict[str, None], call: str = "fit") -> list[str]:
    """Write the part that runs: on data that stand in the script, or on a file named on the command line."""
    if len(settings.data):
        given = [
            f"    {name} = " + array_source(value, imports, 4 + len(f"{name} = "))
            for name, value in zip(names, settings.data, strict=True)
        ]
        return ['if __name__ == "__main__":', *given, f"    {call}({', '.join(names)})"]
    imports["import sys"] = None
    arrays = " and ".join(names) if len(names) == 2 else ", ".join(names)
    loaded = ", ".join(f'data["{name}"]' for name in names)
    return [
        'if __name__ == "__main__":',
        "    if len(sys.argv) != 2:",
        f'        sys.exit("Give it the data: a file made by np.savez, with the arrays {arrays}")',
        "    with np.load(sys.argv[1]) as data:",
        f"        {call}({loaded})",
    ]
