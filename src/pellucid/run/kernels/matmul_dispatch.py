"""Selection of the matrix products, and of the weight updates that use them, that a kernel computes.

The gradient of a layer's weights is a product with a transposed left operand, and gradient descent subtracts a multiple
of it from the weights. For such products XLA's library falls back to a slower one, and the subtraction reads and writes
the weights once more; the kernel fuses it. The kernel is also faster for other products: with long vectors for small
ones, and for very large ones on AMX, which XLA does not use.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pellucid.graph.decomposition import expand
from pellucid.graph.evaluate import LoweringContext, compute_node
from pellucid.graph.expr import Constant, Expr
from pellucid.graph.ops.attention import get_attention_subscripts
from pellucid.graph.ops.einsum import split_subscripts
from pellucid.graph.traversal import topological
from pellucid.run.jax_runtime import jax
from pellucid.run.kernels import ffi
from pellucid.run.kernels.amx.detection import has_amx
from pellucid.run.kernels.batch_sharding import is_sharded
from pellucid.run.kernels.contractions import Contraction, find_contraction
from pellucid.run.kernels.source_assembly import ITEM_SIZES, has_wide_vectors

if TYPE_CHECKING:
    from jax import Array as JaxArray

MIN_MULTIPLICATIONS, MIN_SIDE = 2**17, 16
"""XLA computes products with fewer multiplications or a shorter side: the tiles of the kernel would be partly empty."""

MIN_GRADIENT_SIDE = 4
"""The same for a transposed left operand, which is slower in XLA."""

MIN_AMX_MULTIPLICATIONS, MIN_AMX_SIDE = 2**34, 128
"""Vector registers compute products with fewer multiplications or a shorter side. AMX was faster for some single
products from 2^27 multiplications, but slower in training, where it works all the time: steps of networks with products
of 2^28 to 2^32 took 1.06 to 1.38 times as long. Products from 2^34 were not measured."""


def matmul(node: Expr, context: LoweringContext) -> JaxArray | None:
    """Return a product of matrices or a sum of products of two arrays, or None to leave it to XLA."""
    product = match_product(node, context)
    if product is None or find_fused_subtraction(node, context) is not None:
        return None
    return compute_product(product)


def subtract(node: Expr, context: LoweringContext) -> JaxArray | None:
    """Return ``base - scale * product`` as one kernel, or None to leave it to XLA."""
    base, subtrahend = node.inputs
    scaled = match_scaled_matrix(subtrahend)
    if scaled is None:
        return None
    scale, matrix = scaled
    product = match_product(matrix, context)
    if product is None or find_fused_subtraction(matrix, context) is not node:
        return None
    asarray = jax().numpy.asarray
    more = asarray(context.values[base]), asarray(context.values[scale], matrix.dtype)
    return compute_product(product, *more)


def attention_weights(node: Expr, context: LoweringContext) -> JaxArray:
    """Return the softmax of the scores, each computed by its own lowering.

    The gradient contains the same expressions, which are computed only once.
    """
    weights, values = expand(node), cast("dict[Expr, Any]", context.values)
    for e in topological([weights], stop=values):
        if e not in values:
            known = [values[i] for i in e.inputs]
            values[e] = e.value if isinstance(e, Constant) else compute_node(jax().numpy, e, known, context)
    result: JaxArray = values[weights]
    return result


def attention_output(node: Expr, context: LoweringContext) -> JaxArray | None:
    """Return the average of values with attention weights, or None to leave it to XLA."""
    names = split_subscripts(get_attention_subscripts(node.ndim, node.settings["axes"])[1])
    product = find_product([context.values[e] for e in node.inputs], *names)
    return None if product is None else compute_product(product)


@dataclass(frozen=True)
class Product:
    """A sum of products of two arrays that a kernel computes.

    Attributes
    ----------
    operands : tuple of array
        Both arrays, as stored.
    names : sequence of sequence of str
        Names of the axes of both arrays and the result.
    shape : tuple of int
        Shape of the result.
    contraction : Contraction
        The matrix products.
    """

    operands: tuple[Any, Any]
    names: Sequence[Sequence[str]]
    shape: tuple[int, ...]
    contraction: Contraction


def match_product(e: Expr, context: LoweringContext) -> Product | None:
    """Return the product that an expression is, or None if XLA computes it."""
    names = name_axes(e)
    if names is None:
        return None
    operands, stored_names = [], []
    for operand, axes in zip(e.inputs, names[0], strict=True):
        transposed = operand.op is not None and operand.op.name == "transpose"
        source = operand.inputs[0] if transposed else operand
        if source not in context.values:
            return None
        operands.append(context.values[source])
        places = sorted(range(len(axes)), key=operand.settings["axes"].__getitem__) if transposed else range(len(axes))
        stored_names.append([axes[place] for place in places])
    return find_product(operands, stored_names, names[1])


def name_axes(e: Expr) -> tuple[Sequence[Sequence[str]], Sequence[str]] | None:
    """Return the names of the axes of both operands and of the result; None for other ops."""
    if e.op is None or len(e.inputs) != 2:
        return None
    if e.op.name == "sum_of_products":
        return split_subscripts(e.settings["subscripts"])
    if e.op.name != "matmul":
        return None
    left, right = e.inputs
    if left.ndim < 2 or right.ndim not in (2, left.ndim):
        return None
    batch = string.ascii_letters[: left.ndim - 2]
    stack = batch if right.ndim == left.ndim else ""
    return (batch + "RS", stack + "SC"), batch + "RC"


def find_product(values: Sequence[Any], names: Sequence[Sequence[str]], result: Sequence[str]) -> Product | None:
    """Return the product of two arrays whose axes have these names, or None if XLA is faster."""
    first, second = map(jax().numpy.asarray, values)
    if first.dtype != second.dtype or str(first.dtype) not in ITEM_SIZES or not has_wide_vectors():
        return None
    sizes: dict[str, int] = {}
    for array, axes in zip((first, second), names, strict=True):
        if any(sizes.setdefault(a, size) != size for a, size in zip(axes, array.shape, strict=True)):
            return None
    contraction = find_contraction((*names, result), sizes)
    if contraction is None or not is_large(contraction):
        return None
    if is_sharded() and not contraction.is_single_product and {axes[0] for axes in (*names, result)} != {result[0]}:
        return None
    return Product((first, second), (*names, result), tuple(sizes[a] for a in result), contraction)


def is_large(c: Contraction) -> bool:
    """Whether a kernel is faster than XLA."""
    shortest = MIN_GRADIENT_SIDE if c.transposed == (True, False) else MIN_SIDE
    return c.multiplications >= MIN_MULTIPLICATIONS and min(c.rows, c.columns, c.summed) >= max(1, shortest)


def compute_product(product: Product, *base_and_scale: JaxArray) -> JaxArray:
    """Compute a product, or ``base - scale * product``."""
    c = product.contraction
    if not c.is_single_product:
        return ffi.multiply_batches(*product.operands, product.names)
    left, right = reversed(product.operands) if c.swapped else product.operands
    sizes = (c.rows, c.summed), (c.summed, c.columns)
    left, right = (x.reshape(s[::-1] if t else s) for x, s, t in zip((left, right), sizes, c.transposed, strict=True))
    use_amx = c.multiplications >= MIN_AMX_MULTIPLICATIONS and min(c.rows, c.columns, c.summed) >= MIN_AMX_SIDE
    use_amx = use_amx and has_amx() and str(left.dtype) == "float32"
    return ffi.matmul(left, right, c.transposed, use_amx, *base_and_scale).reshape(product.shape)


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
