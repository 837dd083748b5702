"""`tf.nn.rnn_cell`, with the names of variables of TensorFlow 1.4, and loops over cells, one step after the other."""

from collections import namedtuple

from pellucid.compat.tensorflow.graph import convert, flatten, pack_like
from pellucid.compat.tensorflow.ops import FUNCTIONS
from pellucid.compat.tensorflow.variables import constant_initializer, get_variable, variable_scope
from pellucid.graph.errors import UseError

LSTMStateTuple = namedtuple("LSTMStateTuple", ["c", "h"])
concat, split, sigmoid, tanh = (FUNCTIONS[n] for n in ("concat", "split", "sigmoid", "tanh"))


class RNNCell:
    """Cell with `state_size` and `output_size`; a call returns an output and the new state."""

    scope = "rnn_cell"

    def __init__(self, num_units, activation=None):
        self.state_size = self.output_size = num_units
        self.activation, self.weights = activation or tanh, {}

    def __call__(self, inputs, state, scope=None):
        with variable_scope(scope, self.scope):
            return self.call(convert(inputs), state)

    def zero_state(self, batch_size, dtype="float32"):
        parts = [FUNCTIONS["zeros"]([batch_size, int(n)], dtype) for n in flatten(self.state_size)]
        return pack_like(self.state_size, iter(parts))

    def linear(self, parts, units, prefix="", bias=0.0):
        """Return a linear function of joined tensors, whose variables are made at the first call."""
        joined = concat(list(parts), 1)
        if prefix not in self.weights:
            kernel = get_variable(f"{prefix}kernel", [joined.shape[1].value, units], joined.dtype)
            start = constant_initializer(bias)
            self.weights[prefix] = kernel, get_variable(f"{prefix}bias", [units], joined.dtype, start)
        kernel, bias = self.weights[prefix]
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

    def __init__(self, num_units, forget_bias=1.0, state_is_tuple=True, activation=None):
        super().__init__(num_units, activation)
        self.forget_bias, self.state_is_tuple = float(forget_bias), state_is_tuple
        self.state_size = LSTMStateTuple(num_units, num_units) if state_is_tuple else 2 * num_units

    def call(self, inputs, state):
        c, h = state if self.state_is_tuple else split(state, 2, 1)
        i, j, f, o = split(self.linear([inputs, h], 4 * self.output_size), 4, 1)
        c = c * sigmoid(f + self.forget_bias) + sigmoid(i) * self.activation(j)
        h = self.activation(c) * sigmoid(o)
        return h, LSTMStateTuple(c, h) if self.state_is_tuple else concat([c, h], 1)


class MultiRNNCell(RNNCell):
    """Cells on top of each other."""

    scope = "multi_rnn_cell"

    def __init__(self, cells):
        self.cells, self.state_size = list(cells), tuple(cell.state_size for cell in cells)
        self.output_size = self.cells[-1].output_size

    def call(self, inputs, state):
        states = []
        for k, cell in enumerate(self.cells):
            with variable_scope(f"cell_{k}"):
                inputs, new = cell(inputs, state[k])
            states.append(new)
        return inputs, tuple(states)


def static_rnn(cell, inputs, initial_state=None, dtype=None, sequence_length=None, scope=None):
    """Run a cell over a list of inputs; finished sequences output 0 and keep their state. `tf.nn.rnn` of 0.x."""
    if initial_state is None and dtype is None:
        raise UseError("Expected an initial_state or a dtype, as in dtype=tf.float32. Received: neither")
    steps, outputs, where = [convert(x) for x in inputs], [], FUNCTIONS["where"]
    with variable_scope(scope, "rnn"):
        batch = steps[0].shape[0].value or FUNCTIONS["shape"](steps[0])[0]
        state = cell.zero_state(batch, dtype) if initial_state is None else initial_state
        for t, x in enumerate(steps):
            output, new = cell(x, state)
            if sequence_length is not None:
                active = FUNCTIONS["less"](t, convert(sequence_length))
                output = where(active, output, FUNCTIONS["zeros_like"](output))
                new = pack_like(new, (where(active, a, b) for a, b in zip(flatten(new), flatten(state), strict=True)))
            state, outputs = new, [*outputs, output]
    return outputs, state


def dynamic_rnn(cell, inputs, sequence_length=None, initial_state=None, dtype=None, scope=None, time_major=False):
    """Run a cell over sequences, whose length must be known before the graph runs."""
    axis = 0 if time_major else 1
    steps = FUNCTIONS["unstack"](inputs, axis=axis)
    outputs, state = static_rnn(cell, steps, initial_state, dtype, sequence_length, scope)
    return FUNCTIONS["stack"](outputs, axis), state
