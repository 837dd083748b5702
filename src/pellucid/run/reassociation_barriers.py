"""Optimization barriers that keep XLA from changing the order of arithmetic operations.

XLA's algebraic simplifier turns ``a / b / c`` into ``a / (b * c)``, ``x / exp(y)`` into ``x * exp(-y)``, and
``x * 1e30 * 1e30`` into ``x * inf``. A formula whose order avoids overflow then overflows. XLA removes the barriers
before it fuses loops, so they cost no time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

CONSTANT, EXPONENTIAL, DIVIDE, REDUCE = (f"stablehlo.{n}" for n in ("constant", "exponential", "divide", "reduce"))

PRODUCTS, SUMS = ("stablehlo.multiply", DIVIDE), ("stablehlo.add", "stablehlo.subtract")

SHAPE_OPS = {f"stablehlo.{name}" for name in ("broadcast_in_dim", "reshape", "transpose", "convert")}
"""Ops that the simplifier may move, so that the ops before and after them meet."""

EXPANDED_PREFIX = "chlo."
"""Prefix of ops that XLA expands. The expansion of ``cosh(x)``, for example, adds a constant to ``x``."""

CHECKED = {CONSTANT, EXPONENTIAL, REDUCE, *PRODUCTS, *SUMS, *SHAPE_OPS}


def insert_reassociation_barriers(lowered: Any) -> Any:
    """Insert barriers into a lowered program (`jax.stages.Lowered`), in place, and return it.

    A barrier separates a division from a division or exponential that it uses, and a product, sum or reduction from a
    product or sum that it uses if both have a constant operand.
    """
    from jax.extend.mlir import ir
    from jax.extend.mlir.dialects import stablehlo

    module = lowered.compiler_ir()
    for op, position in find_merges(module.operation):
        operand = op.operands[position]
        if is_floating_point(operand):
            with module.context, ir.InsertionPoint(op), ir.Location.unknown():
                op.operands[position] = stablehlo.optimization_barrier([operand])
    return lowered


class Producer(NamedTuple):
    """The op that computes a value, and whether an operand of it is a constant."""

    name: str
    has_constant: bool


def find_merges(root: Any) -> list[tuple[Any, int]]:
    """Return the ops that the simplifier may merge with the producer of an operand, with the operand's position."""
    found: list[tuple[Any, int]] = []
    producers: dict[Any, Producer] = {}
    for op in iterate_ops(root):
        name = op.operation.name
        if name not in CHECKED and not name.startswith(EXPANDED_PREFIX):
            continue
        operands = [producers.get(operand) for operand in op.operands]
        if name in SHAPE_OPS:
            if operands[0] is not None:
                producers[op.results[0]] = operands[0]
            continue
        user = Producer(name, any(p is not None and p.name == CONSTANT for p in operands))
        found += [(op, i) for i, p in enumerate(operands) if p is not None and may_merge(user, i, p)]
        if name != REDUCE:
            producers[op.results[0]] = user
    return found


def may_merge(user: Producer, position: int, operand: Producer) -> bool:
    """Whether the simplifier may merge an op with the one that computes its operand at a position."""
    if user.name == DIVIDE and (operand.name == DIVIDE or (operand.name == EXPONENTIAL and position == 1)):
        return True
    if not operand.has_constant or operand.name not in (*PRODUCTS, *SUMS):
        return False
    both = user.has_constant and any(user.name in ops and operand.name in ops for ops in (PRODUCTS, SUMS))
    return both or user.name == REDUCE or user.name.startswith(EXPANDED_PREFIX)


def iterate_ops(root: Any) -> Iterator[Any]:
    """Yield the ops in the regions of an op, at any depth. An op follows those that compute its operands."""
    stack = [root]
    while stack:
        for region in stack.pop().regions:
            for block in region.blocks:
                for op in block.operations:
                    yield op
                    if op.regions:
                        stack.append(op)


def is_floating_point(value: Any) -> bool:
    return str(value.type.element_type).startswith(("f", "bf"))
