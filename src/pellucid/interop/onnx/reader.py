"""Reader of ONNX graphs: nodes to expressions, with the shape values known before the graph runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.errors import PellucidError, brief, near_miss
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Constant, Expr, Input, Shared, constant
from pellucid.graph.traversal import collect_inputs
from pellucid.graph.types import Dim, Unknown, format_shape
from pellucid.interop.onnx.errors import OnnxError, UnknownValueError
from pellucid.interop.onnx.tensors import to_leaf
from pellucid.typing import Array, ArrayLike
from pellucid.untrusted_files.budget import DEFAULT_WORKING_BYTES, MemoryBudget
from pellucid.untrusted_files.reading import quote, shorten

if TYPE_CHECKING:
    from onnx import AttributeProto, FunctionProto, GraphProto, NodeProto

Read = Callable[..., Any]

READERS: dict[str, Read] = {}
"""Readers by operator, with the domain in front for domains other than ONNX's. ``read(n, *inputs)`` returns an
expression or a list of them; an omitted input is None."""

MAX_FOLDED_ELEMENTS = 2**24
"""Maximum number of elements of a value that is folded on import."""

MAX_SEARCHED = 1000
"""Maximum number of expressions that are searched to decide whether one node is folded."""


def reads(*kinds: str) -> Callable[[Read], Read]:
    """Register a function as the reader of these operators."""

    def enter(function: Read) -> Read:
        READERS.update(dict.fromkeys(kinds, function))
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

    def __init__(self, reader: OnnxReader, proto: NodeProto, position: int) -> None:
        self.reader = reader
        self.proto = proto
        self.kind: str = proto.op_type
        self.opset: int = reader.opset
        outputs = shorten(", ".join(map(repr, proto.output[:4])))
        self.name: str = quote(proto.name) if proto.name else f"number {position} ({outputs})"
        self.inputs: list[Any | None] = [reader.get_value(i, f"a node {self.kind}") if i else None for i in proto.input]
        self.outputs: list[str] = list(proto.output)
        attributes = {a.name: reader.read_attribute(a) for a in proto.attribute}
        self.attributes: dict[str, Any] = {key: value for key, value in attributes.items() if value is not None}

    def __str__(self) -> str:
        return f"node {self.name}, {shorten(self.kind, 60)}"

    def error(self, text: str) -> OnnxError:
        return OnnxError(f"{self.reader.file}: {self}: {text}")

    def spend(self, count: int, what: str, itemsize: int = 8) -> None:
        """Take the memory of a number of elements from the budget, before they are allocated."""
        self.reader.root.budget.spend(int(count) * itemsize, f"{self}: {what}")

    def get(self, key: str, default: Any = None) -> Any:
        return self.attributes.get(key, default)

    def require(self, key: str) -> Any:
        if key not in self.attributes:
            raise self.error(f"the attribute {key} is missing")
        return self.attributes[key]

    def input(self, place: int) -> Expr | None:
        """Return an input, or None if it is omitted."""
        return self.inputs[place] if place < len(self.inputs) else None

    def get_constant(self, place: int, default: ArrayLike | None = None) -> Array:
        """Return the value of an input that must be constant because the result's shape or dtype depends on it."""
        value = self.get_sizes(place, default)
        if value.dtype == object and not all(isinstance(v, int) for v in value.ravel()):
            raise self.unknown_value_error(place)
        return value.astype(np.int64) if value.dtype == object else value

    def get_sizes(self, place: int, default: ArrayLike | None = None) -> Array:
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

    def get_dims(self, place: int) -> list[Dim | None]:
        """Return the entries of a shape value as integers, names of sizes, or None."""
        return [d if d is None or isinstance(d, str) else int(d) for d in self.get_sizes(place).ravel()]

    def require_known(self, sizes: Iterable[Dim], what: str) -> list[int]:
        """Return sizes as integers, or raise an error if one of them is unknown."""
        sizes = tuple(sizes)
        if not all(isinstance(d, int) for d in sizes):
            named = [str(d) for d in sizes if isinstance(d, str) and not isinstance(d, Unknown)]
            hint = f". Pass the named sizes to from_onnx: sizes={{{named[0]!r}: ...}}" if named else ""
            raise self.error(f"{what} must be known before the graph runs. Received: {format_shape(sizes)}{hint}")
        return [int(d) for d in sizes]

    def unknown_value_error(self, place: int) -> OnnxError:
        """Return the error for a value that is not known before the graph runs."""
        e = self.input(place)
        assert e is not None
        names = [str(i.name) for i in collect_inputs([e]) if i in self.reader.root.graph_inputs]
        hint = f". It depends on the input {names[0]!r}. Pass its value: values={{{names[0]!r}: ...}}" if names else ""
        return UnknownValueError(
            f"{self.reader.file}: {self}: the shape or dtype of the result depends on the input "
            f"{self.proto.input[place]!r}, which is not known before the graph runs: {brief(e)}{hint}",
            names,
        )

    def get_axes(self, place: int = 1, default: Sequence[int] | None = None) -> Sequence[int] | None:
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
    values : dict from str to Expr or TensorSequence
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
            self.budget: MemoryBudget = MemoryBudget(DEFAULT_WORKING_BYTES, OnnxError, file)
            self.graph_inputs: set[Expr] = set()
            self.shape_values: dict[Expr, Array] = {}
            self.functions: dict[tuple[str, str], FunctionProto] = {}

    def get_value(self, name: str, user: str = "an output") -> Any:
        """Return a value by name, from this graph or an enclosing one; ``user`` is for the error message."""
        reader: OnnxReader | None = self
        while reader is not None:
            if name in reader.values:
                return reader.values[name]
            reader = reader.outer
        known = [*self.values, *(self.outer.values if self.outer else ())]
        raise OnnxError(
            f"{self.file}: {user} reads {quote(name)}, which no earlier node computes: the nodes form a cycle or are "
            f"in the wrong order.{near_miss(name, known)}"
        )

    def get_contents(self, e: Expr) -> Array | None:
        """Return the constant or shape value of an expression, or None."""
        if isinstance(e, Constant):
            return e.value
        if isinstance(e, Shared):
            return e.get_value()
        return self.root.shape_values.get(e)

    def read_attribute(self, proto: AttributeProto) -> Any:
        """Return the value of an attribute, which in a function body may refer to an argument of the call."""
        from onnx import helper

        if proto.ref_attr_name:
            return self.arguments.get(proto.ref_attr_name)
        return decode_text(helper.get_attribute_value(proto))

    def read(self, nodes: Sequence[NodeProto]) -> None:
        for position, proto in enumerate(nodes):
            node = OnnxNode(self, proto, position)
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
        except Exception as error:
            reason = f"{type(error).__name__}: {shorten(str(error))}"
            raise node.error(f"it cannot be read; is the file damaged? {reason}") from error
        return results

    def fold(self, e: Expr) -> Expr:
        """Compute an expression that depends on constants only, unless it is very large."""
        if isinstance(e, (Constant, TensorSequence)) or e.op is None or len(e.types) > 1:
            return e
        size = count_elements(e)
        if size is None or size > MAX_FOLDED_ELEMENTS:
            return e
        nodes = collect_constant_nodes(e)
        if nodes is None or any((count_elements(node) or 0) > MAX_FOLDED_ELEMENTS for node in nodes):
            return e
        self.root.budget.spend(size * e.dtype.itemsize, "a constant that is computed from others")
        with np.errstate(all="ignore"):
            return constant(np.asarray(evaluate(np, [e], {})[0]))

    def read_subgraph(self, graph: GraphProto, given: Mapping[str, Expr]) -> list[Expr]:
        """Read a subgraph with the given input values and return its outputs."""
        inner = OnnxReader(self.file, self.opset, self)
        inner.arguments = self.arguments
        inner.values.update(given)
        inner.read_initializers(graph, trainable=False)
        inner.read(graph.node)
        return [inner.get_value(o.name) for o in graph.output]

    def read_initializers(self, graph: GraphProto, trainable: bool) -> None:
        if graph.sparse_initializer:
            raise OnnxError(f"{self.file}: sparse tensors are not supported")
        for tensor in graph.initializer:
            if tensor.name not in self.values:
                self.values[tensor.name] = to_leaf(tensor, self.file, trainable)


def decode_text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return list(map(decode_text, value)) if isinstance(value, list) else value


def count_elements(e: Expr) -> int | None:
    """Return the number of elements of all results of an expression, or None if it is unknown."""
    shapes = [t.shape for t in e.types]
    if not all(isinstance(d, int) for shape in shapes for d in shape):
        return None
    return sum(math.prod(int(d) for d in shape) for shape in shapes)


def collect_constant_nodes(e: Expr) -> set[Expr] | None:
    """Return all expressions that one depends on, or None if it is not constant; the search is bounded."""
    done: set[Expr] = set()
    pending = [e]
    while pending:
        node = pending.pop()
        if node in done:
            continue
        done.add(node)
        if isinstance(node, (Input, Shared)) or len(done) > MAX_SEARCHED:
            return None
        if node.op is not None and node.op.name.startswith("random"):
            return None
        pending.extend(node.inputs)
    return done
