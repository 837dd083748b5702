"""Helpers for tests of graphs: evaluation by NumPy and by XLA, and gradient checks."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr
from pellucid.graph.gradient_check import verify_grad

Values = Mapping[Expr, np.ndarray]


def by_numpy(outputs: Sequence[Expr], values: Values) -> list[np.ndarray]:
    """Evaluate expressions with NumPy, without simplification."""
    return [np.asarray(v) for v in evaluate(np, outputs, values)]


FAST_COMPILATION = {"xla_backend_optimization_level": 0}
"""Fast compilation, regardless of XLA_FLAGS."""


def by_xla(outputs: Sequence[Expr], values: Values, options: Mapping[str, Any] = FAST_COMPILATION) -> list[np.ndarray]:
    """Evaluate expressions with XLA, without simplification."""
    from pellucid.run.jax_runtime import x64

    with x64():
        run = compile_by_xla(tuple(outputs), tuple(values), tuple(options.items()))
        return [np.asarray(v) for v in run(*values.values())]


@functools.lru_cache(32)
def compile_by_xla(outputs: tuple[Expr, ...], inputs: tuple[Expr, ...], options: tuple[tuple[str, Any], ...]) -> Any:
    """Return a compiled function. Different formulas that simplify to the same expressions share it."""
    from pellucid.run.jax_runtime import jax

    def run(*args: Any) -> list[Any]:
        return evaluate(jax().numpy, outputs, dict(zip(inputs, args, strict=True)))

    return jax().jit(run, compiler_options=dict(options))


def check_gradient(cost: Expr, values: Values, wrt: Sequence[Expr], order: int = 2, tolerance: float = 2e-6) -> None:
    """Compare gradients with central differences along random directions, also of their projections."""
    verify_grad(cost, values, wrt, order=order, rtol=tolerance, atol=tolerance, seed=7)


@pytest.fixture(name="by_numpy")
def by_numpy_fixture() -> Callable[..., Any]:
    return by_numpy


@pytest.fixture(name="by_xla")
def by_xla_fixture() -> Callable[..., Any]:
    return by_xla


@pytest.fixture(name="check_gradient")
def check_gradient_fixture() -> Callable[..., Any]:
    return check_gradient
