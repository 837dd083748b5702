"""Tests that every op in the registry is complete, and that missing parts are detected."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from latex2mathml.converter import convert

import pellucid as pel
from pellucid.graph.errors import PellucidError
from pellucid.graph.expr import Expr, Input
from pellucid.graph.op import OPS, Op
from pellucid.graph.op_decorator import is_built_in
from pellucid.graph.operators import FUNCTIONS
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.types import Type, is_float

OWN = sorted(name for name, op in OPS.items() if is_built_in(op.value))


def find_problems(op: Op) -> list[str]:
    return [*find_docstring_problems(op.function.__doc__ or "", bool(op.behind)), *find_definition_problems(op)]


def find_docstring_problems(doc: str, behind: bool) -> Iterator[str]:
    """Check for a first sentence, a formula (unless the op is internal) and a doctest."""
    first = " ".join(inspect.cleandoc(doc).split("\n\n")[0].split())
    if not first[:1].isupper() or not first.endswith("."):
        yield "a docstring that begins with a sentence"
    if ":math:`" not in doc and not behind:
        yield "a formula in its docstring, :math:`...`"
    if "Examples\n" not in doc or ">>> " not in doc:
        yield "an example in its docstring that runs as a doctest"


def find_definition_problems(op: Op) -> Iterator[str]:
    """Apply the op to its test data and check type, edge values, gradient, LaTeX and cost."""
    if not op.elementwise and op.examples is None:
        yield "test data: examples=..., because it is not elementwise"
        return
    nodes = [node for node in (try_build(op, *case) for case in get_test_data(op)) if node is not None]
    if not nodes:
        yield "a type for its test data: a shape rule, infer=..., that accepts its examples, or a domain"
        return
    if not op.edge and is_real_function(op):
        yield "edges: edge=(...), the extreme inputs at which value and gradient must be finite"
    yield from find_missing_gradient(op, nodes)
    for node in nodes:
        if not tex_parses(node):
            yield f"LaTeX that parses: tex=... gives {pel.latex(node)}"
            break
    if not all(has_valid_cost(op, node) for node in nodes):
        yield "a cost: a number, or cost(node, size), that is finite and not negative"


def is_real_function(op: Op) -> bool:
    """Whether an op is an elementwise real function, which may overflow, cancel or divide by 0."""
    return op.elementwise and "f" in op.accepts and isinstance(op.cost, int) and op.cost > 1


def find_missing_gradient(op: Op, nodes: list[Expr]) -> Iterator[str]:
    through = any(is_float(i.dtype) for node in nodes for i in node.inputs)
    real = any(is_float(t.dtype) for node in nodes for t in node.types)
    if through and real and op.grad is None and not op.composite and op.differentiable:
        yield "a gradient: grad=..., a definition (composite=True), or differentiable=False"


def get_test_data(op: Op) -> list[tuple[Any, dict[str, Any]]]:
    if op.examples is not None:
        return list(op.examples(np.random.default_rng(0)))
    domains = op.domain if isinstance(op.domain[0], tuple) else (op.domain,) * len(op.operands)
    middles = [np.full((2, 3), sum(domain) / 2) for domain in domains]
    numbers = middles if "f" in op.accepts else [np.ones((2, 3), "int32") for _ in middles]
    numbers[: op.conditions] = [np.ones((2, 3), bool)] * op.conditions
    return [(numbers, {})]


def try_build(op: Op, operands: Any, settings: dict[str, Any]) -> Expr | None:
    """Apply an op to inputs like these; return None if it raises an error."""
    arrays = [np.asarray(o) for o in operands]
    try:
        result = op.function(*[Input(f"x{i}", a.shape, a.dtype) for i, a in enumerate(arrays)], **settings)
    except PellucidError:
        return None
    return result[0].inputs[0] if isinstance(result, list) else result


def tex_parses(node: Expr) -> bool:
    """Whether the LaTeX of an expression converts to MathML without unknown commands."""
    if any(isinstance(setting, Subgraph) for setting in node.settings.values()):
        return True  # loops are printed as recurrences: tests/show/test_latex.py
    tex = pel.latex(node)
    closed = re.sub(r"\\[{}]", "", tex)
    try:
        # The converter accepts unbalanced braces.
        return closed.count("{") == closed.count("}") and "\\" not in convert(tex)
    except Exception:
        return False


def has_valid_cost(op: Op, node: Expr) -> bool:
    def size(e: Expr, axis: int | None = None) -> int:
        return math.prod(e.shape) if axis is None else e.shape[axis]

    cost = op.cost(node, size) if callable(op.cost) else op.cost
    return isinstance(cost, (int, float, np.number)) and bool(np.isfinite(cost)) and cost >= 0


@pytest.mark.parametrize("name", OWN)
def test_every_op_is_complete(name: str) -> None:
    assert find_problems(OPS[name]) == [], f"{name} is incomplete. CONTRIBUTING.md explains how to add an op"
    public = FUNCTIONS.get(OPS[name].behind) or OPS[name].behind in ("", "grad", "random.Generator")
    assert public, f"{name}: behind={OPS[name].behind!r} is not a function"


@pytest.mark.parametrize("name", sorted(n for n, f in FUNCTIONS.items() if is_built_in(f) and n not in OPS))
def test_every_function_has_a_docstring_with_an_example(name: str) -> None:
    assert list(find_docstring_problems(FUNCTIONS[name].__doc__ or "", behind=True)) == []


GOOD = r"""Twice every element, :math:`2 x`.

Examples
--------
>>> 1 + 1
2
"""


def make_op(doc: str = GOOD, **parts: Any) -> Op:
    """Return a complete op with some parts replaced."""

    def twice_for_a_test(xp: Any, x: Any) -> Any:
        return x * 2

    twice_for_a_test.__doc__ = doc
    return pel.op(**{"grad": lambda g, y, x: 2 * g, "tex": "2 {0:^}", **parts})(twice_for_a_test).op


def test_complete_op_has_no_problems() -> None:
    assert find_problems(make_op()) == []
    assert OPS["twice_for_a_test"].behind == ""


SHAPE = {"infer": lambda x: Type(x.shape, x.dtype)}
EXAMPLE = {"examples": lambda rng: [((rng.normal(size=3),), {})]}


def raise_shape_error(x: Expr) -> Type:
    raise pel.ShapeError("no shape will do")


@pytest.mark.parametrize(
    ("parts", "missing"),
    [
        ({"doc": ""}, "a docstring that begins with a sentence"),
        ({"doc": GOOD.replace("Twice", "twice")}, "a docstring that begins with a sentence"),
        ({"doc": GOOD.replace(":math:", "")}, "a formula"),
        ({"doc": GOOD.replace(">>> 1 + 1\n2", "")}, "an example"),
        ({"grad": None}, "a gradient"),
        (SHAPE, "test data"),
        ({"infer": raise_shape_error, **EXAMPLE}, "a shape rule"),
        ({"tex": r"\frac{{{0}"}, "LaTeX that parses"),
        ({"tex": r"\twice {0}"}, "LaTeX that parses"),
        ({"cost": 12}, "edges"),
        ({"cost": -1}, "a cost"),
        ({"cost": lambda node, size: math.inf}, "a cost"),
        ({"cost": None}, "a cost"),
    ],
)
def test_missing_part_is_reported(parts: dict[str, Any], missing: str) -> None:
    problems = find_problems(make_op(**parts))
    assert any(missing in problem for problem in problems), problems


def test_all_missing_parts_are_reported() -> None:
    assert len(find_problems(make_op("", grad=None, cost=-1))) == 5


def test_gradient_is_optional_for_some_ops() -> None:
    assert find_problems(make_op(grad=None, differentiable=False)) == []
    assert find_problems(make_op(grad=None, composite=True)) == []
    assert find_problems(make_op(grad=None, result="bool")) == []
    assert find_problems(make_op(**SHAPE, **EXAMPLE)) == []
