"""C programs of reductions over the rows of matrices, of terms that are computed from several operands on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pellucid.run.kernels.source_assembly import assemble_kernel, read_source
from pellucid.run.native.compiler import get_vector_bytes
from pellucid.run.native.vector_math import get_preamble

OperandKind = Literal["full", "channel", "row", "scalar"]
"""Which elements an operand has: all, one for each column, one for each row, or a single one."""

LOADS = {"full": "at", "channel": "c", "row": "r", "scalar": "0"}
"""Index of the element of each kind of operand."""

BLOCKING = {"BLOCK_ROWS": 64, "CHUNK": 256, "STRIP": 32, "SHORT_STRIP": 8, "UNROLL": 8}
SHARING = {"SHARE_ELEMENTS": 2**15, "SHARE_BLOCKS": 2, "MAX_SHARES": 32}
"""BLOCK_ROWS and CHUNK: rows and columns whose sums stay in the L1 cache; STRIP, SHORT_STRIP and UNROLL: columns and
rows of one loop iteration; SHARE_ELEMENTS and SHARE_BLOCKS: minimum size of a share of the rows; MAX_SHARES: maximum
number."""


@dataclass(frozen=True)
class ReductionSpec:
    """The properties of a reduction that its C program depends on.

    Attributes
    ----------
    dtype : str
        Of all operands and results.
    kinds : tuple of str
        Which elements each operand has.
    code : str
        C statements that compute the terms.
    terms : int
        Number of terms.
    moments : bool
        Whether the results are the mean and the variance of the only term, instead of the sums of all terms.
    """

    dtype: str
    kinds: tuple[OperandKind, ...]
    code: str
    terms: int
    moments: bool


def emit_column_reduction(spec: ReductionSpec) -> str:
    results = 2 if spec.moments else spec.terms
    constants = {"OPERANDS": len(spec.kinds), "TERMS": spec.terms, "RESULTS": results, "MOMENTS": int(spec.moments)}
    loads = "\n".join(f"  const real x{k} = operands[{k}][{LOADS[kind]}];" for k, kind in enumerate(spec.kinds))
    terms = f"""
static inline __attribute__((always_inline)) void compute_terms(const real *const *operands, int64_t r, int64_t at,
                                                                int64_t c, real *terms) {{
{loads}
{spec.code}
}}
"""
    sources = get_preamble(get_vector_bytes()), terms, read_source("column_reductions.c")
    return assemble_kernel(spec.dtype, constants | BLOCKING | SHARING, *sources)
