"""`tf.nn.rnn_cell`: recurrent cells, with the names of variables of TensorFlow 1.4."""

# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from collections import namedtuple
from typing import Any

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.tensorflow import nn_functions as nn
from pellucid.compat.tensorflow.control import pack_like
from pellucid.compat.tensorflow.graph import convert, flatten
from pellucid.compat.tensorflow.ops import FUNCTIONS, concat, split, zeros
from pellucid.compat.tensorflow.variables import constant_initializer, get_variable, variable_scope, zeros_initializer
from pellucid.graph.errors import OptionError

LSTMStateTuple = namedtuple("LSTMStateTuple", ["c", "h"])
TANH, SIGMOID, MATMUL, ADD = (FUNCTIONS[n] for n in ("tanh", "sigmoid", "matmul", "add"))


class RNNCell:
    """Cell with `state_size` and `output_size`; a call returns an output and the new state."""

    scope = "rnn_cell"
    state_size: Any
    output_size: Any

    def __init__(self):
        self.weights: dict[str, Any] = {}

    def __call__(self, inputs, state, scope=None):
        with variable_scope(scope, self.scope):
            return self.call(convert(inputs), state)

    def call(self, inputs, state):
        raise NotImplementedError

    def zero_state(self, batch_size, dtype="float32"):
        parts = [zeros([batch_size, int(n)], dtype) for n in flatten(self.state_size)]
        return pack_like(self.state_size, parts)

    def linear(self, parts, units, name="", bias=None, kernel=None):
        """Return a linear function of joined tensors, whose variables are made at the first call."""
        joined = concat(list(parts), 1)
        if name not in self.weights:
            prefix = name and name + "/"
            shape = [joined.static_shape[1].value, units]
            self.weights[name] = (
                get_variable(prefix + "kernel", shape, joined.dtype, kernel),
                get_variable(prefix + "bias", [units], joined.dtype, bias or zeros_initializer()),
            )
        w, b = self.weights[name]
        return ADD(MATMUL(joined, w), b)


class BasicRNNCell(RNNCell):
    """Elman's cell."""

    scope = "basic_rnn_cell"

    def __init__(self, num_units, activation=None, reuse=None):
        super().__init__()
        self.state_size = self.output_size = num_units
        self.activation: Any = activation or TANH

    def call(self, inputs, state):
        output = self.activation(self.linear([inputs, state], self.state_size))
        return output, output


class GRUCell(BasicRNNCell):
    """Gated recurrent unit, with the reset gate before the product."""

    scope = "gru_cell"

    def call(self, inputs, state):
        gates = SIGMOID(self.linear([inputs, state], 2 * self.state_size, "gates", constant_initializer(1.0)))
        r, u = split(gates, 2, 1)
        candidate = self.activation(self.linear([inputs, r * state], self.state_size, "candidate"))
        output = u * state + (1 - u) * candidate
        return output, output


class BasicLSTMCell(RNNCell):
    """Long short-term memory. Without `state_is_tuple`, the state is one matrix with c and h, as in 0.x."""

    scope = "basic_lstm_cell"

    def __init__(
        self, num_units, forget_bias=1.0, state_is_tuple=True, activation=None, reuse=None, *, initializer=None
    ):
        super().__init__()
        self.num_units, self.forget_bias, self.state_is_tuple = num_units, float(forget_bias), state_is_tuple
        self.activation, self.initializer = activation or TANH, initializer
        self.output_size = num_units
        self.state_size = LSTMStateTuple(num_units, num_units) if state_is_tuple else 2 * num_units

    def call(self, inputs, state):
        c, h = state if self.state_is_tuple else split(state, 2, 1)
        gates = self.linear([inputs, h], 4 * self.num_units, kernel=self.initializer)
        i, j, f, o = split(gates, 4, 1)
        new_c = c * SIGMOID(f + self.forget_bias) + SIGMOID(i) * self.activation(j)
        new_h = self.activation(new_c) * SIGMOID(o)
        return new_h, LSTMStateTuple(new_c, new_h) if self.state_is_tuple else concat([new_c, new_h], 1)


class LSTMCell(BasicLSTMCell):
    """Long short-term memory without peepholes and projections."""

    scope = "lstm_cell"

    def __init__(
        self,
        num_units,
        use_peepholes=False,
        cell_clip=None,
        initializer=None,
        num_proj=None,
        forget_bias=1.0,
        state_is_tuple=True,
        activation=None,
        reuse=None,
    ):
        if use_peepholes or cell_clip is not None or num_proj is not None:
            raise OptionError("LSTMCell: use_peepholes, cell_clip and num_proj are not in pellucid.compat")
        super().__init__(num_units, forget_bias, state_is_tuple, activation, initializer=initializer)


class MultiRNNCell(RNNCell):
    """Cells on top of each other."""

    scope = "multi_rnn_cell"

    def __init__(self, cells, state_is_tuple=True):
        super().__init__()
        if not state_is_tuple:
            raise OptionError("MultiRNNCell: expected state_is_tuple=True")
        self.cells = list(cells)
        self.state_size = tuple(cell.state_size for cell in self.cells)
        self.output_size = self.cells[-1].output_size

    def call(self, inputs, state):
        states = []
        for k, (cell, before) in enumerate(zip(self.cells, state, strict=True)):
            with variable_scope(f"cell_{k}"):
                inputs, new = cell(inputs, before)
            states.append(new)
        return inputs, tuple(states)


class DropoutWrapper(RNNCell):
    """Dropout on the inputs and outputs of a cell."""

    def __init__(self, cell, input_keep_prob=1.0, output_keep_prob=1.0, state_keep_prob=1.0, seed=None):
        super().__init__()
        if not isinstance(state_keep_prob, float) or state_keep_prob != 1.0:
            raise OptionError("DropoutWrapper: state_keep_prob is not in pellucid.compat")
        self.cell, self.keep, self.seed = cell, (input_keep_prob, output_keep_prob), seed
        self.state_size, self.output_size = cell.state_size, cell.output_size

    def __call__(self, inputs, state, scope=None):
        output, new = self.cell(self.drop(inputs, self.keep[0]), state, scope)
        return self.drop(output, self.keep[1]), new

    def drop(self, x, keep):
        return x if isinstance(keep, float) and keep == 1.0 else nn.dropout(x, keep, seed=self.seed)


add_missing_name_errors(globals(), "tensorflow.nn.rnn_cell")
