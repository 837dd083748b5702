r"""An op's gradient rule as a formula in letters: :math:`z = x y \Rightarrow \bar x = \bar z y^\top`.

The rule is not written down anywhere a second time: the op's own gradient is applied to letters, and what comes out is
shown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from pellucid.graph.expr import Constant, Expr, Input
from pellucid.graph.op_def import OUTPUT, Op
from pellucid.graph.reverse_mode import local_gradients
from pellucid.graph.rewriter import simplify_all
from pellucid.graph.subgraph import Body
from pellucid.graph.types import is_float

LETTERS = "xyuvwrst"


@dataclass
class RuleUse:
    """A gradient rule as a step uses it.

    Attributes
    ----------
    op : Op
        Whose rule it is.
    words : str
        What the op is.
    result : Expr or None
        The op on letters; None for a loop, whose rule is its step's.
    gradients : list of (Expr, Expr)
        Each letter, and the gradient with respect to it.
    names : dict from Expr to str
        The letters, and the gradient with respect to the result.
    """

    op: Op
    words: str
    result: Expr | None = None
    gradients: list[tuple[Expr, Expr]] = field(default_factory=list)
    names: dict[Expr, str] = field(default_factory=dict)


def rules_of(nodes: Sequence[Expr], known: set[Op]) -> list[RuleUse]:
    """Return the rules of the ops that a gradient came through, without those that were shown before."""
    found: list[RuleUse] = []
    for node in nodes:
        if node.op is not None and node.op is not OUTPUT and node.op not in known and node.op.name != "hold":
            known.add(node.op)
            found.append(rule_of(node))
    return found


def rule_of(node: Expr, letters: Sequence[str] = LETTERS) -> RuleUse:
    """Apply an op's gradient to letters of the shapes that its operands have here."""
    op = node.op
    assert op is not None
    if len(node.types) > 1 or any(isinstance(v, Body) for v in node.settings.values()):
        return RuleUse(op, "Backpropagation through time: the gradient of a step, from the last step to the first")
    left = iter(letters)
    operands = tuple(i if isinstance(i, Constant) else Input(next(left, "a"), i.shape, i.dtype) for i in node.inputs)
    drawn = [i for i in operands if not isinstance(i, Constant)]
    # In a formula of two operands y is the second of them.
    whole = "z" if any(i.name == "y" for i in drawn) else "y"
    names: dict[Expr, str] = {i: capital(str(i.name), i.ndim) for i in drawn}
    result = op.make(operands, node.settings)
    names[result] = capital(whole, node.ndim)
    g = Input(None, result.shape, result.dtype)
    names[g] = f"{names[result]}_bar"
    pairs = local_gradients(result, [g], {i for i in drawn if is_float(i.dtype)})
    simple = simplify_all([d for _, d in pairs])
    gradients = [(letter, d) for (letter, _), d in zip(pairs, simple, strict=True)]
    return RuleUse(op, words_of(op), result, gradients, names)


def capital(letter: str, ndim: int) -> str:
    """Write the letter of a matrix as a capital one."""
    return letter.upper() if ndim > 1 and len(letter) == 1 else letter


def words_of(op: Op) -> str:
    """Say what an op is, in the first words of its own documentation."""
    doc = (op.value.__doc__ or op.name).strip()
    words = re.split(r"[,.;:]|\s:math:", doc.replace("\n", " "))[0]
    return re.sub(r"\s+", " ", words.replace("`", "")).strip()


def broadcast_note(node: Expr, operand: Expr) -> str | None:
    """Say over which axes a gradient is summed because the operand was repeated along them."""
    if node.op is None or not node.op.elementwise or operand.shape == node.shape:
        return None
    lead = node.ndim - operand.ndim
    axes = [*range(lead), *(a for a in range(lead, node.ndim) if operand.shape[a - lead] == 1 and node.shape[a] != 1)]
    if not axes:
        return None
    told = ", ".join(str(node.shape[a]) if str(node.shape[a]).isidentifier() else f"axis {a}" for a in axes)
    return f"is repeated along {told} and its gradient is summed over it"
