"""Writer of ONNX graphs: nodes, value names, dynamic sizes, and the order in which fused expressions are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from pellucid.graph.errors import brief
from pellucid.graph.expr import Constant, Expr, Shared
from pellucid.graph.op import OUTPUT
from pellucid.graph.source_location import format_location
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.types import Dim, Shape, Unknown
from pellucid.interop.onnx.errors import OnnxError
from pellucid.interop.onnx.tensors import TAGS, to_element_type
from pellucid.typing import Array, ArrayLike, DTypeLike

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, TensorProto, ValueInfoProto

Write = Callable[..., Any]

WRITERS: dict[str, Write] = {}
"""Writers by op: ``write(w, node, *names)`` returns the name of the value, or a tuple of names."""

CHANNELS_FIRST_WRITERS: dict[str, Write] = {}
"""Writers of ops that keep channels first although they are not elementwise; they may return None."""

FusedNode = tuple[Callable[..., Any], list[Expr]]
"""A function that writes one ONNX node, and the operands that it takes."""

Fusion = Callable[[Expr], FusedNode | None]

FUSIONS: dict[str, list[Fusion]] = {}
"""Fusions by the op at the root of their pattern."""


def to_channels_first_axis(axis: int, ndim: int) -> int:
    """Return the position of an axis in channels-first layout."""
    return 0 if axis == 0 else 1 if axis == ndim - 1 else axis + 1


def writes(*ops: str) -> Callable[[Write], Write]:
    """Register a function as the writer of these ops."""

    def enter(function: Write) -> Write:
        WRITERS.update(dict.fromkeys(ops, function))
        return function

    return enter


class ChannelsFirst(NamedTuple):
    """A value that so far exists in channels-first layout only."""

    name: str


Name: TypeAlias = str | ChannelsFirst
"""Name of a value, in either layout."""


class OnnxNames:
    """Source of unique value names."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def fresh(self, name: str) -> str:
        count = self.counts.get(name, 0)
        self.counts[name] = count + 1
        return self.fresh(f"{name}_{count}") if count else name


class OnnxWriter:
    """Writer of one graph: the model's, or a subgraph, which refers to outer values by name.

    Attributes
    ----------
    nodes, initializers : list
        The protos written so far.
    values : dict from Expr to str
        The name of each value.
    first : dict from str to str
        For a channels-last value, the name of the same value with channels first.
    plan : dict from Expr to (function, list of Expr)
        Fused expressions, from `plan_fusions`.
    sizes : dict from str to (str, int)
        For a size known by name, a value and the axis that has it.
    """

    def __init__(self, outer: OnnxWriter | None = None, paths: Mapping[Shared, str] | None = None) -> None:
        self.outer = outer
        self.root: OnnxWriter = self if outer is None else outer.root
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []
        self.values: dict[Expr, Any] = {}
        self.first: dict[str, str] = {}
        self.plan: dict[Expr, tuple[Write, list[Expr]]] = {}
        self.sizes: dict[str, tuple[str, int]] = {}
        self.scopes: dict[Expr, str] = {}
        self.scope: str = ""
        self.paths: Mapping[Shared, str] = paths or {}
        if outer is None:
            self.names: OnnxNames = OnnxNames()
            self.constants: dict[Any, str] = {}

    # Nodes and constants.

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Write a node and return the name of its output."""
        return self.node_with_outputs(kind, *inputs, outputs=1, **attributes)[0]

    def node_with_outputs(self, kind: str, *inputs: str, outputs: int, **attributes: Any) -> tuple[str, ...]:
        """Write a node with several outputs and return their names."""
        from onnx import helper

        name = self.root.names.fresh(f"{self.scope}/{kind}" if self.scope else kind)
        names = [name, *(self.root.names.fresh(f"{name}:{i}") for i in range(1, outputs))]
        present = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=name, **present))
        return tuple(names)

    def constant(self, value: ArrayLike, dtype: DTypeLike | None = None) -> str:
        """Return the name of a constant, stored once in the main graph."""
        from onnx import helper

        array = np.asarray(value, dtype)
        root = self.root
        key = (array.dtype.name, array.shape, array.tobytes())
        if key not in root.constants:
            name = root.names.fresh("constant")
            root.nodes.append(helper.make_node("Constant", [], [name], name=name, value=make_tensor(array, name)))
            root.constants[key] = name
        return root.constants[key]

    def ints(self, values: Iterable[int]) -> str:
        """Return the name of a vector of integers, such as axes."""
        return self.constant(list(values), "int64")

    def cast(self, name: str, dtype: DTypeLike) -> str:
        return self.node("Cast", name, to=to_element_type(np.dtype(dtype)))

    # Sizes.

    def dim(self, dim: Dim) -> str:
        """Return the name of a size as a vector of one integer."""
        if isinstance(dim, int):
            return self.ints([dim])
        writer: OnnxWriter | None = self
        while writer is not None:
            if dim in writer.sizes:
                value, axis = writer.sizes[dim]
                return writer.node("Shape", value, start=axis, end=axis + 1)
            writer = writer.outer
        raise OnnxError(f"The size {dim} is not an axis of any earlier value. Name it: shape=('n', ...)")

    def shape(self, shape: Shape) -> str:
        """Return the name of a shape vector."""
        if all(isinstance(d, int) for d in shape):
            return self.ints([d for d in shape if isinstance(d, int)])
        parts = [self.dim(d) for d in shape]
        return parts[0] if len(parts) == 1 else self.node("Concat", *parts, axis=0)

    def record_dims(self, e: Expr, name: Any) -> None:
        """Record the value and axis that named sizes can be read from."""
        if len(e.types) > 1:
            return
        for axis, dim in enumerate(e.shape):
            if isinstance(dim, str) and isinstance(name, ChannelsFirst):
                self.sizes.setdefault(dim, (name.name, to_channels_first_axis(axis, e.ndim)))
            elif isinstance(dim, str):
                self.sizes.setdefault(dim, (name, axis))

    # Channels.

    def channels_first(self, e: Expr) -> str:
        """Return the name of a value in channels-first layout."""
        value = self.values.get(e)
        if isinstance(value, ChannelsFirst):
            return value.name
        name: str = self.get_name(e)
        if name not in self.first:
            self.first[name] = self.write_transpose(e, [0, e.ndim - 1, *range(1, e.ndim - 1)])
        return self.first[name]

    def write_transpose(self, e: Expr, order: Sequence[int]) -> str:
        """Return the name of a transposed value, reusing the original if this undoes a transpose."""
        is_transpose = e.op is not None and e.op.name == "transpose"
        if is_transpose and [e.settings["axes"][a] for a in order] == list(range(e.ndim)):
            original: str = self.get_name(e.inputs[0])
            return original
        return self.node("Transpose", self.get_name(e), perm=list(order))

    def find_channels_first(self, e: Expr) -> ChannelsFirst | None:
        """Write an op in channels-first layout if its operands have it and the op allows it."""
        assert e.op is not None
        if e.ndim < 3 or not any(map(self.is_channels_first, e.inputs)):
            return None
        special = CHANNELS_FIRST_WRITERS.get(e.op.name)
        if special is not None:
            name = special(self, e)
            return None if name is None else ChannelsFirst(name)
        if not e.op.elementwise or not all(self.can_stay_channels_first(i, e) for i in e.inputs):
            return None
        names = [self.get_name(i) if i.ndim == 0 else self.get_channels_first_name(i, e.ndim) for i in e.inputs]
        return ChannelsFirst(WRITERS[e.op.name](self, e, *names))

    def is_channels_first(self, e: Expr) -> bool:
        value = self.values.get(e)
        return isinstance(value, ChannelsFirst) or (isinstance(value, str) and value in self.first)

    def can_stay_channels_first(self, i: Expr, e: Expr) -> bool:
        """Return whether an operand is in channels-first layout or does not depend on the layout."""
        same = self.is_channels_first(i) and i.ndim == e.ndim
        return same or i.ndim == 0 or (i.ndim == 1 and i.shape[0] == e.shape[-1])

    def get_channels_first_name(self, i: Expr, ndim: int) -> str:
        """Return the name of an operand in channels-first layout; per-channel vectors get trailing axes."""
        if i.ndim > 1:
            return self.channels_first(i)
        return self.node("Unsqueeze", self.get_name(i), self.ints(range(1, ndim - 1)))

    # Expressions.

    def get_name(self, e: Expr) -> Any:
        """Return the name of a value in channels-last layout, from this graph or an enclosing one."""
        writer: OnnxWriter | None = self
        while writer is not None:
            value = writer.values.get(e)
            if isinstance(value, ChannelsFirst):
                name = writer.node("Transpose", value.name, perm=[0, *range(2, e.ndim), 1])
                writer.first[name] = value.name
                writer.values[e] = value = name
            if value is not None:
                return value
            writer = writer.outer
        raise OnnxError(f"{brief(e)} is used in a loop or branch and is not computed outside of it").with_operands([e])

    def write(self, outputs: Sequence[Expr], stop: Sequence[Expr] = ()) -> None:
        """Write expressions and their ancestors in topological order."""
        order, self.plan = plan_fusions(outputs, [*stop, *self.values])
        for e in order:
            if e not in self.values:
                name = self.write_expression(e)
                self.values[e] = name
                self.record_dims(e, name)

    def write_expression(self, e: Expr) -> Any:
        if isinstance(e, Constant):
            return self.constant(e.value)
        if isinstance(e, Shared):
            return self.root.parameter(e)
        if e.op is None:
            text = f"{brief(e)} is missing from the model's inputs. Add it to inputs=[...]"
            raise OnnxError(text).with_operands([e])
        if e.op is OUTPUT:
            return self.get_name(e.inputs[0])[e.settings["index"]]
        fused, operands = self.plan.get(e, (None, e.inputs))
        self.scope = self.scopes[e] = self.get_scope(operands)
        if fused is not None:
            return fused(self, e, *operands)
        if e.op.name not in WRITERS:
            raise unsupported_error(e)
        channels_first = self.find_channels_first(e)
        if channels_first is not None:
            return channels_first
        return WRITERS[e.op.name](self, e, *(self.get_name(i) for i in e.inputs))

    def get_scope(self, operands: Sequence[Expr]) -> str:
        """Return the layer of a node: that of its parameters, or else of its operands."""
        for i in operands:
            if isinstance(i, Shared) and "/" in self.get_parameter_name(i):
                return self.get_parameter_name(i).rpartition("/")[0]
        return next((s for i in operands if (s := self.scopes.get(i, ""))), "")

    def get_parameter_name(self, shared: Shared) -> str:
        """Return the name of a shared variable: its path in the model, or its own name."""
        return self.root.paths.get(shared, shared.name or "parameter")

    def parameter(self, shared: Shared) -> str:
        name = self.values.get(shared)
        if name is None:
            name = self.values[shared] = self.names.fresh(self.get_parameter_name(shared))
            self.initializers.append(make_tensor(shared.get_value(), name, shared))
        return str(name)

    def subgraph(
        self, name: str, body: Subgraph, given: dict[Expr, str], inputs: Sequence[Expr], results: Sequence[Expr]
    ) -> GraphProto:
        """Return the subgraph of an op. ``given`` names the inputs of ``body``, including loop invariants."""
        from onnx import helper

        from pellucid.interop.onnx.decompositions import decompose  # late, because it imports WRITERS

        inside = OnnxWriter(self)
        inside.scope = self.scope
        inside.values.update(given)
        outputs = decompose(results, stop=body.inputs)
        for place in inputs:
            inside.record_dims(place, given[place])
        inside.write(outputs, body.inputs)
        names = [inside.node("Identity", inside.get_name(o)) for o in outputs]
        declared = [make_value_info(given[p], p) for p in inputs]
        returned = [make_value_info(r, o) for r, o in zip(names, outputs, strict=True)]
        return helper.make_graph(inside.nodes, self.root.names.fresh(name), declared, returned)


def plan_fusions(outputs: Sequence[Expr], stop: Iterable[Expr]) -> tuple[list[Expr], dict[Expr, FusedNode]]:
    """Return the expressions in the order of writing, and the fusions among them."""
    closed, plan = set(stop), {}
    children: dict[Expr, Sequence[Expr]] = {}
    done: set[Expr] = set()
    order: list[Expr] = []
    stack = list(outputs)[::-1]
    while stack:
        node = stack[-1]
        if node not in children:
            fusions = FUSIONS.get(node.op.name, []) if node.op is not None and node not in closed else []
            fused = next((found for fusion in fusions if (found := fusion(node)) is not None), None)
            if fused is not None:
                plan[node] = fused
            children[node] = [] if node in closed else node.inputs if fused is None else fused[1]
        pending = [] if node in done else [i for i in children[node] if i not in done]
        if pending:
            stack.extend(reversed(pending))
            continue
        stack.pop()
        if node not in done:
            done.add(node)
            order.append(node)
    return order, plan


def make_tensor(array: Array, name: str, shared: Shared | None = None) -> TensorProto:
    """Return a tensor proto, with the tags of a shared variable."""
    from onnx import numpy_helper

    tensor = numpy_helper.from_array(np.ascontiguousarray(array) if array.ndim else array, name)
    if shared is not None:
        for key in TAGS:
            tensor.metadata_props.add(key=f"pellucid.{key}", value=str(getattr(shared, key)).lower())
    return tensor


def make_value_info(name: str, e: Expr) -> ValueInfoProto:
    from onnx import helper

    shape = [None if isinstance(d, Unknown) else d if isinstance(d, int) else str(d) for d in e.shape]
    return helper.make_tensor_value_info(name, to_element_type(e.dtype), shape)


def unsupported_error(e: Expr, why: str = "") -> OnnxError:
    assert e.op is not None
    written = f", written at {format_location(e.origin)}" if e.origin is not None else ""
    reason = why or REFUSED.get(e.op.name, "ONNX has no operator for it, and it has no decomposition")
    return OnnxError(f"{brief(e)}: {e.op.name} cannot be exported{written}. {reason}").with_operands([e])


RANDOM = "ONNX cannot reproduce pellucid's random numbers. Export the inference form (pel.inference)"
FACTORIZATION = "ONNX has no matrix factorizations. Compute it before the export, or exclude it"

REFUSED = {
    **dict.fromkeys(("random_uniform", "random_normal", "fold_in", "dropout", "variable_dropout"), RANDOM),
    **dict.fromkeys(
        ("inv", "solve", "solve_triangular", "cholesky", "signdet", "logabsdet", "cofactors", "cofactors_derivative"),
        FACTORIZATION,
    ),
}
"""Ops that are not exported, with the reason."""
