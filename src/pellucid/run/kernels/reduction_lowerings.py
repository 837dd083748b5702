"""Lowerings of reductions over the rows of a matrix, and of the normalizations that use them.

XLA stores the operand of each reduction, and then reduces it by itself. A kernel computes several reductions of the
same arrays in one pass, and the elementwise expressions in them on the way. What depends on a normalization is not
stored for the gradient either: each loop that needs it computes it again from the input and the moments. So forward and
backward pass read arrays twice each: once for the reductions, and once for the result.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from pellucid.graph.decomposition import symbolic
from pellucid.graph.evaluate import LoweringContext, compute_node
from pellucid.graph.expr import Constant, Expr
from pellucid.graph.traversal import topological
from pellucid.run.jax_runtime import jax
from pellucid.run.kernels import ffi
from pellucid.run.kernels.batch_sharding import add_parts, divides_evenly, is_sharded, merge_moments
from pellucid.run.kernels.elementwise_code import emit_expressions
from pellucid.run.kernels.elementwise_terms import (
    TermBuilder,
    get_kind,
    is_column_normalization,
    is_column_reduction,
    is_elementwise,
)
from pellucid.run.kernels.reduction_programs import ReductionSpec, emit_column_reduction
from pellucid.run.kernels.source_assembly import ITEM_SIZES

if TYPE_CHECKING:
    from jax import Array as JaxArray

MIN_REDUCED_ELEMENTS, MIN_CHANNELS = 2**16, 8
"""XLA reduces smaller arrays, and those with fewer columns, which would not fill vector registers."""

MIN_SUMMED_ELEMENTS, MAX_SHORT_AXIS, MAX_COLUMNS = 2**12, 15, 2**8
"""XLA adds up fewer elements, and those of arrays with a longer last axis; and how many columns a kernel adds up."""

CHEAP_OPS = (
    *("abs", "cast", "ceil", "clip", "floor", "negative", "relu", "rint", "sign", "sqrt", "square"),
    *("add", "subtract", "multiply", "true_divide", "maximum", "minimum", "scale_gradient", "stop_gradient"),
    *("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"),
    *("where", "logical_and", "logical_or", "logical_not"),
)
"""Elementwise ops that take less time than to store their result."""

MAX_ARRAYS, MAX_TERMS = 4, 8
"""Maximum number of arrays that one kernel reads, and of sums that it computes. More would not stay in registers."""


def has_normalizations(context: LoweringContext) -> bool:
    """Whether a graph normalizes over all axes but the last."""
    return get_fusion(context).has_normalizations


def reduce_rows(node: Expr, context: LoweringContext) -> JaxArray | None:
    """Return a reduction over all axes but the last, in a graph with normalizations; None to leave it to XLA."""
    fusion = get_fusion(context)
    return fusion.reduce(node) if fusion.has_normalizations and is_column_reduction(node) else None


def reduce_all(node: Expr, context: LoweringContext) -> JaxArray | None:
    """Return a sum or mean of all elements, such as those of a loss; None to leave it to XLA.

    XLA computes the elements in the loop of the sum, along the last axis. If this axis is short, its vectors are nearly
    empty: a binary cross-entropy of 65,536 pixels took 3.9 ms, and 0.3 ms if a kernel adds them up.
    """
    (operand,) = node.inputs
    x = context.values[operand]
    if len(node.settings["axis"]) < x.ndim or not x.ndim or x.shape[-1] > MAX_SHORT_AXIS or node.dtype != x.dtype:
        return None
    # Each device adds up the elements of whole samples.
    columns = math.gcd(x.size // max(x.shape[0], 1) if is_sharded() else x.size, MAX_COLUMNS)
    if (
        x.size < MIN_SUMMED_ELEMENTS
        or columns < MIN_CHANNELS
        or not divides_evenly(x.shape[0])
        or not is_costly(operand)
    ):
        return None
    dtype, code = str(x.dtype), emit_expressions([operand], [operand], str(x.dtype))
    if dtype not in ITEM_SIZES or code is None:
        return None
    program = ffi.emit_code(emit_column_reduction, ReductionSpec(dtype, ("full",), code, 1, moments=False))
    rows = x.reshape(x.shape[0] if is_sharded() else 1, -1, columns)
    total = ffi.divide_call(program, lambda *_: (1, columns), [rows], [0], add_parts).sum()
    result: JaxArray = total / x.size if cast(Any, node.op).name == "mean" else total
    return result.reshape((1,) * x.ndim) if node.settings["keepdims"] else result


def is_costly(e: Expr) -> bool:
    """Whether an elementwise expression takes longer to compute than to store."""
    stack, visited = [e], {e}
    while stack:
        node = stack.pop()
        if not is_elementwise(node):
            continue
        if cast(Any, node.op).name not in CHEAP_OPS:
            return True
        stack.extend(i for i in node.inputs if i not in visited)
        visited.update(node.inputs)
    return False


def recompute(node: Expr, context: LoweringContext) -> JaxArray | None:
    """Return an elementwise expression of normalizations, computed from their inputs; None to leave it to XLA."""
    fusion = get_fusion(context)
    return fusion.recompute(node) if fusion.has_normalizations else None


def get_fusion(context: LoweringContext) -> ReductionFusion:
    if ReductionFusion not in context.memo:
        context.memo[ReductionFusion] = ReductionFusion(context)
    return cast(ReductionFusion, context.memo[ReductionFusion])


class ReductionFusion:
    """The column reductions and normalizations of a graph, and their values so far.

    Attributes
    ----------
    values : dict from Expr to array
        Values that have been computed, also of expressions that are not in the graph.
    sums : dict from Expr to array
        Sums of terms over all rows.
    """

    def __init__(self, context: LoweringContext) -> None:
        self.nodes: Sequence[Expr] = context.nodes
        self.values: dict[Expr, Any] = cast("dict[Expr, Any]", context.values)
        self.terms: TermBuilder = TermBuilder(context)
        self.sums: dict[Expr, Any] = {}
        self.dependent: dict[Expr, bool] = {}
        self.has_normalizations: bool = any(map(is_column_normalization, context.nodes))

    @functools.cached_property
    def moments(self) -> set[Expr]:
        """Expressions of which the variance is needed, so that their mean is computed with it."""
        return {
            e.inputs[0]
            for e in self.nodes
            if is_column_normalization(e) or (is_column_reduction(e) and cast(Any, e.op).name == "var")
        }

    @functools.cached_property
    def terms_by_array(self) -> dict[Expr, list[Expr]]:
        """The terms that are summed, by the arrays in them."""
        found: dict[Expr, list[Expr]] = {}
        for e in self.nodes:
            if is_column_reduction(e) and not self.needs_moments(e):
                term, _ = self.terms.factor_operand(e.inputs[0], 0)
                for array in self.terms.find_arrays(term):
                    found.setdefault(array, []).append(term)
        return found

    def needs_moments(self, reduction: Expr) -> bool:
        name = cast(Any, reduction.op).name
        return name == "var" or (name == "mean" and reduction.inputs[0] in self.moments)

    def compute(self, e: Expr) -> Any:
        """Return the value of an expression of values that have been computed."""
        if e not in self.values:
            value = e.value if isinstance(e, Constant) else self.reduce(e) if is_column_reduction(e) else None
            if value is None:
                value = compute_node(jax().numpy, e, [self.compute(i) for i in e.inputs])
            self.values[e] = value
        return self.values[e]

    def is_available(self, e: Expr) -> bool:
        """Whether an expression has a value, or has few elements and can be computed now."""
        missing = (m for m in topological([e], stop=self.values) if m not in self.values)
        return all(
            isinstance(m, Constant) or (is_small(m) and (is_elementwise(m) or is_column_reduction(m))) for m in missing
        )

    def reduce(self, e: Expr) -> JaxArray | None:
        """Return the value of a column reduction, or None to leave it to XLA."""
        operand, x = e.inputs[0], self.compute(e.inputs[0])
        if not is_supported(x) or e.dtype != x.dtype:
            return None
        name = cast(Any, e.op).name
        if self.needs_moments(e):
            result = self.find_moment(operand, x.shape, name)
        else:
            result = self.find_sum(operand, x.shape)
            if result is not None and name == "mean":
                result = result / (x.size // x.shape[-1])
        if result is not None and e.settings["keepdims"]:
            result = result.reshape((1,) * (x.ndim - 1) + (-1,))
        return cast("JaxArray | None", result)

    def find_moment(self, x: Expr, shape: tuple[int, ...], name: str) -> Any:
        mean, variance = (op(x, axis=tuple(range(x.ndim - 1))) for op in (symbolic.mean, symbolic.var))
        if variance not in self.sums:
            term = x if self.terms.is_stored(x) else self.terms.build(x)
            results = self.call_kernel([term], shape, moments=True)
            if results is None:
                return None
            self.sums[mean], self.sums[variance] = results
        return self.sums[mean if name == "mean" else variance]

    def find_sum(self, x: Expr, shape: tuple[int, ...]) -> Any:
        term, factor = self.terms.factor_operand(x, 0)
        if term not in self.sums:
            terms = self.choose_terms(term)
            results = self.call_kernel(terms, shape, moments=False)
            if results is None:
                return None
            self.sums.update(zip(terms, results, strict=True))
        total = self.sums[term]
        if factor is None:
            return total
        product = total * self.compute(factor).reshape(-1)
        # The sum of zeros that replace a column of NaN is 0, whatever the factor is.
        return jax().numpy.where(total == 0, total, product) if is_selection(term) else product

    def choose_terms(self, term: Expr) -> list[Expr]:
        """Return a term and others that can be summed in the same pass."""
        chosen, arrays = {term: None}, set(self.terms.find_arrays(term))
        for array in self.terms.find_arrays(term):
            for other in self.terms_by_array.get(array, ()):
                more = arrays.union(self.terms.find_arrays(other))
                if other in chosen or other in self.sums or len(more) > MAX_ARRAYS or len(chosen) == MAX_TERMS:
                    continue
                if all(map(self.is_available, self.terms.find_operands(other))):
                    chosen[other], arrays = None, more
        return list(chosen)

    def call_kernel(self, terms: list[Expr], shape: tuple[int, ...], moments: bool) -> list[Any] | None:
        """Return sums of terms over all rows, or mean and variance of the only term; None if no kernel can."""
        kinds = {e: get_kind(e, terms[0]) for term in terms for e in self.terms.find_operands(term)}
        expressions = sorted(kinds, key=lambda e: kinds[e] != "full")
        operands = [jax().numpy.asarray(self.compute(e)) for e in expressions]
        sizes = {"full": math.prod(shape), "channel": shape[-1], "row": math.prod(shape[:-1]), "scalar": 1}
        if not operands or len(self.terms.find_arrays(terms[0])) > MAX_ARRAYS or not divides_evenly(shape[0]):
            return None
        dtype, described = str(operands[0].dtype), []
        for e, operand in zip(expressions, operands, strict=True):
            kind = kinds[e]
            if kind is None or operand.size != sizes[kind] or operand.dtype != dtype:
                return None
            described.append(kind)
        code = emit_expressions(terms, expressions, dtype)
        if described[0] != "full" or code is None:
            return None
        spec = ReductionSpec(dtype, tuple(described), code, len(terms), moments)
        program = ffi.emit_code(emit_column_reduction, spec)
        axes = [0 if kind in ("full", "row") else None for kind in described]
        size, combine = (2 if moments else len(terms), shape[-1]), merge_moments if moments else add_parts
        return list(ffi.divide_call(program, lambda *_: size, operands, axes, combine))

    def recompute(self, node: Expr) -> Any:
        """Return an expression of normalizations if it is stored, computed from other arrays in memory."""
        if not (is_column_normalization(node) or self.terms.is_stored(node)) or not self.is_dependent(node):
            return None
        term = self.terms.build(node)
        operands, arrays = self.terms.find_operands(term), self.terms.find_arrays(term)
        values = {e: self.compute(e) for e in operands}
        # Without barriers, XLA computes common subexpressions of forward and backward pass once, and stores them.
        values.update(zip(arrays, jax().lax.optimization_barrier([values[a] for a in arrays]), strict=True))
        for e in topological([term], stop=operands):
            if e not in values:
                known = [values[i] for i in e.inputs]
                values[e] = e.value if isinstance(e, Constant) else compute_node(jax().numpy, e, known)
        return values[term]

    def is_dependent(self, e: Expr) -> bool:
        """Whether an expression is computed from a normalization without a stored array between them."""
        if e not in self.dependent:
            if is_column_normalization(e):
                self.dependent[e] = is_supported(self.compute(e.inputs[0]))
            else:
                self.dependent[e] = is_elementwise(e) and any(
                    get_kind(i, e) == "full" and not self.terms.is_stored(i) and self.is_dependent(i) for i in e.inputs
                )
        return self.dependent[e]


def is_supported(x: Any) -> bool:
    """Whether a kernel can reduce an array and is faster."""
    enough = x.ndim > 1 and x.shape[-1] >= MIN_CHANNELS and x.size >= max(MIN_REDUCED_ELEMENTS, 1)
    return bool(enough and str(x.dtype) in ITEM_SIZES)


def is_selection(e: Expr) -> bool:
    return e.op is not None and e.op.name == "where"


def is_small(e: Expr) -> bool:
    """Whether an expression has one element for each column, or a single one."""
    return all(d == 1 for d in e.shape[:-1])
