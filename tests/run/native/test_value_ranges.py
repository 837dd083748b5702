"""Tests of the intervals of values in C loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pellucid.graph.interval import REAL, Interval
from pellucid.graph.ops.softmax import subtract_maximum
from pellucid.run.jax_runtime import jax
from pellucid.run.native.jaxpr_reader import trace_step
from pellucid.run.native.value_ranges import infer_range

INF = float("inf")


def get_range(function: Any) -> Interval:
    """Return the interval of the result of a function of an array."""
    block = trace_step(lambda args: [function(jax().numpy, args[0])], [np.ones((3, 4), "float32")])
    return infer_range(block.outputs[0])


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda jnp, x: x, REAL),
        (lambda jnp, x: jnp.exp(x), Interval(0, INF)),
        (lambda jnp, x: 1 + jnp.exp(x), Interval(1, INF)),
        (lambda jnp, x: -jnp.exp(x), Interval(-INF, 0)),
        (lambda jnp, x: jnp.sqrt(1 + jnp.square(x)), Interval(1, INF)),
        (lambda jnp, x: 0.5 * (1 + jnp.square(x)), Interval(0, INF)),  # rounding may go below 1
        (lambda jnp, x: -2.0 * jnp.abs(x), Interval(-INF, 0)),
        (lambda jnp, x: jnp.sum(1 + jnp.square(x), axis=0), Interval(1, INF)),
        (lambda jnp, x: x - jnp.max(x, axis=1, keepdims=True), Interval(-INF, 0)),
        (lambda jnp, x: x - jnp.max(x, axis=0, keepdims=True)[:, :1], REAL),
        (lambda jnp, x: subtract_maximum(jnp, x, jnp.max(x, axis=1, keepdims=True)), Interval(-INF, 0)),
        (lambda jnp, x: jnp.where(x >= jnp.max(x), x, x - jnp.max(x)), REAL),
        (lambda jnp, x: jnp.where(x > 0, x - x, x - jnp.max(x)), REAL),
        (lambda jnp, x: jnp.sum(jnp.exp(x - jnp.max(x, axis=1, keepdims=True)), axis=1), Interval(1, INF)),
        (lambda jnp, x: jnp.sum(jnp.exp(x - jnp.max(x, axis=1, keepdims=True)), axis=0), Interval(0, INF)),
        (lambda jnp, x: jnp.tanh(x) + 2, REAL),
    ],
)
def test_intervals_of_primitives(function: Any, expected: Interval) -> None:
    assert get_range(function) == expected
