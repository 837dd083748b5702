"""Which products of matrices are computed by a kernel of our own, and which updates with them.

The gradient of a layer's weights is a product whose left side is turned around, and what plain gradient descent does
with it is to take so many times of it from the weights. XLA's library has neither: it falls back to another for such
products, and passes over the weights twice more. Products of matrices as they lie are ours where the processor has
units for matrices, which XLA does not use.
"""

from __future__ import annotations

import math
from typing import Any

from pellucid.graph.evaluate import Around
from pellucid.graph.expr import Expr
from pellucid.run.jax_runtime import jax
from pellucid.run.kernels import ffi
from pellucid.run.kernels.amx.detection import matrix_units
from pellucid.run.kernels.source_assembly import SIZES

LEAST_PRODUCTS, LEAST_SIDE, LEAST_RESULT = 2**22, 32, 2**12
"""A product of fewer multiplications, with a shorter side, or with fewer numbers in its result is left to XLA: tiles
would be empty, or there would be too few of them for all cores."""


def matmul(node: Expr, around: Around) -> Any:
    """Return a product of matrices, or None."""
    found = ours(node, around)
    if found is None or taken_from(node, around) is not None:
        return None
    return ffi.product(*found)


def subtract(node: Expr, around: Around) -> Any:
    """Return what is left of a matrix when so many times of such a product are taken from it, or None."""
    base, taken = node.inputs
    scaled = parts(taken)
    if scaled is None:
        return None
    scale, product = scaled
    found = ours(product, around)
    if found is None or taken_from(product, around) is not node:
        return None
    asarray = jax().numpy.asarray
    return ffi.product(*found, asarray(around.known[base]), asarray(around.known[scale], found[0].dtype))


def ours(product: Expr, around: Around) -> tuple[Any, Any, tuple[bool, bool], bool] | None:
    """Return the sides of a product as they lie in memory, whether they are turned around, and who multiplies them.

    It is None where no kernel does.
    """
    if product.op is None or product.op.name != "matmul" or product.ndim != 2 or str(product.dtype) not in SIZES:
        return None
    sides = [as_it_lies(side, around) for side in product.inputs]
    if any(side is None or side.dtype != product.dtype for side, _ in sides):
        return None
    (left, left_turned), (right, right_turned) = sides
    sizes = (*left.shape, right.shape[not right_turned])
    made = sizes[left_turned] * sizes[2]
    if min(sizes) < max(1, LEAST_SIDE) or made < LEAST_RESULT or math.prod(sizes) < LEAST_PRODUCTS:
        return None
    by_units = matrix_units() and str(product.dtype) == "float32"
    if not by_units and (left_turned, right_turned) != (True, False):
        return None
    return left, right, (left_turned, right_turned), by_units


def as_it_lies(side: Expr, around: Around) -> tuple[Any, bool]:
    """Return a side of a product, or what it is the transpose of, and whether it is one; None where it is not known."""
    turned = side.op is not None and side.op.name == "transpose" and side.ndim == 2
    found = around.known.get(side.inputs[0] if turned else side)
    return (None if found is None else jax().numpy.asarray(found)), turned


def parts(taken: Expr) -> tuple[Expr, Expr] | None:
    """Return the number and the product that something is a multiple of, or None where it is none."""
    if taken.op is None or taken.op.name != "multiply":
        return None
    first, second = taken.inputs
    if second.ndim == 0:
        first, second = second, first
    return (first, second) if first.ndim == 0 and second.ndim == 2 else None


def taken_from(product: Expr, around: Around) -> Expr | None:
    """Return the difference that a product is computed for alone, a multiple of it being taken from something."""
    multiple = only_user(product, around)
    if multiple is None or (found := parts(multiple)) is None or found[1] is not product:
        return None
    difference = only_user(multiple, around)
    if difference is None or difference.op is None or difference.op.name != "subtract":
        return None
    base, taken = difference.inputs
    fits = taken is multiple and base is not multiple and base.shape == product.shape and base.dtype == product.dtype
    return difference if fits else None


def only_user(used: Expr, around: Around) -> Expr | None:
    """Return the one expression that is made of another, where there is one and nobody else wants it."""
    users = around.users.get(used, ())
    return users[0] if len(users) == 1 and used not in around.wanted else None
