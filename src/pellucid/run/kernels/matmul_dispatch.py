"""Selection of the matrix products, and of the weight updates that use them, that a kernel computes.

The gradient of a layer's weights is a product with a transposed left operand, and gradient descent subtracts a multiple
of it from the weights. For such products XLA's library falls back to a slower one, and the subtraction reads and writes
the weights once more; the kernel fuses it. The kernel is also faster for other products: with long vectors for small
ones, and for large ones on AMX, which XLA does not use.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pellucid.graph.evaluate import LoweringContext
from pellucid.graph.expr import Expr
from pellucid.run.jax_runtime import jax
from pellucid.run.kernels import ffi
from pellucid.run.kernels.amx.detection import has_amx
from pellucid.run.kernels.batch_sharding import is_sharded
from pellucid.run.kernels.source_assembly import ITEM_SIZES, has_wide_vectors

if TYPE_CHECKING:
    from jax import Array as JaxArray

MIN_MULTIPLICATIONS, MIN_SIDE = 2**17, 16
"""XLA computes products with fewer multiplications or a shorter side: the tiles of the kernel would be partly empty."""

MIN_GRADIENT_SIDE = 4
"""The same for a transposed left operand, which is slower in XLA."""

MIN_AMX_MULTIPLICATIONS, MIN_AMX_SIDE = 2**27, 128
"""Vector registers compute products with fewer multiplications or a shorter side: splitting operands would take too
long."""


def matmul(node: Expr, context: LoweringContext) -> JaxArray | None:
    """Return a matrix product, or None to leave it to XLA."""
    match = match_matmul(node, context)
    if match is None or find_fused_subtraction(node, context) is not None:
        return None
    return ffi.matmul(*match)


def subtract(node: Expr, context: LoweringContext) -> JaxArray | None:
    """Return ``base - scale * product`` as one kernel, or None to leave it to XLA."""
    base, subtrahend = node.inputs
    scaled = match_scaled_matrix(subtrahend)
    if scaled is None:
        return None
    scale, product = scaled
    match = match_matmul(product, context)
    if match is None or find_fused_subtraction(product, context) is not node:
        return None
    asarray = jax().numpy.asarray
    return ffi.matmul(*match, asarray(context.values[base]), asarray(context.values[scale], match[0].dtype))


def match_matmul(product: Expr, context: LoweringContext) -> tuple[Any, Any, tuple[bool, bool], bool] | None:
    """Return the operands as stored, whether each is stored transposed, and whether to use AMX; None for XLA."""
    if product.op is None or product.op.name != "matmul" or str(product.dtype) not in ITEM_SIZES:
        return None
    if any(operand.ndim != 2 for operand in product.inputs):  # also a stack times a vector has a matrix as result
        return None
    operands = [get_stored_operand(operand, context) for operand in product.inputs]
    if any(operand is None or operand.dtype != product.dtype for operand, _ in operands):
        return None
    (left, left_transposed), (right, right_transposed) = operands
    sizes = (*left.shape, right.shape[not right_transposed])
    count = math.prod(sizes)
    shortest = MIN_GRADIENT_SIDE if left_transposed and not right_transposed else MIN_SIDE
    if min(sizes) < max(1, shortest) or count < MIN_MULTIPLICATIONS or not has_wide_vectors():
        return None
    is_large = count >= MIN_AMX_MULTIPLICATIONS and min(sizes) >= MIN_AMX_SIDE
    use_amx = is_large and has_amx() and str(product.dtype) == "float32"
    return left, right, (left_transposed, right_transposed), use_amx


def get_stored_operand(operand: Expr, context: LoweringContext) -> tuple[Any, bool]:
    """Return the value of an operand, or of the matrix of which it is the transpose, and whether it is one."""
    transposed = operand.op is not None and operand.op.name == "transpose" and operand.ndim == 2
    value = context.values.get(operand.inputs[0] if transposed else operand)
    return (None if value is None else jax().numpy.asarray(value)), transposed


def match_scaled_matrix(e: Expr) -> tuple[Expr, Expr] | None:
    """Return scalar and matrix of a product of both; None for any other expression."""
    if e.op is None or e.op.name != "multiply":
        return None
    first, second = e.inputs
    if second.ndim == 0:
        first, second = second, first
    return (first, second) if first.ndim == 0 and second.ndim == 2 else None


def find_fused_subtraction(product: Expr, context: LoweringContext) -> Expr | None:
    """Return the subtraction of a multiple of a product, if nothing else uses the product; otherwise None.

    Several devices add their parts of a product before it is subtracted.
    """
    multiple = None if is_sharded() else get_only_user(product, context)
    if multiple is None or (scaled := match_scaled_matrix(multiple)) is None or scaled[1] is not product:
        return None
    difference = get_only_user(multiple, context)
    if difference is None or difference.op is None or difference.op.name != "subtract":
        return None
    base, subtrahend = difference.inputs
    fits = subtrahend is multiple and base is not multiple
    return difference if fits and base.shape == product.shape and base.dtype == product.dtype else None


def get_only_user(e: Expr, context: LoweringContext) -> Expr | None:
    """Return the one expression that uses another; None if there are several or it is an output."""
    users = context.users.get(e, ())
    return users[0] if len(users) == 1 and e not in context.outputs else None
