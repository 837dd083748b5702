"""Expansion of operators that are defined as functions, by the model or by ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pellucid.graph.errors import near_miss
from pellucid.graph.expr import Expr
from pellucid.interop.onnx.reader import READERS, OnnxNode, OnnxReader, decode_text
from pellucid.interop.onnx.tensors import to_element_type

if TYPE_CHECKING:
    from onnx import FunctionProto, NodeProto

MAX_DEPTH = 30
"""Maximum nesting of function calls."""


def expand_function(node: OnnxNode) -> list[Expr | None]:
    """Read a node without a reader as the function that defines it."""
    from onnx import helper

    found = get_definition(node)
    if found is None:
        domain = node.proto.domain or "ai.onnx"
        hint = near_miss(node.kind, READERS) if domain == "ai.onnx" else ""
        raise node.error(
            f"the operator {node.kind} of the domain {domain!r} (version {node.opset}) is not supported.{hint} "
            "python -m pellucid.interop.onnx lists the supported ones"
        )
    inner = OnnxReader(node.reader.file, get_opset(found, node.opset))
    inner.root, inner.depth = node.reader.root, node.reader.depth + 1
    defaults = {a.name: decode_text(helper.get_attribute_value(a)) for a in found.attribute_proto}
    inner.arguments = {**get_schema_defaults(node), **defaults, **node.attributes}
    if inner.depth > MAX_DEPTH:
        raise node.error(f"function calls are nested more than {MAX_DEPTH} deep. Recursive functions are not supported")
    for name, value in zip(found.input, node.inputs, strict=False):
        if value is not None:
            inner.values[name] = value
    present = set(inner.values)
    inner.read([remove_absent_inputs(n, set(found.input) - present) for n in found.node])
    return [inner.values.get(name) for name in found.output]


def remove_absent_inputs(node: NodeProto, absent: set[str]) -> NodeProto:
    """Return a function's node without the inputs that the call omits."""
    if not absent.intersection(node.input):
        return node
    copy = type(node)()
    copy.CopyFrom(node)
    for place, name in enumerate(copy.input):
        if name in absent:
            copy.input[place] = ""
    return copy


def get_definition(node: OnnxNode) -> FunctionProto | None:
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
        result: FunctionProto | None = schema.function_body
        return result
    if not schema.has_context_dependent_function:
        return None
    versions = [v for v in schema.context_dependent_function_opset_versions if v <= node.opset]
    content = schema.get_context_dependent_function_with_opset_version(
        max(versions, default=schema.since_version),
        resolve_attributes(node).SerializeToString(),
        get_input_types(node.inputs),
    )
    made: FunctionProto = onnx.FunctionProto.FromString(content)
    return made


def resolve_attributes(node: OnnxNode) -> Any:
    """Return a node's proto with references to the enclosing function's arguments resolved."""
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


def get_input_types(inputs: Sequence[Expr | None]) -> list[bytes]:
    """Return the types of inputs as serialized protos."""
    from onnx import TypeProto, helper

    protos = []
    for e in inputs:
        shape = [d if isinstance(d, int) else None for d in e.shape] if e is not None else None
        protos.append(TypeProto() if e is None else helper.make_tensor_type_proto(to_element_type(e.dtype), shape))
    return [proto.SerializeToString() for proto in protos]


def get_opset(proto: FunctionProto, default: int) -> int:
    """Return the version of ONNX's own operators that a model or function uses."""
    return next((int(o.version) for o in proto.opset_import if o.domain in ("", "ai.onnx")), default)


def get_schema_defaults(node: OnnxNode) -> dict[str, Any]:
    """Return the default attributes of one of ONNX's own operators."""
    import onnx
    from onnx import helper

    if not onnx.defs.has(node.kind, node.opset, node.proto.domain):
        return {}
    known = onnx.defs.get_schema(node.kind, node.opset, node.proto.domain).attributes
    values = {name: a.default_value for name, a in known.items() if a.default_value.name}
    return {name: decode_text(helper.get_attribute_value(value)) for name, value in values.items()}
