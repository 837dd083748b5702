"""From expressions to data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pellucid.graph.errors import StorageError
from pellucid.graph.expr import Constant, Expr, Input, Shared, as_expr
from pellucid.graph.op_def import OPS, OUTPUT, PASSTHROUGH
from pellucid.graph.serialization.attributes import DimEncoder, encode
from pellucid.graph.subgraph import Subgraph

Array = np.ndarray[Any, Any]

FORMAT = 1
"""The version of the data; it grows when older programs would misread what newer ones write."""

MAX_INLINE = 16
"""Constants of so many elements stand among the data, larger ones among the arrays."""


class GraphWriter:
    """A table of expressions, each after what it is made of, that grows by what is added.

    Records of layer calls are left out: whoever knows the layers writes them.

    Parameters
    ----------
    passthrough : bool
        Whether nodes are kept that stand for nothing but a layer call.

    Attributes
    ----------
    nodes : list of dict
        One for each expression; inputs are given by their places in the list.
    arrays : dict from str to array
        The values of shared variables, and of large constants.
    """

    def __init__(self, passthrough: bool = False) -> None:
        self.passthrough = passthrough
        self.nodes: list[dict[str, Any]] = []
        self.arrays: dict[str, Array] = {}
        self.places: dict[Expr, int] = {}
        self.written: dict[tuple[Any, ...], int] = {}
        self.dims = DimEncoder()
        self.shared: list[Shared] = []
        self.told = 0
        self.further: list[dict[str, int | list[Any]]] = []

    def add(self, expr: Expr) -> int:
        """Enter an expression and all that it is made of; return its place."""
        stack = [expr]
        while stack:
            node = stack[-1]
            pending = [] if node in self.places else [e for e in iterate_dependencies(node) if e not in self.places]
            if pending:
                stack.extend(reversed(pending))
                continue
            stack.pop()
            if node not in self.places:
                self.places[node] = self.place(node)
        return self.places[expr]

    def place(self, node: Expr) -> int:
        """Return where an expression stands in the table, those that it is made of being there already."""
        if node.op is PASSTHROUGH and not self.passthrough:
            return self.places[node.inputs[0]]
        inputs = tuple(self.places[i] for i in node.inputs)
        key = (node.op, inputs, node._settings, node.name) if node.op is not None else (node,)
        if key not in self.written:
            self.nodes.append(self.entry(node))
            self.written[key] = len(self.nodes) - 1
        return self.written[key]

    def entry(self, node: Expr) -> dict[str, Any]:
        """Return one expression as data, those it is made of being there already."""
        if node.op is None:
            return self.leaf(node)
        if node.op not in (OUTPUT, PASSTHROUGH) and OPS.get(node.op.name) is not node.op:
            raise StorageError(
                f"The op {node.op.name} is not in the registry, so that nobody could find it when the graph is read. "
                "Make it with pel.op or pel.compound, which register it (pel.from_jax does not), and define it once"
            )
        try:
            settings = {key: encode(value, self.dims, self.body) for key, value in node._settings}
        except StorageError as error:
            raise StorageError(f"{node.op.name}: {error}") from error
        made: dict[str, Any] = {"op": node.op.name, "inputs": [self.places[i] for i in node.inputs]}
        if settings:
            made["settings"] = settings
        made["types"] = [self.dims.encode_type(t) for t in node.types]
        return made if node.name is None else {**made, "name": node.name}

    def leaf(self, node: Expr) -> dict[str, Any]:
        """Return an input, a shared variable or a constant as data."""
        made: dict[str, Any] = {"type": self.dims.encode_type(node.type)}
        if node.name is not None:
            made["name"] = node.name
        if isinstance(node, Shared):
            self.shared.append(node)
            key = self.keep(node.get_value(), node.name or "shared")
            tags = [tag for tag in ("trainable", "regularizable", "trainable_by_default") if getattr(node, tag)]
            return {"leaf": "shared", **made, "value": key, "tags": tags}
        if isinstance(node, Constant):
            return {"leaf": "constant", **made, "value": self.constant(node.value)}
        if not isinstance(node, Input):
            raise StorageError(f"Expected an input, a shared variable or a constant. Received: {node!r}")
        return {"leaf": "input", **made}

    def constant(self, value: Array) -> Any:
        """Return a value as numbers, if they are few and JSON has a word for each, or the name of an array."""
        plain = value.tolist()
        if value.size <= MAX_INLINE and np.isfinite(value.astype("float64")).all():
            return plain
        return {"array": self.keep(value, "constant")}

    def keep(self, value: Array, name: str) -> str:
        """Enter an array under a name like this one, and return the name."""
        key, number = name, 1
        while key in self.arrays:
            number += 1
            key = f"{name}#{number}"
        self.arrays[key] = value
        return key

    def body(self, body: Subgraph) -> dict[str, list[int]]:
        """Return a graph inside an op, whose expressions are there already."""
        return {
            "inputs": [self.places[e] for e in body.inputs],
            "outputs": [self.places[e] for e in body.outputs],
        }

    def data(self) -> dict[str, Any]:
        """Return all that was added, with what shared variables bring along: updates of their own, constraints."""
        while self.told < len(self.shared):
            variable = self.shared[self.told]
            self.told += 1
            more: dict[str, Any] = {}
            if variable.default_update is not None:
                more["default_update"] = self.add(variable.default_update)
            if variable.constraint is not None:
                more["constraint"] = self.traced(variable)
            if more:
                self.further.append({"shared": self.places[variable], **more})
        return {"format": FORMAT, "nodes": self.nodes, "shared": self.further}

    def traced(self, variable: Shared) -> dict[str, list[int]]:
        """Return the constraint of a variable as a graph from any value to the one that is allowed."""
        assert variable.constraint is not None
        value = Input("value", variable.shape, variable.dtype)
        allowed = Subgraph((value,), (as_expr(variable.constraint(value)),))
        for expr in (*allowed.inputs, *allowed.outputs):
            self.add(expr)
        return self.body(allowed)


def iterate_dependencies(node: Expr) -> Iterator[Expr]:
    """Return what an expression is made of, with the graphs inside it."""
    yield from node.inputs
    waiting = [value for _, value in node._settings]
    while waiting:
        value = waiting.pop()
        if type(value) is tuple:
            waiting.extend(value)
        elif isinstance(value, Subgraph):
            yield from value.inputs
            yield from value.outputs


def to_data(outputs: Any) -> tuple[dict[str, Any], dict[str, Array]]:
    """Write expressions as plain data, of which `from_data` makes them again without the code that built them.

    Parameters
    ----------
    outputs : Expr, or a list, tuple or dict of them
        In any nesting. The keys of a dict are texts or, as those of updates, expressions.

    Returns
    -------
    data : dict
        What JSON can hold: dictionaries, lists, texts, numbers.
    arrays : dict from str to array
        The values of shared variables, by their names, and of large constants.

    Raises
    ------
    StorageError
        For a setting that is no plain value, or an op that is not in the registry.

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
    return {**writer.data(), "outputs": structure}, writer.arrays


def write_structure(outputs: Any, writer: GraphWriter) -> Any:
    """Enter expressions and return the form in which they were given."""
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
    """Return the key of a dictionary as data: a text, or the place of an expression."""
    if isinstance(key, str):
        return key
    if isinstance(key, Expr):
        return writer.add(key)
    raise StorageError(f"Expected the keys of a dictionary to be texts or expressions. Received: {key!r}")
