"""Arrays that are turned, transposed or in reverse order."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from pellucid.course.checker.formula_graph import Node
from pellucid.course.checker.mistakes.mistake import Context, Mistake, Text, iterate_nodes
from pellucid.typing import Array, ArrayLike

TURNED = (
    "On the way back, the kernel's entries act in the opposite order. A correlation with the padded gradient needs the "
    "kernel turned by 180 degrees; a loop that adds windows at their places needs it as it is."
)
AS_IT_IS = "Networks use the cross-correlation: the kernel is applied as it is, without a flip."
INPUT_FIRST = "The gradient of the kernel slides the gradient over the input, as the kernel did: the input comes first."


def list_mistakes(node: Node, context: Context) -> Iterator[Mistake]:
    """Yield any matrix in another orientation."""
    if context.graph.base[node].ndim < 2:
        return
    what = "the result" if node is context.graph.root else context.quote(node)
    names = {n.name for n in iterate_nodes(context.graph.root)}
    round_, why = "in reverse order", ""
    if any(name.startswith(("conv", "max_pool", "sum_pool")) for name in names):
        round_, why = "turned the wrong way round", explain_turn(names)
    turned: Text = f"{what[0].upper()}{what[1:]} is {round_}.", why
    changed = f"{what[0].upper()}{what[1:]} is transposed: rows and columns have changed places.", ""
    both = f"{what[0].upper()}{what[1:]} is transposed and {round_}.", why
    yield make(node, 1.3, lambda t: t[::-1, ::-1], turned)
    yield make(node, 1.3, lambda t: t[::-1], turned)
    yield make(node, 1.3, lambda t: t[:, ::-1], turned)
    yield make(node, 1.3, lambda t: np.swapaxes(t, 0, 1), changed)
    yield make(node, 1.8, lambda t: np.swapaxes(t[::-1, ::-1], 0, 1), both)


def make(node: Node, cost: float, compute: Callable[[Array], ArrayLike], text: Text) -> Mistake:
    return Mistake(node, cost, lambda _, true: compute(true), lambda: text)


def explain_turn(names: set[str]) -> str:
    if "conv_kernel_gradient" in names:
        return INPUT_FIRST
    return TURNED if "conv_input_gradient" in names else AS_IT_IS
