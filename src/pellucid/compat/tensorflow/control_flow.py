"""Branches and loops of TensorFlow 1: `cond`, `while_loop`, `scan` and `map_fn`."""

import functools

import pellucid as pel
from pellucid.compat.tensorflow.graph import call_op, convert, flatten, get_default_graph, make_op, pack_like
from pellucid.graph.errors import ShapeError, UseError


class Body:
    """Operations that a function of tensors makes, as a function of expressions.

    `outputs` are the tensors that it returns, in the form of `structure`. `captured` are those that it uses from
    outside; a variable that it makes is outside, too.
    """

    def __init__(self, function, inputs, arguments=()):
        start = len(get_default_graph().operations)
        self.structure, self.inputs = function(*arguments), inputs
        self.outputs = [convert(e) for e in flatten(self.structure)]
        found, stack = set(), [t.op for t in self.outputs]
        while stack:
            op = stack.pop()
            if op not in found and op.index >= start and (op.fn is not None or op.control_inputs):
                found.add(op)
                stack += [*op.control_inputs, *(t.op for t in op.inputs)]
        self.ops = sorted((op for op in found if op.fn is not None), key=lambda op: op.index)
        for op in self.ops:
            if op.targets:
                raise UseError(f"Assign after a loop or a branch, not inside of it. Received: {op.describe()}")
        known = {*inputs, *(t for op in self.ops for t in op.outputs)}
        used = [t for op in self.ops for t in op.inputs] + self.outputs
        self.captured = list(dict.fromkeys(t for t in used if t not in known))

    def __call__(self, outside, *exprs):
        values = {**outside, **dict(zip(self.inputs, exprs, strict=True))}
        for op in self.ops:
            values.update(zip(op.outputs, call_op(op, [values[t] for t in op.inputs]), strict=True))
        return [values[t] for t in self.outputs]


def make_inputs(tensors, first_axis=0):
    """Return placeholders for tensors, or for their elements along their first axis."""
    shapes = [None if t.abstract is None else t.abstract.shape[first_axis:] for t in tensors]
    specs = [s if s is None else [d if isinstance(d, int) else None for d in s] for s in shapes]
    return [make_op("Placeholder", None, outputs=[(s, t.dtype)]) for s, t in zip(specs, tensors, strict=True)]


def make_control_op(type, compute, bodies, inputs, outputs, name=None):
    """Return the tensors that a function computes of the bodies and of the expressions of the inputs."""
    captured = list(dict.fromkeys(t for body in bodies for t in body.captured))

    def fn(*exprs):
        outside = dict(zip(captured, exprs[len(inputs) :], strict=True))
        found = compute(*(functools.partial(body, outside) for body in bodies), *exprs[: len(inputs)])
        return found if isinstance(found, (list, tuple)) else [found]

    return make_op(type, fn, [*inputs, *captured], name, outputs=outputs, count=len(outputs))


def list_specs(tensors, axes=()):
    """Return the static shapes and dtypes of tensors, with more axes before theirs."""
    return [(None if t.shape.dims is None else [*axes, *t.shape.as_list()], t.dtype) for t in tensors]


def cond(pred, true_fn=None, false_fn=None, name="cond", fn1=None, fn2=None):
    """Results of one of two functions; only those of the chosen one are computed."""
    branches = [Body(fn, []) for fn in (true_fn or fn1, false_fn or fn2)]
    first, second = (b.outputs for b in branches)
    if [t.dtype for t in first] != [t.dtype for t in second]:
        raise UseError(f"tf.cond: expected the same number and dtypes of results. Received: {first} and {second}")
    outputs = [(merge_shapes(a.shape, b.shape), a.dtype) for a, b in zip(first, second, strict=True)]
    found = make_control_op("cond", lambda f, g, p: pel.cond(p, f, g), branches, [convert(pred)], outputs, name)
    return pack_like(branches[0].structure, iter(found))


def merge_shapes(a, b):
    """Return the sizes that two shapes have in common; None if their ranks differ."""
    if a.ndims is None or a.ndims != b.ndims:
        return None
    return [m if m == n else None for m, n in zip(a.as_list(), b.as_list(), strict=True)]


def while_loop(
    cond, body, loop_vars, shape_invariants=None, parallel_iterations=10, back_prop=True, swap_memory=False, name=None,
    maximum_iterations=None,
):  # fmt: skip
    """States after the first step for which the condition is false; with `maximum_iterations` they have gradients."""
    states = [convert(e) for e in flatten(loop_vars)]
    inputs = make_inputs(states)
    arguments = pack_like(loop_vars, iter(inputs))
    arguments = arguments if isinstance(loop_vars, (list, tuple)) else [arguments]
    bodies = [Body(f, inputs, arguments) for f in (cond, body)]
    check_states("tf.while_loop", states, bodies[1].outputs)

    def compute(is_active, step, *exprs):
        return pel.while_loop(lambda *h: is_active(*h)[0], step, exprs, maximum=maximum_iterations)

    found = make_control_op("while", compute, bodies, states, list_specs(states), name)
    return pack_like(loop_vars, iter(found))


def check_states(function, states, new):
    if [t.dtype for t in states] != [t.dtype for t in new]:
        raise UseError(f"{function}: expected new states like {states}. Received: {new}")


def iterate(type, step, xs, states=(), name=None):
    """Return the results of a function for all elements of tensors; the first results are the next states.

    The function receives the elements, and then the states.
    """
    if any(t.shape.ndims == 0 for t in xs):
        raise ShapeError(f"{type}: expected tensors of at least one axis, over which the loop runs. Received: {xs}")
    inputs = [*make_inputs(xs, 1), *make_inputs(states)]
    body = Body(step, inputs, inputs)
    check_states(type, states, body.outputs[: len(states)])
    known = [t.shape[0].value for t in xs if t.shape.dims is not None]

    def compute(call, *exprs):
        return pel.scan(call, exprs[: len(xs)], exprs[len(xs) :])

    outputs = list_specs(body.outputs, [next((n for n in known if n is not None), None)])
    return make_control_op(type, compute, [body], [*xs, *states], outputs, name), body.structure


def scan(
    fn, elems, initializer=None, parallel_iterations=10, back_prop=True, swap_memory=False, infer_shape=True, name=None
):
    """States of all steps of ``fn(state, element)``; the first element is the first state if there is no other."""
    xs, form = [convert(e) for e in flatten(elems)], elems if initializer is None else initializer
    start = [x[0] for x in xs] if initializer is None else [convert(e) for e in flatten(initializer)]
    rest = [x[1:] for x in xs] if initializer is None else xs

    def step(*args):
        elements, states = iter(args[: len(xs)]), iter(args[len(xs) :])
        return fn(pack_like(form, states), pack_like(elems, elements))

    found, _ = iterate("scan", step, rest, start, name)
    if initializer is None:
        join = lambda s, e: pel.concatenate([pel.expand_dims(s, 0), e])
        found = [make_op("concat", join, pair) for pair in zip(start, found, strict=True)]
    return pack_like(form, iter(found))


def map_fn(
    fn, elems, dtype=None, parallel_iterations=10, back_prop=True, swap_memory=False, infer_shape=True, name=None
):
    """Results of a function for each element along the first axis of tensors."""
    step = lambda *args: fn(pack_like(elems, iter(args)))
    found, structure = iterate("map", step, [convert(e) for e in flatten(elems)], name=name)
    return pack_like(structure, iter(found))
