"""An op written on letters: its formula, its gradient, what it is defined as, and what it costs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.graph.decomposition import expand
from pellucid.graph.errors import PellucidError
from pellucid.graph.expr import Expr, Input
from pellucid.graph.op_def import Op
from pellucid.graph.printing import text
from pellucid.graph.rewriter import simplify
from pellucid.graph.types import KINDS, Unknown, is_float
from pellucid.show.derivation_renderers import rule_tex
from pellucid.show.derivation_rules import LETTERS, RuleUse, rule_of
from pellucid.show.latex_names import dimensions_tex
from pellucid.show.tex import latex

SIZES = "nmkpqrstuvw"
LONGEST = 320
"""A gradient of more LaTeX than this is not read but skipped."""

WITHIN = "through the graphs inside it: that of a loop is a loop that runs backwards, that of a branch is a branch."


@dataclass
class Letters:
    """An op on letters, in LaTeX.

    Attributes
    ----------
    formula : str
        The result in terms of the operands.
    gradients : list of str
        For each operand of real numbers, the gradient with respect to it.
    why : str
        Why there are no gradients here, in words.
    definition : str
        What a compound op opens to, if that is short.
    plain : list of str
        Formula and gradients as text.
    cost : str
        How many arithmetic operations it takes.
    gives : str
        The dtype of the result, by NumPy's letter for its kind.
    """

    formula: str = ""
    gradients: list[str] = field(default_factory=list)
    why: str = ""
    definition: str = ""
    plain: list[str] = field(default_factory=list)
    cost: str = ""
    gives: str = ""


def on_letters(op: Op) -> Letters:
    """Write an op on letters: on matrices if it may be, and of what it is tested on there, where it is shortest."""
    candidates = [(rule_of(node, letters_of(op)), node) for node in written(op)]
    told = [(rule, node) for rule, node in candidates if rule.result is not None]
    if not told:
        return Letters(why=WITHIN, cost="what the graphs inside it cost")
    rule, node = min(told, key=lambda pair: rank(*pair))
    forward, back = rule_tex(rule)
    short = max(map(len, back), default=0) <= LONGEST
    return Letters(
        formula=forward,
        gradients=back if short else [],
        why="" if back and short else why_none(op, rule),
        definition=defined(rule) if op.compound else "",
        plain=plainly(rule, short),
        cost=cost_of(op, node),
        gives=np.dtype(node.dtype).kind,
    )


def letters_of(op: Op) -> tuple[str, ...]:
    """Return the letters of an op's operands: their own names, or the usual ones for any number of them."""
    return tuple(LETTERS) if op.variadic else op.operands


def rank(rule: RuleUse, node: Expr) -> tuple[bool, int, int]:
    """Tell what is read more easily: with gradients, of matrices, short."""
    forward, back = rule_tex(rule)
    return not back, sum(abs(i.ndim - 2) + i.shape.count(1) for i in node.inputs), len(forward) + sum(map(len, back))


def plainly(rule: RuleUse, short: bool) -> list[str]:
    """Write an op on letters and its gradients as text."""
    assert rule.result is not None
    others = {e: name for e, name in rule.names.items() if e is not rule.result}
    gradients = [f"{rule.names[x]}_bar = {text(d, 200, rule.names)}" for x, d in rule.gradients if short]
    return [f"{rule.names[rule.result]} = {text(rule.result, 200, others)}", *gradients]


def written(op: Op) -> Iterator[Expr]:
    """Write an op on inputs like those that it is tested on, with letters for sizes, or with the sizes if it must."""
    for operands, settings in examples_of(op):
        for named in (True, False):
            try:
                made = op.function(*inputs_like(op, operands, named), **settings)
                node = made[0].inputs[0] if isinstance(made, list) else made
                rule_of(node)
            except PellucidError:
                continue
            if node.op is op:
                yield node
                break


def examples_of(op: Op) -> list[tuple[Any, dict[str, Any]]]:
    """Return operands and settings for an op, from what it says of its tests."""
    if op.examples is not None:
        return list(op.examples(np.random.default_rng(0)))
    numbers = np.ones(2, "float32" if "f" in op.accepts else "int64")
    return [([np.ones(2, bool) if i < op.conditions else numbers for i in range(len(op.operands))], {})]


def inputs_like(op: Op, operands: Any, named: bool) -> list[Input]:
    """Make inputs of the shapes and dtypes of arrays, equal sizes by equal letters."""
    letters: dict[int, str] = {}

    def dim(size: int) -> int | str:
        return letters.setdefault(size, SIZES[len(letters)]) if named and size > 1 else size

    arrays = [np.asarray(o) for o in operands]
    dtypes = ["float32" if is_float(a.dtype) else a.dtype for a in arrays]
    return [Input(f"x{i}", tuple(map(dim, a.shape)), d) for i, (a, d) in enumerate(zip(arrays, dtypes, strict=True))]


def why_none(op: Op, rule: RuleUse) -> str:
    """Say why an op has no gradient here, or none that can be read in one line."""
    assert rule.result is not None
    if rule.gradients and op.compound and op.grad is None:
        return "through its definition; `grad` writes it out."
    if rule.gradients:
        return "by a rule of several cases, too long for this page; `grad` writes it out."
    kind = KINDS[np.dtype(rule.result.dtype).kind]
    return "none: `grad` takes it for a constant." if is_float(rule.result.dtype) else f"none: the result is of {kind}."


def defined(rule: RuleUse) -> str:
    """Write what a compound op opens to, if that is short."""
    assert rule.result is not None
    names = {e: name for e, name in rule.names.items() if e is not rule.result}
    opened = latex(expand(rule.result), names)
    return opened if len(opened) <= LONGEST else ""


def cost_of(op: Op, node: Expr) -> str:
    r"""Write how many arithmetic operations an op takes, in LaTeX where it depends on sizes.

    Examples
    --------
    >>> import pellucid as pel
    >>> cost_of(pel.matmul.op, pel.matmul(pel.matrix("x", shape=("n", "m")), pel.matrix("y", shape=("m", "k"))))
    ':math:`2 \\, m \\, n \\, k` operations, of :math:`n \\times m` and :math:`m \\times k`'
    """
    if not callable(op.cost):
        return "none" if op.cost == 0 else f"{op.cost:g} operation{'s' * (op.cost != 1)} for each element of the result"
    letters: dict[str, Expr] = {}

    def length(dim: Any) -> Any:
        # A size that follows from others has no name of its own, and gets the next one.
        name = f"o{len(letters)}" if isinstance(dim, Unknown) else dim
        return letters.setdefault(dim, Input(name, (), "float32")) if isinstance(dim, str) else dim

    def size(e: Expr, axis: int | None = None) -> Any:
        return math.prod(map(length, e.shape if axis is None else (e.shape[axis],)))

    try:
        counted = op.cost(node, size)
    except TypeError:  # from what numbers alone can go through, such as the logarithm of a length
        return "depends on the lengths, see `cost`"
    if not isinstance(counted, Expr) and counted == 0:
        return "none"
    told = f":math:`{shortened(latex(simplify(counted)))}`" if isinstance(counted, Expr) else f"{counted:,.0f}"
    sizes = [f":math:`{dimensions_tex(i.shape)}`" for i in node.inputs if i.shape]
    result = tuple(str(letters[d].name) if isinstance(d, Unknown) and d in letters else d for d in node.shape)
    becomes = f" that become :math:`{dimensions_tex(result)}`" if result != node.shape else ""
    return f"{told} operations, of {', '.join(sizes[:-1])}{' and ' * (len(sizes) > 1)}{sizes[-1]}{becomes}"


def shortened(latex: str) -> str:
    """Write the numbers in a formula with three digits."""
    return re.sub(r"\d+\.\d+", lambda found: f"{float(found[0]):.3g}", latex)
