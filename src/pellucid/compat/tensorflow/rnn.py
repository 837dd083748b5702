"""`tf.nn.rnn_cell`, with the names of variables of TensorFlow 1.4, and the networks that `tf.nn` makes of cells."""

import re
from collections import namedtuple

import pellucid as pel
from pellucid.compat.tensorflow.control_flow import iterate
from pellucid.compat.tensorflow.graph import convert, flatten, make_op, pack_like
from pellucid.compat.tensorflow.ops import FUNCTIONS
from pellucid.compat.tensorflow.train import constant_initializer, get_variable, get_variable_scope, variable_scope
from pellucid.graph.errors import OptionError, UseError

LSTMStateTuple = namedtuple("LSTMStateTuple", ["c", "h"])
concat, split, sigmoid, tanh = (FUNCTIONS[n] for n in ("concat", "split", "sigmoid", "tanh"))


class RNNCell:
    """Cell with `state_size` and `output_size`; a call returns an output and the new state."""

    scope, initializer = "rnn_cell", None

    def __init__(self, num_units, input_size=None, activation=None, initializer=None):
        self.state_size = self.output_size = num_units
        self.activation, self.initializer, self.weights = activation or tanh, initializer, {}

    def __call__(self, inputs, state, scope=None):
        with variable_scope(scope, self.scope, initializer=self.initializer):
            return self.call(convert(inputs), state)

    def zero_state(self, batch_size, dtype="float32"):
        parts = [FUNCTIONS["zeros"]([batch_size, int(n)], dtype) for n in flatten(self.state_size)]
        return pack_like(self.state_size, iter(parts))

    def linear(self, parts, units, prefix="", bias=0.0):
        """Return a linear function of joined tensors, whose variables are made at the first call.

        A cell that is used in several layers or directions has separate variables for each.
        """
        joined, places = concat(list(parts), 1), re.findall(r"\b(?:cell_\d+|[fb]w)/", get_variable_scope().name + "/")
        if (prefix, *places) not in self.weights:
            kernel = get_variable(f"{prefix}kernel", [joined.shape[1].value, units], joined.dtype)
            start = constant_initializer(bias)
            self.weights[prefix, *places] = kernel, get_variable(f"{prefix}bias", [units], joined.dtype, start)
        kernel, bias = self.weights[prefix, *places]
        return FUNCTIONS["matmul"](joined, kernel) + bias


class BasicRNNCell(RNNCell):
    scope = "basic_rnn_cell"

    def call(self, inputs, state):
        return (self.activation(self.linear([inputs, state], self.state_size)),) * 2


class GRUCell(RNNCell):
    scope = "gru_cell"

    def call(self, inputs, state):
        r, u = split(sigmoid(self.linear([inputs, state], 2 * self.state_size, "gates/", 1.0)), 2, 1)
        candidate = self.activation(self.linear([inputs, r * state], self.state_size, "candidate/"))
        return (u * state + (1.0 - u) * candidate,) * 2


class BasicLSTMCell(RNNCell):
    """Long short-term memory. Without `state_is_tuple`, the state is one matrix with c and h, as in 0.x."""

    scope = "basic_lstm_cell"

    def __init__(self, num_units, forget_bias=1.0, input_size=None, state_is_tuple=True, **options):
        super().__init__(num_units, **options)
        self.forget_bias, self.state_is_tuple = float(forget_bias), state_is_tuple
        self.state_size = LSTMStateTuple(num_units, num_units) if state_is_tuple else 2 * num_units

    def call(self, inputs, state):
        c, h = state if self.state_is_tuple else split(state, 2, 1)
        i, j, f, o = split(self.linear([inputs, h], 4 * self.output_size), 4, 1)
        c = c * sigmoid(f + self.forget_bias) + sigmoid(i) * self.activation(j)
        h = self.activation(c) * sigmoid(o)
        return h, LSTMStateTuple(c, h) if self.state_is_tuple else concat([c, h], 1)


class LSTMCell(BasicLSTMCell):
    """`BasicLSTMCell` with other arguments; peepholes and projections are not supported."""

    scope = "lstm_cell"

    def __init__(self, num_units, input_size=None, use_peepholes=False, **options):
        if use_peepholes or input_size is True:  # TensorFlow 1 has no input_size
            raise OptionError("LSTMCell: use_peepholes=True is not in pellucid.compat. Leave it out")
        super().__init__(num_units, **options)


class MultiRNNCell(RNNCell):
    """Cells on top of each other."""

    scope = "multi_rnn_cell"

    def __init__(self, cells, state_is_tuple=True):
        self.cells, self.sizes, self.state_is_tuple = cells, [cell.state_size for cell in cells], state_is_tuple
        self.state_size = tuple(self.sizes) if state_is_tuple else sum(self.sizes)
        self.output_size = cells[-1].output_size

    def call(self, inputs, state):
        old, states = state if self.state_is_tuple else split(state, self.sizes, 1), []
        for k, cell in enumerate(self.cells):
            with variable_scope(f"cell_{k}"):
                inputs, new = cell(inputs, old[k])
            states.append(new)
        return inputs, tuple(states) if self.state_is_tuple else concat(states, 1)


class DropoutWrapper(RNNCell):
    """Cell with dropout of its inputs and outputs."""

    def __init__(self, cell, input_keep_prob=1.0, output_keep_prob=1.0, seed=None):
        self.cell, self.keep, self.seed = cell, (input_keep_prob, output_keep_prob), seed
        self.state_size, self.output_size = cell.state_size, cell.output_size

    def __call__(self, inputs, state, scope=None):
        is_on = lambda keep: not isinstance(keep, (int, float)) or keep < 1
        drop = lambda x, keep: FUNCTIONS["dropout"](x, keep, seed=self.seed) if is_on(keep) else x
        output, new = self.cell(drop(inputs, self.keep[0]), state, scope)
        return drop(output, self.keep[1]), new


def start_states(cell, x, axis, initial_state, dtype):
    """Return the tensors of the initial state of a cell for inputs whose samples are along an axis."""
    if initial_state is None and dtype is None:
        raise UseError("Expected an initial_state or a dtype, as in dtype=tf.float32. Received: neither")
    known = None if x.shape.dims is None else x.shape[axis].value
    state = cell.zero_state(known or FUNCTIONS["shape"](x)[axis], dtype) if initial_state is None else initial_state
    states, sizes = [convert(s) for s in flatten(state)], flatten(cell.state_size)
    if len(states) != len(sizes):
        advice = f"tf.split(state, {len(sizes)}, 1) splits a joined state"
        raise UseError(f"Expected an initial_state like {cell.state_size}. Received: {state}. {advice}")
    declare = lambda s, n: make_op("Identity", lambda e: e, [s], outputs=[([None, n], s.dtype)])
    is_known = lambda s, n: s.shape.is_fully_defined() or not isinstance(n, int)
    return [s if is_known(s, n) else declare(s, n) for s, n in zip(states, sizes, strict=True)]


def call_cell(cell, x, state, t, lengths):
    """Return the output and the new state of a step; a finished sequence outputs 0 and keeps its state."""
    output, new = cell(x, state)
    if lengths is None:
        return output, new
    where, active = FUNCTIONS["where"], FUNCTIONS["less"](t, lengths)
    kept = [where(active, a, b) for a, b in zip(flatten(new), flatten(state), strict=True)]
    return where(active, output, FUNCTIONS["zeros_like"](output)), pack_like(new, iter(kept))


def static_rnn(cell, inputs, initial_state=None, dtype=None, sequence_length=None, scope=None):
    """Run a cell over a list of inputs, in a loop too, which compiles faster. It is `tf.nn.rnn` of 0.x."""
    x = FUNCTIONS["stack"](list(inputs))
    outputs, state = dynamic_rnn(cell, x, sequence_length, initial_state, dtype, time_major=True, scope=scope)
    return FUNCTIONS["unstack"](outputs), state


def dynamic_rnn(
    cell, inputs, sequence_length=None, initial_state=None, dtype=None, parallel_iterations=None, swap_memory=False,
    time_major=False, scope=None,
):  # fmt: skip
    """Run a cell over sequences of any length in a loop."""
    swap = lambda e: pel.swapaxes(e, 0, 1)
    x = convert(inputs)
    x = x if time_major else make_op("transpose", swap, [x])
    lengths = None if sequence_length is None else FUNCTIONS["to_int32"](sequence_length)
    with variable_scope(scope, "rnn"):
        start = start_states(cell, x, 1, initial_state, dtype)
        numbers = make_op("range", lambda e: pel.arange(pel.size(e, axis=0), dtype="int32"), [x])

        def step(x, t, *states):
            output, new = call_cell(cell, x, pack_like(cell.state_size, iter(states)), t, lengths)
            return [*flatten(new), output]

        (*states, outputs), _ = iterate("rnn", step, [x, numbers], start)
    outputs = outputs if time_major else make_op("transpose", swap, [outputs])
    return outputs, pack_like(cell.state_size, iter([s[-1] for s in states]))


def static_bidirectional_rnn(
    cell_fw, cell_bw, inputs, initial_state_fw=None, initial_state_bw=None, dtype=None, sequence_length=None, scope=None
):
    """Run two cells over a list of inputs, forwards and backwards, and join their outputs."""
    cells, states = (cell_fw, cell_bw), (initial_state_fw, initial_state_bw)
    options = {"dtype": dtype, "time_major": True, "scope": scope}
    x = FUNCTIONS["stack"](list(inputs))
    outputs, states = bidirectional_dynamic_rnn(*cells, x, sequence_length, *states, **options)
    return FUNCTIONS["unstack"](concat(list(outputs), 2)), *states


def bidirectional_dynamic_rnn(
    cell_fw, cell_bw, inputs, sequence_length=None, initial_state_fw=None, initial_state_bw=None, dtype=None,
    parallel_iterations=None, swap_memory=False, time_major=False, scope=None,
):  # fmt: skip
    """Run two cells over sequences, forwards and backwards; return pairs of outputs and of states."""
    axis = 0 if time_major else 1
    if sequence_length is None:
        reverse = lambda x: FUNCTIONS["reverse"](x, [axis])
    else:
        reverse = lambda x: FUNCTIONS["reverse_sequence"](x, sequence_length, axis, 1 - axis)
    options = {"dtype": dtype, "time_major": time_major}
    with variable_scope(scope, "bidirectional_rnn"):
        first, last = dynamic_rnn(cell_fw, inputs, sequence_length, initial_state_fw, scope="fw", **options)
        second, other = dynamic_rnn(
            cell_bw, reverse(convert(inputs)), sequence_length, initial_state_bw, scope="bw", **options
        )
    return (first, reverse(second)), (last, other)
