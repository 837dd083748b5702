"""Sessions of TensorFlow 1: each `run` is one compiled function of pellucid, and each session has its own variables.

All variables are read before a run assigns to them, except by operations that depend on an assignment through their
inputs or through `tf.control_dependencies`; these read the new value. Assignments run in the order in which they were
made. Functions are cached by the fetches and the shapes of the feeds.
"""

import contextlib
import os

import numpy as np

from pellucid.compat.programs import RECORDER
from pellucid.compat.tensorflow import graph as graphs
from pellucid.compat.tensorflow.graph import FailedPreconditionError, InvalidArgumentError, Tensor
from pellucid.graph.errors import DtypeError, UseError
from pellucid.graph.expr import Input, Shared, as_expr, constant
from pellucid.graph.ops.random import Generator
from pellucid.graph.source_location import inherited_location
from pellucid.run.function_builder import function


class Trace:
    """Expressions of the tensors of one run, computed in the order of the graph.

    `values` are the expressions of tensors, at first of those that are fed. `written` are the new values of variables
    after each assignment, and `state` are the latest of them.
    """

    def __init__(self, session, values):
        self.session, self.values = session, dict(values)
        self.written, self.state, self.op, self.reads = {}, {}, None, False

    def compute(self, targets):
        found, stack = set(), [getattr(t, "op", t) for t in targets if t not in self.values]
        while stack:
            op = stack.pop()
            if op not in found:
                found.add(op)
                stack += [*op.control_inputs, *(t.op for t in op.inputs if t not in self.values)]
        graphs.TRACES.append(self)
        try:
            for op in sorted(found, key=lambda op: op.index):
                if op.fn is not None:
                    self.run_op(op)
        finally:
            graphs.TRACES.pop()

    def read(self, tensor, op):
        if tensor in self.values:
            return self.values[tensor]
        if tensor.op.type == "Placeholder":
            spec = f"of {tensor.dtype} and shape {tensor.shape}: sess.run(..., feed_dict={{x: value}})"
            raise InvalidArgumentError(f"You must feed a value for the placeholder {tensor.op.describe()}, {spec}")
        known = [w for w in op.reads_like.before if tensor in self.written.get(w, ())]
        return self.written[max(known, key=lambda w: w.index)][tensor] if known else self.read_initial(tensor)

    def read_initial(self, variable):
        self.reads = True
        if variable not in self.session.initialized:
            advice = "Run sess.run(tf.global_variables_initializer()) after all variables and optimizers are made"
            raise FailedPreconditionError(f"Attempting to use uninitialized value {variable.op.describe()}. {advice}")
        return self.session.shared[variable]

    def read_latest(self, variable):
        return self.state[variable] if variable in self.state else self.read_initial(variable)

    def run_op(self, op):
        results = graphs.call_op(op, [self.read(t, op) for t in op.inputs])
        if op.targets:
            results = [as_expr(e, v.dtype) for e, v in zip(results, op.targets, strict=True)]
            self.written[op] = dict(zip(op.targets, results, strict=True))
            self.state.update(self.written[op])
        for tensor, e in zip(op.outputs, results, strict=False):
            self.values.setdefault(tensor, e)

    def get_generator(self, seed):
        """Return the generator of the current operation, seeded as TensorFlow does: by the graph and the operation."""
        session, op, base = self.session, self.op, self.session.graph.seed
        if op not in session.generators:
            number = ((87654321 if base is None else base) % 2**32) * 2**32 + (op.index if seed is None else seed)
            is_free = base is None and seed is None
            session.generators[op] = Generator(int.from_bytes(os.urandom(8), "little") if is_free else number)
        return session.generators[op]


class Session:
    def __init__(self, target="", graph=None, config=None):
        self.graph = self.graph_def = graph or graphs.GRAPHS[-1]
        self.shared, self.initialized, self.generators, self.closed = {}, set(), {}, False
        self.programs, self.feeds, self.sizes = {}, {}, set()

    def run(self, fetches, feed_dict=None, options=None, run_metadata=None):
        if self.closed:
            raise UseError("Attempted to use a closed Session. Make another one, or run it inside its `with` block")
        key, values, feeds = graphs.flatten(fetches), [], feed_dict or {}
        for name, value in feeds.items():
            if name not in self.feeds:
                tensor = self.graph.find(name, Tensor)
                self.feeds[name] = tensor, tensor.dtype
            tensor, dtype = self.feeds[name]
            if type(value) is not np.ndarray or value.dtype is not dtype:
                value = convert_feed(value, tensor)
            values.append(value)
            key += (name, int(value) if tensor in self.sizes else value.shape)
        program = self.programs.get(tuple(key))
        if program is None:
            fetched, tensors = [self.graph.find(e) for e in graphs.flatten(fetches)], [self.feeds[n][0] for n in feeds]
            inputs = [Input(t.op.name, v.shape, t.dtype) for t, v in zip(tensors, values, strict=True)]
            try:
                program = self.programs[tuple(key)] = self.build(fetched, tensors, values, inputs)
            except graphs.SizesFedError as error:
                self.sizes.update(t for t, e in zip(tensors, inputs, strict=True) if e in error.args[0])
                return self.run(fetches, feed_dict)
        return graphs.pack_like(fetches, iter(program(values)))

    def build(self, fetched, tensors, values, inputs):
        for tensor, value in zip(tensors, values, strict=True):
            if not tensor.shape.is_compatible_with(value.shape):
                message = f"Cannot feed a value of shape {value.shape} for the tensor {tensor.name!r}"
                raise InvalidArgumentError(f"{message}, which has shape {tensor.shape}")
        # A program is compiled for each value of an integer that is a size, which is a constant of the program.
        fed = [constant(v) if t in self.sizes else e for t, v, e in zip(tensors, values, inputs, strict=True)]
        trace = Trace(self, dict(zip(tensors, fed, strict=True)))
        trace.compute(fetched)
        outputs = list(dict.fromkeys(t for t in fetched if isinstance(t, Tensor) and t.op.text is None))
        updates = {self.get_shared(v, e): e for v, e in trace.state.items()}
        # A run of initializers happens once, so it is interpreted instead of compiled.
        mode = "auto" if trace.reads or inputs else "numpy"
        exprs = [trace.read(t, t.op) for t in outputs]
        compiled = function(inputs, exprs, updates=updates, on_unused_input="ignore", mode=mode)
        if mode == "auto":
            RECORDER.add("Session.run", compiled)
        order = [outputs.index(t) if t in outputs else len(outputs) + i for i, t in enumerate(fetched)]
        others = [t.op.text if isinstance(t, Tensor) else None for t in fetched]
        pending = set(trace.state) - self.initialized

        def run(values):
            results = [*compiled(*values), *others]
            if pending:
                self.initialized |= pending
                pending.clear()
                self.programs.clear()  # a program may depend on which variables have values
            return [results[i] for i in order]

        return run

    def get_shared(self, variable, value):
        if variable not in self.shared:
            shape = [d if isinstance(d, int) else 0 for d in value.shape]
            token = inherited_location.set(variable.op.location)  # errors name the line that made the variable
            self.shared[variable] = Shared(np.zeros(shape, variable.dtype), variable.op.name)
            inherited_location.reset(token)
        return self.shared[variable]

    def set_value(self, variable, value):
        array, name = np.asarray(value, variable.dtype), variable.op.name
        if not variable.shape.is_compatible_with(array.shape):
            raise InvalidArgumentError(f"Variable {name!r} has shape {variable.shape}. Received: shape {array.shape}")
        self.get_shared(variable, array).set_value(array)
        self.initialized.add(variable)
        self.programs.clear()

    def close(self):
        self.closed = True
        self.programs.clear()
        self.shared.clear()
        graphs.remove_last(graphs.SESSIONS, self)

    @contextlib.contextmanager
    def as_default(self):
        with graphs.push(graphs.SESSIONS, self), graphs.push(graphs.GRAPHS, self.graph):
            yield self

    def __enter__(self):
        self.context = self.as_default()
        return self.context.__enter__()

    def __exit__(self, *error):
        self.context.__exit__(*error)
        self.close()


class InteractiveSession(Session):
    def __init__(self, target="", graph=None, config=None):
        super().__init__(target, graph, config)
        graphs.SESSIONS.append(self)
        graphs.GRAPHS.append(self.graph)

    def close(self):
        super().close()
        graphs.remove_last(graphs.GRAPHS, self.graph)


def convert_feed(value, tensor):
    if isinstance(value, Tensor):
        raise UseError(f"The value of a feed cannot be a tensor. Received: {value!r}. Run it first: sess.run(tensor)")
    array, wanted, name = np.asarray(value), tensor.dtype, tensor.name
    if array.dtype.kind == "f" and wanted.kind in "iu" and not np.array_equal(array, array.astype(wanted)):
        raise DtypeError(f"Expected values of {wanted} for {name!r}. Received: {value!r}")
    try:
        return array.astype(wanted)
    except (TypeError, ValueError):
        raise DtypeError(f"Expected rows of {wanted} of one length for {name!r}. Received: {array.dtype}") from None
