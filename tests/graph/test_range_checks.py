"""Tests of `check_ranges`: what is reported, with which limit, line and fix, and what is not."""

from __future__ import annotations

import doctest
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.expr import Expr, Input
from pellucid.graph.range_checks import DOMAINS, LIMITS, get_hazards
from pellucid.graph.value_ranges import infer_ranges

X, A, B = pel.vector("x"), pel.matrix("a"), pel.matrix("b")

REPORTED: dict[str, tuple[Expr, str, str]] = {
    "exp": (pel.exp(A @ B), "exp may overflow", "exp overflows in float32 for x > 88.72. Here x = a @ b is unbounded."),
    "exp in float64": (pel.exp(pel.vector("d", dtype="float64")), "exp may overflow", "in float64 for x > 709.8"),
    "exp in float16": (pel.exp(pel.vector("h", dtype="float16")), "exp may overflow", "in float16 for x > 11.09"),
    "exp in bfloat16": (pel.exp(pel.vector("h", dtype="bfloat16")), "exp may overflow", "in bfloat16 for x > 88.72"),
    "expm1": (pel.expm1(X), "expm1 may overflow", "Here x is unbounded."),
    "cosh": (pel.cosh(X), "cosh may overflow", "for x < -89.42 or x > 89.42"),
    "exp of a bounded operand": (
        pel.exp(50 * pel.tanh(X) + 40),
        "exp may overflow",
        "Here x = 50 * tanh(x) + 40 is in [-10, 90].",
    ),
    "exp of bytes": (
        pel.exp(pel.cast(pel.tensor("p", shape=("n",), dtype="uint8"), "float32")),
        "exp may overflow",
        "is in [0, 255].",
    ),
    "square in float16": (pel.vector("h", dtype="float16") ** 2, "square may overflow", "for x < -255.9 or x > 255.9"),
    "square of a huge number": (
        (1e20 * pel.sigmoid(X)) ** 2,
        "square may overflow",
        "Here x = 1e+20 * sigmoid(x) is in [0, 1e+20].",
    ),
    "high power": (X**20, "power may overflow", "power overflows in float32 for x < -84.45 or x > 84.45"),
    "power of a number": (3.0**X, "power may overflow", "3 ** x overflows in float32 for x > 80.76"),
    "root of a negative number": (X**1.5, "power of a negative value", "x ** 1.5 is NaN for x < 0"),
    "inverse power": (X**-2, "division by 0", "x ** -2 divides by x, which must not be 0. Here x is unbounded."),
    "prod": (pel.prod(pel.vector("x", shape=(100,))), "prod may overflow", "for x < -2.428 or x > 2.428"),
    "prod of any length": (pel.prod(X), "prod may overflow", "for x < -1 or x > 1"),
    "division": (A / A.sum(), "division by 0", "The divisor x must not be 0. Here x = a.sum() is unbounded."),
    "division by something that underflows": (
        1 / pel.softplus(X),
        "division by 0",
        "Here x = softplus(x) is at least 0.",
    ),
    "log": (pel.log(X), "log outside of its domain", "log is -inf at 0 and NaN below. Here x is unbounded."),
    "log of a product of probabilities": (
        pel.log(pel.sigmoid(A).mean()),
        "log outside of its domain",
        "Here x = sigmoid(a).mean() is in [0, 1].",
    ),
    "log1p": (pel.log1p(pel.tanh(X) - 1), "log1p outside of its domain", "log1p is -inf at -1"),
    "sqrt": (pel.sqrt(pel.relu(X)), "sqrt outside of its domain", "its gradient is infinite at 0"),
    "arccos": (pel.arccos(2 * pel.sin(X)), "arccos outside of its domain", "is in [-2, 2]"),
    "xlogy": (pel.xlogy(X, pel.sigmoid(A).mean()), "xlogy outside of its domain", "is in [0, 1]"),
    "a step of a loop": (pel.scan(lambda t, h: pel.exp(h) + t, X, 0.0), "exp may overflow", "is unbounded"),
    "a gradient": (pel.grad(pel.sqrt(X).sum(), X), "division by 0", "Here x = 2 * sqrt(x) is at least 0."),
}


@pytest.mark.parametrize("name", list(REPORTED))
def test_hazards_are_reported(name: str) -> None:
    expr, kind, message = REPORTED[name]
    found = {f.name: f for f in pel.check_ranges(expr)}
    assert message in found[kind].what
    assert found[kind].why
    assert found[kind].fix
    if name != "a gradient":
        assert "test_range_checks.py" in found[kind].location


BOUNDED: dict[str, Expr] = {
    "exp of a negative number": pel.exp(-pel.relu(X)),
    "exp of differences from the maximum": pel.exp(A - A.max(axis=1, keepdims=True)),
    "exp of a clipped number": pel.exp(pel.clip(X, -10.0, 10.0)),
    "square": X**2 + A.sum() ** 3,
    "log of a clipped probability": pel.log(pel.clip(pel.sigmoid(X), 1e-7, 1 - 1e-7)),
    "division by a standard deviation": (X - X.mean()) / pel.sqrt(X.var() + 1e-5),
    "division by a safe norm": X / (pel.norm(X) + 1e-6),
    "a mean": X.mean() + A.var() + X.sum() / pel.size(X),
    "prod of probabilities": pel.prod(pel.sigmoid(X)),
    "gradient of a maximum": pel.grad(A.max(axis=0).sum(), A),
}


@pytest.mark.parametrize("name", list(BOUNDED))
def test_bounded_operands_are_not_reported(name: str) -> None:
    assert list(pel.check_ranges(BOUNDED[name])) == []


REPAIRED: dict[str, Expr] = {
    "log sum exp": pel.log(pel.exp(A).sum()),
    "softmax": pel.exp(A) / pel.exp(A).sum(axis=1, keepdims=True),
    "log softmax": pel.log(pel.softmax(A)),
    "sigmoid": 1 / (1 + pel.exp(-X)),
    "softplus": pel.log(1 + pel.exp(X)),
    "log of a complement": pel.log(1 - pel.sigmoid(X)),
    "log cosh": pel.log(pel.cosh(X)),
    "norm": pel.sqrt((A**2).sum()),
}


@pytest.mark.parametrize("name", list(REPAIRED))
def test_what_simplification_repairs_is_not_reported(name: str) -> None:
    found = pel.check_ranges(REPAIRED[name])
    assert list(found) == []
    assert found.repaired
    assert str(found).startswith("No problems found. Simplification repaired: ")


def test_ranges_of_inputs_and_parameters() -> None:
    W = pel.shared(np.ones((4, 3), "float32"), "W")
    x = pel.matrix("x", shape=("n", 4))
    assert pel.check_ranges(pel.exp(x @ W))
    assert not pel.check_ranges(pel.exp(x @ W), {"x": (0, 1), W: (-2, 2)})
    assert "x @ W is in [-120, 120]" in pel.check_ranges(pel.exp(x @ W), {"x": (0, 15), W: (-2, 2)})[0].what


def test_a_range_of_an_input_that_simplification_removes() -> None:
    assert not pel.check_ranges(A - A + pel.tanh(X), {"a": (0, 1)})


def test_functions_and_lists_are_checked() -> None:
    f = pel.function([X], pel.exp(X))
    assert [found.name for found in pel.check_ranges(f)] == ["exp may overflow"]
    assert len(pel.check_ranges([pel.exp(X), pel.log(X)])) == 2
    assert str(pel.check_ranges(pel.tanh(X))) == "No problems found."
    with pytest.raises(
        pel.UseError,
        match=r"check_ranges expects expressions, or a function with outputs\. Received: 3\. For a model, use pel",
    ):
        pel.check_ranges(3)


def test_examples_of_the_documentation() -> None:
    page = Path(__file__).parents[2] / "src" / "pellucid" / "guides" / "range_checks.md"
    # Blocks of a page end with a line that a doctest would take for output.
    text = page.read_text("utf-8").replace("```python\n", "").replace("```", "")
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, None, 0)
    assert len(test.examples) == 11
    runner = doctest.DocTestRunner()
    runner.run(test)
    assert runner.failures == 0


def test_composite_ops_are_opened() -> None:
    @pel.composite()
    def growth(x: Any) -> Any:
        return pel.exp(x)

    assert [f.name for f in pel.check_ranges(growth(X))] == ["exp may overflow"]


def test_fixes_name_functions_that_exist() -> None:
    texts = [f.fix for expr, _, _ in REPORTED.values() for f in pel.check_ranges(expr)]
    texts += [h.fix for h in DOMAINS.values()] + [limit(3e38)[2] for limit in LIMITS.values()]
    for name in set(re.findall(r"pel\.(\w+)", " ".join(texts))):
        assert callable(getattr(pel, name))


@pytest.mark.parametrize("name", [*LIMITS, *DOMAINS])
def test_limits_are_where_ops_fail(name: str, by_numpy: Any) -> None:
    """Just inside of a limit the value is finite; just beyond it the value or the gradient is not."""
    inputs = [Input(f"x{i}", (), "float32") for i in range(2 if name.startswith("xlog") else 1)]
    node = getattr(pel, name)(*inputs)
    [hazard] = get_hazards(node, infer_ranges([node], {}))
    operand, gradient = inputs[hazard.operand], pel.grad(node, inputs[hazard.operand])
    for limit, outward in ((hazard.safe.low, -1), (hazard.safe.high, 1)):
        if not math.isfinite(limit):
            continue
        step = np.float32(outward * max(abs(limit) * 1e-5, 1e-7))
        inside = 0.5 if limit == 5e-324 else np.float32(limit) - step
        beyond = 0.0 if limit == 5e-324 else np.float32(limit) + step
        values = {i: np.float32(1) for i in inputs}
        with np.errstate(all="ignore"):
            finite = by_numpy([node], {**values, operand: np.float32(inside)})
            failed = by_numpy([node, gradient], {**values, operand: np.float32(beyond)})
        assert np.isfinite(finite).all()
        assert not np.isfinite(failed).all()
