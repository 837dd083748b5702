"""Formula, gradient, definition and cost of an op on symbols."""

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
from pellucid.graph.op import Op
from pellucid.graph.rewriter import simplify
from pellucid.graph.types import KIND_NAMES, Unknown, is_float
from pellucid.show.derivations.derivation_page import write_rule
from pellucid.show.derivations.gradient_rules import OPERAND_SYMBOLS, GradientRule, derive_rule
from pellucid.show.formulas.latex_names import shape_to_latex
from pellucid.show.formulas.tex import latex
from pellucid.show.pages.formula_page import LatexStyle, TextStyle

SIZE_SYMBOLS = "nmkpqrstuvw"
MAX_LENGTH = 320
"""Longest gradient, in characters of LaTeX, that is readable."""

BODY_GRADIENT = "through its inner graphs: the gradient of a loop is a loop in reverse, that of a branch is a branch."


@dataclass
class OpFormulas:
    """An op on symbols, in LaTeX."""

    formula: str = ""
    gradients: list[str] = field(default_factory=list)
    reason: str = ""  # why there are no gradients
    definition: str = ""  # of a composite op, if it is short
    text: list[str] = field(default_factory=list)  # formula and gradients as text
    cost: str = ""
    result_kind: str = ""  # as in NumPy


def write_formulas(op: Op) -> OpFormulas:
    """Write an op on symbols, on those of its test cases that give the most readable formula."""
    rules = [(rule, node) for rule, node in derive_rules(op) if rule.result is not None]
    if not rules:
        return OpFormulas(reason=BODY_GRADIENT, cost="the cost of its inner graphs")
    rule, node = min(rules, key=lambda pair: rank_readability(*pair))
    formula, gradients = write_rule(rule, LatexStyle())
    text, text_gradients = write_rule(rule, TextStyle(200))
    is_short = max(map(len, gradients), default=0) <= MAX_LENGTH
    return OpFormulas(
        formula=formula,
        gradients=gradients if is_short else [],
        reason="" if gradients and is_short else explain_missing_gradient(op, rule),
        definition=write_definition(rule) if op.composite else "",
        text=[text, *text_gradients] if is_short else [text],
        cost=describe_cost(op, node),
        result_kind=np.dtype(node.dtype).kind,
    )


def rank_readability(rule: GradientRule, node: Expr) -> tuple[bool, int, int]:
    """Return a sort key that prefers formulas with gradients, of matrices, and short ones."""
    formula, gradients = write_rule(rule, LatexStyle())
    return (
        not gradients,
        sum(abs(i.ndim - 2) + i.shape.count(1) for i in node.inputs),
        len(formula) + sum(map(len, gradients)),
    )


def derive_rules(op: Op) -> Iterator[tuple[GradientRule, Expr]]:
    """Yield rules of an op on inputs like those of its test cases, with symbolic sizes if possible."""
    symbols = tuple(OPERAND_SYMBOLS) if op.variadic else op.operands
    for operands, settings in get_examples(op):
        for is_symbolic in (True, False):
            try:
                made = op.function(*make_inputs(operands, is_symbolic), **settings)
                node = made[0].inputs[0] if isinstance(made, list) else made
                rule = derive_rule(node, symbols)
            except PellucidError:
                continue
            if node.op is op:
                yield rule, node
                break


def get_examples(op: Op) -> list[tuple[Any, dict[str, Any]]]:
    if op.examples is not None:
        return list(op.examples(np.random.default_rng(0)))
    numbers = np.ones(2, "float32" if "f" in op.accepts else "int64")
    return [([np.ones(2, bool) if i < op.conditions else numbers for i in range(len(op.operands))], {})]


def make_inputs(operands: Any, is_symbolic: bool) -> list[Input]:
    """Make inputs of the shapes and dtypes of arrays, with equal symbols for equal sizes."""
    symbols: dict[int, str] = {}

    def dim(size: int) -> int | str:
        return symbols.setdefault(size, SIZE_SYMBOLS[len(symbols)]) if is_symbolic and size > 1 else size

    arrays = [np.asarray(o) for o in operands]
    dtypes = ["float32" if is_float(a.dtype) else a.dtype for a in arrays]
    return [Input(f"x{i}", tuple(map(dim, a.shape)), d) for i, (a, d) in enumerate(zip(arrays, dtypes, strict=True))]


def explain_missing_gradient(op: Op, rule: GradientRule) -> str:
    assert rule.result is not None
    if rule.gradients and op.composite and op.grad is None:
        return "through its definition; `grad` shows it."
    if rule.gradients:
        return "by a rule of several cases, too long for this page; `grad` shows it."
    kind = KIND_NAMES[np.dtype(rule.result.dtype).kind]
    return "none: `grad` treats it as a constant." if is_float(rule.result.dtype) else f"none: the result is {kind}."


def write_definition(rule: GradientRule) -> str:
    """Return the definition of a composite op, or nothing if it is long."""
    assert rule.result is not None
    names = {e: name for e, name in rule.names.items() if e is not rule.result}
    definition = latex(expand(rule.result), names)
    return definition if len(definition) <= MAX_LENGTH else ""


def describe_cost(op: Op, node: Expr) -> str:
    r"""Return the number of arithmetic operations of an op, in LaTeX if it depends on sizes.

    Examples
    --------
    >>> describe_cost(pel.matmul.op, pel.matmul(pel.matrix("x", shape=("n", "m")), pel.matrix("y", shape=("m", "k"))))
    ':math:`2 \\, m \\, n \\, k` operations for shapes :math:`n \\times m` and :math:`m \\times k`'
    """
    if not callable(op.cost):
        return "none" if op.cost == 0 else f"{op.cost:g} operation{'s' * (op.cost != 1)} per element of the result"
    symbols: dict[str, Expr] = {}

    def length(dim: Any) -> Any:
        # A size that follows from others has no name and gets the next one.
        name = f"o{len(symbols)}" if isinstance(dim, Unknown) else dim
        return symbols.setdefault(dim, Input(name, (), "float32")) if isinstance(dim, str) else dim

    def size(e: Expr, axis: int | None = None) -> Any:
        return math.prod(map(length, e.shape if axis is None else (e.shape[axis],)))

    try:
        cost: Any = op.cost(node, size)
    except TypeError:  # the formula needs numbers, such as for the logarithm of a size
        return "depends on the sizes, see `cost`"
    if not isinstance(cost, Expr) and cost == 0:
        return "none"
    number = f":math:`{round_numbers(latex(simplify(cost)))}`" if isinstance(cost, Expr) else f"{cost:,.0f}"
    shapes = [f":math:`{shape_to_latex(i.shape)}`" for i in node.inputs if i.shape]
    result = tuple(str(symbols[d].name) if isinstance(d, Unknown) and d in symbols else d for d in node.shape)
    result_shape = f" and a result of shape :math:`{shape_to_latex(result)}`" if result != node.shape else ""
    noun = f"shape{'s' * (len(shapes) > 1)}"
    operands = f"{', '.join(shapes[:-1])}{' and ' * (len(shapes) > 1)}{shapes[-1]}"
    return f"{number} operations for {noun} {operands}{result_shape}"


def round_numbers(latex: str) -> str:
    return re.sub(r"\d+\.\d+", lambda found: f"{float(found[0]):.3g}", latex)
