"""Fusion of reductions of rows, such as in softmax and layer normalization, with the expressions around them.

XLA stores the operand of each reduction, reduces it in another pass, and broadcasts the result in a third one. A kernel
computes whole rows while they are in the cache, and sums over the rows, such as the gradients of scale and offset, on
the way.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pellucid.graph.decomposition import expand
from pellucid.graph.evaluate import LoweringContext
from pellucid.graph.expr import Constant, Expr
from pellucid.run.jax_runtime import jax
from pellucid.run.kernels import ffi
from pellucid.run.kernels.batch_sharding import add_parts, divides_evenly, shard_batch
from pellucid.run.kernels.elementwise_terms import get_kind, is_column_reduction, is_elementwise
from pellucid.run.kernels.reduction_programs import OperandKind
from pellucid.run.kernels.row_programs import RowSpec, RowWriter, emit_row_program
from pellucid.run.kernels.row_stages import (
    ResultKind,
    RowExpressions,
    is_fusible,
    is_row_normalization,
    is_row_reduction,
)
from pellucid.run.kernels.source_assembly import ITEM_SIZES

if TYPE_CHECKING:
    from jax import Array as JaxArray

MIN_ELEMENTS, MIN_COLUMNS, MAX_COLUMNS = 2**14, 16, 2**14
"""XLA computes smaller arrays and shorter rows, and rows that would not stay in the cache."""

MAX_ARRAYS, MAX_RESULTS, MAX_EXPRESSIONS = 8, 8, 200
"""Maximum number of arrays that one kernel reads, of results, and of expressions that it computes."""


def compute(node: Expr, context: LoweringContext) -> JaxArray | None:
    """Return the value of an expression that depends on reductions of rows, or None to leave it to XLA."""
    if RowFusion not in context.memo:
        context.memo[RowFusion] = RowFusion(context)
    fusion = cast(RowFusion, context.memo[RowFusion])
    if node in fusion.targets and node not in fusion.values:
        fusion.compute_group(node)
    result: JaxArray | None = fusion.values.get(node)
    return result


@dataclass(frozen=True)
class FusionTarget:
    """An expression that a kernel may compute.

    Attributes
    ----------
    kind : str
        Whether its elements or their sums over the rows are the result.
    term : Expr
        The expression that is computed for all elements.
    operands : tuple of Expr
        Expressions in memory from which it is computed.
    arrays : frozenset of Expr
        The operands of which all elements are read.
    has_reductions : bool
        Whether it depends on reductions of rows.
    """

    kind: ResultKind
    term: Expr
    operands: tuple[Expr, ...]
    arrays: frozenset[Expr]
    has_reductions: bool


class RowFusion:
    """The expressions of a graph that kernels compute row by row, and their values so far."""

    def __init__(self, context: LoweringContext) -> None:
        self.context = context
        self.values: dict[Expr, Any] = {}
        weights = [expand(e) for e in context.nodes if e.op is not None and e.op.name == "attention_weights"]
        self.stored: dict[Expr, bool] = dict.fromkeys(weights, True)
        self.targets: dict[Expr, FusionTarget] = {}
        self.positions: dict[Expr, int] = {e: k for k, e in enumerate((*context.nodes, *weights))}
        self.readers: dict[Expr, list[Expr]] = {}  # of each array, the targets that read it
        if weights or any(is_row_reduction(e) or is_row_normalization(e) for e in context.nodes):
            for e in (*context.nodes, *weights):
                self.add_target(e)

    def add_target(self, e: Expr) -> None:
        """Add an expression to the targets if it may be one."""
        if is_column_reduction(e) and cast(Any, e.op).name in ("sum", "mean"):
            kind: ResultKind = "column"
            term = e.inputs[0]
        elif is_fusible(e) and e.ndim > 1 and self.is_stored(e):
            kind, term = "full", e
        else:
            return
        operands, has_reductions = self.find_operands(term, term if kind == "full" else None)
        if operands:
            arrays = frozenset(i for i in operands if get_kind(i, term) in ("full", None))
            self.targets[e] = FusionTarget(kind, term, tuple(operands), arrays, has_reductions)
            for array in arrays:
                self.readers.setdefault(array, []).append(e)

    def is_stored(self, e: Expr) -> bool:
        """Whether an expression is an array in memory in any case, or is better stored than computed twice."""
        if e not in self.stored:
            users = self.context.users.get(e, ())
            arrays = sum(get_kind(i, e) == "full" and not isinstance(i, Constant) for i in e.inputs)
            self.stored[e] = (
                not is_fusible(e)
                or e in self.context.outputs
                or (is_elementwise(e) and arrays > 1 and len(users) > 1)
                or not all(is_fusible(user) or is_column_reduction(user) for user in users)
            )
        return self.stored[e]

    def find_operands(self, term: Expr, root: Expr | None) -> tuple[list[Expr], bool]:
        """Return the expressions in memory, except for the root, from which a term is computed.

        Also return whether it depends on reductions of rows. There are no operands if it has too many expressions.
        """
        expressions = RowExpressions(term, ())
        operands: dict[Expr, None] = {}
        has_reductions = False
        visited: set[Expr] = set()
        stack = [term]
        while stack:
            e = stack.pop()
            if e in visited:
                continue
            visited.add(e)
            if len(visited) > MAX_EXPRESSIONS:
                return [], False
            kind = get_kind(e, term)
            if isinstance(e, Constant) and not e.ndim:
                continue
            is_inside = e is root or (kind == "full" and not self.is_stored(e)) or (kind == "row" and is_fusible(e))
            if not is_inside:
                operands[e] = None
                continue
            has_reductions |= is_row_reduction(e) or is_row_normalization(e)
            definition = expressions.define(e)
            stack.extend(e.inputs if definition is e else [definition])
        return list(operands), has_reductions

    def compute_group(self, node: Expr) -> None:
        """Compute a target, with others that are computed from the same arrays."""
        target = self.targets[node]
        if not target.has_reductions or not self.are_available(target.operands):
            return
        group = {node: target}
        while len(group) < MAX_RESULTS and (other := self.find_related(group)) is not None:
            group[other] = self.targets[other]
        self.call_kernel(group)

    def find_related(self, group: dict[Expr, FusionTarget]) -> Expr | None:
        """Return another target that reads arrays which the kernel of a group reads or computes."""
        computed = {t.term for t in group.values() if t.kind == "full"}
        known = computed.union(*(t.arrays for t in group.values()))
        most, shape = MAX_ARRAYS - len(known - computed), next(iter(group.values())).term.shape
        readers = dict.fromkeys(e for array in known for e in self.readers.get(array, ()))
        for other in sorted(readers, key=self.positions.__getitem__):
            candidate = self.targets[other]
            more = len(candidate.arrays - known)
            if other in group or other in self.values or candidate.term.shape != shape or more > most:
                continue
            is_free = not more or candidate.has_reductions
            if is_free and self.are_available(e for e in candidate.operands if e not in known):
                return other
        return None

    def are_available(self, operands: Iterable[Expr]) -> bool:
        return all(e in self.context.values or isinstance(e, Constant) for e in operands)

    def call_kernel(self, group: dict[Expr, FusionTarget]) -> None:
        """Compute the values of a group of targets if a kernel can."""
        first = next(iter(group.values())).term
        inside = {t.term for t in group.values() if t.kind == "full"}
        needed = dict.fromkeys(e for t in group.values() for e in t.operands if e not in inside)
        gathered = self.gather_operands(list(needed), first)
        if gathered is None or any(e.dtype != first.dtype for e in group):
            return
        kinds, values = gathered
        shape, dtype = values[0].shape, str(first.dtype)
        if not divides_evenly(shape[0]):  # sums would include rows of zeros that fill up the batch
            group = {e: t for e, t in group.items() if t.kind == "full"}
        expressions = RowExpressions(first, kinds)
        writer = RowWriter(expressions, kinds, dtype)
        code = writer.write([(expressions.define(t.term), t.kind) for t in group.values()]) if group else None
        if code is None:
            return
        results = tuple(t.kind for t in group.values())
        spec = RowSpec(dtype, tuple(kinds.values()), results, writer.buffers, code)
        for e, value in zip(group, call_program(ffi.emit_code(emit_row_program, spec), spec, values), strict=True):
            if group[e].kind == "column":
                value = value / math.prod(shape[:-1]) if cast(Any, e.op).name == "mean" else value
                value = value.reshape((1,) * (len(shape) - 1) + (-1,)) if e.settings["keepdims"] else value
            self.values[e] = value

    def gather_operands(
        self, operands: Sequence[Expr], first: Expr
    ) -> tuple[dict[Expr, OperandKind], list[Any]] | None:
        """Return which elements operands of a result have, and their values, arrays first; None if no kernel can."""
        xp, dtype = jax().numpy, str(first.dtype)
        known = {e: xp.asarray(e.value if isinstance(e, Constant) else self.context.values[e]) for e in operands}
        shape = next((x.shape for e, x in known.items() if get_kind(e, first) == "full"), (0,))
        if not MIN_COLUMNS <= shape[-1] <= MAX_COLUMNS or math.prod(shape) < max(1, MIN_ELEMENTS):
            return None
        kinds: dict[Expr, OperandKind] = {}
        for e in sorted(operands, key=lambda e: get_kind(e, first) not in ("full", None)):
            kind = get_kind(e, first)
            if kind is None:
                kinds[e], known[e] = "full", xp.broadcast_to(known[e], shape)
            else:
                kinds[e] = kind
            known[e] = known[e].astype(dtype) if e.dtype == bool else known[e]
            if known[e].dtype != dtype or known[e].size != count_elements(kinds[e], shape):
                return None
        return (kinds, [known[e] for e in kinds]) if dtype in ITEM_SIZES else None


def call_program(code: str, spec: RowSpec, operands: Sequence[JaxArray]) -> Sequence[JaxArray]:
    def call(*parts: JaxArray) -> Sequence[JaxArray]:
        shapes = [parts[0].shape if kind == "full" else parts[0].shape[-1:] for kind in spec.results]
        results = [jax().ShapeDtypeStruct(shape, spec.dtype) for shape in shapes]
        return ffi.call_with_results(code, results, *parts)

    axes = [0 if kind in ("full", "row") else None for kind in spec.operands]
    return shard_batch(call, operands, axes, [0 if kind == "full" else add_parts for kind in spec.results])


def count_elements(kind: OperandKind, shape: Sequence[int]) -> int:
    """Return how many elements an operand has."""
    return {"full": math.prod(shape), "channel": shape[-1], "row": math.prod(shape[:-1]), "scalar": 1}[kind]
