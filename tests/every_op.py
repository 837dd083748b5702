"""Every op on its own examples, for tests that go through the registry: results, and gradients of what they come to."""

from __future__ import annotations

from typing import Any

import numpy as np

import pellucid as pel
from pellucid.graph.expr import Expr, Input
from pellucid.graph.op_def import OPS, Op
from pellucid.graph.types import is_float

SLOPES = {"tanh_slope": pel.tanh, "sigmoid_slope": pel.sigmoid}
"""Ops that are written in terms of the value whose slope they are, which is no operand like another."""


def examples(op: Op) -> list[tuple[list[np.ndarray], dict[str, Any]]]:
    """Return operands and settings to try an op on."""
    rng = np.random.default_rng(0)
    if op.examples is not None:
        return [([np.asarray(o) for o in operands], settings) for operands, settings in op.examples(rng)]
    domains = op.domain if isinstance(op.domain[0], tuple) else (op.domain,) * len(op.operands)
    operands = [rng.uniform(low, high, (3, 4)) for low, high in domains]
    operands[: op.conditions] = [o > 0 for o in operands[: op.conditions]]
    if "f" not in op.accepts:
        operands = [np.abs(o).astype(np.int32) for o in operands]
    return [(operands, {})]


def written(name: str) -> list[tuple[list[Input], list[Expr], list[np.ndarray]]]:
    """Return, for each example of an op, inputs, results with gradients by them, and the values of the inputs."""
    op, found = OPS[name], []
    for operands, settings in examples(op):
        inputs = [Input(f"x{i}", o.shape, o.dtype) for i, o in enumerate(operands)]
        made = op.function(*inputs, **settings)
        if name in SLOPES:
            made = op.function(SLOPES[name](inputs[1]), inputs[1])
        wanted = list(made) if isinstance(made, (list, tuple)) else [made]
        real, by = [r for r in wanted if r.dtype == np.float64], [i for i in inputs if is_float(i.dtype)]
        if real and by and op.differentiable:
            wanted += pel.grad(sum((pel.sin(r) * r).sum() for r in real), by, disconnected="zero")
        found.append((inputs, wanted, operands))
    return found
