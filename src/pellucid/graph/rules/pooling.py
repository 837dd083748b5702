"""Monotonic functions moved behind max pooling, where they are computed for fewer elements.

Where the function maps several elements of a window to one value, the derivative used is that of the largest element.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.op_decorator import OpFunction
from pellucid.graph.ops.activations import leaky_relu, relu, sigmoid, softplus
from pellucid.graph.ops.elementwise import add
from pellucid.graph.ops.hyperbolic import tanh
from pellucid.graph.ops.pooling import max_pool
from pellucid.graph.ops.sliding_windows import Pairs
from pellucid.graph.rewrite_rule import RulePair, rule

if TYPE_CHECKING:
    from pellucid.typing import Array


WINDOWS = ((2, 2), (2, 2), ((0, 0), (0, 1)))
"""Settings of the generated tests: pool_size, strides and padding."""


def _draw_images(rng: np.random.Generator) -> Array:
    return rng.permutation(120).reshape(2, 4, 5, 3) / 30.0 - 2


def windows_overlap_input(pool_size: tuple[int, ...], padding: Pairs) -> bool:
    """Return whether every window contains an element of the input, not only padding."""
    return all(max(pads) < size for size, pads in zip(pool_size, padding, strict=True))


def _add_rule(function: OpFunction[Expr], name: str) -> None:
    def match_pool(x: Expr, pool_size: tuple[int, ...], strides: tuple[int, ...], padding: Pairs) -> RulePair:
        def pool_first(x: Expr, pool_size: tuple[int, ...], strides: tuple[int, ...], padding: Pairs) -> Expr | None:
            if not windows_overlap_input(pool_size, padding):
                return None
            return function(max_pool(x, pool_size=pool_size, strides=strides, padding=padding))

        return max_pool(function(x), pool_size=pool_size, strides=strides, padding=padding), pool_first

    match_pool.__name__ = f"max_pool_of_{name}"
    rule("pooling", examples=lambda rng: (_draw_images(rng), *WINDOWS))(match_pool)


_add_rule(relu, "relu")
_add_rule(tanh, "tanh")
_add_rule(sigmoid, "sigmoid")
_add_rule(softplus, "softplus")


@rule("pooling", examples=lambda rng: (_draw_images(rng), 0.1, *WINDOWS))
def max_pool_of_leaky_relu(
    x: Expr, slope: float, pool_size: tuple[int, ...], strides: tuple[int, ...], padding: Pairs
) -> RulePair:
    pooled = max_pool(leaky_relu(x, negative_slope=slope), pool_size=pool_size, strides=strides, padding=padding)

    def pool_first(
        x: Expr, slope: float, pool_size: tuple[int, ...], strides: tuple[int, ...], padding: Pairs
    ) -> Expr | None:
        if slope < 0 or not windows_overlap_input(pool_size, padding):
            return None
        return leaky_relu(max_pool(x, pool_size=pool_size, strides=strides, padding=padding), negative_slope=slope)

    return pooled, pool_first


@rule("pooling", examples=lambda rng: (_draw_images(rng), np.array([0.5, -0.25, 2.0]), *WINDOWS))
def max_pool_of_sum(x: Expr, b: Expr, pool_size: tuple[int, ...], strides: tuple[int, ...], padding: Pairs) -> RulePair:
    """The addend must be constant over the image, like a bias. Sums of integers are excluded: they may overflow."""

    def pool_first(
        x: Expr, b: Expr, pool_size: tuple[int, ...], strides: tuple[int, ...], padding: Pairs
    ) -> Expr | None:
        if {x.dtype.kind, b.dtype.kind} <= set("iu"):
            return None
        if b.ndim > x.ndim or any(n != 1 for n in b.shape[:-1]) or not windows_overlap_input(pool_size, padding):
            return None
        return add(max_pool(x, pool_size=pool_size, strides=strides, padding=padding), b)

    return max_pool(add(x, b), pool_size=pool_size, strides=strides, padding=padding), pool_first
