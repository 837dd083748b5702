"""C program of a matrix product, with either operand transposed, and optionally subtracted from a third matrix."""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.run.kernels.microkernels import emit_loads, emit_products, name_accumulators
from pellucid.run.kernels.source_assembly import ITEM_SIZES, assemble_kernel, read_amx_sources, read_source
from pellucid.run.native.compiler import count_vector_registers, get_vector_bytes

TILE_ROWS = 6
"""Rows of a tile of vector registers. Their six addresses fit into general registers."""

LEFT_BYTES = 2**23
"""How much of the left operand is packed at a time for AMX."""

VECTOR_CONSTANTS = {
    "DEPTH": 128,
    "MIN_REUSE": 3,
    "PACKED_COLUMNS": 16,
    "CHUNK": 48,
    "MIN_CHUNK": 4,
    "MIN_REUSING_CHUNK": 16,
    "PANELS": 8,
    "TASKS": 4,
}
"""DEPTH: length of the summed axis that is computed at a time, so that a panel stays in the L1 cache; MIN_REUSE: number
of tiles for which a panel is packed; PACKED_COLUMNS: columns that are packed at a time, if the left operand is stored
transposed; CHUNK: maximum tiles per task; MIN_CHUNK: minimum tiles, and MIN_REUSING_CHUNK if each thread has a task
already; PANELS: maximum panels per task, whose sums stay in the L2 cache; TASKS: tasks per thread."""

BATCH_CONSTANTS = {"MIN_CHUNK": 4, "TASKS": 2}
"""The same for many products."""

AMX_CONSTANTS = {
    "DEPTH": 128,
    "BUFFERS": 2,
    "WIDE": 12,
    "CHUNK": 16,
    "TASKS": 1,
    "ROWS": 32,
    "BLOCK": 32,
    "MIN_BLOCKS": 4,
}
"""DEPTH: length of the summed axis that is packed at a time, so that a panel stays in the L1 cache; BUFFERS: number of
packed panels; WIDE and CHUNK: maximum panels and row blocks per task; MIN_BLOCKS: minimum row blocks that are packed at
a time; ROWS and BLOCK: rows and columns of a block."""


@dataclass(frozen=True)
class MatmulSpec:
    """The properties of a matrix product that its C program depends on."""

    dtype: str
    transposed: tuple[bool, bool]  # how the left and the right operand are stored
    subtract_from_base: bool  # the result is base - scale * product
    vectors: int  # vector registers per row of a tile; 0 for AMX


@dataclass(frozen=True)
class BatchedMatmulSpec:
    """The properties of a batch of matrix products that their C program depends on."""

    dtype: str
    transposed: tuple[bool, bool]  # whether columns, not rows, of the left and the right operand are stored together
    vectors: int  # vector registers per row of a tile


def choose_tile_vectors(columns: int, dtype: str) -> int:
    """Return the number of vector registers with which tiles cover the columns in the shortest time."""
    lanes = get_vector_bytes() // ITEM_SIZES[dtype]
    most = max(1, min((count_vector_registers() - 2) // (TILE_ROWS + 1), columns // lanes))
    # A tile of one vector has too few sums to hide the latency of the products.
    return min(range(most, 0, -1), key=lambda vectors: -(-columns // (vectors * lanes)) * max(3 * vectors, 4))


def emit_matmul(spec: MatmulSpec) -> str:
    left, right = spec.transposed
    constants = {"SUBTRACT_FROM_BASE": int(spec.subtract_from_base)}
    constants |= {"LEFT_TRANSPOSED": int(left), "RIGHT_TRANSPOSED": int(right)}
    if not spec.vectors:
        constants |= AMX_CONSTANTS | {"LEFT_BYTES": LEFT_BYTES}
        sources = [*read_amx_sources("amx/gemm_pack.c"), read_source("gemm_loops.c")]
    else:
        lanes = get_vector_bytes() // ITEM_SIZES[spec.dtype]
        constants |= VECTOR_CONSTANTS | {"ROWS": TILE_ROWS, "VECTORS": spec.vectors, "LANES": lanes}
        sources = [emit_transpose(lanes), emit_matmul_tile(spec.vectors, lanes), read_source("gemm_tiles.c")]
    return assemble_kernel(spec.dtype, constants, read_source("gemm_handler.c"), *sources)


def emit_batched_matmul(spec: BatchedMatmulSpec) -> str:
    left, right = spec.transposed
    lanes = get_vector_bytes() // ITEM_SIZES[spec.dtype]
    constants = {"LEFT_TRANSPOSED": int(left), "RIGHT_TRANSPOSED": int(right), "ROWS": TILE_ROWS, "LANES": lanes}
    constants |= {"VECTORS": spec.vectors} | BATCH_CONSTANTS
    sources = emit_transpose(lanes), emit_matmul_tile(spec.vectors, lanes), read_source("batched_gemm.c")
    return assemble_kernel(spec.dtype, constants, *sources)


def emit_matmul_tile(vectors: int, lanes: int) -> str:
    """Return the function ``multiply_tile``: sums of products, added to earlier sums, or subtracted from the base."""
    places = list(name_accumulators(TILE_ROWS, 1, vectors))
    rows = "\n".join(f"  const real *p{r} = p + ({r} < last ? {r} : last) * row_stride;" for r in range(TILE_ROWS))
    begin = "\n".join(
        f"  vec {c} = add ? *(vec *)(sums + {(r * vectors + v) * lanes}) : (vec){{0}};" for r, _, v, c in places
    )
    addresses = {c: f"{r} * to_stride + {v * lanes}" for r, _, v, c in places}
    end = "\n".join(
        f"  *(vec *)(to + {address}) = base ? *(const vec *)(base + {address}) - scale * {c} : {c};"
        for c, address in addresses.items()
    )
    prefetches = "\n".join(f"      __builtin_prefetch(p{r} + {TILE_ROWS} * row_stride + k);" for r in range(TILE_ROWS))
    return f"""
static inline __attribute__((always_inline)) void
multiply_tile(const real *restrict p, int64_t row_stride, int64_t stride, int64_t last, const real *restrict q,
              int64_t right_stride, const real *sums, int add, int64_t count, real *to, int64_t to_stride,
              const real *base, real scale) {{
{rows}
{begin}
  for (int64_t k = 0, i = 0; k < count; k++, i += stride, q += right_stride) {{
    if (!LEFT_TRANSPOSED && (k & 64 / sizeof(real) - 1) == 0) {{
{prefetches}
    }}
{emit_loads(vectors, lanes)}
{emit_products(places, lambda r, t: f"p{r}[i]")}
  }}
{end}
}}
"""


def emit_transpose(lanes: int) -> str:
    """Return the function ``transpose_square``: as many rows and columns as a register has lanes."""
    lines = [f"  vec a{r} = *(const vec *)(from + {r} * stride);" for r in range(lanes)]
    size = 1
    while size < lanes:
        low = ", ".join(str(j if not j & size else j - size + lanes) for j in range(lanes))
        high = ", ".join(str(j + size if not j & size else j + lanes) for j in range(lanes))
        for r in (r for r in range(lanes) if not r & size):
            a, b = f"a{r}", f"a{r + size}"
            lines.append(f"  {{ const vec t = SHUFFLE({a}, {b}, {low}); {b} = SHUFFLE({a}, {b}, {high}); {a} = t; }}")
        size *= 2
    lines += [f"  *(vec *)(to + {r} * to_stride) = a{r};" for r in range(lanes)]
    body = "\n".join(lines)
    return f"""
#ifdef __clang__
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (bits){{__VA_ARGS__}})
#endif
static void transpose_square(const real *from, int64_t stride, real *to, int64_t to_stride) {{
{body}
}}
"""
