"""C program of a matrix product, with either operand transposed, and optionally subtracted from a third matrix."""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.run.kernels.microkernels import emit_loads, emit_products, name_accumulators
from pellucid.run.kernels.source_assembly import ITEM_SIZES, assemble_kernel, read_amx_sources, read_source
from pellucid.run.native.compiler import count_vector_registers, get_vector_bytes

TILE_VECTORS = 2
"""Vector registers per row of a tile."""

LEFT_BYTES = 2**23
"""How much of the left operand is packed at a time."""

VECTOR_CONSTANTS = {"DEPTH": 256, "BUFFERS": 1, "WIDE": 1, "CHUNK": 64, "TASKS": 4}
AMX_CONSTANTS = {"DEPTH": 128, "BUFFERS": 2, "WIDE": 12, "CHUNK": 16, "TASKS": 1, "ROWS": 32, "BLOCK": 32}
"""DEPTH: length of the summed axis that is packed at a time, so that a panel stays in the L1 cache; BUFFERS: number of
packed panels; WIDE and CHUNK: maximum panels and row blocks per task; TASKS: minimum tasks per thread; ROWS and BLOCK:
rows and columns of a block."""


@dataclass(frozen=True)
class MatmulSpec:
    """The properties of a matrix product that its C program depends on."""

    dtype: str
    transposed: tuple[bool, bool]  # how the left and the right operand are stored
    subtract_from_base: bool  # the result is base - scale * product
    tile_rows: int  # rows of a tile of vector registers; 0 for AMX


def choose_tile_rows(height: int) -> int:
    """Return the number of rows with which tiles of nearly equal size cover the height."""
    most = (count_vector_registers() - 1 - TILE_VECTORS) // TILE_VECTORS
    return -(-height // -(-height // most))


def emit_matmul(spec: MatmulSpec) -> str:
    left, right = spec.transposed
    constants = {"SUBTRACT_FROM_BASE": int(spec.subtract_from_base)}
    constants |= {"LEFT_TRANSPOSED": int(left), "RIGHT_TRANSPOSED": int(right)}
    constants |= {"LEFT_BYTES": LEFT_BYTES, "MIN_BLOCKS": 4}
    if not spec.tile_rows:
        constants |= AMX_CONSTANTS
        packing = read_amx_sources("amx/gemm_pack.c")
    else:
        lanes = get_vector_bytes() // ITEM_SIZES[spec.dtype]
        constants |= VECTOR_CONSTANTS | {"ROWS": spec.tile_rows, "BLOCK": TILE_VECTORS * lanes}
        packing = [read_source("gemm_pack.c"), emit_matmul_tile(spec.tile_rows, TILE_VECTORS, lanes)]
    return assemble_kernel(spec.dtype, constants, read_source("gemm_handler.c"), *packing, read_source("gemm_loops.c"))


def emit_matmul_tile(rows: int, vectors: int, lanes: int) -> str:
    """Return the function ``multiply_tile``: a tile plus the products over a piece of the summed axis, both packed."""
    places = list(name_accumulators(rows, 1, vectors))
    offsets = {name: (r * vectors + v) * lanes for r, _, v, name in places}
    begin = "\n".join(f"  vec {c} = add ? *(vec *)(sums + {offset}) : (vec){{0}};" for c, offset in offsets.items())
    end = "\n".join(f"  *(vec *)(sums + {offset}) = {c};" for c, offset in offsets.items())
    return f"""
static void multiply_tile(const real *restrict p, const real *restrict q, real *restrict sums, int64_t count, int add,
                          Packer *packer, int64_t blocks) {{
{begin}
  for (int64_t k = 0; k < count; k++, p += {rows}, q += {vectors * lanes}) {{
{emit_loads(vectors, lanes)}
{emit_products(places, lambda r, t: f"{r}")}
  }}
{end}
}}
"""
