"""Loops over recurrent cells: `tf.nn.dynamic_rnn`, `tf.nn.static_rnn` and `tf.nn.rnn`."""

# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from pellucid.compat.tensorflow.control import pack_like, scan_op
from pellucid.compat.tensorflow.graph import convert, flatten, make_op
from pellucid.compat.tensorflow.ops import FUNCTIONS, shape, where, zeros_like
from pellucid.compat.tensorflow.types import check_neutral
from pellucid.compat.tensorflow.variables import variable_scope
from pellucid.graph.errors import UseError
from pellucid.graph.operators import FUNCTIONS as OPS

TRANSPOSE = FUNCTIONS["transpose"]


def get_initial_state(cell, batch, initial_state, dtype):
    if initial_state is not None:
        return initial_state
    if dtype is None:
        raise UseError("Expected an initial_state or a dtype, as in dtype=tf.float32. Received: neither")
    return cell.zero_state(batch, dtype)


def step_masked(cell, x, state, active):
    """Return the output and the state of a step; finished sequences output 0 and keep their state."""
    output, new = cell(x, state)
    states = flatten(new)
    if active is not None:
        states = [where(active, a, b) for a, b in zip(states, flatten(state), strict=True)]
        output = where(active, output, zeros_like(output))
    return output, states


def dynamic_rnn(cell, inputs, sequence_length=None, initial_state=None, dtype=None, **options):
    """Run a cell over sequences as one compiled loop."""
    time_major, scope = options.pop("time_major", False), options.pop("scope", None)
    check_neutral("tf.nn.dynamic_rnn", options)
    x = convert(inputs)
    batch = x.static_shape[1 if time_major else 0].value or shape(x)[1 if time_major else 0]
    lengths = None if sequence_length is None else convert(sequence_length)
    with variable_scope(scope, "rnn"):
        first = get_initial_state(cell, batch, initial_state, dtype)
        steps = x if time_major else TRANSPOSE(x, [1, 0, *range(2, x.static_shape.ndims or 3)])
        numbers = make_op("range", lambda e: OPS["arange_like"](e, dtype="int32"), [steps], dtype="int32")

        def step(x, t, *states):
            active = None if lengths is None else t < lengths_now
            output, new = step_masked(cell, x, pack_like(first, list(states)), active)
            return [*new, output]

        lengths_now = None if lengths is None else FUNCTIONS["identity"](lengths)
        inits = [convert(s) for s in flatten(first)]
        last, stacked = scan_op(step, [steps, numbers], inits)
    outputs = stacked[-1] if time_major else TRANSPOSE(stacked[-1], [1, 0, 2])
    return outputs, pack_like(first, last)


def static_rnn(cell, inputs, initial_state=None, dtype=None, sequence_length=None, scope=None):
    """Run a cell over a list of inputs, one after the other; `tf.nn.rnn` of 0.x."""
    steps, outputs = [convert(x) for x in inputs], []
    with variable_scope(scope, "rnn"):
        batch = steps[0].static_shape[0].value or shape(steps[0])[0]
        state = get_initial_state(cell, batch, initial_state, dtype)
        for t, x in enumerate(steps):
            active = None if sequence_length is None else FUNCTIONS["less"](t, convert(sequence_length))
            output, new = step_masked(cell, x, state, active)
            state = pack_like(state, new)
            outputs.append(output)
    return outputs, state
