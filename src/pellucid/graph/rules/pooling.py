"""What never decreases is taken out of the greatest of a window: it is then computed for fewer elements.

Where several elements of a window come out equal, the slope there is that of the first, or the zero that it is for all.
"""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.op import Operation
from pellucid.graph.ops.elementwise import add
from pellucid.graph.ops.hyperbolic import tanh
from pellucid.graph.ops.pooling import max_pool
from pellucid.graph.ops.softmax_sigmoid import leaky_relu, relu, sigmoid, softplus
from pellucid.graph.rewrite_rule import Rule, rule

WINDOWS = ((2, 2), (2, 2), ((0, 0), (0, 1)))
"""The settings that the rules are tried with."""


def _images(rng: Any) -> Any:
    return rng.permutation(120).reshape(2, 4, 5, 3) / 30.0 - 2


def sees_all(pool_size: Any, padding: Any) -> bool:
    """Tell whether every window has an element of the input in it."""
    return builtins.all(max(pads) < size for size, pads in zip(pool_size, padding, strict=True))


def _of(rising: Operation, name: str) -> Rule:
    """Make the rule that a function that never decreases follows the pooling."""

    def pool_of_rising(x: Any, pool_size: Any, strides: Any, padding: Any) -> Any:
        def after(x: Expr, pool_size: Any, strides: Any, padding: Any) -> Any:
            if not sees_all(pool_size, padding):
                return None
            return rising(max_pool(x, pool_size=pool_size, strides=strides, padding=padding))

        return max_pool(rising(x), pool_size=pool_size, strides=strides, padding=padding), after

    pool_of_rising.__name__ = f"pool_of_{name}"
    return rule("pooling", examples=lambda rng: (_images(rng), *WINDOWS))(pool_of_rising)


pool_of_relu, pool_of_tanh = _of(relu, "relu"), _of(tanh, "tanh")
pool_of_sigmoid, pool_of_softplus = _of(sigmoid, "sigmoid"), _of(softplus, "softplus")


@rule("pooling", examples=lambda rng: (_images(rng), 0.1, *WINDOWS))
def pool_of_leaky_relu(x: Any, slope: Any, pool_size: Any, strides: Any, padding: Any) -> Any:
    pooled = max_pool(leaky_relu(x, negative_slope=slope), pool_size=pool_size, strides=strides, padding=padding)

    def after(x: Expr, slope: Any, pool_size: Any, strides: Any, padding: Any) -> Any:
        if slope < 0 or not sees_all(pool_size, padding):
            return None
        return leaky_relu(max_pool(x, pool_size=pool_size, strides=strides, padding=padding), negative_slope=slope)

    return pooled, after


@rule("pooling", examples=lambda rng: (_images(rng), np.array([0.5, -0.25, 2.0]), *WINDOWS))
def pool_of_sum(x: Any, b: Any, pool_size: Any, strides: Any, padding: Any) -> Any:
    """What is added is the same everywhere in an image, as a bias is, and no sum wraps around, as those of integers."""

    def after(x: Expr, b: Expr, pool_size: Any, strides: Any, padding: Any) -> Any:
        if {x.dtype.kind, b.dtype.kind} <= set("iu"):
            return None
        if b.ndim > x.ndim or builtins.any(n != 1 for n in b.shape[:-1]) or not sees_all(pool_size, padding):
            return None
        return add(max_pool(x, pool_size=pool_size, strides=strides, padding=padding), b)

    return max_pool(add(x, b), pool_size=pool_size, strides=strides, padding=padding), after
