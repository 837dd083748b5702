r"""Gradient rules of ops as formulas of symbols: :math:`z = x y \Rightarrow \bar x = \bar z y^\top`.

The rules are not written down a second time: the op's own gradient is applied to symbols, and the result is shown.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from pellucid.graph.expr import Constant, Expr, Input
from pellucid.graph.op import OUTPUT, Op
from pellucid.graph.reverse_mode import apply_gradient_rule
from pellucid.graph.rewriter import simplify_all
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.types import is_float
from pellucid.show.formulas.window_sums import GRADIENTS, RULES, WindowSum, choose_letters

OPERAND_SYMBOLS = "xyuvwrst"

RESULT_SYMBOLS = "yz"

OTHER_SYMBOLS = "abcdgkmpq"
"""For rules next to a network that uses the usual letters itself."""


@dataclass
class GradientRule:
    """The gradient rule of an op on symbols."""

    op: Op
    description: str
    result: Expr | None = None  # None for a loop
    gradients: list[tuple[Expr, Expr]] = field(default_factory=list)  # operands and their gradients
    names: dict[Expr, str] = field(default_factory=dict)  # of the operands, the result and its gradient
    sums: list[tuple[Expr, WindowSum]] = field(default_factory=list)  # operands and an element of their gradients


def derive_new_rules(nodes: Sequence[Expr], known: set[Op], taken: Collection[str]) -> list[GradientRule]:
    """Return the rules of ops that are not in ``known``, and add them to it. Their symbols are not in ``taken``."""
    rules: list[GradientRule] = []
    for node in nodes:
        if node.op is not None and node.op is not OUTPUT and node.op not in known and node.op.name != "grad_barrier":
            known.add(node.op)
            rules.append(derive_rule(node, taken=taken))
    return rules


def derive_rule(
    node: Expr, symbols: Sequence[str] = OPERAND_SYMBOLS, taken: Collection[str] = frozenset()
) -> GradientRule:
    """Apply the gradient of an op to symbols with the shapes of its operands.

    No symbol differs from one in ``taken`` only by its case: matrices have capital letters.
    """
    op = node.op
    assert op is not None
    if len(node.types) > 1 or any(isinstance(v, Subgraph) for v in node.settings.values()):
        return GradientRule(op, "Backpropagation through time: the gradient of a step, from the last step to the first")
    lower = {name.lower() for name in taken}
    free = iter([s for s in (*symbols, *OTHER_SYMBOLS) if s not in lower])
    operands = tuple(i if isinstance(i, Constant) else Input(next(free, "a"), i.shape, i.dtype) for i in node.inputs)
    variables = [i for i in operands if not isinstance(i, Constant)]
    used = lower.union(str(i.name) for i in variables)
    result_name = next((s for s in (*RESULT_SYMBOLS, *OTHER_SYMBOLS) if s not in used), "y")
    names: dict[Expr, str] = {i: capitalize_matrix(str(i.name), i.ndim) for i in variables}
    result = op.make(operands, node.settings)
    names[result] = capitalize_matrix(result_name, node.ndim)
    g = Input(None, result.shape, result.dtype)
    names[g] = f"{names[result]}_bar"
    pairs = apply_gradient_rule(result, [g], {i for i in variables if is_float(i.dtype)})
    simple = simplify_all([d for _, d in pairs])
    gradients = [(operand, d) for (operand, _), d in zip(pairs, simple, strict=True)]
    letters = choose_letters(max(node.ndim - 2, 0), {*taken, *names.values()})
    writers = zip(operands, RULES.get(op.name, ()), strict=False)
    sums: list[tuple[Expr, WindowSum]] = [
        (i, GRADIENTS[name][0](result.settings, letters)) for i, name in writers if i in set(variables)
    ]
    return GradientRule(op, describe_op(op), result, gradients, names, sums)


def capitalize_matrix(name: str, ndim: int) -> str:
    return name.upper() if ndim > 1 and len(name) == 1 else name


def describe_op(op: Op) -> str:
    """Return the start of an op's docstring, up to the first punctuation mark or formula."""
    doc = (op.value.__doc__ or op.name).strip()
    words = re.split(r"[,;:]|\.(?!\w)|\s:math:|\s\(default", doc.replace("\n", " "))[0]
    return re.sub(r"\s+", " ", words.replace("`", "")).strip()


def describe_broadcast(node: Expr, operand: Expr) -> str | None:
    """Return a note on the axes along which an operand was broadcast, or None."""
    if node.op is None or not node.op.elementwise or operand.shape == node.shape:
        return None
    lead = node.ndim - operand.ndim
    axes = [*range(lead), *(a for a in range(lead, node.ndim) if operand.shape[a - lead] == 1 and node.shape[a] != 1)]
    if not axes:
        return None
    names = ", ".join(str(node.shape[a]) if str(node.shape[a]).isidentifier() else f"axis {a}" for a in axes)
    return f"is broadcast along {names}, so its gradient is summed over {'it' if len(axes) == 1 else 'them'}"
