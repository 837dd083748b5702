"""Programs: the simplified graph of a function, its inputs and state, and one step over any array namespace."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any, Literal, get_args

import numpy as np

from pellucid.graph.array_conversion import has_dtype, read_storage
from pellucid.graph.errors import DtypeError, InputError, ShapeError, brief
from pellucid.graph.evaluate import Watcher, evaluate
from pellucid.graph.expr import Constant, Expr, Input, Operand, Shared, as_expr, is_compatible_shape
from pellucid.graph.naming import LabelStripper, find_expressions, restore_names
from pellucid.graph.passes import eliminate_dead_outputs, remove_markers
from pellucid.graph.rewriter import Journal, simplify_stripped
from pellucid.graph.substitution import check_replacement
from pellucid.graph.traversal import collect_inputs, replace_all, topological
from pellucid.graph.types import format_shape
from pellucid.run.buffers import Buffer
from pellucid.run.index_bounds import Bound, collect_bounds
from pellucid.run.jax_runtime import jax
from pellucid.typing import Array

OnUnusedInput = Literal["raise", "ignore"]
"""Whether an input that nothing depends on is an error."""

LARGE_CONSTANT_BYTES = 4096
"""Larger constants are arguments of the compiled program instead of literals in it."""


@dataclass(frozen=True)
class Program:
    """The inputs, outputs and updates of a function, simplified and ready to run."""

    inputs: list[Input]  # of a call
    outputs: list[Expr]
    original_outputs: list[Expr] = field(repr=False)
    updates: dict[Shared, Expr]  # new values after a call
    read: list[Shared | Constant]  # leaves without an update that are arguments: shared variables, large constants
    journal: Journal = field(repr=False)  # the rewrites of the graph
    donate: bool = True  # overwrite old values, which are then lost if a run fails

    @functools.cached_property
    def results(self) -> list[Expr]:
        """The outputs, and then the new values of shared variables."""
        return [*self.outputs, *self.updates.values()]

    @property
    def shared(self) -> list[Shared]:
        """The shared variables that it updates or reads."""
        return [*self.updates, *(e for e in self.read if isinstance(e, Shared))]

    @property
    def sharded(self) -> list[list[bool]]:
        """Which values several devices divide along the first axis: of state, read leaves, inputs and outputs."""
        return [
            [False] * len(self.updates),
            [False] * len(self.read),
            [True] * len(self.inputs),
            [False] * len(self.outputs),
        ]

    @functools.cached_property
    def value_sized(self) -> list[Expr]:
        """The expressions whose shapes depend on values."""
        templates = [e for e in topological(self.results) if e.op is not None and e.op.name == "shape_template"]
        return [e for e in templates if any(isinstance(axis, str) for axis in e.settings["axes"])]

    @functools.cached_property
    def size(self) -> int:
        """Number of expressions."""
        return len(topological(self.results))

    def step(
        self,
        xp: ModuleType,
        state: Sequence[Buffer],
        read: Sequence[Buffer],
        args: Sequence[Buffer],
        watch: Watcher | None = None,
    ) -> tuple[Sequence[Buffer], Sequence[Buffer]]:
        """Compute the outputs and the new state."""
        results = evaluate(xp, self.results, self.bind_leaves(state, read, args), watch)
        outputs, new = results[: len(self.outputs)], results[len(self.outputs) :]
        self.check_updates([value.shape for value in new])
        return outputs, new

    def bind_leaves(self, state: Sequence[Buffer], read: Sequence[Buffer], args: Sequence[Buffer]) -> dict[Expr, Any]:
        """Return the values of the expressions with which the evaluation begins."""
        values: dict[Expr, Any] = dict(zip(self.inputs, args, strict=True))
        values.update(zip(self.updates, state, strict=True))
        values.update(zip(self.read, read, strict=True))
        return values

    def get_read_values(self) -> list[Array]:
        """Return the values of the leaves that are only read, as NumPy arrays."""
        values = [e.value if isinstance(e, Constant) else read_storage(e.storage) for e in self.read]
        return [np.asarray(value, order="C") for value in values]

    def keep(self, new: Sequence[Buffer]) -> None:
        """Store the new state in the shared variables."""
        for target, value in zip(self.updates, new, strict=True):
            target.storage = value

    @functools.cached_property
    def bounds(self) -> dict[Expr, list[Bound]]:
        """The ranges of each input that holds indices."""
        return collect_bounds(self.results)

    def check_updates(self, shapes: Sequence[tuple[int, ...]]) -> None:
        """Check the shapes of new values, which may have been unknown until now."""
        for (target, update), shape in zip(self.updates.items(), shapes, strict=True):
            if shape != target.shape:
                raise ShapeError(
                    f"The update of {target} must have its shape {format_shape(target.shape)}. Received: shape "
                    f"{format_shape(shape)}, from {update}"
                )


@dataclass(frozen=True, kw_only=True)
class BatchedProgram(Program):
    """A program mapped over members."""

    one: Program  # the program of one member
    mapped: list[list[bool]]  # which leaves of state, read and inputs have an axis of members

    @property
    def value_sized(self) -> list[Expr]:
        """None: the lowering explains that members have one shape."""
        return []

    @functools.cached_property
    def bounds(self) -> dict[Expr, list[Bound]]:
        """The ranges of each input that holds indices."""
        pairs = zip(self.inputs, self.one.inputs, strict=True)
        return {i: self.one.bounds[e] for i, e in pairs if e in self.one.bounds}

    @property
    def sharded(self) -> list[list[bool]]:
        """Which values several devices divide along the first axis: those with members."""
        return [*self.mapped, [True] * len(self.outputs)]

    @property
    def size(self) -> int:
        """One, because a mapped program cannot be partitioned."""
        return 1

    def step(
        self,
        xp: ModuleType,
        state: Sequence[Buffer],
        read: Sequence[Buffer],
        args: Sequence[Buffer],
        watch: Watcher | None = None,
    ) -> tuple[Sequence[Buffer], Sequence[Buffer]]:
        values = (list(state), list(read), list(args))
        if xp is not np:
            one = self.one
            axes = [[0 if m else None for m in mapped] for mapped in self.mapped]
            results: tuple[Sequence[Buffer], Sequence[Buffer]] = jax().vmap(lambda *v: one.step(xp, *v), in_axes=axes)(
                *values
            )
            return results
        pairs = [list(zip(v, mapped, strict=True)) for v, mapped in zip(values, self.mapped, strict=True)]
        count = next(len(v) for pair in pairs for v, m in pair if m)
        members = []
        for i in range(count):
            one_state, one_read, one_args = ([v[i] if m else v for v, m in pair] for pair in pairs)
            members.append(self.one.step(np, one_state, one_read, one_args))
        outputs, new = ([np.stack(column) for column in zip(*part, strict=True)] for part in zip(*members, strict=True))
        return outputs, new


def make_program(
    inputs: Input | Iterable[Input],
    outputs: Sequence[Expr],
    updates: Sequence[tuple[Shared, Operand]],
    givens: Sequence[tuple[Expr, Operand]],
    rewrite: bool | str | Iterable[str],
    on_unused_input: OnUnusedInput,
    donate: bool,
) -> Program:
    """Validate the parts of a function, substitute the givens, and simplify."""
    if on_unused_input not in get_args(OnUnusedInput):
        raise InputError(f"Expected on_unused_input to be 'raise' or 'ignore'. Received: {on_unused_input!r}")
    input_list = check_inputs(inputs)
    new_values = {target: check_update(target, value) for target, value in updates}
    substitutions = {target: check_replacement(target, value, "givens") for target, value in givens}
    results = [*outputs, *new_values.values()]
    if on_unused_input == "raise":
        check_givens(substitutions, results)
    if substitutions:
        found = find_expressions(results, list(substitutions))
        results = replace_all(results, {node: substitutions[target] for node, target in found.items()})
    for node in topological(results):
        if isinstance(node, Shared) and node.default_update is not None and node not in new_values:
            new_values[node] = node.default_update
            results.append(node.default_update)
    check_used_inputs(input_list, results, on_unused_input)
    journal, original_outputs = Journal(), results[: len(outputs)]
    if rewrite is not False:
        results = simplify_program(results, journal, None if rewrite is True else rewrite)
    new_state = dict(zip(new_values, results[len(outputs) :], strict=True))
    read = collect_read_leaves(results, new_state)
    return Program(input_list, results[: len(outputs)], original_outputs, new_state, read, journal, donate)


def simplify_program(results: Sequence[Expr], journal: Journal, families: str | Iterable[str] | None) -> list[Expr]:
    """Simplify a graph without markers and labels, and restore the names.

    Equal expressions with different labels would be computed twice, so labels are removed first.
    """
    stripper = LabelStripper(remove_markers(results))
    simplified, names = simplify_stripped(stripper, journal, families)
    return restore_names(eliminate_dead_outputs(simplified), names)


def collect_read_leaves(results: Sequence[Expr], updates: Mapping[Shared, Expr]) -> list[Shared | Constant]:
    return [
        n
        for n in topological(results)
        if n not in updates
        and (isinstance(n, Shared) or (isinstance(n, Constant) and n.value.nbytes > LARGE_CONSTANT_BYTES))
    ]


def check_inputs(inputs: Input | Iterable[Input]) -> list[Input]:
    input_list: list[Any] = [inputs] if isinstance(inputs, Expr) else list(inputs)
    for i in input_list:
        if not isinstance(i, Input):
            raise InputError(
                f"Expected the inputs of a function to be made by pel.vector, pel.matrix and so on. Received: "
                f"{brief(i) if isinstance(i, Expr) else repr(i)}, {explain_invalid_input(i)}"
            )
    if len(set(input_list)) != len(input_list):
        raise InputError(f"Expected each input of a function once. Received: {input_list}")
    return input_list


def explain_invalid_input(value: object) -> str:
    """Describe a value that is not a valid input, and the fix."""
    if isinstance(value, Shared):
        return "a shared variable. Leave it out: it has its own value"
    if isinstance(value, Expr):
        return "an expression. List the inputs that it depends on, or replace it with givens={expression: input}"
    return f"a {type(value).__name__}. x = pel.vector('x') makes an input, and [x] lists it"


def check_update(target: object, value: Operand) -> Expr:
    if not isinstance(target, Shared):
        raise InputError(f"Expected updates of shared variables, which pel.shared makes. Received: {target!r}")
    new = as_expr(value, None if has_dtype(value) else target.dtype)
    if not is_compatible_shape(new.shape, target.shape):
        raise ShapeError(
            f"The update of {target} must have its shape {format_shape(target.shape)}. Received: shape "
            f"{format_shape(new.shape)}, from {brief(new)}. Use its sum or mean, or give {target} that shape"
        ).with_operands([target, new])
    if new.dtype != target.dtype:
        raise DtypeError(
            f"The update of {target} must be {target.dtype}. Received: {new.dtype}, from {brief(new)}. Make {target} "
            f"{new.dtype}, or use pel.cast(update, {str(target.dtype)!r}) if losing precision is acceptable"
        ).with_operands([target, new])
    return new


def check_givens(substitutions: Mapping[Expr, Expr], results: Sequence[Expr]) -> None:
    found = set(find_expressions(results, list(substitutions)).values())
    unused = [str(target) for target in substitutions if target not in found]
    if unused:
        raise InputError(
            f"givens: no output or update depends on {', '.join(unused)}. "
            "Leave it out, or pass on_unused_input='ignore'"
        )


def check_used_inputs(inputs: Sequence[Input], results: Sequence[Expr], on_unused_input: OnUnusedInput) -> None:
    used = collect_inputs(results)
    given, used_set = set(inputs), set(used)
    missing = [n for n in used if n not in given]
    if missing:
        user = next((n for n in topological(results) if any(i is missing[0] for i in n.inputs)), missing[0])
        raise InputError(
            f"The function needs the input {', '.join(map(str, missing))}, which {brief(user)} uses. "
            "Add it to the list of inputs, or replace it with givens"
        ).with_operands([*missing[:2], user])
    unused = [str(i) for i in inputs if i not in used_set]
    if unused and on_unused_input == "raise":
        raise InputError(
            f"No output or update depends on the input {', '.join(unused)}. "
            "Leave it out, or pass on_unused_input='ignore'"
        )


def swap_shared(program: Program, swap: Mapping[Any, Any]) -> Program:
    """Replace shared variables of a program. Their order is kept, so that the compiled program still fits."""
    check_swap(program, swap)
    results, count = replace_all([*program.results, *program.original_outputs], swap), len(program.outputs)
    outputs, new, original = results[:count], results[count : len(results) - count], results[len(results) - count :]
    updates = dict(zip([swap.get(s, s) for s in program.updates], new, strict=True))
    read = [swap.get(e, e) for e in program.read]
    return replace(program, outputs=outputs, original_outputs=original, updates=updates, read=read)


def drop_updates(program: Program) -> Program:
    if not isinstance(program, BatchedProgram):
        return replace(program, updates={}, read=collect_read_leaves(program.outputs, {}))
    # All leaves are kept, because the number of members may be known from one that no output reads.
    one = replace(program.one, updates={}, read=[*program.one.updates, *program.one.read])
    state, read, inputs = program.mapped
    mapped = [[], [*state, *read], inputs]
    return replace(program, updates={}, read=[*program.updates, *program.read], one=one, mapped=mapped)


def check_swap(program: Program, swap: Mapping[Any, Any]) -> None:
    shared: set[Expr] = set(program.shared)
    for old, new in swap.items():
        if not isinstance(old, Shared) or not isinstance(new, Shared):
            raise InputError(
                f"swap: expected a dict from shared variables to shared variables. Received: {old!r}: {new!r}"
            )
        if old not in shared:
            names = ", ".join(sorted(map(str, shared))) or "none"
            raise InputError(f"swap: the function has no shared variable {old}. It has: {names}")
        if new in shared - set(swap):
            raise InputError(f"swap: {new} cannot replace {old}, because the function uses it already")
        if new.type != old.type:
            error = DtypeError if new.dtype != old.dtype else ShapeError
            raise error(
                f"swap: expected a replacement of {old} of type {old.type}. Received: {new}, which is {new.type}"
            )
    if len(set(swap.values())) != len(swap):
        raise InputError(f"swap: expected a different replacement for each shared variable. Received: {dict(swap)}")


Shapes = list[tuple[tuple[int, ...], np.dtype[Any]]]
"""Shape and dtype of every output of one step."""


class OutputHistory:
    """The outputs of a loop so far. ``steps`` is more than 0 at the start if the loop is entered in its middle."""

    def __init__(self, num_outputs: int, steps: int = 0) -> None:
        self.chunks: list[list[Array]] = [[] for _ in range(num_outputs)]
        self.steps: int = steps

    def append(self, count: int, outputs: Sequence[Array]) -> None:
        for chunks, output in zip(self.chunks, outputs, strict=True):
            chunks.append(output)
        self.steps += count

    def get_latest(self) -> list[Array]:
        return [chunks[-1][-1] for chunks in self.chunks]

    def pop(self) -> list[Array]:
        """Remove and return the outputs that were added since the last call."""
        outputs = [np.concatenate(chunks) if len(chunks) > 1 else chunks[0] for chunks in self.chunks]
        self.chunks = [[] for _ in outputs]
        return outputs

    def stack(self, get_shapes: Callable[[], Shapes]) -> list[Array]:
        """Return the outputs of all steps, stacked. ``get_shapes`` is called only if there were no steps."""
        if self.steps:
            return [np.concatenate(chunks) for chunks in self.chunks]
        return [np.empty((0, *shape), dtype) for shape, dtype in get_shapes()] if self.chunks else []
