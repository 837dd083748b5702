"""Tests generated for every op in the registry."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from stability.evaluation import USERS_CODE

from pellucid.graph.decomposition import expand
from pellucid.graph.errors import PellucidError, ShapeError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input
from pellucid.graph.gradient import grad
from pellucid.graph.op import OPS, Op
from pellucid.graph.precedence import ATOM
from pellucid.graph.printing import PythonNotation, fill_template, get_operands, render, text
from pellucid.graph.size_formulas import parse_formula
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.traversal import replace_all
from pellucid.graph.types import is_float

NAMES = sorted(OPS)
SHAPES: dict[int, list[tuple[tuple[int, ...], ...]]] = {
    1: [((3, 4),), ((),)],
    2: [((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((), (2, 3, 2))],
    3: [((3, 4), (3, 4), (3, 4)), ((3, 4), (), (4,)), ((4,), (3, 1), (3, 4))],
}
"""Operand shapes of elementwise ops, by number of operands."""


DIFFERENTIATED_OPERANDS = {"max_pool_gradient": 1, "max_pool_choose": 1}
"""Number of leading operands to differentiate; the others select the maximum of a window and must not move."""


def in_dtype(body: Subgraph, dtype: str) -> Subgraph:
    """Convert a subgraph to another floating-point dtype."""
    inputs = {i: Input(i.name, i.shape, dtype if is_float(i.dtype) else i.dtype) for i in body.inputs}
    return Subgraph(tuple(inputs.values()), tuple(replace_all(body.outputs, inputs)))


@dataclass
class Case:
    """An op with operand values and settings to test."""

    op: Op
    operands: list[np.ndarray]
    settings: dict[str, Any]

    def build(self, dtype: str = "float64", name_first: bool = False) -> tuple[list[Expr], dict[Expr, np.ndarray]]:
        """Apply the op to inputs and return the results and the values of the inputs."""
        operands = [o.astype(dtype) if o.dtype == np.float64 else o for o in self.operands]
        widest = max(operands, key=np.ndim)

        def shape(o: np.ndarray) -> tuple[Any, ...]:
            aligned = o.ndim == widest.ndim or not self.op.elementwise
            named = name_first and aligned and o.ndim and o.shape[0] == widest.shape[0] != 1
            return ("n", *o.shape[1:]) if named else o.shape

        inputs = [Input(f"x{i}", shape(o), o.dtype) for i, o in enumerate(operands)]
        settings = {k: in_dtype(v, dtype) if isinstance(v, Subgraph) else v for k, v in self.settings.items()}
        results = self.op.function(*inputs, **settings)
        return (results if isinstance(results, list) else [results]), dict(zip(inputs, operands, strict=True))


def draw_operand(op: Op, rng: np.random.Generator, domain: tuple[float, float], shape: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(*domain, shape) if "f" in op.accepts else rng.integers(0, 8, shape, dtype=np.int32)


def integer_range(domain: tuple[float, float], low: int, high: int) -> tuple[int, int]:
    """Clip an integer range to a domain."""
    first, last = math.ceil(domain[0]), math.floor(domain[1])
    return (max(first, min(low, last)), min(last, max(high, first)))


def is_slow_to_compile(op: Op) -> bool:
    return not callable(op.cost) and op.cost >= 100


def elementwise_cases(op: Op, rng: np.random.Generator) -> Iterator[Case]:
    """Draw floats from the domain, small integers and booleans."""
    count = len(op.operands)
    domains = op.domain if isinstance(op.domain[0], tuple) else (op.domain,) * count
    for shapes in SHAPES[count][:: 2 if is_slow_to_compile(op) else 1]:
        operands = [draw_operand(op, rng, domain, s) for domain, s in zip(domains, shapes, strict=True)]
        operands[: op.conditions] = [rng.random(s) > 0.5 for s in shapes[: op.conditions]]
        yield Case(op, operands, {})
    for dtype, low, high in ((np.int32, 1, 4), (np.bool_, 0, 1)):
        ranges = [integer_range(domain, low, high) for domain in domains]
        if np.dtype(dtype).kind in op.accepts and all(a <= b for a, b in ranges):
            pairs = zip(ranges, SHAPES[count][0], strict=True)
            operands = [rng.integers(a, b + 1, s).astype(dtype) for (a, b), s in pairs]
            operands[: op.conditions] = [rng.random(o.shape) > 0.5 for o in operands[: op.conditions]]
            yield Case(op, operands, {})


def cases(name: str) -> list[Case]:
    op, rng = OPS[name], np.random.default_rng(len(name))
    if op.examples is not None:
        return [Case(op, [np.asarray(o) for o in operands], settings) for operands, settings in op.examples(rng)]
    return list(elementwise_cases(op, rng)) if op.elementwise else []


def projection(results: list[Expr]) -> Expr | None:
    """Return a weighted sum of all floating-point results, with the same weights in every precision."""
    total: Expr | None = None
    for seed, result in enumerate(results):
        if is_float(result.dtype):
            weights = np.random.default_rng(seed).normal(size=result.shape).astype(result.dtype)
            part = (result * weights).sum()
            total = part if total is None else total + part
    return total


def float_inputs(values: dict[Expr, np.ndarray]) -> list[Expr]:
    return [i for i in values if is_float(i.dtype)]


def gradients(results: list[Expr], values: dict[Expr, np.ndarray]) -> list[Expr]:
    """Return the gradients of the projection of the results, or an empty list."""
    cost, wrt = projection(results), float_inputs(values)
    return grad(cost, wrt, disconnected="zero") if cost is not None and wrt and cost.dtype == wrt[0].dtype else []


@pytest.mark.parametrize("name", NAMES)
def test_docstring_types_text_and_cost(name: str) -> None:
    op = OPS[name]
    found = cases(name)
    assert found, f"{name} is not elementwise and has no examples"
    check_docstring(op)
    for case in found:
        results, values = case.build()
        check_float32_stays_float32(case, results)
        if name != "broadcast_to":  # its target is not an operand
            check_named_first_dimension(case, results, values)
            check_declared_sizes(case, results)
        for result in results:
            check_latex_and_text(op, result)
        check_cost(op, results[0])


def check_docstring(op: Op) -> None:
    doc = op.function.__doc__
    assert doc
    first = doc.split("\n\n")[0].strip()
    assert first[0].isupper() or first.startswith(":math:")
    assert first.rstrip("`").endswith((".", "nats", "int64"))
    if op.function.__module__.startswith("pellucid.graph.ops"):
        assert "Examples\n" in doc


def check_float32_stays_float32(case: Case, double: list[Expr]) -> None:
    for d, s in zip(double, case.build("float32")[0], strict=True):
        asked = case.settings.get("dtype") is not None
        assert s.shape == d.shape
        assert s.dtype == (np.float32 if d.dtype == np.float64 and not asked else d.dtype)


def check_named_first_dimension(case: Case, static: list[Expr], values: dict[Expr, np.ndarray]) -> None:
    named, same_values = case.build(name_first=True)
    # The interpreter checks every value against its inferred type.
    for a, b in zip(evaluate(np, static, values), evaluate(np, named, same_values), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(static, named, strict=True):
        assert a.ndim == b.ndim
        assert a.dtype == b.dtype


def check_declared_sizes(case: Case, static: list[Expr]) -> None:
    """Check that formulas of named sizes, such as ``n//2 + 1``, are the sizes that the numbers give."""
    operands = [
        Input(f"x{i}", tuple(f"n{d}" if d > 1 else d for d in o.shape), o.dtype) for i, o in enumerate(case.operands)
    ]
    try:
        found = case.op.function(*operands, **case.settings)
    except PellucidError:
        return  # the op needs known sizes
    sizes = {f"n{d}": d for o in case.operands for d in o.shape}
    for named, known in zip(found if isinstance(found, list) else [found], static, strict=True):
        for dim, size in zip(named.shape, known.shape, strict=True):
            formula = parse_formula(str(dim))
            if formula is not None and set(formula.list_names()) <= set(sizes):  # otherwise the size is unknown
                assert formula.evaluate(sizes) == size, f"{named} of shape {named.shape}, and not {known.shape}"


def check_cost(op: Op, node: Expr) -> None:
    def size(e: Expr, axis: int | None = None) -> int:
        shape = [d for d in e.shape if isinstance(d, int)]
        return math.prod(shape) if axis is None else shape[axis]

    node = node if node.op is op else node.inputs[0]
    cost = op.cost(node, size) if callable(op.cost) else op.cost * size(node)
    assert cost >= 0
    assert math.isfinite(cost)


def group_ops(size: int) -> list[list[str]]:
    """Return ops in groups that compile as one program, which takes half of the time; slow ones stay alone.

    Composite ops consist of the others.
    """
    simple = [name for name in NAMES if not OPS[name].composite]
    fast = [name for name in simple if not is_slow_to_compile(OPS[name])]
    slow = [[name] for name in simple if is_slow_to_compile(OPS[name])]
    return [fast[i : i + size] for i in range(0, len(fast), size)] + slow


@pytest.mark.parametrize("names", group_ops(6), ids=lambda names: f"{names[0]}-{names[-1]}")
def test_xla_computes_the_values_of_numpy(names: list[str], by_xla: Any) -> None:
    """Compare one case in each precision, but one only of what compiles slowly. Gradients are made of the same ops."""
    outputs: list[Expr] = []
    values: dict[Expr, np.ndarray] = {}
    for name in names:
        found = cases(name)
        chosen = [(found[0], "float32"), (found[min(1, len(found) - 1)], "float64")]
        for case, dtype in chosen[: 1 if is_slow_to_compile(OPS[name]) else 2]:
            results, given = case.build(dtype)
            outputs += results
            values |= given
    compare_with_numpy(outputs, values, by_xla(outputs, values))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_xla_computes_the_values_and_gradients_of_numpy_with_optimization(name: str, by_xla: Any) -> None:
    outputs, values = [], {}
    for case in cases(name):
        for dtype in ("float64", "float32"):
            results, given = case.build(dtype)
            outputs += [*results, *gradients(results, given)]
            values |= given
    compare_with_numpy(outputs, values, by_xla(outputs, values, options={}))


def compare_with_numpy(outputs: list[Expr], values: dict[Expr, np.ndarray], found: list[np.ndarray]) -> None:
    with np.errstate(all="ignore"):
        expected = [np.asarray(v) for v in evaluate(np, outputs, values)]
    for output, a, b in zip(outputs, expected, found, strict=True):
        assert a.dtype == b.dtype == output.dtype
        assert a.shape == b.shape == output.shape
        tolerance = 0 if not is_float(output.dtype) else 1e-4 if output.dtype == np.float32 else 1e-11
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * 0.1, err_msg=str(output))


@pytest.mark.parametrize("name", NAMES)
def test_first_and_second_gradients_match_finite_differences(name: str, check_gradient: Any) -> None:
    op = OPS[name]
    for case in cases(name):
        results, values = case.build()
        cost, wrt = projection(results), float_inputs(values)
        if cost is None or cost.dtype != np.float64 or not wrt:
            continue
        if op.differentiable:
            check_gradient(cost, values, wrt[: DIFFERENTIATED_OPERANDS.get(name)])
        else:
            assert all(g.op is None or g.op.name == "broadcast_like" for g in grad(cost, wrt, disconnected="zero"))


@pytest.mark.parametrize("name", [n for n in NAMES if OPS[n].edge])
def test_values_and_gradients_at_edges_are_finite(name: str, by_numpy: Any) -> None:
    outputs, values = build_edges(OPS[name])
    assert all(np.isfinite(v).all() for v in by_numpy(outputs, values))


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in NAMES if OPS[n].edge])
def test_values_and_gradients_at_edges_are_finite_in_the_code_of_users(name: str, by_xla: Any) -> None:
    outputs, values = build_edges(OPS[name])
    assert all(np.isfinite(v).all() for v in by_xla(outputs, values, options=USERS_CODE))


def build_edges(op: Op) -> tuple[list[Expr], dict[Expr, np.ndarray]]:
    """Return an op and its gradients at its extreme inputs, in both precisions, and the values of the inputs."""
    outputs: list[Expr] = []
    values: dict[Expr, np.ndarray] = {}
    for dtype in ("float32", "float64"):
        inputs = [Input(f"x{i}", (len(op.edge),), dtype) for i in range(len(op.operands))]
        results = [op.function(*inputs)]
        given: dict[Expr, np.ndarray] = {i: np.asarray(op.edge, dtype) for i in inputs}
        outputs += [*results, *gradients(results, given)]
        values |= given
    return outputs, values


@pytest.mark.parametrize("name", [n for n in NAMES if OPS[n].composite])
def test_decomposition_has_the_same_value_and_gradient(name: str, by_numpy: Any) -> None:
    for number, case in enumerate(cases(name)):
        [result], values = case.build()
        expanded = expand(result)
        assert expanded.op is not result.op
        assert (expanded.shape, expanded.dtype) == (result.shape, result.dtype)
        with_gradient = not number and max(np.abs(v).max() for v in values.values()) <= 100
        compared = [result, *(gradients([result], values) if with_gradient else [])]
        expected = [expanded, *(gradients([expanded], values) if with_gradient else [])]
        tolerance = 1e-5 if result.dtype == np.float32 else 1e-9
        for a, b in zip(by_numpy(compared, values), by_numpy(expected, values), strict=True):
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


class TexNotation(PythonNotation):
    """LaTeX from the templates of the ops only."""

    def pieces(self, node: Any) -> tuple[list[Any], int]:
        """Return the pieces of an op on its operands, and its precedence."""
        op, operands = node.op, get_operands(node)
        precedence = op.precedence if op.tex_precedence is None else op.tex_precedence
        if callable(op.tex):
            return op.tex(operands, node.settings), precedence
        if op.tex is not None:
            return fill_template(op.tex, operands, precedence), precedence
        name = op.name.replace("_", r"\_")
        pieces: list[Any] = [rf"\operatorname{{{name}}}("]
        for i, operand in enumerate(operands):
            pieces += [", "] * bool(i) + [(operand, 0)]
        return [*pieces, ")"], ATOM


def is_balanced(tex: str) -> bool:
    """Whether braces match, and \\left matches \\right."""
    depth = 0
    for before, character in zip(" " + tex, tex, strict=False):
        if before != "\\":
            depth += {"{": 1, "}": -1}.get(character, 0)
        if depth < 0:
            return False
    return depth == 0 and tex.count(r"\left") == tex.count(r"\right")


def check_latex_and_text(op: Op, result: Expr) -> None:
    tex = render(result, TexNotation(), 100)
    assert tex
    assert is_balanced(tex)
    assert "{0:" not in tex
    line = text(result)
    assert line.count("(") == line.count(")")
    assert "x0" in line or op.name in ("random_uniform", "random_normal", "shape_template")


def test_every_binary_op_rejects_shapes_that_do_not_broadcast() -> None:
    for op in OPS.values():
        dtype = "float32" if "f" in op.accepts else "int32"
        x, y = Input("x", ("n", 3), dtype), Input("y", ("n", 4), dtype)
        if op.elementwise and len(op.operands) == 2:
            with pytest.raises(ShapeError, match="dimension -1 is 3 in one and 4 in another"):
                op.function(x, y)
