"""What the tests of the graph share: values by the interpreter, values by XLA, and differences that check gradients."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr
from pellucid.graph.gradient_check import verify_grad

Values = Mapping[Expr, np.ndarray]


def by_numpy(outputs: Sequence[Expr], values: Values) -> list[np.ndarray]:
    """Interpret expressions as they are, without any rewriting."""
    return [np.asarray(v) for v in evaluate(np, outputs, values)]


QUICK = {"xla_backend_optimization_level": 0}
"""As in the conftest.py of all tests, whatever XLA_FLAGS say: machine code is not polished, which takes less time."""


def by_xla(outputs: Sequence[Expr], values: Values, options: Mapping[str, Any] = QUICK) -> list[np.ndarray]:
    """Compile expressions as they are, without any rewriting, and run them."""
    from pellucid.run.jax_runtime import jax, x64

    inputs = list(values)

    def run(*args: Any) -> list[Any]:
        return evaluate(jax().numpy, outputs, dict(zip(inputs, args, strict=True)))

    with x64():
        return [np.asarray(v) for v in jax().jit(run, compiler_options=dict(options))(*values.values())]


def check_gradient(cost: Expr, values: Values, wrt: Sequence[Expr], order: int = 2, tolerance: float = 2e-6) -> None:
    """Hold gradients against central differences along random directions, and those of their projections."""
    verify_grad(cost, values, wrt, order=order, rtol=tolerance, atol=tolerance, seed=7)


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
