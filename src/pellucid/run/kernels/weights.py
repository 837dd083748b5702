"""Which gradients of weights are computed by a kernel of our own, and which updates with them.

The gradient of a layer's weights is a product whose left side is turned around, and what plain gradient descent does
with it is to take so many times of it from the weights. XLA's library has neither: it falls back to another for such
products, and passes over the weights twice more.
"""

from __future__ import annotations

from typing import Any

from pellucid.graph.evaluate import Around
from pellucid.graph.expr import Expr
from pellucid.run.engine import jax
from pellucid.run.kernels import call
from pellucid.run.kernels.text import SIZES

LEAST_PRODUCTS = 2**21
"""A product of fewer multiplications is left to XLA."""


def matmul(node: Expr, around: Around) -> Any:
    """Return the product of a matrix turned around with another, or None."""
    if not by_us(node, around) or taken_from(node, around) is not None:
        return None
    return call.turned_product(*sides(node, around))


def subtract(node: Expr, around: Around) -> Any:
    """Return what is left of a matrix when so many times of such a product are taken from it, or None."""
    base, taken = node.inputs
    scaled = parts(taken)
    if scaled is None:
        return None
    scale, product = scaled
    if not by_us(product, around) or taken_from(product, around) is not node:
        return None
    left, right = sides(product, around)
    asarray = jax().numpy.asarray
    return call.turned_product(left, right, asarray(around.known[base]), asarray(around.known[scale], left.dtype))


def by_us(product: Expr, around: Around) -> bool:
    """Tell whether a product is one of a matrix turned around, in an order of memory that a kernel reads."""
    if product.op is None or product.op.name != "matmul" or product.ndim != 2:
        return False
    turned, right = product.inputs
    if turned.op is None or turned.op.name != "transpose" or turned.ndim != 2 or turned.inputs[0] not in around.known:
        return False
    if right not in around.known or str(product.dtype) not in SIZES:
        return False
    left, right = sides(product, around)
    return bool(left.size * right.shape[1] >= LEAST_PRODUCTS)


def sides(product: Expr, around: Around) -> tuple[Any, Any]:
    """Return the left side of a product as it lies in memory, and the right side."""
    turned, right = product.inputs
    asarray = jax().numpy.asarray
    return asarray(around.known[turned.inputs[0]]), asarray(around.known[right])


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
