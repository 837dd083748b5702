"""Mistakes that learners make, by the part of the formula in which they make them. One kind of mistake, one place."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from pellucid.course.checker.formula_graph import Node
from pellucid.course.checker.mistakes import (
    factors,
    functions,
    indexing,
    letters,
    matrix_products,
    orientation,
    penalties,
    products,
    recurrent_steps,
    reductions,
    slopes,
    sums,
    windows,
)
from pellucid.course.checker.mistakes.mistake import Context, Mistake

Lister = Callable[[Node, Context], Iterator[Mistake]]

BY_KIND: dict[str, Lister] = {
    "sum": sums.list_mistakes,
    "product": products.list_mistakes,
    "power": products.list_power_mistakes,
    "function": functions.list_mistakes,
    "matmul": matrix_products.list_mistakes,
    "transpose": matrix_products.list_transpose_mistakes,
    "reduction": reductions.list_mistakes,
    "letter": letters.list_mistakes,
}
BY_OP: dict[str, Lister] = {
    "greater": indexing.list_comparison_mistakes,
    "greater_equal": indexing.list_comparison_mistakes,
    "less": indexing.list_comparison_mistakes,
    "less_equal": indexing.list_comparison_mistakes,
    "where": indexing.list_where_mistakes,
    "gather": indexing.list_gather_mistakes,
    "take_along_axis": indexing.list_gather_mistakes,
    "slice": indexing.list_slice_mistakes,
    "scan_loop": recurrent_steps.list_mistakes,
    "output": lambda node, context: iter(()),
    "conv": windows.list_convolution_mistakes,
    "conv_input_gradient": windows.list_input_gradient_mistakes,
    "conv_kernel_gradient": windows.list_kernel_gradient_mistakes,
    "max_pool": windows.list_pool_mistakes,
    "max_pool_gradient": windows.list_pool_gradient_mistakes,
}
AT_ARRAYS: tuple[Lister, ...] = (
    letters.list_exchanges,
    slopes.list_mistakes,
    orientation.list_mistakes,
    functions.list_extra_functions,
)
"""Mistakes that are possible at every array."""


def list_mistakes(context: Context) -> Iterator[Mistake]:
    """Yield all mistakes that are known for a formula, from its root down."""
    graph = context.graph
    yield from penalties.list_mistakes(graph.root, context)
    yield from letters.list_other_formulas(graph.root, context)
    yield from letters.list_squared_errors(graph.root, context)
    for node in reversed(graph.order):
        if node.kind == "op":
            yield from BY_OP.get(node.name, indexing.list_op_mistakes)(node, context)
        elif node.kind in BY_KIND:
            yield from BY_KIND[node.kind](node, context)
        if node.kind != "constant" and isinstance(graph.base[node], np.ndarray):
            yield from list_common_mistakes(node, context)


def list_common_mistakes(node: Node, context: Context) -> Iterator[Mistake]:
    yield from factors.list_mistakes(node, context)
    if not context.graph.base[node].ndim:
        yield from letters.list_scalar_exchanges(node, context)
        yield from functions.list_extra_functions(node, context)
    else:
        for lister in AT_ARRAYS:
            yield from lister(node, context)
