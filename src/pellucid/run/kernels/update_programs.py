"""C program of several elementwise results of one shape."""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.run.kernels.source_assembly import assemble_kernel, read_source
from pellucid.run.native.c_writer import SIMD
from pellucid.run.native.compiler import get_vector_bytes
from pellucid.run.native.vector_math import get_preamble


@dataclass(frozen=True)
class UpdateSpec:
    """The properties that the program depends on.

    Attributes
    ----------
    dtype : str
        Of all operands and results.
    arrays, scalars : int
        Numbers of operands with all elements, which come first, and of scalars.
    code : str
        C statements that compute the terms, one for each result.
    results : int
        Number of results.
    scattered : bool
        Whether there is one more array, each of whose rows is a sum of rows of values.
    """

    dtype: str
    arrays: int
    scalars: int
    code: str
    results: int
    scattered: bool


def emit_fused_update(spec: UpdateSpec) -> str:
    count = spec.arrays + spec.scalars
    pointers = [f"const real *a{k} = operands[{k}];" for k in range(spec.arrays)]
    pointers += [f"const real x{k} = *operands[{k}];" for k in range(spec.arrays, count)]
    pointers += [f"real *r{k} = results[{k}];" for k in range(spec.results)]
    loads = [f"const real x{k} = a{k}[i];" for k in range(spec.arrays)]
    loads += [f"const real x{count} = sums[i - first];"] if spec.scattered else []
    stores = [f"r{k}[i] = terms[{k}];" for k in range(spec.results)]
    lines = "\n  ".join
    elements = f"""
static void compute_elements(const real *const *operands, const real *sums, real *const *results, int64_t first,
                             int64_t end) {{
  {lines(pointers)}
  {SIMD}
  for (int64_t i = first; i < end; i++) {{
    real terms[RESULTS];
    {lines(loads)}
{spec.code}
    {lines(stores)}
  }}
}}
"""
    sources = get_preamble(get_vector_bytes()), elements, read_source("fused_update.c")
    constants = {"OPERANDS": count, "RESULTS": spec.results, "SCATTERED": int(spec.scattered)}
    return assemble_kernel(spec.dtype, constants, *sources)
