"""Operands of the generated tests of rewrite rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pellucid.graph.expr import Expr, Input

if TYPE_CHECKING:
    from pellucid.typing import Array


def make_input(name: str = "z") -> Expr:
    """Return an input that the tests fill with numbers from -1 to 1."""
    return Input(name, (3, 4), "float64")


def draw_normal(rng: np.random.Generator) -> Array:
    return rng.normal(size=(3, 4))


def draw_positive(rng: np.random.Generator) -> Array:
    return rng.uniform(0.5, 2, (3, 4))


def draw_tensor(rng: np.random.Generator) -> Array:
    return rng.uniform(0.5, 2, (2, 3, 4))


def draw_one(rng: np.random.Generator) -> tuple[Array]:
    return (draw_normal(rng),)


def draw_two(rng: np.random.Generator) -> tuple[Array, Array]:
    return draw_normal(rng), draw_normal(rng)


def draw_with_number(rng: np.random.Generator) -> tuple[float, Array]:
    return 3.0, draw_normal(rng)


def draw_fraction(rng: np.random.Generator) -> tuple[Array]:
    return (rng.uniform(-0.9, 0.9, (3, 4)),)


def draw_above_one(rng: np.random.Generator) -> tuple[Array]:
    return (rng.uniform(1.2, 3, (3, 4)),)


def draw_below_two(rng: np.random.Generator) -> tuple[Array]:
    return (rng.uniform(0.1, 1.9, (3, 4)),)


def make_opposites(rng: np.random.Generator) -> tuple[Expr, Expr]:
    x = make_input()
    return x, -x
