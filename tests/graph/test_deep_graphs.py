"""Tests of chains of thousands of ops, which recursion could not traverse."""

from __future__ import annotations

import sys
import weakref
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input
from pellucid.graph.rewriter import simplify
from pellucid.graph.traversal import parameters, replace_all, topological

DEPTH = 2_500
"""More ops than Python recurses."""


def make_chain(x: Expr, length: int) -> Expr:
    """Return a chain of ops, all different, that no rule simplifies."""
    for i in range(length // 2):
        x = pel.sin(x + (i + 1) * 1e-4)
    return x


def compute_chain(value: float, length: int) -> float:
    for i in range(length // 2):
        value = np.sin(value + (i + 1) * 1e-4)
    return float(value)


def test_a_deep_chain_is_printed_simplified_differentiated_and_interpreted() -> None:
    x = Input("x", (), "float64")
    y = make_chain(x, DEPTH)
    assert len(topological([y])) > DEPTH
    assert len(str(y)) < 10_000
    assert str(y).endswith("…")
    assert simplify(y) is y
    assert pel.inference(y) is y
    assert parameters(y) == []
    gradient = pel.grad(y, x)
    value, slope = evaluate(np, [y, gradient], {x: np.array(0.3)})
    np.testing.assert_allclose(value, compute_chain(0.3, DEPTH))
    difference = (compute_chain(0.3 + 1e-6, DEPTH) - compute_chain(0.3 - 1e-6, DEPTH)) / 2e-6
    np.testing.assert_allclose(slope, difference, rtol=1e-5, atol=1e-12)
    z = Input("z", (), "float64")
    [moved] = replace_all([y], {x: z})
    np.testing.assert_array_equal(evaluate(np, [moved], {z: np.array(0.3)})[0], value)


@pytest.mark.slow
def test_a_chain_of_several_programs_compiles() -> None:
    """See tests/run/test_graph_partitioning.py for a fast test."""
    x = pel.scalar("x")
    found = pel.function([x], make_chain(x, 5_000))(0.3)
    np.testing.assert_allclose(found, compute_chain(0.3, 5_000), rtol=1e-3)


def test_a_deep_chain_is_freed() -> None:
    x = pel.scalar("x")
    middle = make_chain(x, DEPTH)
    last = weakref.ref(make_chain(middle, DEPTH))
    first = weakref.ref(middle)
    gradient = pel.grad(make_chain(x, DEPTH), x)
    del middle, gradient
    assert first() is None
    assert last() is None
    assert sys.getrecursionlimit() <= 3000


def test_thousands_of_ops_are_built_and_simplified() -> None:
    x = Input("x", (), "float64")
    y = make_chain(x, 2 * DEPTH)
    assert simplify(y) is y
    assert len(topological([y])) > 2 * DEPTH


def test_a_long_chain_that_simplifies_to_its_input() -> None:
    x = Input("x", (), "float64")
    y: Any = x
    for _ in range(DEPTH):
        y = -(-y * 1 + 0)
    assert simplify(y) is x


def test_shared_subexpressions_are_visited_once() -> None:
    x = Input("x", (), "float64")
    y: Expr = x
    for _ in range(200):
        y = pel.sin(y) * y
    assert len(topological([y])) == 401
    assert len(str(y)) < 20_000
    assert simplify(y) is y
    value, slope = evaluate(np, [y, pel.grad(y, x)], {x: np.array(0.5)})
    assert np.isfinite(value)
    assert np.isfinite(slope)


def test_the_gradient_of_a_deep_chain_compiles() -> None:
    x = pel.scalar("x", dtype="float64")
    gradient = pel.grad(make_chain(x, 500), x)
    [expected] = evaluate(np, [gradient], {x: np.array(0.3)})
    np.testing.assert_allclose(pel.function([x], gradient)(0.3), expected, rtol=1e-9)
