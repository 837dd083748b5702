"""Tests of substitution and of ancestors."""

import numpy as np
import pytest

import pellucid as pel


def test_replacements_are_simultaneous():
    x, y = pel.vector("x"), pel.vector("y")
    assert str(pel.replace(x - y, {x: y, y: x})) == "y - x"
    assert str(pel.replace([x + 1, (x + 1) * y], {x + 1: y})) == "[y, y * y]"
    assert str(pel.replace(x * x, {x: [1, 2]})) == "[1, 2] * [1, 2]"


def test_operands_of_a_loop_are_replaced():
    x, w = pel.vector("x"), pel.scalar("w")
    total = pel.scan(lambda x_t, s: s + w * x_t, x, 0.0)[-1]
    doubled = pel.replace(total, {w: 2 * w})
    assert doubled.eval({x: [1.0, 2.0], w: 3.0}) == 18
    assert total.eval({x: [1.0, 2.0], w: 3.0}) == 9


@pytest.mark.parametrize(
    ("replacements", "message"),
    [
        (
            lambda x: {x: pel.scalar("s")},
            r"replace: s, which is float32 \(\), cannot replace x, which is float32 \(\?,\)",
        ),
        (lambda x: {x: np.ones(2)}, r"replace: \[1, 1\], which is float64 \(2,\), cannot replace x"),
        (lambda x: {x + 7: x}, r"replace: x \+ 7 does not occur in exp\(x\)"),
        (lambda x: {"x": x}, r"replace: expected an expression to replace\. Received: 'x', of type str"),
    ],
)
def test_invalid_replacements_raise_errors(replacements, message):
    x = pel.vector("x")
    with pytest.raises(pel.PellucidError, match=message):
        pel.replace(pel.exp(x), replacements(x))


def test_ancestors():
    x, y = pel.scalar("x"), pel.scalar("y")
    e = x
    for _ in range(10_000):
        e = pel.sin(e)
    assert len(pel.ancestors(e)) == 10_001
    assert [str(a) for a in pel.ancestors([x + y, x])] == ["x", "y", "x + y"]
    assert [str(a) for a in pel.ancestors(pel.exp(x + y), blockers=x + y)] == ["x + y", "exp(x + y)"]
    assert [str(a) for a in pel.ancestors(pel.exp(x + y) * y, blockers=[x + y])] == [
        "x + y",
        "exp(x + y)",
        "y",
        "exp(x + y) * y",
    ]
