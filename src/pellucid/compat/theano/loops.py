"""``theano.scan``, the loops that are made of it, ``ifelse`` and ``clone``."""

import functools
from collections.abc import Mapping

import pellucid as pel
from pellucid.compat.theano.variables import (
    TensorConstant,
    TensorSharedVariable,
    as_size,
    as_tensor_variable,
    cast_alike,
    cast_expr,
    expr,
    unwrap,
    upcast,
    wrap,
)
from pellucid.graph.errors import ShapeError, UseError
from pellucid.graph.ops.closure_conversion import get_loop_counters, push_loop_counter
from pellucid.graph.ops.symbolic_sizes import as_sizes
from pellucid.graph.traversal import replace_all, topological


class OrderedUpdates(dict):
    """Updates of shared variables that a loop returns."""


class until:
    """Condition after which a loop stops, which its step returns last."""

    def __init__(self, condition):
        self.condition = as_tensor_variable(condition)


def as_list(value):
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]


def is_update(part):
    return isinstance(part, list | tuple) and len(part) == 2 and isinstance(part[0], TensorSharedVariable)


def split_results(returned):
    """Return the outputs, the updates and the condition among the results of a step, in any order."""
    outputs, updates, stop = [], {}, None
    for part in returned if isinstance(returned, list | tuple) else [returned]:
        if isinstance(part, until):
            stop = part
        elif isinstance(part, Mapping) or (isinstance(part, list | tuple) and part and all(map(is_update, part))):
            updates.update(part)
        elif isinstance(part, list | tuple):
            outputs.extend(part)
        elif part is not None:
            outputs.append(part)
    return list(map(as_tensor_variable, outputs)), updates, stop


class Taps:
    """A sequence or an output of a loop, and which of its elements a step gets."""

    def __init__(self, given, key, default):
        options = given if isinstance(given, Mapping) else {key: given}
        self.value = None if options.get(key) is None else as_tensor_variable(options[key])
        taps = options.get("taps", default)
        self.taps = default if taps is None else [taps] if isinstance(taps, int) else list(taps)

    def slice_sequence(self, count, backwards):
        """Return one shifted part of a sequence for each tap, of ``count`` elements if it is not None."""
        if not self.value.ndim:
            raise ShapeError(f"scan: expected sequences of at least one dimension. Received: {self.value}, a scalar")
        x = self.value.expr[::-1] if backwards else self.value.expr
        first, last = min(0, *self.taps), max(0, *self.taps)
        length = None if count is None else as_sizes(count + last - first)
        x = x if length in (None, x.shape[0]) else x[:length]
        return [x if self.taps == [0] else x[tap - first : (tap - last) or None] for tap in self.taps]

    def list_states(self):
        """Return the initial states that the first step gets."""
        if self.value is None:
            return []
        return [self.value.expr] if self.taps == [-1] else [self.value.expr[t - min(self.taps)] for t in self.taps]

    def get_dtype(self, output):
        """Return the dtype of a state: that of its initial value, or of the output if this is a constant."""
        is_constant = isinstance(self.value, TensorConstant)
        return upcast(self.value.dtype, output.dtype) if is_constant else self.value.dtype

    def make_initial(self, output):
        e = cast_expr(self.value, self.get_dtype(output))
        return e if self.taps == [-1] else pel.taps(e, self.taps)

    def cast_output(self, output):
        """Return the new state; raises an error if it cannot take the place of the old one."""
        old, dtype = self.list_states()[0], self.get_dtype(output)
        if old.ndim != output.ndim or upcast(dtype, output.dtype) != dtype:
            raise ShapeError(
                f"scan: the initial state {self.value} is {old.type} and the step returns {output.expr.type}. Their "
                "dimensions must be equal, and their dtypes, for example with T.cast"
            )
        return cast_expr(output, dtype)


def scan(
    fn, sequences=None, outputs_info=None, non_sequences=None, n_steps=None, truncate_gradient=-1, go_backwards=False,
    mode=None, name=None, profile=False, allow_gc=None, strict=False, return_list=False,
):  # fmt: skip
    """Run a step for each element of sequences; return the outputs of all steps, and updates."""
    given = [Taps(s, "input", [0]) for s in as_list(sequences)]
    states = [Taps(s, "initial", [-1]) for s in as_list(outputs_info)]
    wrong = [s.taps for s in states if any(tap >= 0 for tap in s.taps)]
    if wrong:
        raise UseError(f"scan: expected negative taps of an output. Received: {wrong[0]}")
    count = None if n_steps is None else as_size(n_steps)
    if not given and count is None:
        raise UseError("scan: expected sequences or n_steps, which determine the number of steps")
    xs = equalize_lengths([x for one in given for x in one.slice_sequence(count, go_backwards)])
    loop = Loop(fn, xs, states, [as_tensor_variable(v) for v in as_list(non_sequences)])
    truncate = None if truncate_gradient in (-1, None) else int(truncate_gradient)
    length = {} if xs else {"length": count}
    outputs, updates = loop.collect_outputs(pel.scan(loop.step, xs, loop.initial, truncate=truncate, **length))
    return (outputs if return_list or len(outputs) > 1 else outputs[0] if outputs else None), updates


def equalize_lengths(xs):
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
    it updates. With a condition, two more states are whether the loop continues, and its number of steps.
    """

    def __init__(self, fn, xs, states, fixed):
        slices = [pel.Input(None, x.shape[1:], x.dtype) for x in xs]
        past = [pel.Input(None, e.shape, e.dtype) for state in states for e in state.list_states()]
        self.counter = pel.Input(None, (), "uint32")
        with push_loop_counter(self.counter):
            outputs, updates, self.stop = split_results(fn(*map(wrap, [*slices, *past]), *fixed))
        if states and len(states) != len(outputs):
            raise UseError(f"scan: outputs_info has {len(states)} entries, and the step returns {len(outputs)} outputs")
        self.states = list(states) or [Taps(None, "initial", [-1])] * len(outputs)
        self.updates = {v: cast_expr(e, v.dtype) for v, e in updates.items()}
        recurrent = [(s, o) for s, o in zip(self.states, outputs, strict=True) if s.value is not None]
        self.initial = [s.make_initial(o) for s, o in recurrent] + [v.expr for v in self.updates]
        self.initial += [pel.constant(True, "bool"), pel.constant(0, "int64")] * (self.stop is not None)
        self.new = [*(s.cast_output(o) for s, o in recurrent), *self.updates.values()]
        self.others = [o.expr for s, o in zip(self.states, outputs, strict=True) if s.value is None]
        self.placeholders = [*slices, *past, *(v.expr for v in self.updates)]

    def step(self, *arguments):
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

    def collect_outputs(self, results):
        """Return the outputs in the order of the step, and the updates."""
        rest = results if isinstance(results, list) else [results]
        recurrent = [rest.pop(0) for s in self.states if s.value is not None]
        updates = OrderedUpdates({v: wrap(rest.pop(0)[-1]) for v in self.updates})
        count = [rest.pop(0), rest.pop(0)][1][-1] if self.stop is not None else None
        found = [(recurrent if s.value is not None else rest).pop(0) for s in self.states]
        return [wrap(e if count is None else e[:count]) for e in found], updates


def map_(fn, sequences, non_sequences=None, truncate_gradient=-1, go_backwards=False, mode=None, name=None):
    """Apply a function to each element of sequences."""
    return scan(fn, sequences, [], non_sequences, None, truncate_gradient, go_backwards)


def reduce(fn, sequences, outputs_info, non_sequences=None, go_backwards=False, mode=None, name=None):
    """Last outputs of a loop."""
    outputs, updates = scan(fn, sequences, outputs_info, non_sequences, None, -1, go_backwards)
    return ([o[-1] for o in outputs] if isinstance(outputs, list) else outputs[-1]), updates


def foldl(fn, sequences, outputs_info, non_sequences=None, mode=None, name=None):
    """`reduce` from the first element to the last."""
    return reduce(fn, sequences, outputs_info, non_sequences)


def foldr(fn, sequences, outputs_info, non_sequences=None, mode=None, name=None):
    """`reduce` from the last element to the first."""
    return reduce(fn, sequences, outputs_info, non_sequences, go_backwards=True)


def ifelse(condition, then_branch, else_branch, name=None):
    """One of two variables, or of two lists of variables; only this one is computed."""
    left, right = as_list(then_branch), as_list(else_branch)
    if len(left) != len(right):
        raise UseError(f"ifelse: expected the same number of results. Received: {len(left)} and {len(right)}")
    pairs = list(map(cast_alike, left, right))
    chosen = pel.cond(cast_expr(condition, "bool"), lambda: [a for a, _ in pairs], lambda: [b for _, b in pairs])
    return list(map(wrap, chosen)) if isinstance(then_branch, list | tuple) else wrap(chosen[0])


def clone(output, replace=None, strict=True, share_inputs=True, copy_inputs=None):
    """The same variables with others in the place of some that they depend on."""
    exprs = list(map(expr, as_list(output)))
    present = set(topological(exprs))
    pairs = replace.items() if isinstance(replace, Mapping) else replace or []
    swaps = {unwrap(a): cast_expr(b, a.dtype) for a, b in pairs if unwrap(a) in present}
    made = list(map(wrap, replace_all(exprs, swaps)))
    return made if isinstance(output, list | tuple) else made[0]


def inputs(variable_list, blockers=None):
    """Leaves on which variables depend, in the order in which they occur in the formulas, the last formula first."""
    return [wrap(e) for e in topological(reversed(list(map(expr, variable_list)))) if e.op is None]


def ancestors(variable_list, blockers=None):
    """Variables on which others depend, and themselves."""
    return [wrap(e) for e in topological(map(expr, variable_list))]


def is_same_graph(var1, var2, givens=None, debug=False):
    """Whether two variables are the same formula of the same leaves."""
    first, second = (clone(v, givens) for v in (var1, var2))
    return unwrap(first) is unwrap(second)


def equal_computations(xs, ys, in_xs=None, in_ys=None):
    """Whether two lists of variables are the same formulas."""
    givens = dict(zip(in_xs or [], in_ys or [], strict=True))
    return len(xs) == len(ys) and all(is_same_graph(x, y, givens) for x, y in zip(xs, ys, strict=True))
