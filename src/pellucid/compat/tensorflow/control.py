"""Control flow of TensorFlow 1 as pellucid's `cond`, `while_loop` and `scan`, and gradients."""

# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import functools
from typing import Any

from pellucid.compat.tensorflow.graph import (
    TRACES,
    Operation,
    Spec,
    Tensor,
    convert,
    flatten,
    get_default_graph,
    make_op,
)
from pellucid.compat.tensorflow.session import Trace
from pellucid.compat.tensorflow.types import TensorShape, check_neutral
from pellucid.compat.tensorflow.variables import group
from pellucid.graph.errors import DtypeError, GradientError, UseError
from pellucid.graph.gradient import grad
from pellucid.graph.operators import FUNCTIONS


class FunctionGraph:
    """Operations that a function of tensors makes, and the tensors from outside that they take."""

    def __init__(self, fn, specs):
        graph = get_default_graph()
        self.start = len(graph.operations)
        self.variables = [make_op("LoopVariable", None, [], outputs=[s]) for s in specs]
        self.result = fn(*self.variables)
        self.outputs: list[Any] = [e if isinstance(e, Operation) else convert(e) for e in flatten(self.result)]
        self.captures: dict[Tensor, None] = {}
        stack, seen = list(self.outputs), set(self.variables)
        while stack:
            element = stack.pop()
            op = element if isinstance(element, Operation) else element.op
            if element in seen:
                continue
            seen.add(element)
            if isinstance(element, Tensor) and (op.index < self.start or op.variable is not None):
                self.captures[element] = None
            elif op.index >= self.start:
                stack += [*op.inputs, *op.control_inputs]
        self.assigns = any(op.targets for op in seen if isinstance(op, Operation)) or any(
            t.op.targets for t in seen if isinstance(t, Tensor) and t.op.index >= self.start
        )

    def compute(self, captured, states=()):
        """Return the expressions of the outputs."""
        parent = TRACES[-1]
        values = dict(zip([*self.captures, *self.variables], [*captured, *states], strict=True))
        child = Trace(parent.session, values, self.start)
        child.compute(self.outputs)
        if child.printed:
            raise UseError("tf.Print is in a loop or a branch of tf.cond, which cannot print. Fetch the tensor instead")
        parent.checks_initialization |= child.checks_initialization
        return [child.read(t, t.op) for t in self.outputs]


def pack_like(structure, items):
    """Return items, which are removed from the list, in a structure of lists and tuples."""
    if not isinstance(structure, (list, tuple)):
        return items.pop(0)
    parts = [pack_like(s, items) for s in structure]
    kind: Any = type(structure)
    return kind(*parts) if hasattr(kind, "_fields") else kind(parts)


def refuse_assignments(name, *bodies):
    if any(body.assigns for body in bodies):
        raise UseError(f"{name}: a loop cannot assign to variables. Return the value, and assign it after the loop")


def cond(pred, true_fn=None, false_fn=None, *, name=None, fn1=None, fn2=None):
    """Run one of two branches; assignments in a branch happen only if it runs."""
    graph, predicate = get_default_graph(), convert(pred, "bool")
    bodies, outer = [], graph.guards
    for fn, truth in ((fn1 if true_fn is None else true_fn, True), (fn2 if false_fn is None else false_fn, False)):
        if not callable(fn):
            raise UseError(f"tf.cond: expected two functions without arguments. Received: {fn!r}")
        graph.guards = (*outer, (predicate, truth))
        try:
            bodies.append(FunctionGraph(fn, []))
        finally:
            graph.guards = outer
    then, otherwise = bodies
    if len(then.outputs) != len(otherwise.outputs):
        raise UseError("tf.cond: the branches must return the same number of tensors")
    pairs = list(zip(then.outputs, otherwise.outputs, strict=True))
    for a, b in pairs:
        if isinstance(a, Tensor) and isinstance(b, Tensor) and a.dtype != b.dtype:
            raise DtypeError(f"tf.cond: the branches return {a.dtype.name} and {b.dtype.name}. Cast one with tf.cast")
    operations = [e for e in flatten(pairs) if isinstance(e, Operation)]
    if operations:
        return group(*(e for e in flatten(pairs) if e is not None), name="cond")
    specs = [Spec(a.static_shape if a.static_shape == b.static_shape else None, a.dtype) for a, b in pairs]
    if then.assigns or otherwise.assigns:

        def choose(p, *branches):
            return [FUNCTIONS["where"](p, a, b) for a, b in zip(branches[::2], branches[1::2], strict=True)]

        made = make_op("cond", choose, [predicate, *flatten(pairs)], name, outputs=specs, single=False)
    else:
        count = len(then.captures)

        def branch(p, *captured):
            return FUNCTIONS["cond"](
                p, lambda: then.compute(captured[:count]), lambda: otherwise.compute(captured[count:])
            )

        made = make_op(
            "cond", branch, [predicate, *then.captures, *otherwise.captures], name, outputs=specs, single=False
        )
    return pack_like(then.result, list(made))


def while_loop(cond, body, loop_vars, *, maximum_iterations=None, **options):
    """Run a body while a condition holds. The gradient needs `maximum_iterations`; shapes cannot change."""
    check_neutral("tf.while_loop", options)
    inits = [convert(v) for v in flatten(loop_vars)]
    specs = [Spec(t.static_shape, t.dtype) for t in inits]

    def call(fn):
        return lambda *tensors: fn(*pack_like(list(loop_vars), list(tensors)))

    test, step = FunctionGraph(call(cond), specs), FunctionGraph(call(body), specs)
    refuse_assignments("tf.while_loop", test, step)
    if [t.dtype for t in step.outputs] != [t.dtype for t in inits]:
        raise DtypeError(f"tf.while_loop: the body must return {[t.dtype.name for t in inits]}")
    n, m = len(inits), len(test.captures)

    def run(*exprs):
        outside = exprs[n:]
        return FUNCTIONS["while_loop"](
            lambda *h: test.compute(outside[:m], h)[0],
            lambda *h: step.compute(outside[m:], h),
            list(exprs[:n]),
            maximum=maximum_iterations,
        )

    made = make_op("while", run, [*inits, *test.captures, *step.captures], outputs=specs, single=False)
    return made[0] if list(loop_vars) == [loop_vars[0]] and n == 1 else pack_like(loop_vars, list(made))


def case(pred_fn_pairs, default=None, exclusive=False, name=None):
    """Run the branch of the first condition that is true."""
    pairs = list(pred_fn_pairs.items() if isinstance(pred_fn_pairs, dict) else pred_fn_pairs)
    fn = default or pairs.pop()[1]
    for predicate, branch in reversed(pairs):
        fn = functools.partial(cond, predicate, branch, fn)
    return fn()


def scan_op(fn, sequences, inits, reverse=False):
    """Run a function of elements and states that returns new states and outputs; return the last states and all."""
    elements = [Spec(s.static_shape[1:] if s.static_shape.ndims else None, s.dtype) for s in sequences]
    body = FunctionGraph(fn, [*elements, *(Spec(h.static_shape, h.dtype) for h in inits)])
    refuse_assignments("A loop", body)
    n, k = len(sequences), len(inits)

    def run(*exprs):
        outside = exprs[n + k :]
        found = FUNCTIONS["scan"](
            lambda *x: body.compute(outside, x), list(exprs[:n]), list(exprs[n : n + k]), reverse=reverse
        )
        return [*(found[i][0 if reverse else -1] for i in range(k)), *found]

    length = next((s.static_shape[:1] for s in sequences if s.static_shape.ndims), TensorShape([None]))
    stacked = [
        Spec(None if t.static_shape.ndims is None else [*length, *t.static_shape], t.dtype) for t in body.outputs
    ]
    last = [Spec(t.static_shape, t.dtype) for t in body.outputs[:k]]
    made = make_op("scan", run, [*sequences, *inits, *body.captures], outputs=[*last, *stacked], single=False)
    return made[:k], made[k:]


def scan(fn, elems, initializer=None, *, reverse=False, **options):
    """Stack the results of a function of the result before and of an element."""
    check_neutral("tf.scan", options)
    sequences = [convert(e) for e in flatten(elems)]
    first = initializer
    if initializer is None:
        at, rest = (-1, slice(None, -1)) if reverse else (0, slice(1, None))
        first = pack_like(elems, [s[at] for s in sequences])  # type: ignore[index]
        sequences = [s[rest] for s in sequences]  # type: ignore[index]
    inits = [convert(h) for h in flatten(first)]

    def step(*exprs):
        x, h = list(exprs[: len(sequences)]), list(exprs[len(sequences) :])
        return fn(pack_like(first, h), pack_like(elems, x))

    _, stacked = scan_op(step, sequences, inits, reverse)
    if initializer is None:
        parts = zip(inits, stacked, strict=True)
        stacked = [_join(s, h) if reverse else _join(h, s) for h, s in parts]
    return pack_like(first, list(stacked))


def _join(*parts):
    """Join a first or last element, which lacks the axis, with a sequence."""
    ndim = max(p.static_shape.ndims or 0 for p in parts)
    return make_op(
        "concat", lambda *xs: FUNCTIONS["concatenate"]([x if x.ndim == ndim else x[None] for x in xs]), parts
    )


def map_fn(fn, elems, dtype=None, **options):
    """Stack the results of a function for each element."""
    check_neutral("tf.map_fn", options)
    body: list[Any] = []

    def step(*x):
        body.append(fn(pack_like(elems, list(x))))
        return body[0]

    _, stacked = scan_op(step, [convert(e) for e in flatten(elems)], [])
    return pack_like(body[0], list(stacked))


def _make_fold(reverse):
    return lambda *args, **options: scan(*args, **options, reverse=reverse)[0 if reverse else -1]


foldl, foldr = map(_make_fold, (False, True))


BLOCKING = ("StopGradient", "zeros_like", "ones_like", "Floor", "Ceil", "Rint", "Round")
"""Types of operations through which no gradient flows."""


def depends_on(outputs):
    """Return the tensors on which floating-point outputs depend through operations that have a gradient."""
    found: set[Tensor] = set()
    stack = list(outputs)
    while stack:
        tensor = stack.pop()
        if tensor in found or not tensor.dtype.is_floating:
            continue
        found.add(tensor)
        if tensor.op.type not in BLOCKING:
            stack += tensor.op.inputs
    return found


def gradients(ys, xs, grad_ys=None, *, stop_gradients=None, **options):
    """Gradients of the sum of tensors, also of `gather` dense; None for a tensor that they do not depend on."""
    check_neutral("tf.gradients", options)
    outputs, targets = [convert(y) for y in flatten(ys)], [convert(x) for x in flatten(xs)]
    fixed = [convert(s) for s in flatten(stop_gradients or [])]
    starts = [None] * len(outputs) if grad_ys is None else grad_ys if isinstance(grad_ys, list) else [grad_ys]
    given = [None if g is None else convert(g, y.dtype) for g, y in zip(starts, outputs, strict=True)]
    for y in outputs:
        if not y.dtype.is_floating:
            raise GradientError(
                f"tf.gradients: expected a floating-point tensor. Received: {y!r}. Cast it with tf.cast"
            )
    reached = depends_on(outputs)
    wanted = [t for t in dict.fromkeys(targets) if t in reached]
    if not wanted:
        return [None] * len(targets)
    n, k, m = len(outputs), len(wanted), len(fixed)

    def run(*exprs):
        cotangents = iter(exprs[n + k + m :])
        costs = [(y if g is None else y * next(cotangents)).sum() for y, g in zip(exprs[:n], given, strict=True)]
        cost = sum(costs[1:], costs[0])
        return list(grad(cost, exprs[n : n + k], consider_constant=exprs[n + k : n + k + m], disconnected="zero"))

    inputs = [*outputs, *wanted, *fixed, *(g for g in given if g is not None)]
    specs = [Spec(t.static_shape, t.dtype) for t in wanted]
    made = make_op(
        "gradients", run, inputs, outputs=specs, single=False, setup=lambda op: setattr(op, "reads_like", outputs[0].op)
    )
    by_target = dict(zip(wanted, made, strict=True))
    return [by_target.get(t) for t in targets]
