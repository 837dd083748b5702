"""``theano.scan`` and the loops that are made of it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import pellucid as pel
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.theano.variables import (
    TensorConstant,
    TensorSharedVariable,
    TensorVariable,
    Variable,
    as_size,
    as_tensor_variable,
    cast_expr,
    unwrap,
    upcast,
    wrap,
)
from pellucid.graph.errors import ShapeError, UseError
from pellucid.graph.expr import Expr
from pellucid.graph.ops.closure_conversion import get_loop_counters, push_loop_counter
from pellucid.graph.traversal import replace_all, topological


class OrderedUpdates(dict[Any, Any]):
    """Updates of shared variables that a loop returns."""


class until:  # noqa: N801 - Theano's name
    """Condition after which a loop stops, which its step returns last."""

    def __init__(self, condition: Any) -> None:
        self.condition = as_tensor_variable(condition)


def as_list(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]


def split_results(returned: Any) -> tuple[list[Any], dict[Any, Any], until | None]:
    """Return the outputs, the updates and the condition of what a step returned, in any order."""
    parts = list(returned) if isinstance(returned, list | tuple) else [returned]
    outputs: list[Any] = []
    updates: dict[Any, Any] = {}
    stop: until | None = None
    for part in parts:
        if isinstance(part, until):
            stop = part
        elif isinstance(part, Mapping):
            updates.update(part)
        elif (
            isinstance(part, list | tuple)
            and all(
                isinstance(p, list | tuple) and len(p) == 2 and isinstance(p[0], TensorSharedVariable) for p in part
            )
            and part
        ):
            updates.update(part)
        elif isinstance(part, list | tuple):
            outputs.extend(part)
        elif isinstance(part, Variable | int | float | np.ndarray | np.generic):
            outputs.append(part)
        elif part is not None:
            raise UseError(f"scan: expected variables, updates and a condition from the step. Received: {part!r}")
    return outputs, updates, stop


class SequenceInput:
    """A sequence of a loop, and which of its elements a step gets."""

    def __init__(self, given: Any) -> None:
        options = given if isinstance(given, Mapping) else {"input": given}
        self.value = as_tensor_variable(options["input"])
        taps = options.get("taps", [0])
        self.taps: list[int] = [0] if taps is None else [taps] if isinstance(taps, int) else list(taps)
        if not self.value.ndim:
            raise ShapeError(f"scan: expected sequences of at least one dimension. Received: {self.value}, a scalar")

    def slice_taps(self, count: Any, backwards: bool) -> list[Expr]:
        """Return one shifted part of the sequence for each tap, of ``count`` elements if it is not None."""
        x = self.value.expr[::-1] if backwards else self.value.expr
        first, last = min(0, *self.taps), max(0, *self.taps)
        if count is not None and not (isinstance(count, int) and x.shape[0] == count + last - first):
            x = x[: count + last - first]
        return [x if self.taps == [0] else x[tap - first : (tap - last) or None] for tap in self.taps]


class State:
    """An output of a loop: its initial values, and which earlier ones a step gets."""

    def __init__(self, given: Any) -> None:
        options = given if isinstance(given, Mapping) else {"initial": given}
        initial = options.get("initial")
        self.initial: TensorVariable | None = None if initial is None else as_tensor_variable(initial)
        taps = options.get("taps", [-1])
        self.taps: list[int] = [-1] if taps is None else [taps] if isinstance(taps, int) else list(taps)
        if any(tap >= 0 for tap in self.taps):
            raise UseError(f"scan: expected negative taps of an output. Received: {self.taps}")

    def list_taps(self) -> list[Expr]:
        """Return the initial states that the first step gets."""
        if self.initial is None:
            return []
        e = self.initial.expr
        return [e] if self.taps == [-1] else [e[tap - min(self.taps)] for tap in self.taps]

    def get_dtype(self, output: TensorVariable) -> str:
        """Return the dtype of the state: that of its initial value, or of the output if this is a constant."""
        assert self.initial is not None
        return (
            upcast(self.initial.dtype, output.dtype) if isinstance(self.initial, TensorConstant) else self.initial.dtype
        )

    def make_initial(self, output: TensorVariable) -> Any:
        """Return the initial states for pellucid's loop."""
        assert self.initial is not None
        e = cast_expr(self.initial, self.get_dtype(output))
        return e if self.taps == [-1] else pel.taps(e, self.taps)

    def cast_output(self, output: TensorVariable) -> Expr:
        """Return the new state; raises an error if it cannot take the place of the old one."""
        one, dtype = self.list_taps()[0], self.get_dtype(output)
        if one.ndim != output.ndim or upcast(dtype, output.dtype) != dtype:
            raise ShapeError(
                f"scan: the initial state {self.initial} is {one.type} and the step returns {output.expr.type}. Their "
                "dimensions must be equal, and their dtypes, for example with T.cast"
            )
        return cast_expr(output, dtype)


def scan(
    fn: Callable[..., Any],
    sequences: Any = None,
    outputs_info: Any = None,
    non_sequences: Any = None,
    n_steps: Any = None,
    truncate_gradient: int = -1,
    go_backwards: bool = False,
    mode: Any = None,
    name: str | None = None,
    profile: bool = False,
    allow_gc: Any = None,
    strict: bool = False,
    return_list: bool = False,
) -> tuple[Any, OrderedUpdates]:
    """Run a step for each element of sequences; return the outputs of all steps and updates."""
    given = [SequenceInput(s) for s in as_list(sequences)]
    count = None if n_steps is None else as_size(n_steps)
    if not given and count is None:
        raise UseError("scan: expected sequences or n_steps, which determine the number of steps")
    xs = equalize_lengths([x for one in given for x in one.slice_taps(count, go_backwards)])
    loop = Loop(
        fn, xs, [State(s) for s in as_list(outputs_info)], [as_tensor_variable(v) for v in as_list(non_sequences)]
    )
    truncate = None if truncate_gradient in (-1, None) else int(truncate_gradient)
    length = {} if xs else {"length": count}
    results = pel.scan(loop.step, xs, loop.initial, truncate=truncate, **length)
    outputs, updates = loop.collect_outputs(results)
    return (outputs if return_list or len(outputs) > 1 else outputs[0] if outputs else None), updates


def equalize_lengths(xs: list[Any]) -> list[Any]:
    """Cut sequences to the shortest one if their lengths may differ, as Theano does."""
    lengths = [x.shape[0] for x in xs]
    if len(set(lengths)) < 2:
        return xs
    if all(isinstance(n, int) for n in lengths):
        return [x[: min(lengths)] for x in xs]
    shortest = functools.reduce(pel.minimum, [pel.size(x, axis=0) for x in xs])
    return [x[:shortest] for x in xs]


class Loop:
    """The step of a loop in pellucid's form.

    The function is called once, on placeholders. Its recurrent outputs are states, and so are the shared variables that
    it updates. With a condition, two more states are whether the loop goes on, and how many steps it has made.
    """

    def __init__(
        self, fn: Callable[..., Any], xs: Sequence[Expr], states: Sequence[State], fixed: Sequence[TensorVariable]
    ) -> None:
        slices = [pel.Input(None, x.shape[1:], x.dtype) for x in xs]
        past = [pel.Input(None, e.shape, e.dtype) for state in states for e in state.list_taps()]
        self.counter = pel.Input(None, (), "uint32")
        with push_loop_counter(self.counter):
            returned = fn(*[wrap(e) for e in (*slices, *past)], *fixed)
        outputs, updates, self.stop = split_results(returned)
        if states and len(states) != len(outputs):
            raise UseError(f"scan: outputs_info has {len(states)} entries, and the step returns {len(outputs)} outputs")
        self.outputs = [as_tensor_variable(o) for o in outputs]
        self.states = list(states) or [State(None)] * len(outputs)
        self.updates = {v: cast_expr(as_tensor_variable(e), v.dtype) for v, e in updates.items()}
        pairs = list(zip(self.states, self.outputs, strict=True))
        self.initial: list[Any] = [state.make_initial(output) for state, output in pairs if state.initial is not None]
        self.initial += [v.expr for v in self.updates]
        self.initial += [pel.constant(True, "bool"), pel.constant(0, "int64")] * (self.stop is not None)
        new = [state.cast_output(output) for state, output in pairs if state.initial is not None]
        self.new = [*new, *self.updates.values()]
        self.others = [output.expr for state, output in pairs if state.initial is None]
        self.placeholders = [*slices, *past, *(v.expr for v in self.updates)]

    def step(self, *arguments: Expr) -> list[Expr]:
        """Compute one step: new states, and then other outputs."""
        replacements = dict(zip(self.placeholders, arguments, strict=False))
        replacements[self.counter] = get_loop_counters()[-1]
        stop = [] if self.stop is None else [cast_expr(self.stop.condition, "bool")]
        found = replace_all([*self.new, *self.others, *stop], replacements)
        new = found[: len(self.new)]
        if stop:
            goes_on, count = arguments[len(self.placeholders) :]
            new += [goes_on & ~found.pop(), count + pel.cast(goes_on, "int64")]
        return new + found[len(self.new) :]

    def collect_outputs(self, results: Any) -> tuple[list[TensorVariable], OrderedUpdates]:
        """Return the outputs in the order of the step, and the updates."""
        rest: list[Expr] = results if isinstance(results, list) else [results]
        recurrent = [rest.pop(0) for s in self.states if s.initial is not None]
        updates = OrderedUpdates({v: wrap(rest.pop(0)[-1]) for v in self.updates})
        count = [rest.pop(0), rest.pop(0)][1][-1] if self.stop is not None else None
        found = [recurrent.pop(0) if s.initial is not None else rest.pop(0) for s in self.states]
        return [wrap(e if count is None else e[:count]) for e in found], updates


def map(
    fn: Callable[..., Any],
    sequences: Any,
    non_sequences: Any = None,
    truncate_gradient: int = -1,
    go_backwards: bool = False,
    mode: Any = None,
    name: str | None = None,
) -> Any:
    """Apply a function to each element of sequences."""
    return scan(fn, sequences, [], non_sequences, None, truncate_gradient, go_backwards, mode, name)


def reduce(
    fn: Callable[..., Any],
    sequences: Any,
    outputs_info: Any,
    non_sequences: Any = None,
    go_backwards: bool = False,
    mode: Any = None,
    name: str | None = None,
) -> Any:
    """Last outputs of a loop."""
    outputs, updates = scan(fn, sequences, outputs_info, non_sequences, None, -1, go_backwards, mode, name)
    return ([o[-1] for o in outputs] if isinstance(outputs, list) else outputs[-1]), updates


def foldl(
    fn: Callable[..., Any],
    sequences: Any,
    outputs_info: Any,
    non_sequences: Any = None,
    mode: Any = None,
    name: str | None = None,
) -> Any:
    """`reduce` from the first element to the last."""
    return reduce(fn, sequences, outputs_info, non_sequences, False, mode, name)


def foldr(
    fn: Callable[..., Any],
    sequences: Any,
    outputs_info: Any,
    non_sequences: Any = None,
    mode: Any = None,
    name: str | None = None,
) -> Any:
    """`reduce` from the last element to the first."""
    return reduce(fn, sequences, outputs_info, non_sequences, True, mode, name)


def clone(
    output: Any, replace: Any = None, strict: bool = True, share_inputs: bool = True, copy_inputs: Any = None
) -> Any:
    """The same variables with others in the place of some of their inputs."""
    pairs = list(replace.items() if isinstance(replace, Mapping) else replace or [])
    several = output if isinstance(output, list | tuple) else [output]
    exprs = [as_tensor_variable(o).expr for o in several]
    present = set(topological(exprs))
    swaps = {unwrap(a): cast_expr(as_tensor_variable(b), a.dtype) for a, b in pairs if unwrap(a) in present}
    made = [wrap(e) for e in replace_all(exprs, swaps)] if swaps else [wrap(e) for e in exprs]
    return made if isinstance(output, list | tuple) else made[0]


add_missing_name_errors(globals(), "theano.scan_module")
