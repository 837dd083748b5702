"""Limit of the operations in the matrix products and convolutions of a step while it is traced."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from pellucid.graph.evaluate import watch_subgraphs
from pellucid.graph.expr import Expr
from pellucid.run.native.errors import NotNative
from pellucid.run.native.target import MAX_SCRATCH_BYTES


class StepLimits(NamedTuple):
    """The largest step that is compiled as C: operations of its matrix products, and bytes of its arrays."""

    operations: int
    scratch_bytes: int


LIMITS = StepLimits(1 << 22, MAX_SCRATCH_BYTES)
"""XLA computes larger steps faster, on all cores."""


def report_products(operations: int) -> NotNative:
    return NotNative(f"its matrix products take {operations:,} operations per step, which XLA spreads over all cores")


@contextmanager
def limit_products(limit: int) -> Iterator[None]:
    """Raise `NotNative` at the product with which a step exceeds a limit, so that the rest need not be traced.

    Gradients are not counted, and neither are products inside loops more than once.
    """
    operations = 0

    def count(node: Expr, value: Any) -> None:
        nonlocal operations
        summands = count_summands(node)
        if summands:
            operations += 2 * value.size * summands
        if operations > limit:
            raise report_products(operations)

    with watch_subgraphs(lambda outputs, values: count):
        yield


def is_product(e: Expr) -> bool:
    """Whether an expression is a product of matrices or of arrays with more axes."""
    return e.op is not None and e.op.name in ("matmul", "sum_of_products", "attention_weights", "attention_output")


def count_summands(node: Expr) -> int:
    """Return how many products are added for an element of a matrix product or convolution; 0 for other expressions."""
    if node.op is None or node.op.name not in ("conv", "matmul"):
        return 0
    sizes = node.inputs[1].shape[:-1] if node.op.name == "conv" else node.inputs[0].shape[-1:]
    return math.prod(size if isinstance(size, int) else 0 for size in sizes)
