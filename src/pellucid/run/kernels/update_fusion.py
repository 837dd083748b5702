"""Fusion of the update of a variable with those of its optimizer slots.

XLA computes each new value in a separate pass, and reads again those that another one needs. Adam, for example, reads
seven arrays and writes three. A kernel computes all new values of a variable in one pass, which reads four.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

from pellucid.graph.evaluate import LoweringContext, compute_node
from pellucid.graph.expr import Constant, Expr, Shared
from pellucid.run.jax_runtime import jax
from pellucid.run.kernels import ffi
from pellucid.run.kernels.batch_sharding import choose_variable_axis, is_sharded, shard_batch
from pellucid.run.kernels.elementwise_code import emit_expressions
from pellucid.run.kernels.elementwise_terms import is_elementwise
from pellucid.run.kernels.matmul_dispatch import get_only_user
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
    if UpdateFusion not in context.memo:
        context.memo[UpdateFusion] = UpdateFusion(context)
    fusion = cast(UpdateFusion, context.memo[UpdateFusion])
    fusion.compute_group(node)
    result: JaxArray | None = fusion.values.get(node)
    return result


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
        arrays = set(self.find_operands([e])[0])
        merged = [e]
        for group in {id(g): g for g in self.groups.values()}.values():
            if group[0].shape == e.shape and arrays.intersection(self.find_operands(group)[0]):
                merged = [*group, *merged]
        self.groups.update(dict.fromkeys(merged, merged))

    def find_operands(self, results: Iterable[Expr]) -> tuple[list[Expr], list[Expr]]:
        """Return the arrays of the results' shape from which they are computed, and the other operands.

        Without arrays, there are too many expressions.
        """
        arrays: dict[Expr, None] = {}
        others: dict[Expr, None] = {}
        visited, stack = set(), list(results)
        shape = stack[0].shape
        while stack:
            e = stack.pop()
            if e in visited or (isinstance(e, Constant) and e.ndim == 0):
                continue
            visited.add(e)
            if len(visited) > MAX_EXPRESSIONS:
                return [], []
            if e.shape != shape:
                others[e] = None
            elif is_elementwise(e) and all(map(is_elementwise, self.context.users.get(e, ()))):
                stack.extend(e.inputs)
            else:
                arrays[e] = None
        return list(arrays), list(others)

    def compute_group(self, node: Expr) -> None:
        """Compute all results of the group of an output, if a kernel can."""
        results = self.groups.pop(node, [])
        for e in results:
            self.groups.pop(e, None)
        arrays, scalars = self.find_operands(results) if len(results) > 1 else ([], [])
        if not arrays or len(arrays) > MAX_ARRAYS or any(e not in self.values for e in arrays):
            return
        if any(e.shape != () for e in scalars):
            return
        operands = [jax().numpy.asarray(self.compute(e)) for e in (*arrays, *scalars)]
        dtype = str(operands[0].dtype)
        if dtype not in ITEM_SIZES or any(str(x.dtype) != dtype for x in operands):
            return
        code = emit_expressions(results, [*arrays, *scalars], dtype)
        if code is None:
            return
        spec = UpdateSpec(dtype, len(arrays), len(scalars), code, len(results))
        program, aliases = ffi.emit_code(emit_fused_update, spec), self.match_variables(results, arrays)
        readers = [] if is_sharded() else self.find_readers([arrays[k] for k in aliases])
        axis = choose_variable_axis(operands[0].shape)

        def call(*parts: JaxArray) -> Sequence[JaxArray]:
            shapes = [jax().ShapeDtypeStruct(parts[0].shape, dtype)] * len(results)
            return ffi.call_with_results(program, shapes, *parts, aliases=aliases)

        axes = [axis] * len(arrays) + [None] * (len(scalars) + len(readers))
        found = shard_batch(call, [*operands, *readers], axes, [axis] * len(results))
        self.values.update(zip(results, found, strict=True))

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
            for user in self.context.users.get(stack.pop(), ()):
                if user.op is not None and user.op.name == "transpose":
                    stack.append(user)
                elif user in self.values and not is_elementwise(user):
                    total = get_only_user(user, self.context)
                    result = (
                        total if total in self.context.rectified else user
                    )  # a kernel may have computed the sum alone
                    readers[result] = [jax().numpy.asarray(x) for x in jax().tree.leaves(self.values[result])]
        return [x for arrays in readers.values() for x in arrays]

    def match_variables(self, results: list[Expr], arrays: list[Expr]) -> dict[int, int]:
        """Return for each variable the result that replaces it, and may use its memory: positions of both.

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
                elif e not in place and e not in number and e.shape == result.shape:
                    stack.extend(e.inputs)
        replaced: dict[Expr, Expr] = {}
        for result in sorted(results, key=lambda e: len(candidates[e])):
            free = candidates[result].difference(replaced)
            if len(free) == 1:
                replaced[free.pop()] = result
        return {place[old]: number[new] for old, new in replaced.items()}


def count_elements(e: Expr) -> int:
    """Return the number of elements of an expression, or 0 if it is unknown."""
    return math.prod(d if isinstance(d, int) else 0 for d in e.shape)
