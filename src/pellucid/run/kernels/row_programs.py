"""C programs that compute expressions row by row: elementwise expressions, and reductions of the columns of a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pellucid.graph.expr import Expr
from pellucid.run.kernels.elementwise_code import emit_nodes
from pellucid.run.kernels.reduction_programs import OperandKind
from pellucid.run.kernels.row_stages import ResultKind, RowExpressions, Stage
from pellucid.run.kernels.source_assembly import assemble_kernel, read_source
from pellucid.run.native.compiler import get_vector_bytes
from pellucid.run.native.vector_math import get_preamble

SHARING = {"BLOCK_ROWS": 32, "SHARE_ELEMENTS": 2**14, "MAX_SHARES": 64}
"""BLOCK_ROWS: rows whose sums are added in the dtype of the arrays; SHARE_ELEMENTS: minimum size of a share of the
rows; MAX_SHARES: maximum number."""

COMBINATIONS = {"sum": "+", "mean": "+", "max": "maximum", "min": "minimum"}
"""The names of the reductions in OpenMP."""

INITIAL = {"+": "0", "maximum": "-INFINITY", "minimum": "INFINITY"}


@dataclass(frozen=True)
class RowSpec:
    """The properties that the program depends on.

    Attributes
    ----------
    dtype : str
        Of all operands and results.
    operands : tuple of str
        Which elements each operand has.
    results : tuple of str
        Which elements each result has.
    buffers : int
        Number of rows that are kept between loops.
    code : str
        C statements that compute a row.
    """

    dtype: str
    operands: tuple[OperandKind, ...]
    results: tuple[ResultKind, ...]
    buffers: int
    code: str


def emit_row_program(spec: RowSpec) -> str:
    sums = spec.results.count("column")
    constants = {"OPERANDS": len(spec.operands), "RESULTS": len(spec.results), "BUFFERS": spec.buffers, "SUMS": sums}
    kinds = f"static const int IS_SUM[] = {{{', '.join(str(int(kind == 'column')) for kind in spec.results)}}};"
    before, inside = [], []
    for k, kind in enumerate(spec.operands):
        if kind == "full":
            inside.append(f"const real *restrict a{k} = call->operands[{k}] + r * columns;")
        elif kind == "row":
            inside.append(f"const real s{k} = call->operands[{k}][r];")
        elif kind == "channel":
            before.append(f"const real *restrict a{k} = call->operands[{k}];")
        else:
            before.append(f"const real s{k} = *call->operands[{k}];")
    before += [f"real *restrict b{k} = buffers + {k} * columns;" for k in range(spec.buffers)]
    number = 0
    for k, result in enumerate(spec.results):
        if result == "full":
            inside.append(f"real *restrict y{k} = call->results[{k}] + r * columns;")
        else:
            before.append(f"real *restrict y{k} = sums + {number} * columns;")
            number += 1
    indent = "\n    ".join
    rows = f"""
static void evaluate_rows(const Call *call, int64_t first, int64_t last, real *buffers, real *sums) {{
  const int64_t columns = call->columns;
  {indent(before)}
  for (int64_t r = first; r < last; r++) {{
    {indent(inside)}
{spec.code}
  }}
}}
"""
    sources = get_preamble(get_vector_bytes()), kinds, read_source("row_loop.c"), rows, read_source("row_handler.c")
    return assemble_kernel(spec.dtype, constants | SHARING, *sources)


class RowWriter:
    """Writes the C statements of a row.

    Parameters
    ----------
    expressions : RowExpressions
        The expressions.
    kinds : mapping from Expr to str
        Which elements each operand has, in the order of the operands.
    dtype : str
        Of all operands and results.
    """

    def __init__(self, expressions: RowExpressions, kinds: Mapping[Expr, OperandKind], dtype: str) -> None:
        self.expressions, self.dtype = expressions, dtype
        self.places: dict[Expr, str] = {
            e: f"a{k}[c]" if kind in ("full", "channel") else f"s{k}" for k, (e, kind) in enumerate(kinds.items())
        }
        self.lines: list[str] = []
        self.buffers: int = 0

    def write(self, results: Sequence[tuple[Expr, ResultKind]]) -> str | None:
        """Return the statements that compute results; None if C lacks one of the primitives."""
        stages, buffered = self.expressions.plan([e for e, _ in results])
        stores: dict[Expr, list[str]] = {}
        for k, (e, kind) in enumerate(results):
            stores.setdefault(e, []).append(f"y{k}[c] {'=' if kind == 'full' else '+='}")
        names = {e: f"b{k}[c]" for k, e in enumerate(buffered)}
        self.buffers = len(buffered)
        for e, name in names.items():
            stores.setdefault(e, []).append(f"{name} =")
        for stage in stages:
            if not self.write_scalars(stage) or not self.write_loop(stage, stores):
                return None
            self.places |= {e: names[e] for e in stage.terms if e in names}
        return "\n".join(self.lines)

    def write_scalars(self, stage: Stage) -> bool:
        needed = [e for e in stage.scalars if e not in self.places]
        if not needed:
            return True
        code, used = self.emit(needed)
        if code is None:
            return False
        values = [f"number{len(self.places) + k}" for k in range(len(needed))]
        self.lines += [f"    real {', '.join(values)};", "    {"]
        self.lines += [f"      const real x{k} = {self.places[e]};" for k, e in enumerate(used)]
        self.lines += [f"      real terms[{len(needed)}];", code]
        self.lines += [f"      {value} = terms[{k}];" for k, value in enumerate(values)] + ["    }"]
        self.places |= zip(needed, values, strict=True)
        return True

    def write_loop(self, stage: Stage, stores: Mapping[Expr, list[str]]) -> bool:
        if not stage.terms:
            return True
        code, used = self.emit([*stage.terms])
        if code is None:
            return False
        positions = {e: k for k, e in enumerate(stage.terms)}
        totals = {e: f"total{len(self.places) + k}" for k, e in enumerate(stage.reductions)}
        clauses = ""
        for e, total in totals.items():
            combination = COMBINATIONS[cast(Any, e.op).name]
            self.lines.append(f"    real {total} = {INITIAL[combination]};")
            clauses += f" reduction({combination}:{total})"
        self.lines += [f"    #pragma omp simd{clauses}", "    for (int64_t c = 0; c < columns; c++) {"]
        self.lines += [f"      const real x{k} = {self.places[e]};" for k, e in enumerate(used)]
        self.lines += [f"      real terms[{len(stage.terms)}];", code]
        for k, e in enumerate(stage.terms):
            self.lines += [f"      {store} terms[{k}];" for store in stores.get(e, ())]
        for e, total in totals.items():
            term = f"terms[{positions[self.expressions.define(e.inputs[0])]}]"
            combination = COMBINATIONS[cast(Any, e.op).name]
            update = f"{total} += {term}" if combination == "+" else f"{total} = {combination}({total}, {term})"
            self.lines.append(f"      {update};")
        self.lines.append("    }")
        self.lines += [f"    {t} /= columns;" for e, t in totals.items() if cast(Any, e.op).name == "mean"]
        self.places |= totals
        return True

    def emit(self, terms: Sequence[Expr]) -> tuple[str | None, list[Expr]]:
        """Return statements that compute terms from ``x0``, ``x1``, ..., and the expressions that these are."""
        used: list[Expr] = []
        order: list[Expr] = []
        visited: set[Expr] = set()
        stack = list(terms)[::-1]
        while stack:
            e = stack[-1]
            if e in visited:
                stack.pop()
                continue
            inputs = [] if e in self.places else [i for i in self.expressions.get_inputs(e) if i not in visited]
            if inputs:
                stack.extend(inputs[::-1])
                continue
            visited.add(stack.pop())
            (used if e in self.places else order).append(e)
        nodes = [(e, self.expressions.get_inputs(e)) for e in order]
        return emit_nodes(terms, used, nodes, self.dtype), used
