"""Sessions of TensorFlow 1: each `run` is one compiled function of pellucid, and each session has its own variables.

All variables are read before a run assigns to them, except by operations that depend on an assignment through their
inputs or through `tf.control_dependencies`; these read the new value. Assignments run in the order in which they were
made. Functions are cached by what is fetched and by the shapes that are fed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.compat.programs import RECORDER
from pellucid.compat.tensorflow import graph as graphs
from pellucid.compat.tensorflow.graph import (
    SESSIONS,
    TRACES,
    Graph,
    NotStaticError,
    Operation,
    Tensor,
    TensorMethods,
    UnknownShapeError,
    get_default_graph,
    remove_last,
)
from pellucid.compat.tensorflow.types import FailedPreconditionError, InvalidArgumentError
from pellucid.errors import PellucidError
from pellucid.graph.errors import DtypeError, UseError
from pellucid.graph.expr import Expr, Input, Shared, as_expr, constant
from pellucid.graph.operators import FUNCTIONS
from pellucid.graph.ops.random import Generator
from pellucid.graph.source_location import inherited_location
from pellucid.run.function import Function
from pellucid.run.function_builder import function

DEFAULT_SEED = 87654321
"""Seed of the graph if only an operation has one, as in TensorFlow."""


class Trace:
    """Expressions of the tensors of one run, computed in the order of the graph.

    Attributes
    ----------
    values : dict from Tensor to Expr
        Expressions of tensors, at first of those that are fed.
    written : dict from Operation to dict from Variable to Expr
        New values of variables after an assignment.
    state : dict from Variable to Expr
        The latest values of the variables that were assigned.
    """

    def __init__(self, session: Session, values: Mapping[Tensor, Expr], start: int = 0) -> None:
        self.session, self.start = session, start
        self.values: dict[Tensor, Expr] = dict(values)
        self.written: dict[Operation, dict[Any, Expr]] = {}
        self.state: dict[Any, Expr] = {}
        self.op: Operation | None = None
        self.checks_initialization: bool = False
        self.reads: bool = False
        self.printed: list[tuple[str, Sequence[Expr]]] = []

    def compute(self, targets: Iterable[Tensor | Operation]) -> None:
        """Compute the expressions of tensors, and run operations."""
        TRACES.append(self)
        try:
            for op in find_needed(targets, self.values, self.start):
                self.run_op(op)
        finally:
            TRACES.remove(self)

    def read(self, tensor: Tensor, op: Operation) -> Expr:
        """Return the expression of an input of an operation."""
        found = self.values.get(tensor)
        if found is not None:
            return found
        variable = tensor.op.variable
        if variable is None:
            raise InvalidArgumentError(
                f"You must feed a value for the placeholder {tensor.op.describe()}, of {tensor.dtype.name} and shape "
                f"{tensor.static_shape}: sess.run(..., feed_dict={{x: value}})"
            )
        known = [w for w in op.reads_like.before if variable in self.written.get(w, ())]
        return self.written[max(known, key=lambda w: w.index)][variable] if known else self.read_initial(variable)

    def read_initial(self, variable: Any) -> Expr:
        """Return the value of a variable before the run."""
        self.reads = True
        if variable not in self.session.initialized:
            raise FailedPreconditionError(
                f"Attempting to use uninitialized value {variable.op.describe()}. Run its initializer first: "
                "sess.run(tf.global_variables_initializer()), after all variables and optimizers are made"
            )
        return self.session.shared[variable]

    def read_latest(self, variable: Any) -> Expr:
        """Return the value of a variable after the assignments so far."""
        found = self.state.get(variable)
        return self.read_initial(variable) if found is None else found

    def run_op(self, op: Operation) -> None:
        if op.variable is not None or op.host is not None or op.fn is None:
            return
        args = [self.read(t, op) for t in op.inputs]
        outer, self.op = self.op, op
        token = inherited_location.set(op.location)
        try:
            if not op.targets:
                result = op.fn(*args)
                results = list(result) if isinstance(result, (list, tuple)) else [as_expr(result)]
            else:
                results = self.assign(op, op.fn(self.read_latest, *args))
        except PellucidError as error:
            if not any("in the operation" in note for note in getattr(error, "__notes__", ())):
                error.add_note(f"  in the operation {op.describe()}")
            raise
        finally:
            self.op = outer
            inherited_location.reset(token)
        for tensor, e in zip(op.outputs, results, strict=False):
            self.values.setdefault(tensor, e)

    def assign(self, op: Operation, new: Sequence[Any]) -> list[Expr]:
        values = [as_expr(e, v.dtype.numpy) for e, v in zip(new, op.targets, strict=True)]
        for k, variable in enumerate(op.targets):
            for predicate, truth in op.guards:
                condition = self.read(predicate, op)
                old = self.read_latest(variable)
                values[k] = FUNCTIONS["where"](condition, *((values[k], old) if truth else (old, values[k])))
        self.written[op] = dict(zip(op.targets, values, strict=True))
        self.state.update(self.written[op])
        return values[:1]

    def get_generator(self, seed: int | None) -> Generator:
        """Return the random number generator of the current operation."""
        assert self.op is not None
        return self.session.get_generator(self.op, seed)


def find_needed(targets: Iterable[Any], known: Mapping[Tensor, Expr], start: int) -> list[Operation]:
    """Return the operations from `start` on that targets depend on and that are not known, in their order."""
    found: set[Operation] = set()
    stack = [t.op if isinstance(t, Tensor) else t for t in targets if t not in known]
    while stack:
        op = stack.pop()
        if op in found or op.index < start:
            continue
        found.add(op)
        stack += op.control_inputs
        stack += [t.op for t in op.inputs if t not in known]
        stack += [t.op for t, _ in op.guards if t not in known]
    return sorted(found, key=lambda op: op.index)


def current_trace() -> Trace:
    """Return the trace in progress; raises UnknownShapeError while an operation is made."""
    if not TRACES:
        raise UnknownShapeError
    return TRACES[-1]


class Plan:
    """A structure of fetches, and its compiled functions by the fed tensors, their shapes and static values."""

    def __init__(self, elements: list[Any], pack: Callable[[Sequence[Any]], Any]) -> None:
        self.elements, self.pack = elements, pack
        self.programs: dict[Any, Callable[[list[Any]], list[Any]]] = {}
        self.static: dict[Any, tuple[int, ...]] = {}
        """Positions of the fed values that shapes depend on, by the fed tensors."""


class Session:
    """Runs a graph; see the module."""

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None) -> None:
        self.graph: Graph = graph or get_default_graph()
        self.shared: dict[Any, Shared] = {}
        self.initialized: set[Any] = set()
        self.plans: dict[Any, Plan] = {}
        self.generators: dict[Operation, Generator] = {}
        self.feed_keys: dict[Any, Tensor] = {}
        self.closed: bool = False

    def run(self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None) -> Any:
        """Compute fetches, with values for tensors. Options of profiling change no result and are accepted."""
        if self.closed:
            raise UseError("Attempted to use a closed Session. Make another one, or run it inside its `with` block")
        try:
            plan = self.plans.get((type(fetches), *fetches) if isinstance(fetches, (list, tuple)) else fetches)
        except TypeError:  # nested lists and dicts
            plan = None
        if plan is None:
            plan = self.find_plan(fetches)
        values = self.convert_feeds(feed_dict) if feed_dict else []
        keys = tuple(feed_dict) if feed_dict else ()
        key = self.make_key(plan, keys, values)
        program = plan.programs.get(key)
        if program is None:
            program, keep = self.build(plan, keys, values)
            if keep:
                plan.programs[self.make_key(plan, keys, values)] = program
        return plan.pack(program(values))

    def convert_feeds(self, feed_dict: Mapping[Any, Any]) -> list[Any]:
        """Return the fed values as arrays of the dtypes of their tensors."""
        values = []
        for key, value in feed_dict.items():
            tensor = self.feed_keys[key] if key in self.feed_keys else self.find_feed(key)
            is_ready = type(value) is np.ndarray and value.dtype is tensor.dtype.numpy
            values.append(value if is_ready else convert_feed(value, tensor))
        return values

    def make_key(self, plan: Plan, keys: tuple[Any, ...], values: list[Any]) -> Any:
        """Return the key of a program: the fed tensors, their shapes, and the values that shapes depend on."""
        static = plan.static.get(keys, ()) if plan.static else ()
        return (keys, *[v.shape for v in values], *[values[i].tobytes() for i in static])

    def find_plan(self, fetches: Any) -> Plan:
        elements: list[Any] = []
        key, pack = self.read_fetches(fetches, elements)
        if key not in self.plans:
            self.plans[key] = Plan(elements, pack)
        return self.plans[key]

    def read_fetches(self, fetches: Any, elements: list[Any]) -> tuple[Any, Callable[[Sequence[Any]], Any]]:
        """Return a hashable key of fetches and a function that packs values into their structure; list the elements."""
        if isinstance(fetches, Mapping):
            pairs = [self.read_fetches(v, elements) for v in fetches.values()]
            names = list(fetches)
            key: Any = ("dict", *names, *(k for k, _ in pairs))
            return key, lambda values: {n: p(values) for n, (_, p) in zip(names, pairs, strict=True)}
        if isinstance(fetches, (list, tuple)):
            pairs = [self.read_fetches(v, elements) for v in fetches]
            kind: Any = type(fetches)
            make = (lambda items: kind(*items)) if hasattr(kind, "_fields") else kind
            return (kind, *(k for k, _ in pairs)), lambda values: make([p(values) for _, p in pairs])
        if fetches is None:
            raise UseError("Fetch argument None has an invalid type. Expected a tensor, an operation, or its name")
        element = self.graph.as_graph_element(fetches)
        position = len(elements)
        elements.append(element)
        return fetches, lambda values: values[position]

    def find_feed(self, key: Any) -> Tensor:
        tensor: Tensor = self.graph.as_graph_element(key, True, False)
        self.feed_keys[key] = tensor
        return tensor

    def build(
        self, plan: Plan, keys: tuple[Any, ...], values: list[Any]
    ) -> tuple[Callable[[list[Any]], list[Any]], bool]:
        """Compile a run; return a function of the fed values, and whether it stays valid."""
        tensors = [self.find_feed(k) for k in keys]
        check_feeds(tensors, values)
        while True:
            static = plan.static.get(keys, ())
            inputs = [Input(t.op.name, v.shape, t.dtype.numpy) for t, v in zip(tensors, values, strict=True)]
            fed: dict[Tensor, Expr] = dict(zip(tensors, inputs, strict=True))
            fed.update({tensors[i]: constant(values[i]) for i in static})
            trace = Trace(self, fed)
            outputs, host = split_host(plan.elements)
            try:
                trace.compute([*plan.elements, *outputs])
            except NotStaticError as error:
                found = tuple(i for i, e in enumerate(inputs) if any(e is leaf for leaf in error.leaves))
                if not found or set(found) <= set(static):
                    raise UseError(
                        "A shape or an index of a slice depends on the value of a variable or of a random number. "
                        "Feed it with a placeholder instead"
                    ) from None
                plan.static[keys] = tuple(sorted({*static, *found}))
                continue
            break
        exprs = [trace.read(t, t.op) for t in outputs]
        printed = [e for _, args in trace.printed for e in args]
        updates = {self.get_shared(v, e): e for v, e in trace.state.items()}
        # A run of initializers happens once, so it is interpreted instead of compiled.
        is_single = not trace.reads and not inputs
        compiled = function(
            inputs, [*exprs, *printed], updates=updates, on_unused_input="ignore", mode="numpy" if is_single else "auto"
        )
        if not is_single:
            RECORDER.add("Session.run", compiled)
        return self.make_program(plan, trace, compiled, dict(zip(outputs, range(len(outputs)), strict=True)), host), (
            not trace.checks_initialization
        )

    def make_program(
        self, plan: Plan, trace: Trace, compiled: Function, positions: dict[Tensor, int], host: bool
    ) -> Callable[[list[Any]], list[Any]]:
        order = [positions.get(e, -1) if isinstance(e, Tensor) else -1 for e in plan.elements]
        pending = set(trace.state) - self.initialized
        is_plain = not host and not trace.printed and order == list(range(len(order)))

        def run(values: list[Any]) -> list[Any]:
            results: list[Any] = compiled(*values)
            if pending:
                self.initialized |= pending
                pending.clear()
            if is_plain:
                return results
            print_values(trace, results[len(positions) :])
            known = {t: results[i] for t, i in positions.items()}
            return [
                compute_host(e, known) if isinstance(e, Tensor) and i < 0 else results[i] if i >= 0 else None
                for e, i in zip(plan.elements, order, strict=True)
            ]

        return run

    def get_shared(self, variable: Any, value: Expr) -> Shared:
        """Return the shared variable of a variable, which a first assignment makes."""
        if variable not in self.shared:
            shape = [d if isinstance(d, int) else 0 for d in value.shape]
            token = inherited_location.set(variable.op.location)  # errors name the line that made the variable
            self.shared[variable] = Shared(np.zeros(shape, variable.dtype.numpy), variable.op.name)
            inherited_location.reset(token)
        return self.shared[variable]

    def set_value(self, variable: Any, value: Any) -> None:
        """Give a variable a value, as a checkpoint or `Variable.load` does."""
        array = np.asarray(value, variable.dtype.numpy)
        if not variable.get_shape().is_compatible_with(array.shape):
            raise InvalidArgumentError(
                f"The variable {variable.op.name!r} has shape {variable.get_shape()}. Received: shape {array.shape}"
            )
        self.get_shared(variable, constant(array)).set_value(array)
        self.initialized.add(variable)

    def get_generator(self, op: Operation, seed: int | None) -> Generator:
        """Return the generator of a random operation, seeded as TensorFlow does: by the graph and the operation."""
        if op not in self.generators:
            base, own = self.graph.seed, seed
            if base is None and own is None:
                number = int.from_bytes(os.urandom(8), "little")
            else:
                base, own = DEFAULT_SEED if base is None else base, op.index if own is None else own
                number = (base % 2**32) * 2**32 + own % 2**32
            self.generators[op] = Generator(number)
        return self.generators[op]

    def close(self) -> None:
        """Free the variables."""
        self.closed = True
        self.plans.clear()
        self.shared.clear()
        remove_last(SESSIONS, self)

    def as_default(self) -> Session:
        """Return itself for a `with` block, which does not close it."""
        return _Default(self)  # type: ignore[return-value]

    def __enter__(self) -> Session:
        SESSIONS.append(self)
        graphs.GRAPHS.append(self.graph)
        return self

    def __exit__(self, *error: object) -> None:
        leave(self)
        self.close()


def leave(session: Any) -> None:
    """Make the session before the default one again."""
    remove_last(SESSIONS, session)
    remove_last(graphs.GRAPHS, session.graph)


class _Default:
    """Context in which a session is the default one."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def __enter__(self) -> Session:
        return self.session.__enter__()

    def __exit__(self, *error: object) -> None:
        leave(self.session)


class InteractiveSession(Session):
    """A session that is the default one from the start."""

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None) -> None:
        super().__init__(target, graph, config)
        SESSIONS.append(self)
        graphs.GRAPHS.extend([] if graph is None else [graph])
        self.has_own_graph: bool = graph is not None

    def close(self) -> None:
        """Free the variables, and end the default."""
        super().close()
        if self.has_own_graph:
            remove_last(graphs.GRAPHS, self.graph)


def get_default_session() -> Session | None:
    """Return the current session."""
    return SESSIONS[-1] if SESSIONS else None


def convert_feed(value: Any, tensor: Tensor) -> np.ndarray[Any, Any]:
    """Return a fed value as an array of the dtype of its tensor, after checking its shape."""
    if isinstance(value, TensorMethods):
        raise UseError(f"The value of a feed cannot be a tensor. Received: {value!r}. Run it first: sess.run(tensor)")
    array = np.asarray(value)
    wanted = tensor.dtype.numpy
    if array.dtype.kind == "f" and wanted.kind in "iu" and not np.array_equal(array, array.astype(wanted)):
        raise DtypeError(f"Expected values of {tensor.dtype.name} for {tensor.name!r}. Received: {value!r}")
    try:
        array = array.astype(wanted)
    except (TypeError, ValueError):
        raise DtypeError(
            f"Expected an array of {tensor.dtype.name} for {tensor.name!r}, with rows of one length. Received: "
            f"{type(value).__name__} of {array.dtype}"
        ) from None
    return array


def check_feeds(tensors: Sequence[Tensor], values: Sequence[Any]) -> None:
    for tensor, value in zip(tensors, values, strict=True):
        if not tensor.static_shape.is_compatible_with(value.shape):
            raise InvalidArgumentError(
                f"Cannot feed a value of shape {value.shape} for the tensor {tensor.name!r}, which has shape "
                f"{tensor.static_shape}"
            )


def split_host(elements: Iterable[Any]) -> tuple[list[Tensor], bool]:
    """Return the tensors that a program computes for elements, and whether some are computed outside of it."""
    outputs: dict[Tensor, None] = {}
    host, stack = False, list(elements)[::-1]
    while stack:
        element = stack.pop()
        if isinstance(element, Tensor):
            if element.op.host is None:
                outputs[element] = None
            else:
                host = True
                stack += element.op.inputs[::-1]
    return list(outputs), host


def compute_host(tensor: Tensor, known: dict[Tensor, Any]) -> Any:
    """Compute a summary or a string from values of tensors."""
    if tensor not in known:
        assert tensor.op.host is not None
        known[tensor] = tensor.op.host(*[compute_host(t, known) for t in tensor.op.inputs])
    return known[tensor]


def print_values(trace: Trace, values: Sequence[Any]) -> None:
    """Print what `tf.Print` shows: the first three elements of each value."""
    rest = iter(values)
    for message, args in trace.printed:
        print(message + "".join(f"[{' '.join(map(str, np.ravel(next(rest))[:3]))}]" for _ in args), file=sys.stderr)
