"""Test cases of every op in the registry: results and gradients on the examples of the op."""

from __future__ import annotations

from typing import Any

import numpy as np

import pellucid as pel
from pellucid.graph.expr import Expr, Input
from pellucid.graph.op import OPS, Op
from pellucid.graph.types import is_float

SLOPES = {"tanh_slope": pel.tanh, "sigmoid_slope": pel.sigmoid}
"""Derivative ops whose first operand must be the value of the function."""


def examples(op: Op) -> list[tuple[list[np.ndarray], dict[str, Any]]]:
    """Return operands and settings of an op."""
    rng = np.random.default_rng(0)
    if op.examples is not None:
        return [([np.asarray(o) for o in operands], settings) for operands, settings in op.examples(rng)]
    domains = op.domain if isinstance(op.domain[0], tuple) else (op.domain,) * len(op.operands)
    operands = [rng.uniform(low, high, (3, 4)) for low, high in domains]
    operands[: op.conditions] = [o > 0 for o in operands[: op.conditions]]
    if "f" not in op.accepts:
        operands = [np.abs(o).astype(np.int32) for o in operands]
    return [(operands, {})]


def build_cases(name: str) -> list[tuple[list[Input], list[Expr], list[np.ndarray]]]:
    """Return the inputs, the results followed by their gradients, and the input values of each example."""
    op, cases = OPS[name], []
    for operands, settings in examples(op):
        inputs = [Input(f"x{i}", o.shape, o.dtype) for i, o in enumerate(operands)]
        result = op.function(*inputs, **settings)
        if name in SLOPES:
            result = op.function(SLOPES[name](inputs[1]), inputs[1])
        outputs = list(result) if isinstance(result, (list, tuple)) else [result]
        floats, wrt = [o for o in outputs if o.dtype == np.float64], [i for i in inputs if is_float(i.dtype)]
        if floats and wrt and op.differentiable:
            outputs += pel.grad(sum((pel.sin(o) * o).sum() for o in floats), wrt, disconnected="zero")
        cases.append((inputs, outputs, operands))
    return cases
