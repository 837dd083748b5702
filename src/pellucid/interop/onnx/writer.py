"""A graph of ONNX while it is written: its nodes, the names of its values, and the sizes that only a run knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pellucid.graph.errors import brief
from pellucid.graph.expr import Constant, Expr, Input, Shared
from pellucid.graph.op_def import OUTPUT
from pellucid.graph.source_location import place_text
from pellucid.graph.subgraph import Body
from pellucid.graph.types import Dim, Shape, Unknown
from pellucid.interop.onnx.dtypes import element_type
from pellucid.interop.onnx.errors import OnnxError
from pellucid.interop.onnx.tensors import TAGS

Write = Callable[..., Any]

WRITERS: dict[str, Write] = {}
"""How each op is written: ``write(w, node, *names)`` returns the name of its value, or a tuple of names."""


TURNED: dict[str, Write] = {}
"""How ops that are not elementwise are written with channels first; None where they are not."""


def turned_axis(axis: int, ndim: int) -> int:
    """Return where an axis is once channels stand first."""
    return 0 if axis == 0 else 1 if axis == ndim - 1 else axis + 1


def writes(*ops: str) -> Callable[[Write], Write]:
    """Enter a function as the one that writes ops of these names."""

    def enter(function: Write) -> Write:
        for name in ops:
            WRITERS[name] = function
        return function

    return enter


class Turned(NamedTuple):
    """A value that is there with channels first only, so far."""

    name: str


class Names:
    """Names that are each given once."""

    def __init__(self) -> None:
        self.taken: dict[str, int] = {}

    def fresh(self, wanted: str) -> str:
        """Return a name that nothing has yet."""
        count = self.taken.get(wanted, 0)
        self.taken[wanted] = count + 1
        return wanted if not count else self.fresh(f"{wanted}_{count}")


class Writer:
    """One graph of ONNX: the model's, or one inside a loop or a branch, which sees what is outside by its name.

    Attributes
    ----------
    nodes, initializers : list
        What was written so far.
    values : dict from Expr to str
        The name of each value.
    first : dict from str to str
        For a value whose channels stand last, the name of the same value with channels first.
    plan : dict from Expr to (function, list of Expr)
        What is written in another way than its op alone says, as `fusing` found.
    sizes : dict from str to (str, int)
        For a size known by name, a value and the axis that has it.
    """

    def __init__(self, outer: Writer | None = None, paths: Mapping[Shared, str] | None = None) -> None:
        self.outer = outer
        self.root: Writer = self if outer is None else outer.root
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.values: dict[Expr, Any] = {}
        self.first: dict[str, str] = {}
        self.plan: dict[Expr, tuple[Write, list[Expr]]] = {}
        self.sizes: dict[str, tuple[str, int]] = {}
        self.scopes: dict[Expr, str] = {}
        self.scope = ""
        self.paths: Mapping[Shared, str] = paths or {}
        if outer is None:
            self.names = Names()
            self.constants: dict[Any, str] = {}
            self.handed_out: set[str] = set()

    # Nodes and constants.

    def node(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """Write a node and return the name of its output, or a tuple of them."""
        from onnx import helper

        name = self.root.names.fresh(f"{self.scope}/{kind}" if self.scope else kind)
        made = [name, *(self.root.names.fresh(f"{name}:{i}") for i in range(1, outputs))]
        given = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(helper.make_node(kind, list(inputs), made, name=name, **given))
        return made[0] if outputs == 1 else tuple(made)

    def constant(self, value: Any, dtype: Any = None) -> str:
        """Return the name of a constant, which stands in the model's own graph, once."""
        from onnx import helper

        array = np.asarray(value, dtype)
        root = self.root
        key = (array.dtype.name, array.shape, array.tobytes())
        if key not in root.constants:
            name = root.names.fresh("constant")
            root.nodes.append(helper.make_node("Constant", [], [name], name=name, value=tensor(array, name)))
            root.constants[key] = name
        return root.constants[key]

    def ints(self, values: Iterable[int]) -> str:
        """Return the name of a row of integers, such as axes."""
        return self.constant(list(values), "int64")

    def cast(self, name: str, dtype: Any) -> str:
        """Write a cast."""
        made: str = self.node("Cast", name, to=element_type(np.dtype(dtype)))
        return made

    # Sizes.

    def dim(self, dim: Dim) -> str:
        """Return the name of a row of one integer, a size."""
        if isinstance(dim, int):
            return self.ints([dim])
        writer: Writer | None = self
        while writer is not None:
            if dim in writer.sizes:
                value, axis = writer.sizes[dim]
                made: str = writer.node("Shape", value, start=axis, end=axis + 1)
                return made
            writer = writer.outer
        raise OnnxError(f"The size {dim} is no axis of anything that was written before. Name it: shape=('n', ...)")

    def shape(self, shape: Shape) -> str:
        """Return the name of a row of integers, a shape."""
        if all(isinstance(d, int) for d in shape):
            return self.ints([d for d in shape if isinstance(d, int)])
        parts = [self.dim(d) for d in shape]
        made: str = parts[0] if len(parts) == 1 else self.node("Concat", *parts, axis=0)
        return made

    def know(self, e: Expr, name: Any) -> None:
        """Remember where the sizes of an expression can be asked for."""
        if len(e.types) > 1:
            return
        for axis, dim in enumerate(e.shape):
            if isinstance(dim, str) and dim not in self.sizes:
                self.sizes[dim] = (name.name, turned_axis(axis, e.ndim)) if isinstance(name, Turned) else (name, axis)

    # Channels.

    def channels_first(self, e: Expr) -> str:
        """Return a value with the axis of channels moved behind the batch, where ONNX has it."""
        value = self.values.get(e)
        if isinstance(value, Turned):
            return value.name
        name: str = self.of(e)
        if name not in self.first:
            self.first[name] = self.transposed(e, [0, e.ndim - 1, *range(1, e.ndim - 1)])
        return self.first[name]

    def transposed(self, e: Expr, order: Sequence[int]) -> str:
        """Return a value with its axes in another order; one that stood so before it was transposed is there."""
        undone = e.op is not None and e.op.name == "transpose" and [e.settings["axes"][a] for a in order]
        if undone == list(range(e.ndim)):
            before: str = self.of(e.inputs[0])
            return before
        made: str = self.node("Transpose", self.of(e), perm=list(order))
        return made

    def in_turned_form(self, e: Expr) -> Turned | None:
        """Write an expression with channels first, if what it is made of stands so and nothing keeps it from it."""
        assert e.op is not None
        if e.ndim < 3 or not any(map(self.stands_first, e.inputs)):
            return None
        special = TURNED.get(e.op.name)
        if special is not None:
            made = special(self, e)
            return None if made is None else Turned(made)
        if not e.op.elementwise or not all(self.turns(i, e) for i in e.inputs):
            return None
        names = [self.of(i) if i.ndim == 0 else self.turned_name(i, e.ndim) for i in e.inputs]
        return Turned(WRITERS[e.op.name](self, e, *names))

    def stands_first(self, e: Expr) -> bool:
        """Tell whether a value is there with channels first."""
        value = self.values.get(e)
        return isinstance(value, Turned) or (isinstance(value, str) and value in self.first)

    def turns(self, i: Expr, e: Expr) -> bool:
        """Tell whether an operand has, or needs, no other form with channels first."""
        same = self.stands_first(i) and i.ndim == e.ndim
        return same or i.ndim == 0 or (i.ndim == 1 and i.shape[0] == e.shape[-1])

    def turned_name(self, i: Expr, ndim: int) -> str:
        """Return an operand with channels first; one number a channel gets axes behind it."""
        if i.ndim > 1:
            return self.channels_first(i)
        made: str = self.node("Unsqueeze", self.of(i), self.ints(range(1, ndim - 1)))
        return made

    # Expressions.

    def of(self, e: Expr) -> Any:
        """Return the name of what was written, here or outside, with channels where pellucid has them."""
        writer: Writer | None = self
        while writer is not None:
            value = writer.values.get(e)
            if isinstance(value, Turned):
                name = writer.node("Transpose", value.name, perm=[0, *range(2, e.ndim), 1])
                writer.first[name] = value.name
                writer.values[e] = value = name
            if value is not None:
                return value
            writer = writer.outer
        raise OnnxError(f"{brief(e)} is used in a loop or branch and is not computed outside of it").about([e])

    def write(self, outputs: Sequence[Expr], stop: Sequence[Expr] = ()) -> None:
        """Write expressions and all they are made of, each after its inputs."""
        from pellucid.interop.onnx.fusion import arranged  # which is made of writers

        order, self.plan = arranged(outputs, [*stop, *self.values])
        for e in order:
            if e not in self.values:
                name = self.written(e)
                self.values[e] = name
                self.know(e, name)

    def written(self, e: Expr) -> Any:
        """Write one expression and return its name, or names."""
        if isinstance(e, Constant):
            return self.constant(e.value)
        if isinstance(e, Shared):
            return self.root.parameter(e)
        if e.op is None:
            kind = "an input" if isinstance(e, Input) else "a value"
            raise OnnxError(f"{brief(e)} is {kind} that the model is not given. Put it into inputs=[...]").about([e])
        if e.op is OUTPUT:
            return self.of(e.inputs[0])[e.settings["index"]]
        fused, operands = self.plan.get(e, (None, e.inputs))
        self.scope = self.scopes[e] = self.scope_of(operands)
        if fused is not None:
            return fused(self, e, *operands)
        if e.op.name not in WRITERS:
            raise not_in_onnx(e)
        turned = self.in_turned_form(e)
        return WRITERS[e.op.name](self, e, *(self.of(i) for i in e.inputs)) if turned is None else turned

    def scope_of(self, operands: Sequence[Expr]) -> str:
        """Return the layer a node belongs to: that of its parameters, or else of what it works on."""
        for i in operands:
            if isinstance(i, Shared) and "/" in self.called(i):
                return self.called(i).rpartition("/")[0]
        return next((s for i in operands if (s := self.scopes.get(i, ""))), "")

    def called(self, shared: Shared) -> str:
        """Return what a shared variable is called: by its path in a model, or by its own name."""
        return self.root.paths.get(shared, shared.name or "parameter")

    def parameter(self, shared: Shared) -> str:
        """Write a shared variable as an initializer of its name."""
        if shared not in self.values:
            name = self.names.fresh(self.called(shared))
            self.initializers.append(tensor(shared.get_value(), name, shared))
            self.values[shared] = name
        found: str = self.values[shared]
        return found

    def body(self, name: str, body: Body, given: dict[Expr, str], inputs: Sequence[Expr], kept: Sequence[Expr]) -> Any:
        """Return the graph inside an op: ``inputs`` are placeholders it declares, ``kept`` what it returns."""
        from onnx import helper

        from pellucid.interop.onnx.decomposer import opened  # which asks what writers there are

        inside = Writer(self)
        inside.scope = self.scope
        inside.values.update(given)
        outputs = opened(kept, stop=body.inputs)
        for place in inputs:
            inside.know(place, given[place])
        inside.write(outputs, body.inputs)
        results = [inside.node("Identity", inside.of(o)) for o in outputs]
        declared = [value_info(given[p], p) for p in inputs]
        returned = [value_info(r, o) for r, o in zip(results, outputs, strict=True)]
        return helper.make_graph(inside.nodes, self.root.names.fresh(name), declared, returned)


def tensor(array: np.ndarray[Any, Any], name: str, shared: Shared | None = None) -> Any:
    """Return an array as ONNX keeps it, with the tags of a shared variable."""
    from onnx import numpy_helper

    made = numpy_helper.from_array(np.ascontiguousarray(array) if array.ndim else array, name)
    if shared is not None:
        for key in TAGS:
            entry = made.metadata_props.add()
            entry.key, entry.value = f"pellucid.{key}", str(getattr(shared, key)).lower()
    return made


def value_info(name: str, e: Expr) -> Any:
    """Return what ONNX tells of an input or output: its name, element type and shape."""
    from onnx import helper

    shape = [None if isinstance(d, Unknown) else d if isinstance(d, int) else str(d) for d in e.shape]
    return helper.make_tensor_value_info(name, element_type(e.dtype), shape)


def not_in_onnx(e: Expr, why: str = "") -> OnnxError:
    """Return the error for an op that ONNX cannot express."""
    assert e.op is not None
    written = f", written at {place_text(e.origin)}" if e.origin is not None else ""
    reason = why or REFUSED.get(e.op.name, "ONNX has no operator for it, and it is not made of others")
    return OnnxError(f"{brief(e)}: {e.op.name} cannot be exported{written}. {reason}").about([e])


RANDOM = "ONNX files hold no random numbers of pellucid's: export what is left of it for inference (pel.inference)"
FACTOR = "ONNX has no factorizations of matrices. Compute it beforehand, or leave it out of what is exported"

REFUSED = {
    **dict.fromkeys(("random_uniform", "random_normal", "fold_in", "dropout"), RANDOM),
    **dict.fromkeys(("inv", "solve", "solve_triangular", "cholesky", "signdet", "logabsdet"), FACTOR),
}
"""Ops that are not exported, and why."""
