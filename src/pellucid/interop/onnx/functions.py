"""Operators that are made of others: a model's own functions, and those for which ONNX says what they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.graph.errors import near_miss
from pellucid.graph.expr import Expr
from pellucid.interop.onnx.dtypes import element_type
from pellucid.interop.onnx.reader import READERS, Node, Reader, in_text

DEEPEST = 30
"""How many functions may be called inside one another."""


def opened(node: Node) -> list[Expr | None]:
    """Return what a node makes whose operator has no reader: it is read as the function that defines it."""
    found = definition_of(node)
    if found is None:
        raise unknown_operator(node)
    inner = Reader(node.reader.file, opset_of(found, node.opset))
    inner.root, inner.depth = node.reader.root, node.reader.depth + 1
    inner.arguments = {**schema_defaults(node), **defaults_of(found), **node.attributes}
    if inner.depth > DEEPEST:
        raise node.error(f"functions call one another more than {DEEPEST} deep: they run in a circle")
    for name, value in zip(found.input, node.inputs, strict=False):
        if value is not None:
            inner.values[name] = value
    present = set(inner.values)
    nodes = [without_absent(n, set(found.input) - present) for n in found.node]
    inner.read(nodes)
    return [inner.values.get(name) for name in found.output]


def without_absent(node: Any, absent: set[str]) -> Any:
    """Return a node of a function with the inputs left out that the call leaves out."""
    if not absent.intersection(node.input):
        return node
    copy = type(node)()
    copy.CopyFrom(node)
    for place, name in enumerate(copy.input):
        if name in absent:
            copy.input[place] = ""
    return copy


def definition_of(node: Node) -> Any:
    """Return the function that defines an operator, or None."""
    import onnx

    own = node.reader.root.functions.get((node.proto.domain, node.kind))
    if own is not None:
        return own
    try:
        schema: Any = onnx.defs.get_schema(node.kind, node.opset, node.proto.domain)
    except onnx.defs.SchemaError:
        return None
    if schema.has_function:
        return schema.function_body
    if not schema.has_context_dependent_function:
        return None
    versions = [v for v in schema.context_dependent_function_opset_versions if v <= node.opset]
    made = schema.get_context_dependent_function_with_opset_version(
        max(versions, default=schema.since_version), settled(node).SerializeToString(), input_types(node.inputs)
    )
    function = onnx.FunctionProto()
    function.ParseFromString(made)
    return function


def settled(node: Node) -> Any:
    """Return a node's message with the arguments of the function it stands in put in."""
    from onnx import helper

    copy = type(node.proto)()
    copy.CopyFrom(node.proto)
    del copy.attribute[:]
    for a in node.proto.attribute:
        if not a.ref_attr_name:
            copy.attribute.add().CopyFrom(a)
        elif a.name in node.attributes:
            copy.attribute.add().CopyFrom(helper.make_attribute(a.name, node.attributes[a.name], attr_type=a.type))
    return copy


def input_types(inputs: Sequence[Expr | None]) -> list[bytes]:
    """Return the types of inputs as messages."""
    from onnx import TypeProto, helper

    found = []
    for e in inputs:
        if e is None:
            found.append(TypeProto().SerializeToString())
            continue
        shape = [d if isinstance(d, int) else None for d in e.shape]
        found.append(helper.make_tensor_type_proto(element_type(e.dtype), shape).SerializeToString())
    return found


def opset_of(function: Any, otherwise: int) -> int:
    """Return the version of ONNX's operators that a function is written in."""
    return next((o.version for o in function.opset_import if o.domain in ("", "ai.onnx")), otherwise)


def defaults_of(function: Any) -> dict[str, Any]:
    """Return what attributes of a function are where a call does not give them."""
    from onnx import helper

    return {a.name: in_text(helper.get_attribute_value(a)) for a in function.attribute_proto}


def schema_defaults(node: Node) -> dict[str, Any]:
    """Return what attributes of one of ONNX's own operators are where a call does not give them."""
    import onnx
    from onnx import helper

    if not onnx.defs.has(node.kind, node.opset, node.proto.domain):
        return {}
    known = onnx.defs.get_schema(node.kind, node.opset, node.proto.domain).attributes
    values = {name: a.default_value for name, a in known.items() if a.default_value.name}
    return {name: in_text(helper.get_attribute_value(value)) for name, value in values.items()}


def unknown_operator(node: Node) -> Exception:
    """Return the error for an operator that cannot be read."""
    domain = node.proto.domain or "ai.onnx"
    hint = near_miss(node.kind, READERS) if domain == "ai.onnx" else ""
    return node.error(
        f"the operator {node.kind} of the domain {domain!r} (version {node.opset}) cannot be read.{hint} "
        "python -m pellucid.interop.onnx lists those that can"
    )
