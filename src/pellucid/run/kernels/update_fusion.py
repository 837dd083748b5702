"""Fusion of the update of a variable with those of its optimizer slots.

XLA computes each new value in a separate pass, and reads again those that another one needs. Adam, for example, reads
seven arrays and writes three. A kernel computes all new values of a variable in one pass, which reads four. It does not
even store the gradient of an embedding, which it sums up row by row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pellucid.graph.evaluate import LoweringContext, compute_node
from pellucid.graph.expr import Constant, Expr, Shared
from pellucid.run.jax_runtime import jax
from pellucid.run.kernels import ffi
from pellucid.run.kernels.batch_sharding import choose_variable_axis, is_sharded, shard_batch
from pellucid.run.kernels.elementwise_code import emit_expressions
from pellucid.run.kernels.elementwise_terms import is_elementwise
from pellucid.run.kernels.matmul_dispatch import get_only_user
from pellucid.run.kernels.row_scatter import is_row_scatter, match_row_scatter
from pellucid.run.kernels.source_assembly import ITEM_SIZES
from pellucid.run.kernels.update_programs import UpdateSpec, emit_fused_update

if TYPE_CHECKING:
    from jax import Array as JaxArray

MIN_ELEMENTS = 2**14
"""XLA updates the variables of a network that has fewer elements. In larger networks a kernel updates small variables,
too: one kernel serves all sizes, while XLA compiles every new value of every variable."""

MAX_ARRAYS, MAX_EXPRESSIONS = 8, 200
"""Maximum number of arrays that a kernel reads, and of expressions that it computes."""


def update(node: Expr, context: LoweringContext) -> JaxArray | None:
    """Return the new value of a variable or slot, or None to leave it to XLA."""
    if node not in context.outputs:
        return None
    fusion = get_fusion(context)
    fusion.compute_group(node)
    result: JaxArray | None = fusion.values.get(node)
    return result


def add_at(node: Expr, context: LoweringContext) -> JaxArray | None:
    """Return sums of rows that are added to zeros, or None to leave them to XLA.

    It is also None if the update of a variable computes them on the way: without a use, XLA does not compute its own.
    """
    if not is_row_scatter(node) or count_elements(node) < MIN_ELEMENTS or is_sharded():
        return None
    scatter = None if get_fusion(context).sums_on_the_way(node) else match_row_scatter(node, context)
    if scatter is None:
        return None
    spec = UpdateSpec(str(node.dtype), 0, 0, "terms[0] = x0;", 1, True)
    [result] = call_update(spec, [scatter.values, scatter.positions], [], cast("tuple[int, ...]", node.shape), {})
    return result


def get_fusion(context: LoweringContext) -> UpdateFusion:
    if UpdateFusion not in context.memo:
        context.memo[UpdateFusion] = UpdateFusion(context)
    return cast(UpdateFusion, context.memo[UpdateFusion])


class Operands(NamedTuple):
    """The operands of results of one shape."""

    arrays: list[Expr]  # of the same shape
    others: list[Expr]
    inner: set[Expr]  # the expressions between them and the results


class UpdateFusion:
    """The outputs of a graph that are computed element by element from arrays that they share."""

    def __init__(self, context: LoweringContext) -> None:
        self.context = context
        self.values: dict[Expr, Any] = cast("dict[Expr, Any]", context.values)
        self.groups: dict[Expr, list[Expr]] = {}
        outputs = [e for e in context.nodes if e in context.outputs and is_elementwise(e) and count_elements(e) > 1]
        if sum(map(count_elements, outputs)) >= MIN_ELEMENTS:
            for e in outputs:
                self.add_output(e)

    def add_output(self, e: Expr) -> None:
        """Add an output to the group of those with which it shares an array."""
        arrays = set(self.find_operands([e]).arrays)
        merged = [e]
        for group in self.list_groups():
            if group[0].shape == e.shape and arrays.intersection(self.find_operands(group).arrays):
                merged = [*group, *merged]
        self.groups.update(dict.fromkeys(merged, merged))

    def list_groups(self) -> list[list[Expr]]:
        return list({id(group): group for group in self.groups.values()}.values())

    def find_operands(self, results: Iterable[Expr]) -> Operands:
        """Return what results are computed from; no arrays if there are too many expressions."""
        arrays: dict[Expr, None] = {}
        others: dict[Expr, None] = {}
        visited, stack = set[Expr](), list(results)
        shape = stack[0].shape
        while stack:
            e = stack.pop()
            if e in visited or (isinstance(e, Constant) and e.ndim == 0):
                continue
            visited.add(e)
            if len(visited) > MAX_EXPRESSIONS:
                return Operands([], [], set())
            if e.shape != shape:
                others[e] = None
            elif is_elementwise(e) and all(map(is_elementwise, self.context.users.get(e, ()))):
                stack.extend(e.inputs)
            else:
                arrays[e] = None
        return Operands(list(arrays), list(others), visited.difference(arrays, others))

    def find_scattered(self, found: Operands) -> Expr | None:
        """Return sums of rows among the operands of some results that nothing else needs, or None."""
        unused_elsewhere = (
            e for e in found.arrays if e not in self.context.outputs and found.inner.issuperset(self.context.users[e])
        )
        return None if is_sharded() else next(filter(is_row_scatter, unused_elsewhere), None)

    def sums_on_the_way(self, e: Expr) -> bool:
        """Whether the kernel of a group computes sums of rows, and nothing else needs them."""
        return any(self.find_scattered(self.find_operands(group)) is e for group in self.list_groups())

    def compute_group(self, node: Expr) -> None:
        """Compute all results of the group of an output, if a kernel can."""
        results = self.groups.pop(node, [])
        for e in results:
            self.groups.pop(e, None)
        if not results:
            return
        found = self.find_operands(results)
        arrays, scalars, scattered = found.arrays, found.others, self.find_scattered(found)
        scatter = None if scattered is None else match_row_scatter(scattered, self.context)
        if scatter is not None:
            arrays = [e for e in arrays if e is not scattered]
        elif len(results) == 1:
            return
        if not arrays or len(arrays) > MAX_ARRAYS or any(e not in self.values for e in arrays):
            return
        if any(e.shape != () for e in scalars):
            return
        operands = [jax().numpy.asarray(self.compute(e)) for e in (*arrays, *scalars)]
        dtype, summed = str(operands[0].dtype), [] if scatter is None else [scatter.values]
        if dtype not in ITEM_SIZES or any(str(x.dtype) != dtype for x in (*operands, *summed)):
            return
        last = [] if scatter is None or scattered is None else [scattered]
        code = emit_expressions(results, [*arrays, *scalars, *last], dtype)
        if code is None:
            return
        spec = UpdateSpec(dtype, len(arrays), len(scalars), code, len(results), scatter is not None)
        aliases = self.match_variables(results, arrays, set(last))
        readers = [] if is_sharded() else self.find_readers([arrays[k] for k in aliases])
        operands += [] if scatter is None else [scatter.values, scatter.positions]
        values = call_update(spec, operands, readers, operands[0].shape, aliases)
        self.values.update(zip(results, values, strict=True))

    def compute(self, e: Expr) -> Any:
        """Return the value of an operand; scalars may not have been computed yet."""
        if e not in self.values:
            known = [self.compute(i) for i in e.inputs]
            self.values[e] = e.value if isinstance(e, Constant) else compute_node(jax().numpy, e, known)
        return self.values[e]

    def find_readers(self, variables: Iterable[Expr]) -> list[Any]:
        """Return the computed values that depend on variables directly and are not elementwise.

        As operands of the update that the kernel ignores, they make XLA compute them first. It would keep a copy of
        the old variable otherwise.
        """
        readers: dict[Expr, list[Any]] = {}
        stack = list(variables)
        while stack:
            variable = stack.pop()
            for user in self.context.users.get(variable, ()):
                if user.op is not None and user.op.name == "transpose":
                    stack.append(user)
                elif user.op is not None and user.op.name == "broadcast_like" and user.inputs[0] is not variable:
                    continue  # it depends on the shape only
                elif user in self.values and not is_elementwise(user):
                    total = get_only_user(user, self.context)
                    result = (
                        total if total in self.context.rectified else user
                    )  # a kernel may have computed the sum alone
                    readers[result] = [jax().numpy.asarray(x) for x in jax().tree.leaves(self.values[result])]
        return [x for arrays in readers.values() for x in arrays]

    def match_variables(self, results: list[Expr], arrays: list[Expr], others: set[Expr]) -> dict[int, int]:
        """Return for each variable the result that replaces it, and may use its memory: positions of both.

        ``others`` are operands that are not in memory.

        A new slot depends on the old one, and perhaps on the parameter; the new parameter depends on no other slot
        except through new ones.
        """
        place, number = ({e: k for k, e in enumerate(each)} for each in (arrays, results))
        candidates: dict[Expr, set[Expr]] = {}
        for result in results:
            candidates[result], stack = set(), list(result.inputs)
            while stack:
                e = stack.pop()
                if isinstance(e, Shared) and e in place:
                    candidates[result].add(e)
                elif e not in place and e not in number and e not in others and e.shape == result.shape:
                    stack.extend(e.inputs)
        replaced: dict[Expr, Expr] = {}
        for result in sorted(results, key=lambda e: len(candidates[e])):
            free = candidates[result].difference(replaced)
            if len(free) == 1:
                replaced[free.pop()] = result
        return {place[old]: number[new] for old, new in replaced.items()}


def call_update(
    spec: UpdateSpec,
    operands: Sequence[JaxArray],
    readers: Sequence[JaxArray],
    shape: tuple[int, ...],
    aliases: dict[int, int],
) -> Sequence[JaxArray]:
    """Call the kernel of an update, after the values of ``readers`` have been computed."""
    program, axis = ffi.emit_code(emit_fused_update, spec), choose_variable_axis(shape)

    def call(*parts: JaxArray) -> Sequence[JaxArray]:
        own = parts[0].shape if spec.arrays else shape
        return ffi.call_with_results(
            program, [jax().ShapeDtypeStruct(own, spec.dtype)] * spec.results, *parts, aliases=aliases
        )

    rest = len(operands) + len(readers) - spec.arrays
    return shard_batch(call, [*operands, *readers], [axis] * spec.arrays + [None] * rest, [axis] * spec.results)


def count_elements(e: Expr) -> int:
    """Return the number of elements of an expression, or 0 if it is unknown."""
    return math.prod(d if isinstance(d, int) else 0 for d in e.shape)
