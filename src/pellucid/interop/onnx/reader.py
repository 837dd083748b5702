"""A graph of ONNX while it is read: its values as expressions, and what is known of sizes before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import PellucidError, brief, near_miss
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Constant, Expr, Input, Shared, constant
from pellucid.graph.traversal import inputs_of
from pellucid.interop.onnx.errors import OnnxError, UnknownValueError

Read = Callable[..., Any]

READERS: dict[str, Read] = {}
"""How each operator is read, those of other domains with their domain before the name: ``read(n, *inputs)`` returns an
expression, or a list of them; an input that was left out is None."""

LARGEST_FOLDED = 2**24
"""Values of more elements than this are not computed while a file is read."""


def reads(*kinds: str) -> Callable[[Read], Read]:
    """Enter a function as the one that reads operators of these names."""

    def enter(function: Read) -> Read:
        for kind in kinds:
            READERS[kind] = function
        return function

    return enter


class Row(tuple[Any, ...]):
    """A sequence of arrays, which is one value in ONNX."""

    __slots__ = ()


class Node:
    """A node while it is read: its attributes, its inputs, and what is known of their values.

    Attributes
    ----------
    kind, name : str
        The operator, and what the node is called in a message.
    opset : int
        The version of the operators.
    inputs : list of Expr or None
        None for those that were left out.
    outputs : list of str
        The names of the results; ``""`` for those that nobody wants.
    """

    def __init__(self, reader: Reader, proto: Any, position: int) -> None:
        self.reader = reader
        self.proto = proto
        self.kind: str = proto.op_type
        self.opset = reader.opset
        self.name = repr(proto.name) if proto.name else f"number {position} ({', '.join(map(repr, proto.output))})"
        self.inputs = [reader.value(i, self) if i else None for i in proto.input]
        self.outputs: list[str] = list(proto.output)
        self.attributes = {a.name: reader.attribute(a) for a in proto.attribute}

    def __str__(self) -> str:
        return f"node {self.name}, {self.kind}"

    def error(self, text: str) -> OnnxError:
        """Return an error about this node."""
        return OnnxError(f"{self.reader.file}: {self}: {text}")

    def get(self, key: str, default: Any = None) -> Any:
        """Return an attribute."""
        return self.attributes.get(key, default)

    def needs(self, key: str) -> Any:
        """Return an attribute that must be there."""
        if key not in self.attributes:
            raise self.error(f"the attribute {key} is missing")
        return self.attributes[key]

    def input(self, place: int) -> Expr | None:
        """Return an input, or None if it was left out."""
        return self.inputs[place] if place < len(self.inputs) else None

    def known(self, place: int, default: Any = None) -> np.ndarray[Any, Any]:
        """Return the value of an input that must be known, because it decides what the result looks like."""
        value = self.sizes(place, default)
        if value.dtype == object and not all(isinstance(v, int) for v in value.ravel()):
            raise self.unknown(place)
        return value.astype(np.int64) if value.dtype == object else value

    def sizes(self, place: int, default: Any = None) -> np.ndarray[Any, Any]:
        """Return the value of an input as far as it is known: among sizes there may be names, and None."""
        e = self.input(place)
        if e is None:
            if default is None:
                raise self.error(f"input {place} is missing")
            return np.asarray(default)
        value = self.reader.contents(e)
        if value is None:
            raise self.unknown(place)
        return value

    def unknown(self, place: int) -> OnnxError:
        """Return the error for a value that is not known before anything runs."""
        e = self.input(place)
        assert e is not None
        name, leaves = self.proto.input[place], inputs_of([e])
        given = [i for i in leaves if i in self.reader.root.given]
        hint = (
            f". It is made of the input {given[0].name!r}: tell its value, with values={{{given[0].name!r}: ...}}"
            if given
            else ""
        )
        return UnknownValueError(
            f"{self.reader.file}: {self}: its input {name!r} decides what the result looks like, and is not known "
            f"before the graph runs: {brief(e)}{hint}",
            [str(i.name) for i in given],
        )

    def axes(self, place: int = 1, default: Any = None) -> Any:
        """Return axes, which are an attribute in old files and an input in new ones."""
        if "axes" in self.attributes:
            return tuple(int(a) for a in self.attributes["axes"])
        if self.input(place) is None:
            return default
        return tuple(int(a) for a in self.known(place).ravel())


class Reader:
    """One graph of ONNX: the model's, one inside a node, or a function's.

    Attributes
    ----------
    values : dict from str to Expr or Row
        What was read so far.
    file : str
        What the file is called in messages.
    opset : int
        The version of ONNX's own operators.
    """

    def __init__(self, file: str, opset: int, outer: Reader | None = None) -> None:
        self.file = file
        self.opset = opset
        self.outer = outer
        self.root: Reader = self if outer is None else outer.root
        self.values: dict[str, Any] = {}
        self.arguments: dict[str, Any] = {}
        self.depth: int = 0 if outer is None else outer.depth
        if self.root is self:
            self.given: set[Expr] = set()
            self.parts: dict[Expr, np.ndarray[Any, Any]] = {}
            self.functions: dict[tuple[str, str], Any] = {}

    # Values.

    def value(self, name: str, node: Any) -> Any:
        """Return what was read under a name, here or outside."""
        reader: Reader | None = self
        while reader is not None:
            if name in reader.values:
                return reader.values[name]
            reader = reader.outer
        known = [*self.values, *(self.outer.values if self.outer else ())]
        raise OnnxError(
            f"{self.file}: a node {node.kind} reads {name!r}, which nothing before it makes: the nodes run in a "
            f"circle or stand in the wrong order.{near_miss(name, known)}"
        )

    def contents(self, e: Expr) -> np.ndarray[Any, Any] | None:
        """Return what is known of a value: all of it, sizes with names among them, or nothing."""
        if isinstance(e, Constant):
            return e.value
        if isinstance(e, Shared):
            return e.get_value()
        return self.root.parts.get(e)

    def attribute(self, proto: Any) -> Any:
        """Return the value of an attribute; inside a function it may be an argument of the call."""
        from onnx import helper

        if proto.ref_attr_name:
            return self.arguments.get(proto.ref_attr_name)
        return in_text(helper.get_attribute_value(proto))

    # Nodes.

    def read(self, nodes: Sequence[Any]) -> None:
        """Read nodes in their order."""
        for position, proto in enumerate(nodes):
            node = Node(self, proto, position)
            node.attributes = {key: value for key, value in node.attributes.items() if value is not None}
            for name, e in zip(node.outputs, self.results(node), strict=False):
                if name and e is not None:
                    self.values[name] = e

    def results(self, node: Node) -> Sequence[Expr | None]:
        """Return what a node makes, folded where everything is known."""
        from pellucid.interop.onnx.functions import opened
        from pellucid.interop.onnx.shape_values import note

        domain = node.proto.domain
        read = READERS.get(node.kind if domain in ("", "ai.onnx") else f"{domain}.{node.kind}")
        try:
            made: Any = opened(node) if read is None else read(node, *node.inputs)
            several = isinstance(made, (list, tuple)) and not isinstance(made, Row)
            results = [e if e is None else self.folded(e) for e in (made if several else [made])]
            note(node, results)
        except OnnxError:
            raise
        except PellucidError as error:
            raise node.error(str(error)) from error
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, MemoryError) as error:
            raise node.error(f"it cannot be read; is the file damaged? {type(error).__name__}: {error}") from error
        return results

    def folded(self, e: Expr) -> Expr:
        """Return the value of an expression that is made of constants alone, unless it is very large."""
        if isinstance(e, (Constant, Row)) or e.op is None or len(e.types) > 1:
            return e
        if not all(isinstance(d, int) for d in e.shape) or size_of(e) > LARGEST_FOLDED:
            return e
        if not is_fixed(e):
            return e
        with np.errstate(all="ignore"):
            return constant(np.asarray(evaluate(np, [e], {})[0]))

    def inside(self, graph: Any, given: Mapping[str, Expr]) -> list[Expr]:
        """Read a graph inside a node, with what it is given, and return its outputs."""
        inner = Reader(self.file, self.opset, self)
        inner.arguments = self.arguments
        inner.values.update(given)
        inner.read_initializers(graph, trainable=False)
        inner.read(graph.node)
        return [inner.value(o.name, _Output("output")) for o in graph.output]

    def read_initializers(self, graph: Any, trainable: bool) -> None:
        """Read the values that a graph carries."""
        from pellucid.interop.onnx.tensors import leaf_of

        if graph.sparse_initializer:
            raise OnnxError(f"{self.file}: it has sparse tensors, which pellucid has not")
        for tensor in graph.initializer:
            if tensor.name not in self.values:
                self.values[tensor.name] = leaf_of(tensor, self.file, trainable)


def in_text(value: Any) -> Any:
    """Return an attribute's value with texts as texts."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return list(map(in_text, value)) if isinstance(value, list) else value


class _Output:
    """What asks for a value at the end of a graph."""

    def __init__(self, kind: str) -> None:
        self.kind = kind


def is_fixed(e: Expr) -> bool:
    """Tell whether an expression is made of constants alone, looking a little way down."""
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
"""How many expressions one node may be made of and still be computed while a file is read."""


def size_of(e: Expr) -> int:
    """Return the number of elements of a value whose sizes are known."""
    total = 1
    for d in e.shape:
        total *= int(d)
    return total
