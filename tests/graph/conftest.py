"""What the tests of the graph share: values by the interpreter, values by XLA, and differences that check gradients."""

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input
from pellucid.graph.gradient import grad

Values = Mapping[Expr, np.ndarray]


def by_numpy(outputs: Sequence[Expr], values: Values) -> list[np.ndarray]:
    """Interpret expressions as they are, without any rewriting."""
    return [np.asarray(v) for v in evaluate(np, outputs, values)]


def by_xla(outputs: Sequence[Expr], values: Values) -> list[np.ndarray]:
    """Compile expressions as they are, without any rewriting, and run them."""
    from pellucid.run.engine import jax, x64

    inputs = list(values)

    def run(*args: Any) -> list[Any]:
        return evaluate(jax().numpy, outputs, dict(zip(inputs, args, strict=True)))

    with x64():
        return [np.asarray(v) for v in jax().jit(run)(*values.values())]


def check_gradient(cost: Expr, values: Values, wrt: Sequence[Expr], order: int = 2, tolerance: float = 2e-6) -> None:
    """Hold gradients against central differences along random directions, and those of their projections."""
    rng = np.random.default_rng(7)
    gradients = grad(cost, list(wrt), disconnected="zero")
    directions = [rng.normal(size=np.shape(values[w])) for w in wrt]
    found = by_numpy(gradients, values)
    for w, g in zip(wrt, found, strict=True):
        assert g.shape == np.shape(values[w])
        assert g.dtype == w.dtype
    step = 1e-5
    ahead, behind = (
        by_numpy([cost], {**values, **{w: values[w] + s * d for w, d in zip(wrt, directions, strict=True)}})[0]
        for s in (step, -step)
    )
    by_rule = sum(float(np.sum(g * d)) for g, d in zip(found, directions, strict=True))
    by_difference = float(ahead - behind) / (2 * step)
    np.testing.assert_allclose(by_rule, by_difference, rtol=tolerance, atol=tolerance * (1 + abs(float(ahead))))
    if order > 1:
        weights = [Input("r", g.shape, g.dtype) for g in gradients]
        projected = [(g * r).sum() for g, r in zip(gradients, weights, strict=True)]
        total = functools.reduce(operator.add, projected)
        drawn = {r: rng.normal(size=g.shape).astype(g.dtype) for r, g in zip(weights, found, strict=True)}
        check_gradient(total, {**values, **drawn}, wrt, order - 1, tolerance)


@pytest.fixture(name="by_numpy")
def by_numpy_fixture() -> Callable[..., Any]:
    """Interpret expressions: ``by_numpy(outputs, values)``."""
    return by_numpy


@pytest.fixture(name="by_xla")
def by_xla_fixture() -> Callable[..., Any]:
    """Compile and run expressions: ``by_xla(outputs, values)``."""
    return by_xla


@pytest.fixture(name="check_gradient")
def check_gradient_fixture() -> Callable[..., Any]:
    """Check first and second gradients: ``check_gradient(cost, values, wrt)``."""
    return check_gradient
