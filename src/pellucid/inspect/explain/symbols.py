"""Symbols of a model's formulas: W for kernels, b for biases, h for layer outputs."""

from __future__ import annotations

from collections.abc import Iterable

from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.traversal import topological

SYMBOLS = {
    "kernel": "W",
    "bias": "b",
    "recurrent_kernel": "U",
    "depthwise_kernel": "D",
    "pointwise_kernel": "P",
    "embeddings": "E",
    "gamma": "gamma",
    "beta": "beta",
    "alpha": "alpha",
    "moving_mean": "mu",
    "moving_variance": "nu",
    "state": "random",
}
"""Symbols of parameters, by the last part of their names."""


class SymbolTable:
    """Inputs with unique symbols that replace expressions in formulas."""

    def __init__(self) -> None:
        self.symbols: dict[Expr, Input] = {}
        self.used: set[str] = set()

    def assign(self, e: Expr, wanted: str) -> Input:
        """Return the symbol of an expression; assign one if it has none."""
        if e not in self.symbols:
            name, number = wanted, 1
            while name in self.used:
                number += 1
                name = f"{wanted}_{number}"
            self.used.add(name)
            self.symbols[e] = Input(name, e.shape, e.dtype)
        return self.symbols[e]

    def assign_parameters(self, outputs: Iterable[Expr], number: str) -> list[Shared]:
        """Assign symbols to the shared variables in expressions, and return those variables."""
        found = [e for e in topological(list(outputs), stop=self.symbols) if isinstance(e, Shared)]
        for shared in found:
            self.assign(shared, choose_symbol(shared.name or "w", number))
        return found


def choose_symbol(name: str, number: str) -> str:
    """Return the symbol of a parameter, such as W1 for the kernel of layer 1.

    Examples
    --------
    >>> choose_symbol("dense/kernel", "1"), choose_symbol("attention/query/kernel", "2")
    ('W1', 'W2_query')
    """
    _, *between, last = ["", *name.split("/")]
    return "_".join([SYMBOLS.get(last, last) + number, *between[1:]])
