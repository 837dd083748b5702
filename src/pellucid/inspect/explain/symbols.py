"""Letters for a model's formulas: W for kernels, b for biases, h for what layers make of one another."""

from __future__ import annotations

from collections.abc import Iterable

from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.traversal import topological

LETTERS = {
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
"""By what parameters are called in layers."""


class Letters:
    """Leaves that stand for what is explained elsewhere, each with a name of its own."""

    def __init__(self) -> None:
        self.leaf: dict[Expr, Input] = {}
        self.used: set[str] = set()

    def give(self, e: Expr, wanted: str) -> Input:
        """Give an expression a letter, unless it has one."""
        if e not in self.leaf:
            name, number = wanted, 1
            while name in self.used:
                number += 1
                name = f"{wanted}_{number}"
            self.used.add(name)
            self.leaf[e] = Input(name, e.shape, e.dtype)
        return self.leaf[e]

    def parameters(self, of: Iterable[Expr], number: str) -> list[Shared]:
        """Give the shared variables in expressions letters, and return them in the order in which they are met."""
        found = [e for e in topological(list(of), stop=self.leaf) if isinstance(e, Shared)]
        for shared in found:
            self.give(shared, letter_of(shared.name or "w", number))
        return found


def letter_of(name: str, number: str) -> str:
    """Choose the letter of a parameter, such as W1 for the kernel of layer 1.

    Examples
    --------
    >>> letter_of("dense/kernel", "1"), letter_of("attention/query/kernel", "2"), letter_of("prelu/slope", "3")
    ('W1', 'W2_query', 'slope3')
    """
    _, *between, last = ["", *name.split("/")]
    return "_".join([LETTERS.get(last, last) + number, *between[1:]])
