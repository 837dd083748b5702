"""Reader of ONNX graphs: nodes to expressions, with the shape values known before the graph runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import PellucidError, brief, near_miss
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Constant, Expr, Input, Shared, constant
from pellucid.graph.traversal import collect_inputs
from pellucid.interop.onnx.errors import OnnxError, UnknownValueError

Read = Callable[..., Any]

READERS: dict[str, Read] = {}
"""Readers by operator, with the domain in front for domains other than ONNX's. ``read(n, *inputs)`` returns an
expression or a list of them; an omitted input is None."""

LARGEST_FOLDED = 2**24
"""Maximum number of elements of a value that is folded on import."""


def reads(*kinds: str) -> Callable[[Read], Read]:
    """Register a function as the reader of these operators."""

    def enter(function: Read) -> Read:
        for kind in kinds:
            READERS[kind] = function
        return function

    return enter


class TensorSequence(tuple[Any, ...]):
    """Sequence of tensors, a single value in ONNX."""

    __slots__ = ()


class OnnxNode:
    """A node that is being read: attributes, inputs and their known values.

    Attributes
    ----------
    kind, name : str
        The operator, and the name of the node in messages.
    opset : int
        The version of the operators.
    inputs : list of Expr or None
        None for omitted inputs.
    outputs : list of str
        The names of the results; ``""`` for unused ones.
    """

    def __init__(self, reader: OnnxReader, proto: Any, position: int) -> None:
        self.reader = reader
        self.proto = proto
        self.kind: str = proto.op_type
        self.opset = reader.opset
        self.name = repr(proto.name) if proto.name else f"number {position} ({', '.join(map(repr, proto.output))})"
        self.inputs = [reader.get_value(i, self) if i else None for i in proto.input]
        self.outputs: list[str] = list(proto.output)
        self.attributes = {a.name: reader.read_attribute(a) for a in proto.attribute}

    def __str__(self) -> str:
        return f"node {self.name}, {self.kind}"

    def error(self, text: str) -> OnnxError:
        """Return an error about this node."""
        return OnnxError(f"{self.reader.file}: {self}: {text}")

    def get(self, key: str, default: Any = None) -> Any:
        return self.attributes.get(key, default)

    def require(self, key: str) -> Any:
        """Return an attribute that must be there."""
        if key not in self.attributes:
            raise self.error(f"the attribute {key} is missing")
        return self.attributes[key]

    def input(self, place: int) -> Expr | None:
        """Return an input, or None if it was left out."""
        return self.inputs[place] if place < len(self.inputs) else None

    def get_constant(self, place: int, default: Any = None) -> np.ndarray[Any, Any]:
        """Return the value of an input that must be constant because the result's shape or dtype depends on it."""
        value = self.get_sizes(place, default)
        if value.dtype == object and not all(isinstance(v, int) for v in value.ravel()):
            raise self.unknown_value_error(place)
        return value.astype(np.int64) if value.dtype == object else value

    def get_sizes(self, place: int, default: Any = None) -> np.ndarray[Any, Any]:
        """Return the known part of a shape value: integers, names of sizes, or None for unknown entries."""
        e = self.input(place)
        if e is None:
            if default is None:
                raise self.error(f"input {place} is missing")
            return np.asarray(default)
        value = self.reader.get_contents(e)
        if value is None:
            raise self.unknown_value_error(place)
        return value

    def unknown_value_error(self, place: int) -> OnnxError:
        """Return the error for a value that is not known before anything runs."""
        e = self.input(place)
        assert e is not None
        name, leaves = self.proto.input[place], collect_inputs([e])
        given = [i for i in leaves if i in self.reader.root.given]
        hint = (
            f". It depends on the input {given[0].name!r}. Pass its value: values={{{given[0].name!r}: ...}}"
            if given
            else ""
        )
        return UnknownValueError(
            f"{self.reader.file}: {self}: the shape or dtype of the result depends on the input {name!r}, which is not "
            f"known before the graph runs: {brief(e)}{hint}",
            [str(i.name) for i in given],
        )

    def get_axes(self, place: int = 1, default: Any = None) -> Any:
        """Return axes: an attribute in old opsets, an input in new ones."""
        if "axes" in self.attributes:
            return tuple(int(a) for a in self.attributes["axes"])
        if self.input(place) is None:
            return default
        return tuple(int(a) for a in self.get_constant(place).ravel())


class OnnxReader:
    """Reader of one graph: the model's, a subgraph or a function body.

    Attributes
    ----------
    values : dict from str to Expr or Row
        Values by name, of the nodes read so far.
    file : str
        Name of the file in messages.
    opset : int
        The version of ONNX's own operators.
    """

    def __init__(self, file: str, opset: int, outer: OnnxReader | None = None) -> None:
        self.file = file
        self.opset = opset
        self.outer = outer
        self.root: OnnxReader = self if outer is None else outer.root
        self.values: dict[str, Any] = {}
        self.arguments: dict[str, Any] = {}
        self.depth: int = 0 if outer is None else outer.depth
        if self.root is self:
            self.given: set[Expr] = set()
            self.parts: dict[Expr, np.ndarray[Any, Any]] = {}
            self.functions: dict[tuple[str, str], Any] = {}

    # Values.

    def get_value(self, name: str, node: Any) -> Any:
        """Return a value by name, from this graph or an enclosing one."""
        reader: OnnxReader | None = self
        while reader is not None:
            if name in reader.values:
                return reader.values[name]
            reader = reader.outer
        known = [*self.values, *(self.outer.values if self.outer else ())]
        raise OnnxError(
            f"{self.file}: a node {node.kind} reads {name!r}, which no earlier node computes: the nodes form a cycle "
            f"or are in the wrong order.{near_miss(name, known)}"
        )

    def get_contents(self, e: Expr) -> np.ndarray[Any, Any] | None:
        """Return the constant or shape value of an expression, or None."""
        if isinstance(e, Constant):
            return e.value
        if isinstance(e, Shared):
            return e.get_value()
        return self.root.parts.get(e)

    def read_attribute(self, proto: Any) -> Any:
        """Return the value of an attribute, which in a function body may refer to an argument of the call."""
        from onnx import helper

        if proto.ref_attr_name:
            return self.arguments.get(proto.ref_attr_name)
        return decode_text(helper.get_attribute_value(proto))

    # Nodes.

    def read(self, nodes: Sequence[Any]) -> None:
        for position, proto in enumerate(nodes):
            node = OnnxNode(self, proto, position)
            node.attributes = {key: value for key, value in node.attributes.items() if value is not None}
            for name, e in zip(node.outputs, self.read_node(node), strict=False):
                if name and e is not None:
                    self.values[name] = e

    def read_node(self, node: OnnxNode) -> Sequence[Expr | None]:
        """Read one node and fold results that depend on constants only."""
        from pellucid.interop.onnx.functions import expand_function
        from pellucid.interop.onnx.shape_values import record_shape_values

        domain = node.proto.domain
        read = READERS.get(node.kind if domain in ("", "ai.onnx") else f"{domain}.{node.kind}")
        try:
            made: Any = expand_function(node) if read is None else read(node, *node.inputs)
            several = isinstance(made, (list, tuple)) and not isinstance(made, TensorSequence)
            results = [e if e is None else self.fold(e) for e in (made if several else [made])]
            record_shape_values(node, results)
        except OnnxError:
            raise
        except PellucidError as error:
            raise node.error(str(error)) from error
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, MemoryError) as error:
            raise node.error(f"it cannot be read; is the file damaged? {type(error).__name__}: {error}") from error
        return results

    def fold(self, e: Expr) -> Expr:
        """Compute an expression that depends on constants only, unless it is very large."""
        if isinstance(e, (Constant, TensorSequence)) or e.op is None or len(e.types) > 1:
            return e
        if not all(isinstance(d, int) for d in e.shape) or count_elements(e) > LARGEST_FOLDED:
            return e
        if not is_constant(e):
            return e
        with np.errstate(all="ignore"):
            return constant(np.asarray(evaluate(np, [e], {})[0]))

    def read_subgraph(self, graph: Any, given: Mapping[str, Expr]) -> list[Expr]:
        """Read a subgraph with the given input values and return its outputs."""
        inner = OnnxReader(self.file, self.opset, self)
        inner.arguments = self.arguments
        inner.values.update(given)
        inner.read_initializers(graph, trainable=False)
        inner.read(graph.node)
        return [inner.get_value(o.name, _Output("output")) for o in graph.output]

    def read_initializers(self, graph: Any, trainable: bool) -> None:
        """Read the values that a graph carries."""
        from pellucid.interop.onnx.tensors import to_leaf

        if graph.sparse_initializer:
            raise OnnxError(f"{self.file}: sparse tensors are not supported")
        for tensor in graph.initializer:
            if tensor.name not in self.values:
                self.values[tensor.name] = to_leaf(tensor, self.file, trainable)


def decode_text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return list(map(decode_text, value)) if isinstance(value, list) else value


class _Output:
    """Placeholder for a node in messages about graph outputs."""

    def __init__(self, kind: str) -> None:
        self.kind = kind


def is_constant(e: Expr) -> bool:
    """Return whether an expression depends on constants only, searching a bounded number of nodes."""
    seen, waiting = 0, [e]
    done: set[Expr] = set()
    while waiting:
        node = waiting.pop()
        if node in done:
            continue
        done.add(node)
        seen += 1
        if isinstance(node, (Input, Shared)) or seen > MOST_FOLDED:
            return False
        if node.op is not None and node.op.name.startswith("random"):
            return False
        waiting.extend(node.inputs)
    return True


MOST_FOLDED = 1000
"""Maximum number of expressions that constant folding of one node looks at."""


def count_elements(e: Expr) -> int:
    total = 1
    for d in e.shape:
        total *= int(d)
    return total
