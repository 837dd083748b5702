"""Tests of stop_gradient, clip_gradient and scale_gradient, and of their removal from programs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.errors import GradientError
from pellucid.graph.expr import Expr, Input
from pellucid.graph.passes import remove_markers
from pellucid.graph.traversal import topological


def get_op_names(expr: Expr) -> set[str]:
    return {n.op.name for n in topological([expr]) if n.op is not None}


@pytest.mark.parametrize(
    ("wrap", "expected"),
    [
        (pel.stop_gradient, [0, 0, 0]),
        (lambda x: pel.clip_gradient(x, -1, 1), [-1, 0.5, 1]),
        (lambda x: pel.clip_gradient(x, low=0), [0, 0.5, 4]),
        (lambda x: pel.clip_gradient(x, high=0), [-2, 0, 0]),
        (lambda x: pel.scale_gradient(x, -1), [2, -0.5, -4]),
        (lambda x: pel.scale_gradient(x, 0.5), [-1, 0.25, 2]),
    ],
)
def test_value_is_unchanged_and_gradient_is_transformed(wrap: Any, expected: Any, by_numpy: Any) -> None:
    x, w = Input("x", (3,), "float64"), np.array([-2.0, 0.5, 4.0])
    y = wrap(x)
    cost = (y * w).sum()
    values = {x: np.array([1.0, 2.0, 3.0])}
    value, slope = by_numpy([y, pel.grad(cost, x)], values)
    np.testing.assert_array_equal(value, values[x])
    np.testing.assert_allclose(slope, expected)


def test_clipping_applies_to_the_summed_gradient(by_numpy: Any) -> None:
    x = Input("x", (), "float64")
    y = pel.clip_gradient(x, -1, 1)
    [found] = by_numpy([pel.grad(5 * y - 4 * y, x)], {x: np.array(2.0)})
    assert found == 1


def test_second_gradients(by_numpy: Any) -> None:
    x = Input("x", (), "float64")
    scaled = pel.grad(pel.grad(pel.scale_gradient(x, 3) ** 3, x), x)
    clipped = pel.grad(pel.grad(pel.clip_gradient(x, -100, 100) ** 3, x), x)
    stopped = pel.grad(pel.grad(x**2 * pel.stop_gradient(x), x), x)
    found = by_numpy([scaled, clipped, stopped], {x: np.array(2.0)})
    np.testing.assert_allclose(found, [3 * 3 * 6 * 2.0, 6 * 2.0, 2 * 2.0])


def test_simplify_keeps_the_ops() -> None:
    x = pel.scalar("x")
    cost = pel.simplify(pel.log(pel.exp(pel.stop_gradient(x) * 1)) + pel.scale_gradient(x, -1))
    assert {"stop_gradient", "scale_gradient"} <= get_op_names(cost)
    assert str(pel.grad(cost, x)) == "-1"


def test_compilation_removes_the_ops() -> None:
    x = pel.vector("x")
    value = pel.log(pel.exp(pel.stop_gradient(x)).sum()) + pel.clip_gradient(pel.scale_gradient(x, 2), 0, 1).sum()
    f = pel.function([x], value)
    assert [str(o) for o in f.program.outputs] == ["logsumexp(x) + x.sum()"]
    np.testing.assert_allclose(f([1.0, 2.0]), np.log(np.exp(1) + np.exp(2)) + 3, rtol=1e-6)


def test_compilation_removes_the_ops_inside_a_loop() -> None:
    x = pel.vector("x", shape=(4,))
    sums = pel.scan(lambda x_t, s: pel.stop_gradient(s) + x_t, x, 0.0)
    [released] = remove_markers([sums])
    [body] = [v for n in topological([released]) for v in n.settings.values() if hasattr(v, "outputs")]
    assert "stop_gradient" not in get_op_names(body.outputs[0])
    np.testing.assert_allclose(pel.function([x], sums)([1.0, 2.0, 3.0, 4.0]), [1, 3, 6, 10])
    np.testing.assert_allclose(pel.function([x], pel.grad(sums[-1], x))([1.0, 2.0, 3.0, 4.0]), [0, 0, 0, 1])


def test_text_looks_like_the_call() -> None:
    x = pel.vector("x")
    assert str(pel.clip_gradient(x + 1, -1, 1) * x) == "clip_gradient(x + 1, low=-1, high=1) * x"
    assert str(pel.clip_gradient(x, high=0.5)) == "clip_gradient(x, high=0.5)"
    assert str(pel.scale_gradient(x, -1)) == "scale_gradient(x, factor=-1)"


def test_graphs_without_the_ops_are_unchanged() -> None:
    y = pel.tanh(pel.vector("x"))
    assert remove_markers([y])[0] is y
    assert remove_markers([]) == []


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda x: pel.clip_gradient(x, 1, -1), r"expected low <= high. Received: low=1.0, high=-1.0"),
        (lambda x: pel.clip_gradient(x, x, 1), "expected a number for low. Received: low=x"),
        (lambda x: pel.clip_gradient(x, 0, float("nan")), "expected a number for high. Received: high=nan"),
        (lambda x: pel.scale_gradient(x, x), "expected a number for factor. Received: factor=x"),
        (lambda x: pel.scale_gradient(x, None), "expected a number for factor. Received: factor=None"),
        (lambda x: pel.scale_gradient(x, [1, 2]), r"expected a number for factor. Received: factor=\[1, 2\]"),
        (lambda x: pel.scale_gradient(x, "2"), "expected a number for factor. Received: factor='2'"),
    ],
)
def test_settings_that_are_not_numbers_raise_errors(build: Any, message: str) -> None:
    with pytest.raises(GradientError, match=message):
        build(pel.vector("x"))
