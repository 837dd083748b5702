"""Products of large matrices with a few columns, such as those of a layer with one unit, and their gradients.

They are as fast as memory. The rows of a batch are read where they are among all samples, so no copy of them is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pellucid.graph.evaluate import LoweringContext
from pellucid.graph.expr import Expr
from pellucid.graph.ops.index_spec import ARRAY, FULL_SLICE
from pellucid.run.jax_runtime import jax
from pellucid.run.kernels import ffi
from pellucid.run.kernels.batch_sharding import is_sharded
from pellucid.run.kernels.source_assembly import ITEM_SIZES, assemble_kernel, read_source
from pellucid.run.native.compiler import get_vector_bytes

if TYPE_CHECKING:
    from jax import Array as JaxArray

MAX_COLUMNS = 3
"""XLA and other kernels multiply by more columns."""

MIN_ELEMENTS = 2**16
"""XLA multiplies smaller matrices."""

CONSTANTS = {"TASK_ELEMENTS": 2**15, "MAX_SHARES": 16}
"""TASK_ELEMENTS: elements of the matrix that a task reads; MAX_SHARES: maximum shares of the rows of a sum."""


@dataclass(frozen=True)
class NarrowSpec:
    """The properties of a product that its C program depends on."""

    dtype: str
    columns: int
    transposed: bool  # whether the product sums over the rows of the matrix
    gathered: bool  # whether only some rows take part


def emit_narrow_product(spec: NarrowSpec) -> str:
    lanes = get_vector_bytes() // ITEM_SIZES[spec.dtype]
    constants = {"COLUMNS": spec.columns, "TRANSPOSED": int(spec.transposed), "GATHERED": int(spec.gathered)}
    # The sums of a segment stay in registers.
    constants |= CONSTANTS | {"LANES": lanes, "SEGMENT_VECTORS": 16 if spec.columns == 1 else 8}
    return assemble_kernel(spec.dtype, constants, read_source("narrow_product.c"))


def matmul(node: Expr, context: LoweringContext) -> JaxArray | None:
    """Return the product of a large matrix, or its transpose, with a few columns; None to leave it to XLA."""
    if not is_narrow(node):
        return None
    left, right = node.inputs
    transposed = left.op is not None and left.op.name == "transpose"
    stored = left.inputs[0] if transposed else left
    if stored not in context.values:
        return None
    xp = jax().numpy
    columns, matrix, positions = xp.asarray(context.values[right]), xp.asarray(context.values[stored]), None
    is_large = matrix.size >= MIN_ELEMENTS and str(matrix.dtype) in ITEM_SIZES and matrix.dtype == columns.dtype
    if not is_large or is_sharded():
        return multiply_by_xla(matrix, columns) if transposed else None
    if reads_rows(stored, context):
        matrix, positions = (xp.asarray(context.values[e]) for e in stored.inputs)
    operands = [matrix, columns, *([] if positions is None else [positions.astype("int32")])]
    spec = NarrowSpec(str(matrix.dtype), columns.shape[1], transposed, positions is not None)
    rows = matrix.shape[1] if transposed else matrix.shape[0] if positions is None else len(positions)
    return ffi.call_kernel(ffi.emit_code(emit_narrow_product, spec), (rows, columns.shape[1]), *operands)


def is_narrow(e: Expr) -> bool:
    """Whether an expression is a product of a matrix with a few columns."""
    if e.op is None or e.op.name != "matmul" or any(i.ndim != 2 for i in e.inputs):
        return False
    columns = e.shape[1]
    return isinstance(columns, int) and 0 < columns <= MAX_COLUMNS


def multiply_by_xla(matrix: Any, columns: Any) -> JaxArray:
    """Return the transpose of a matrix times a few columns, without the copy that XLA makes of the transpose."""
    product: JaxArray = jax().lax.dot_general(columns, matrix, (((0,), (0,)), ((), ())))
    return product.T


def reads_rows(e: Expr, context: LoweringContext) -> bool:
    """Whether an expression is a batch of rows of a matrix that nothing but products with a few columns reads."""
    if e.op is None or e.op.name != "gather" or e in context.outputs or not e.settings.get("in_bounds"):
        return False
    source, *indices = e.inputs
    if len(indices) != 1 or indices[0].ndim != 1 or e.settings["index"] != (ARRAY, FULL_SLICE) or source.ndim != 2:
        return False
    return all(is_narrow_operand(e, user, context) for user in context.users[e])


def is_narrow_operand(e: Expr, user: Expr, context: LoweringContext) -> bool:
    """Whether an expression that uses another is its product with a few columns, or only used in such products."""
    if user.op is not None and user.op.name == "transpose" and user not in context.outputs:
        return all(is_narrow_operand(user, each, context) for each in context.users[user])
    return is_narrow(user) and user.inputs[0] is e and user.inputs[1] is not e
