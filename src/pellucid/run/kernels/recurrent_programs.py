"""C program of a recurrent loop: a scan whose step computes every row of its results from the same row of its states.

Rows are samples, so threads share them out and run all steps without waiting for each other. A step is a sequence of
stages: matrix products of a row with loop-invariant matrices, which are packed once, and fused loops over the columns
of everything between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from pellucid.run.kernels.row_emitter import RowEmitter, RowUse, Span
from pellucid.run.kernels.row_products import RowProduct, emit_multiplication, make_product
from pellucid.run.kernels.source_assembly import assemble_kernel, read_source
from pellucid.run.native.c_writer import SIMD
from pellucid.run.native.compiler import get_vector_bytes
from pellucid.run.native.elementwise import c_type
from pellucid.run.native.equations import Block, Value
from pellucid.run.native.errors import NotNative
from pellucid.run.native.matmul import DotGeneral
from pellucid.run.native.vector_math import get_preamble

MAX_EQUATIONS = 400
"""XLA runs loops with more equations in a step: expressions are written recursively."""

MIN_TASK_ROWS, MAX_TASK_ROWS = 4, 64
"""Rows of a task: fewer would load packed matrices too often, and more would leave the L2 cache."""


@dataclass(frozen=True, eq=False)
class RecurrentLoop:
    """A loop over sequences and its step.

    Attributes
    ----------
    block : Block
        The step. Its inputs are the elements of the sequences, the states and the loop-invariant values; its outputs
        are the new states and then the results that are stacked.
    sequences, states : int
        Numbers of sequences, at least one, and of states.
    batch : int
        Number of rows of each state.
    reverse : bool
        Whether the last elements come first.
    """

    block: Block
    sequences: int
    states: int
    batch: int
    reverse: bool

    @property
    def elements(self) -> list[Value]:
        return self.block.inputs[: self.sequences]

    @property
    def old_states(self) -> list[Value]:
        return self.block.inputs[self.sequences : self.sequences + self.states]

    @property
    def invariants(self) -> list[Value]:
        return self.block.inputs[self.sequences + self.states :]

    @property
    def new_states(self) -> list[Value]:
        return self.block.outputs[: self.states]

    @property
    def stacked(self) -> list[Value]:
        return self.block.outputs[self.states :]

    @property
    def multiplications(self) -> int:
        """Multiplications of the matrix products of a step."""
        products = [e for e in self.block.equations if e.name == "dot_general"]
        return sum(DotGeneral.from_equation(e).num_products for e in products)


class LoopProgram(NamedTuple):
    """The program of a loop, and which of its operands devices can divide by rows; None if they cannot."""

    code: str
    has_rows: list[bool] | None


def emit_recurrent_loop(loop: RecurrentLoop) -> LoopProgram:
    """Return the program of a loop. Raises `NotNative` for a step that mixes rows or uses an unsupported primitive."""
    writer = LoopWriter(loop)
    code = writer.emit()
    return LoopProgram(code, writer.find_row_operands())


class LoopWriter:
    """Writes the program of one loop."""

    def __init__(self, loop: RecurrentLoop) -> None:
        self.loop = loop
        self.levels: dict[Value, int] = {}
        """Number of products that come before each value that depends on a row; others are loop-invariant."""
        self.products: list[RowProduct] = []
        self.fields: list[str] = []  # of the struct Call
        self.setup: list[str] = []  # statements of the handler
        self.operands: list[str] = []  # arrays of left operands and results of products
        self.scratch: list[tuple[str, str]] = []  # arrays of the handler, and their sizes in bytes
        self.rows: RowEmitter = RowEmitter(loop.batch)
        self.stores: dict[Value, list[str]] = {}  # the arrays that receive each value that is stored
        self.analyze()

    def analyze(self) -> None:
        """Find the products, and the values that depend on a row."""
        if len(self.loop.block.equations) > MAX_EQUATIONS:
            raise NotNative(f"its step has more than {MAX_EQUATIONS} equations")
        for value in (*self.loop.elements, *self.loop.old_states):
            self.levels[value] = 0
        for e in self.loop.block.equations:
            levels = [self.levels[x] for x in e.inputs if x in self.levels]
            if e.name == "dot_general":
                self.products.append(make_product(e, self.levels, len(self.products)))
            if levels:
                level = max(levels) + (e.name == "dot_general")
                self.levels.update(dict.fromkeys(e.outputs, level))
        if len({p.result.dtype for p in self.products}) != 1:
            raise NotNative("its products have no common dtype")

    def emit(self) -> str:
        pointers = [*self.declare_sequences(), *self.declare_states()]
        self.declare_products()
        stages = self.emit_stages()
        dtype = str(self.products[0].result.dtype)
        constants = {"REVERSE": int(self.loop.reverse), "MIN_ROWS": MIN_TASK_ROWS, "MAX_ROWS": MAX_TASK_ROWS}
        tiles = [emit_multiplication(vectors, dtype) for vectors in sorted({p.vectors for p in self.products})]
        sources = [get_preamble(get_vector_bytes()), *tiles, *self.rows.tables, self.emit_call(), self.emit_packing()]
        begin = [f"real *{name} = call->{name};" for name in self.operands]
        begin += [f"const {c_type(v.dtype)} *last{i} = call->init{i};" for i, v in enumerate(self.loop.old_states)]
        step = f"""
static void run_rows(void *data, int64_t task) {{
  const Call *call = data;
  const int64_t batch = call->batch, steps = call->steps;
  const int64_t first = batch * task / call->tasks, end = batch * (task + 1) / call->tasks;
  {join(begin)}
  for (int64_t step = 0; step < steps; step++) {{
    const int64_t t = REVERSE ? steps - 1 - step : step;
    {join(pointers)}
{stages}
    {join(f"last{i} = new{i};" for i in range(self.loop.states))}
  }}
  {join(self.emit_last_states())}
}}
"""
        return assemble_kernel(dtype, constants, *sources, step, self.emit_setup(), read_source("recurrent_loop.c"))

    def find_row_operands(self) -> list[bool] | None:
        """Return which operands have rows of samples, each read for its own row only; None if others read them too."""
        uses, batch = self.rows.uses, self.loop.batch
        has_rows = []
        for value in self.loop.block.inputs:
            default: RowUse = "same row" if value in self.loop.old_states or value in self.loop.elements else "no row"
            found = uses.get(value, {default})
            has_rows.append(found == {"same row"})
            fits = value.ndim > 0 and value.shape[0] == batch if has_rows[-1] else default == "no row"
            if len(found) > 1 or "other rows" in found or not fits:
                return None
        constants = [use for value, use in uses.items() if value.constant is not None]
        return None if self.rows.depends_on_numbers or any(use != {"no row"} for use in constants) else has_rows

    def declare(self, kind: str, name: str, source: str) -> None:
        self.fields.append(f"{kind} *{name};")
        self.setup.append(f"call->{name} = {source};")

    def declare_sequences(self) -> list[str]:
        """Declare the inputs and the stacked results; return the pointers of a step."""
        pointers = []
        for number, value in enumerate(self.loop.block.inputs):
            kind = f"const {c_type(value.dtype)}"
            if value in self.loop.old_states:
                continue
            self.declare(kind, f"in{number}", f"argument(frame, {number})->data")
            is_element = value in self.loop.elements
            offset = f" + t * {self.size_of(value)}" if is_element else ""
            pointers.append(f"{kind} *x{number} = call->in{number}{offset};")
            self.rows.add_input(value, f"x{number}")
        for number, value in enumerate(self.loop.stacked):
            kind = c_type(value.dtype)
            self.declare(kind, f"out{number}", f"result(frame, {number})->data")
            pointers.append(f"{kind} *y{number} = call->out{number} + t * {self.size_of(value)};")
            self.stores.setdefault(value, []).append(f"y{number}")
        return pointers

    def declare_states(self) -> list[str]:
        """Declare the states. A state that is also a stacked result is stored there only."""
        pointers, results = [], len(self.loop.stacked)
        for i, (old, new) in enumerate(zip(self.loop.old_states, self.loop.new_states, strict=True)):
            kind = c_type(old.dtype)
            self.declare(f"const {kind}", f"init{i}", f"argument(frame, {self.loop.sequences + i})->data")
            self.declare(kind, f"final{i}", f"result(frame, {results + i})->data")
            pointers.append(f"const {kind} *h{i} = last{i};")
            self.rows.add_private(old, f"h{i}")
            if new in self.loop.stacked:
                pointers.append(f"{kind} *new{i} = {self.stores[new][0]};")
                continue
            self.allocate(kind, f"state{i}", f"2 * {self.size_of(old)}")
            scratch = f"call->state{i} + step % 2 * {self.size_of(old)}"
            pointers.append(f"{kind} *new{i} = step + 1 == steps ? call->final{i} : {scratch};")
            self.stores.setdefault(new, []).append(f"new{i}")
        return pointers

    def declare_products(self) -> None:
        """Declare the packed matrices, the results of products, and left operands that are not stored otherwise."""
        for p in self.products:
            self.allocate("real", f"packed{p.number}", f"{p.panels * p.block * p.depth}")
            self.allocate("real", f"product{p.number}", f"batch * {p.panels * p.block}")
            self.operands.append(f"product{p.number}")
            if p.left not in self.rows.arrays and p.left not in self.stores:
                self.allocate("real", f"left{p.number}", self.size_of(p.left))
                self.operands.append(f"left{p.number}")
                self.stores[p.left] = [f"left{p.number}"]

    def allocate(self, kind: str, name: str, size: str) -> None:
        self.fields.append(f"{kind} *{name};")
        self.scratch.append((name, f"({size}) * sizeof({kind})"))

    def size_of(self, value: Value) -> str:
        """Return the number of elements of a value of one step, as C."""
        if value.ndim and value.shape[0] == self.loop.batch:
            return f"batch * {value.size // max(1, self.loop.batch)}"
        return f"{value.size}"

    def emit_stages(self) -> str:
        lines = []
        last = max(self.levels.get(v, 0) for v in [*self.stores, *(p.result for p in self.products)])
        for level in range(last + 1):
            lines += self.emit_fused_loops([v for v in self.stores if self.levels.get(v, 0) == level])
            for p in self.products:
                if self.levels[p.left] == level:
                    left = self.rows.get_array(p.left)
                    lines.append(
                        f"    multiply_{p.vectors}({left} + first * {p.depth}, {p.depth}, call->packed{p.number}, "
                        f"{p.panels}, product{p.number} + first * {p.panels * p.block}, end - first);"
                    )
                    self.rows.add_private(p.result, f"product{p.number}", p.panels * p.block)
        return "\n".join(lines)

    def emit_fused_loops(self, values: Sequence[Value]) -> list[str]:
        """Return the loops that store some values: one loop for all pieces of columns that have the same width."""
        by_width: dict[int, list[tuple[Value, int]]] = {}
        for value in values:
            if value.ndim not in (1, 2) or value.shape[0] != self.loop.batch:
                raise NotNative(f"a result of its step has the shape {list(value.shape)} instead of rows of samples")
            width = value.shape[1] if value.ndim == 2 else 1
            for start, stop in pairwise(sorted({0, width, *self.rows.find_cuts(value)})):
                by_width.setdefault(stop - start, []).append((value, start))
        if not by_width:
            return []
        lines = ["    for (int64_t r = first; r < end; r++) {"]
        for width, pieces in by_width.items():
            body = self.rows.emit_pieces(
                [(v, ["r", Span(start, width)][: v.ndim], self.stores[v]) for v, start in pieces]
            )
            lines += [f"      {SIMD}", f"      for (int64_t j = 0; j < {width}; j++) {{", *body, "      }"]
        for value in values:
            if value not in self.rows.arrays:
                self.rows.add_private(value, self.stores[value][0])
        return [*lines, "    }"]

    def emit_last_states(self) -> list[str]:
        """Return the copies of last states that are in stacked results."""
        lines = []
        for i, new in enumerate(self.loop.new_states):
            if new in self.loop.stacked:
                width = new.size // self.loop.batch
                place, size = f"first * {width}", f"(end - first) * {width} * sizeof(*last{i})"
                lines.append(f"memcpy(call->final{i} + {place}, last{i} + {place}, {size});")
        return lines

    def emit_call(self) -> str:
        return f"""
typedef struct {{
  int64_t batch, steps, tasks;
  {join(self.fields)}
}} Call;
"""

    def emit_packing(self) -> str:
        """Return the function that packs panel number ``task`` of all matrices."""
        cases, before = [], 0
        for p in self.products:
            element = self.rows.emit_invariant(p.right, ["k", "column"])
            cases.append(f"""
  if (task < {before + p.panels}) {{
    const int64_t start = (task - {before}) * {p.block};
    real *to = call->packed{p.number} + start * {p.depth};
    for (int64_t k = 0; k < {p.depth}; k++)
      for (int64_t column = start; column < start + {p.block}; column++)
        *to++ = column < {p.columns} ? {element} : 0;
    return;
  }}""")
            before += p.panels
        names = [f"const {c_type(v.dtype)} *x{n} = call->in{n};" for n, v in self.number_invariants()]
        return f"""
enum {{ PANELS = {before} }};
static void pack_panel(void *data, int64_t task) {{
  Call *call = data;
  {join(names)}
{"".join(cases)}
}}
"""

    def number_invariants(self) -> list[tuple[int, Value]]:
        return list(enumerate(self.loop.invariants, start=self.loop.sequences + self.loop.states))

    def emit_setup(self) -> str:
        """Return the functions that fill in a call, and that allocate and free its scratch arrays."""
        allocations = [f"call->{name} = (void *)at; at += ({size} + 63) / 64 * 64;" for name, size in self.scratch]
        total = " + ".join(f"({size} + 63) / 64 * 64" for _, size in self.scratch)
        return f"""
static void read_buffers(XLA_FFI_CallFrame *frame, Call *call) {{
  call->steps = argument(frame, 0)->dims[0], call->batch = argument(frame, {self.loop.sequences})->dims[0];
  {join(self.setup)}
}}

static void *allocate_scratch(Call *call) {{
  const int64_t batch = call->batch;
  char *scratch = aligned_alloc(64, {total} + 64), *at = scratch;
  if (!scratch) return 0;
  {join(allocations)}
  return scratch;
}}
"""


def join(lines: Iterable[str]) -> str:
    return "\n  ".join(lines)
