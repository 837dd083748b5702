"""Writing of expression graphs as JSON data with named arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.errors import StorageError
from pellucid.graph.expr import Constant, Expr, Input, Shared, as_expr
from pellucid.graph.op import OPS, OUTPUT, PASSTHROUGH
from pellucid.graph.serialization.attributes import DimEncoder, encode_setting
from pellucid.graph.subgraph import Subgraph

if TYPE_CHECKING:
    from pellucid.typing import Array


FORMAT = 1
"""Version of the data, increased when an older reader would misread newer data."""

MAX_INLINE = 16
"""Constants with at most this many elements are written as numbers, larger ones as arrays."""

TAGS = ("trainable", "regularizable", "trainable_by_default")
"""Attributes of shared variables that are written if they are true."""


class GraphWriter:
    """A table of expressions in topological order, to which `add` appends.

    Layer calls are not written; model files save them with the layers.

    Parameters
    ----------
    passthrough : bool
        Whether to write passthrough nodes, whose only purpose is to carry a layer call.
    keeps_leaves : bool
        Whether to keep inputs and shared variables in ``leaves``, for `GraphReader`, instead of writing them with their
        values.

    Attributes
    ----------
    nodes : list of dict
        The entries. Inputs are given by index.
    arrays : dict from str to array
        Values of shared variables and large constants.
    leaves : dict from int to Expr
        Inputs and shared variables that are not written, by their entry.
    local_ops : dict from str to Expr
        An expression of each op that is not registered, by the name of the op in the entries; only with
        ``keeps_leaves``.
    indices : dict from Expr to int
        The entry of each expression.
    """

    def __init__(self, passthrough: bool = False, keeps_leaves: bool = False) -> None:
        self.passthrough = passthrough
        self.keeps_leaves = keeps_leaves
        self.leaves: dict[int, Expr] = {}
        self.local_ops: dict[str, Expr] = {}
        self.nodes: list[dict[str, Any]] = []
        self.arrays: dict[str, Array] = {}
        self.indices: dict[Expr, int] = {}
        self.dims: DimEncoder = DimEncoder()
        self._index_by_key: dict[tuple[Any, ...], int] = {}
        self._pending: list[Shared] = []  # variables whose updates and constraints are not written yet
        self._shared_states: list[dict[str, Any]] = []

    def add(self, expr: Expr) -> int:
        """Append an expression and everything it depends on; return its index."""
        stack = [expr]
        while stack:
            node = stack[-1]
            missing = [] if node in self.indices else [e for e in iterate_dependencies(node) if e not in self.indices]
            if missing:
                stack.extend(reversed(missing))
                continue
            stack.pop()
            if node not in self.indices:
                self.indices[node] = self.add_node(node)
        return self.indices[expr]

    def add_node(self, node: Expr) -> int:
        """Append an expression whose dependencies have been added, unless an equal one exists; return its index."""
        if node.op is PASSTHROUGH and not self.passthrough:
            return self.indices[node.inputs[0]]
        # Expressions that differ only in a layer call have equal keys.
        inputs = tuple(self.indices[i] for i in node.inputs)
        key = (node.op, inputs, node._settings, node.name) if node.op is not None else (node,)
        if key not in self._index_by_key:
            self.nodes.append(self.encode_leaf(node) if node.op is None else self.encode_op(node))
            self._index_by_key[key] = len(self.nodes) - 1
        return self._index_by_key[key]

    def encode_op(self, node: Expr) -> dict[str, Any]:
        assert node.op is not None
        name = self.name_op(node)
        try:
            settings = {key: encode_setting(value, self.dims, self.encode_subgraph) for key, value in node._settings}
        except StorageError as error:
            raise StorageError(f"{node.op.name}: {error}") from error
        data: dict[str, Any] = {"op": name, "inputs": [self.indices[i] for i in node.inputs]}
        if settings:
            data["settings"] = settings
        data["types"] = [self.dims.encode_type(t) for t in node.types]
        return data if node.name is None else {**data, "name": node.name}

    def name_op(self, node: Expr) -> str:
        """Return the name of an op in the table: its own, or one with a number for an op that is not registered."""
        assert node.op is not None
        if node.op in (OUTPUT, PASSTHROUGH) or OPS.get(node.op.name) is node.op:
            return node.op.name
        if not self.keeps_leaves:
            raise make_local_op_error(node)
        known = [name for name, e in self.local_ops.items() if e.op is node.op]
        name = known[0] if known else f"{node.op.name}#{len(self.local_ops) + 1}"
        self.local_ops.setdefault(name, node)
        return name

    def encode_leaf(self, node: Expr) -> dict[str, Any]:
        data: dict[str, Any] = {"type": self.dims.encode_type(node.type)}
        if node.name is not None:
            data["name"] = node.name
        if self.keeps_leaves and isinstance(node, (Input, Shared)):
            self.leaves[len(self.nodes)] = node
            return {"leaf": "shared" if isinstance(node, Shared) else "input", **data}
        if isinstance(node, Shared):
            self._pending.append(node)
            key = self.add_array(node.get_value(), node.name or "shared")
            return {"leaf": "shared", **data, "value": key, "tags": [tag for tag in TAGS if getattr(node, tag)]}
        if isinstance(node, Constant):
            return {"leaf": "constant", **data, "value": self.encode_value(node.value)}
        if not isinstance(node, Input):
            raise StorageError(f"Expected an input, a shared variable or a constant. Received: {node!r}")
        return {"leaf": "input", **data}

    def encode_value(self, value: Array) -> Any:
        """Return a few finite numbers as they are, and any other value as the name of an array."""
        if value.size <= MAX_INLINE and np.isfinite(value.astype("float64")).all():
            return value.tolist()
        return {"array": self.add_array(value, "constant")}

    def add_array(self, value: Array, name: str) -> str:
        """Add an array under this name, numbered if it is taken; return the name."""
        key, number = name, 1
        while key in self.arrays:
            number += 1
            key = f"{name}#{number}"
        self.arrays[key] = value
        return key

    def encode_subgraph(self, subgraph: Subgraph) -> dict[str, list[int]]:
        """Return the data of a subgraph whose expressions have been added."""
        return {
            "inputs": [self.indices[e] for e in subgraph.inputs],
            "outputs": [self.indices[e] for e in subgraph.outputs],
        }

    def to_data(self) -> dict[str, Any]:
        """Return the table with the default updates and constraints of its shared variables."""
        while self._pending:  # an update may add variables
            variable = self._pending.pop(0)
            state: dict[str, Any] = {}
            if variable.default_update is not None:
                state["default_update"] = self.add(variable.default_update)
            if variable.constraint is not None:
                state["constraint"] = self.encode_constraint(variable)
            if state:
                self._shared_states.append({"shared": self.indices[variable], **state})
        return {"format": FORMAT, "nodes": self.nodes, "shared": self._shared_states}

    def encode_constraint(self, variable: Shared) -> dict[str, list[int]]:
        subgraph = trace_constraint(variable)
        for expr in (*subgraph.inputs, *subgraph.outputs):
            self.add(expr)
        return self.encode_subgraph(subgraph)


def make_local_op_error(node: Expr) -> StorageError:
    """Return the error for an op that cannot be found by its name."""
    assert node.op is not None
    return StorageError(
        f"The op {node.op.name} is not registered, so it cannot be found when the graph is read. Define it once, with "
        "pel.op or pel.composite, which register it (pel.from_jax does not)"
    ).with_operands([node])


def trace_constraint(variable: Shared) -> Subgraph:
    """Return the constraint of a variable as a graph from a value to the constrained value."""
    assert variable.constraint is not None
    value = Input("value", variable.shape, variable.dtype)
    return Subgraph((value,), (as_expr(variable.constraint(value)),))


def iterate_dependencies(node: Expr) -> Iterator[Expr]:
    """Yield the inputs of an expression and the expressions of its subgraphs."""
    yield from node.inputs
    stack = [value for _, value in node._settings]
    while stack:
        value = stack.pop()
        if type(value) is tuple:
            stack.extend(value)
        elif isinstance(value, Subgraph):
            yield from value.inputs
            yield from value.outputs


def to_data(outputs: Any) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return expressions as JSON data, from which `from_data` builds them without the original code.

    Parameters
    ----------
    outputs : Expr, or list, tuple or dict of them
        May be nested. The keys of a dict are strings or expressions.

    Returns
    -------
    data : dict
        Dictionaries, lists, strings and numbers.
    arrays : dict from str to array
        Values of shared variables, by name, and of large constants.

    Raises
    ------
    StorageError
        If a setting has no encoding or an op is not registered.

    Examples
    --------
    >>> from pellucid.graph.serialization import from_data
    >>> x = pel.vector("x", shape=("n",))
    >>> data, arrays = to_data(pel.tanh(2 * x))
    >>> data["nodes"][-1]
    {'op': 'tanh', 'inputs': [2], 'types': [['float32', ['n']]]}
    >>> from_data(data, arrays)
    tanh(2 * x)
    """
    writer = GraphWriter()
    structure = write_structure(outputs, writer)
    return {**writer.to_data(), "outputs": structure}, writer.arrays


def write_structure(outputs: Any, writer: GraphWriter) -> Any:
    """Add expressions in nested lists, tuples and dictionaries; return the structure with their indices."""
    if isinstance(outputs, Expr):
        return writer.add(outputs)
    if isinstance(outputs, (list, tuple)):
        kind = "list" if isinstance(outputs, list) else "tuple"
        return {kind: [write_structure(e, writer) for e in outputs]}
    if isinstance(outputs, Mapping):
        pairs = [[write_key(key, writer), write_structure(value, writer)] for key, value in outputs.items()]
        return {"dict": pairs}
    raise StorageError(
        f"Expected expressions, or lists, tuples and dictionaries of them. Received: {outputs!r}, "
        f"of type {type(outputs).__name__}"
    )


def write_key(key: Any, writer: GraphWriter) -> Any:
    if isinstance(key, str):
        return key
    if isinstance(key, Expr):
        return writer.add(key)
    raise StorageError(f"Expected a string or an expression as key of a dictionary. Received: {key!r}")
