"""The registry holds no op that lacks anything: what an op must have, and proofs that its lack is found."""

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
from pellucid.graph.op import is_built_in
from pellucid.graph.op_def import OPS, Op
from pellucid.graph.operators import FUNCTIONS
from pellucid.graph.subgraph import Body
from pellucid.graph.types import Type, is_float

OWN = sorted(name for name, op in OPS.items() if is_built_in(op.value))


def lacks(op: Op) -> list[str]:
    """Say all that an op lacks."""
    return [*lacks_in_words(op.function.__doc__ or "", bool(op.behind)), *lacks_in_use(op)]


def lacks_in_words(doc: str, behind: bool) -> Iterator[str]:
    """Say what a docstring lacks: a sentence, a formula unless nobody calls the function by name, a doctest."""
    first = " ".join(inspect.cleandoc(doc).split("\n\n")[0].split())
    if not first[:1].isupper() or not first.endswith("."):
        yield "a docstring that begins with a sentence"
    if ":math:`" not in doc and not behind:
        yield "a formula in its docstring, :math:`...`"
    if "Examples\n" not in doc or ">>> " not in doc:
        yield "an example in its docstring that runs as a doctest"


def lacks_in_use(op: Op) -> Iterator[str]:
    """Say what an op lacks once it is written on the operands that it is tested on."""
    if not op.elementwise and op.examples is None:
        yield "test data: examples=..., for it is not elementwise"
        return
    written = [made for made in (attempt(op, *case) for case in data(op)) if made is not None]
    if not written:
        yield "a type for what it is tested on: a shape rule, infer=..., that takes its examples, or a domain"
        return
    if not op.edge and is_function(op):
        yield "edges: edge=(...), the numbers at which value and gradient are hard and must be finite"
    yield from lacks_a_gradient(op, written)
    for node in written:
        if not tex_parses(node):
            yield f"LaTeX that parses: tex=... gives {pel.latex(node)}"
            break
    if not all(is_cost(op, node) for node in written):
        yield "a cost: a number, or cost(node, size), that is finite and not negative"


def is_function(op: Op) -> bool:
    """Tell whether an op is a function of real numbers, which overflows, cancels or divides by 0 somewhere."""
    return op.elementwise and "f" in op.accepts and isinstance(op.cost, int) and op.cost > 1


def lacks_a_gradient(op: Op, written: list[Expr]) -> Iterator[str]:
    """Say whether a gradient is missing: no rule, no definition, and no word that there is none."""
    through = any(is_float(i.dtype) for node in written for i in node.inputs)
    real = any(is_float(t.dtype) for node in written for t in node.types)
    if through and real and op.grad is None and not op.compound and op.differentiable:
        yield "a gradient: grad=..., a definition (compound=True), or differentiable=False"


def data(op: Op) -> list[tuple[Any, dict[str, Any]]]:
    """Return what an op is tested on."""
    if op.examples is not None:
        return list(op.examples(np.random.default_rng(0)))
    domains = op.domain if isinstance(op.domain[0], tuple) else (op.domain,) * len(op.operands)
    middles = [np.full((2, 3), sum(domain) / 2) for domain in domains]
    numbers = middles if "f" in op.accepts else [np.ones((2, 3), "int32") for _ in middles]
    numbers[: op.conditions] = [np.ones((2, 3), bool)] * op.conditions
    return [(numbers, {})]


def attempt(op: Op, operands: Any, settings: dict[str, Any]) -> Expr | None:
    """Write an op on inputs like these, or return None if it refuses them."""
    arrays = [np.asarray(o) for o in operands]
    try:
        made = op.function(*[Input(f"x{i}", a.shape, a.dtype) for i, a in enumerate(arrays)], **settings)
    except PellucidError:
        return None
    return made[0].inputs[0] if isinstance(made, list) else made


def tex_parses(node: Expr) -> bool:
    """Tell whether an expression's LaTeX becomes MathML, without a command that is not known."""
    if any(isinstance(setting, Body) for setting in node.settings.values()):
        return True  # a loop is written as its recurrence: tests/show/test_latex.py
    tex = pel.latex(node)
    closed = re.sub(r"\\[{}]", "", tex)
    try:
        # The converter forgives a brace that is not closed.
        return closed.count("{") == closed.count("}") and "\\" not in convert(tex)
    except Exception:
        return False


def is_cost(op: Op, node: Expr) -> bool:
    """Tell whether an op's cost can be counted."""

    def size(e: Expr, axis: int | None = None) -> int:
        return math.prod(e.shape) if axis is None else e.shape[axis]

    counted = op.cost(node, size) if callable(op.cost) else op.cost
    return isinstance(counted, (int, float, np.number)) and bool(np.isfinite(counted)) and counted >= 0


@pytest.mark.parametrize("name", OWN)
def test_every_op_has_all_that_an_op_must_have(name: str) -> None:
    assert lacks(OPS[name]) == [], f"{name} lacks it. CONTRIBUTING.md says how an op is added"


@pytest.mark.parametrize("name", sorted(n for n, f in FUNCTIONS.items() if is_built_in(f) and n not in OPS))
def test_every_function_says_what_it_does_and_shows_it(name: str) -> None:
    assert list(lacks_in_words(FUNCTIONS[name].__doc__ or "", behind=True)) == []


@pytest.mark.parametrize("name", OWN)
def test_what_an_op_stands_behind_is_there(name: str) -> None:
    public = FUNCTIONS.get(OPS[name].behind) or OPS[name].behind in ("", "grad", "random.Generator")
    assert public, f"{name} stands behind {OPS[name].behind!r}, which is no function"


GOOD = r"""Twice every element, :math:`2 x`.

Examples
--------
>>> 1 + 1
2
"""


def made(doc: str = GOOD, **parts: Any) -> Op:
    """Make an op for a test, complete but for what is asked."""

    def twice_for_a_test(xp: Any, x: Any) -> Any:
        return x * 2

    twice_for_a_test.__doc__ = doc
    return pel.op(**{"grad": lambda g, y, x: 2 * g, "tex": "2 {0:^}", **parts})(twice_for_a_test).op


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Take the ops of these tests out of the registry again."""
    yield
    OPS.pop("twice_for_a_test", None)
    FUNCTIONS.pop("twice_for_a_test", None)


def test_a_complete_op_lacks_nothing() -> None:
    assert lacks(made()) == []
    assert OPS["twice_for_a_test"].behind == ""


SHAPE = {"infer": lambda x: Type(x.shape, x.dtype)}
EXAMPLE = {"examples": lambda rng: [((rng.normal(size=3),), {})]}


def refuse(x: Expr) -> Type:
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
        ({"infer": refuse, **EXAMPLE}, "a shape rule"),
        ({"tex": r"\frac{{{0}"}, "LaTeX that parses"),
        ({"tex": r"\twice {0}"}, "LaTeX that parses"),
        ({"cost": 12}, "edges"),
        ({"cost": -1}, "a cost"),
        ({"cost": lambda node, size: math.inf}, "a cost"),
        ({"cost": None}, "a cost"),
    ],
)
def test_what_an_op_lacks_is_named(parts: dict[str, Any], missing: str) -> None:
    found = lacks(made(**parts))
    assert any(missing in told for told in found), found


def test_an_op_that_lacks_several_things_hears_of_all() -> None:
    assert len(lacks(made("", grad=None, cost=-1))) == 5


def test_no_gradient_is_asked_of_what_has_none() -> None:
    assert lacks(made(grad=None, differentiable=False)) == []
    assert lacks(made(grad=None, compound=True)) == []
    assert lacks(made(grad=None, result="bool")) == []
    assert lacks(made(**SHAPE, **EXAMPLE)) == []
