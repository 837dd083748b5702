"""Evaluation of graphs over an array namespace.

With ``xp`` NumPy this is the interpreter, which defines the meaning of a graph. With ``jax.numpy`` and traced arrays
it is the lowering to XLA.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

import numpy as np

from pellucid.graph.array_namespace import NUMPY
from pellucid.graph.errors import InputError, LinAlgError, PellucidError, ShapeError, brief
from pellucid.graph.expr import Constant, Expr, Input, is_compatible_shape
from pellucid.graph.op import OUTPUT
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.traversal import topological
from pellucid.graph.types import format_shape

Watcher = Callable[[Expr, Any], None]
WatcherFactory = Callable[[Sequence[Expr], Mapping[Expr, Any]], Watcher | None]


class LoweringContext:
    """The graph around an expression that is lowered.

    Attributes
    ----------
    values : mapping from Expr to array
        Values that have been computed.
    outputs : set of Expr
        Outputs of the graph.
    nodes : sequence of Expr
        All expressions of the graph, each after its inputs.
    rectified : set of Expr
        Expressions of whose values only the positive part has been computed, because nothing needs more.
    memo : dict
        What lowerings remember from one expression to the next, by their own keys.
    """

    def __init__(self, values: Mapping[Expr, Any], outputs: Sequence[Expr], nodes: Sequence[Expr]) -> None:
        self.values: Mapping[Expr, Any] = values
        self.outputs: set[Expr] = set(outputs)
        self.nodes: Sequence[Expr] = nodes
        self.rectified: set[Expr] = set()
        self.memo: dict[Any, Any] = {}

    @functools.cached_property
    def users(self) -> Mapping[Expr, Sequence[Expr]]:
        """The expressions of the graph that have an expression as input."""
        users: dict[Expr, list[Expr]] = {}
        for node in self.nodes:
            for used in set(node.inputs):
                users.setdefault(used, []).append(node)
        return users


Lowering = Callable[[Expr, LoweringContext], Any]

_watcher_factory: ContextVar[WatcherFactory | None] = ContextVar("watcher_factory", default=None)
_lowerings: ContextVar[Mapping[str, Lowering]] = ContextVar("lowerings", default=MappingProxyType({}))


@contextmanager
def watch_subgraphs(factory: WatcherFactory) -> Iterator[None]:
    """Watch the evaluation of subgraphs, each with a watcher from ``factory(outputs, values)``."""
    token = _watcher_factory.set(factory)
    try:
        yield
    finally:
        _watcher_factory.reset(token)


@contextmanager
def use_lowerings(lowerings: Mapping[str, Lowering]) -> Iterator[None]:
    """Lower ops by custom functions, by name of the op.

    A lowering takes the expression and its context. It returns None to leave the op to its default lowering.
    """
    token = _lowerings.set(lowerings)
    try:
        yield
    finally:
        _lowerings.reset(token)


def evaluate(xp: Any, outputs: Sequence[Expr], values: Mapping[Expr, Any], watch: Watcher | None = None) -> list[Any]:
    """Return the values of expressions.

    Parameters
    ----------
    xp : module
        ``numpy`` or ``jax.numpy``.
    outputs : sequence of Expr
        The expressions.
    values : mapping from Expr to array
        Values of inputs and shared variables. Intermediate expressions can have values too.
    watch : function, optional
        Called with each expression and its value after it is computed.

    Examples
    --------
    >>> import numpy as np, pellucid as pel
    >>> x = pel.vector("x")
    >>> evaluate(np, [(x * x).sum()], {x: np.array([1.0, 2.0], "float32")})
    [array(5., dtype=float32)]
    """
    done: dict[Expr, Any] = dict(values)
    factory = _watcher_factory.get()
    if watch is None and factory is not None:
        watch = factory(outputs, values)
    nodes = topological(outputs, stop=done)
    context = None if xp is NUMPY else LoweringContext(done, outputs, nodes)
    for node in nodes:
        if node in done:
            continue
        if isinstance(node, Constant):
            done[node] = node.value
            continue
        if node.op is None:
            raise InputError(f"{node} is needed and has no value").with_operands([node])
        done[node] = compute_node(xp, node, [done[i] for i in node.inputs], context)
        if watch is not None:
            watch(node, done[node])
    return [done[output] for output in outputs]


def evaluate_subgraph(xp: Any, graph: Subgraph, values: Sequence[Any]) -> list[Any]:
    return evaluate(xp, graph.outputs, dict(zip(graph.inputs, values, strict=True)))


def compute_node(xp: Any, node: Expr, operands: list[Any], context: LoweringContext | None = None) -> Any:
    """Compute one expression from the values of its inputs, and check the type of the result."""
    op = node.op
    assert op is not None
    if op.core is not None and len(operands) > 1:
        check_equal_sizes(node, node.inputs, operands, op.core)
    settings = node.settings
    try:
        if xp is not NUMPY:
            custom = _lowerings.get().get(op.name)
            value = custom(node, context) if custom is not None and context is not None else None
            value = value if value is not None else (op.xla or op.value)(xp, *operands, **settings)
        elif any(i.dtype.kind == "V" for i in node.inputs) and not takes_raw_values(node):
            value = compute_in_float32(node, operands)
        else:
            value = op.value(xp, *operands, **settings)
    except PellucidError:
        raise
    except np.linalg.LinAlgError as error:
        raise LinAlgError(
            f"{brief(node)}: {error}. If the matrix is almost singular, add a small multiple of the identity: "
            "A + 1e-6 * pel.eye(n)"
        ).with_operands([node]) from error
    except (ValueError, TypeError, IndexError) as error:
        if (value := make_empty_result(xp, node, operands)) is None:
            raise ShapeError(explain_shape_error(node, operands) or f"{brief(node)}: {error}").with_operands(
                [node, *node.inputs]
            ) from error
    if len(node.types) > 1 or op is OUTPUT:
        return value
    if xp is NUMPY:
        value = np.asarray(value)
    check_result(node, operands, value)
    return value


def check_result(node: Expr, operands: list[Any], value: Any) -> None:
    if node.op is not None and node.op.name in ("broadcast_to", "broadcast_like"):
        check_equal_sizes(node, [node.inputs[0], node], [operands[0], value])
    if value.dtype != node.dtype or not is_compatible_shape(value.shape, bind_named_dims(node, value)):
        reason = "an axis has no elements" if 0 in value.shape else "an unknown size is incompatible"
        raise ShapeError(
            f"{brief(node)} should be {node.type} and is {value.dtype} {format_shape(value.shape)}: "
            f"{reason}, or the op violates its own rule"
        ).with_operands([node, *node.inputs])


def takes_raw_values(node: Expr) -> bool:
    """Tell whether an op takes its operands without conversion: one with a subgraph, or the selection of a result."""
    return node.op is OUTPUT or any(isinstance(setting, Subgraph) for setting in node.settings.values())


def compute_in_float32(node: Expr, operands: list[Any]) -> Any:
    """Compute an op on bfloat16 in float32 and round the result. NumPy has no such products; XLA accumulates so."""
    assert node.op is not None
    wide = [o.astype(np.float32) if i.dtype.kind == "V" else o for i, o in zip(node.inputs, operands, strict=True)]
    value = node.op.value(np, *wide, **node.settings)
    if len(node.types) > 1:
        return tuple(np.asarray(v).astype(t.dtype) for v, t in zip(value, node.types, strict=True))
    return np.asarray(value).astype(node.dtype)


def bind_named_dims(node: Expr, value: Any) -> tuple[Any, ...]:
    """Return the shape of an expression with the sizes of a value in place of names."""
    if len(node.shape) != len(value.shape):
        return node.shape
    return tuple(size if isinstance(dim, str) else dim for dim, size in zip(node.shape, value.shape, strict=True))


def check_equal_sizes(node: Expr, parts: Sequence[Expr], values: Sequence[Any], core: int = 0) -> None:
    """Raise an error if an axis that is not declared as 1 broadcasts: shapes and gradients assume that it does not.

    All other sizes that meet in an axis of the result are equal when the program runs, whether they were declared by a
    number, a name, a formula or not at all.
    """
    shapes = [e.shape for e in parts]
    if all(shape == shapes[0] for shape in shapes):
        return
    for axis in range(core + 1, max(map(len, shapes)) + 1):
        sized = [(e, np.shape(v)[-axis]) for e, v in zip(parts, values, strict=True) if has_size(e, axis)]
        for e, size in sized[1:]:
            if size != sized[0][1]:
                raise ShapeError(explain_unequal_sizes(node, axis, *sized[0], e, size)).with_operands(
                    [node, *node.inputs]
                )


def has_size(e: Expr, axis: int) -> bool:
    """Tell whether the shape of an expression has an axis, counted from the end, that does not broadcast."""
    return e.ndim >= axis and e.shape[-axis] != 1


def explain_unequal_sizes(node: Expr, axis: int, a: Expr, a_size: int, b: Expr, b_size: int) -> str:
    declared = [format_shape((e.shape[-axis],))[1:-2] for e in (a, b)]
    sizes = [d if d == str(n) else f"{d} = {n}" for d, n in zip(declared, (a_size, b_size), strict=True)]
    names = ["the result" if e is node else brief(e) for e in (a, b)]
    fix = ". A size of 1 broadcasts only if it is declared, as in shape=(..., 1, ...)" * (1 in (a_size, b_size))
    return (
        f"{brief(node)}: dimension {-axis} is {sizes[0]} in {names[0]} and {sizes[1]} in {names[1]}, and must be "
        f"equal{fix}"
    )


def make_empty_result(xp: Any, node: Expr, operands: list[Any]) -> Any:
    """Return the result of a composite op of one operand, such as a softmax, if it has no elements; otherwise None."""
    shape = np.shape(operands[0])
    same = node.op is not None and node.op.composite and len(operands) == 1 and node.shape == node.inputs[0].shape
    return xp.zeros(shape, node.dtype) if same and 0 in shape else None


def explain_shape_error(node: Expr, operands: list[Any]) -> str:
    """Return the message for sizes that the shape rule rejects, or for empty data; an empty string otherwise."""
    op, shapes = node.op, [np.shape(o) for o in operands]
    assert op is not None
    inputs = [Input(brief(i), shape, i.dtype) for i, shape in zip(node.inputs, shapes, strict=True)]
    try:
        op.infer_types(tuple(inputs), node._settings)
    except ShapeError as error:
        return str(error)
    if any(0 in shape for shape in shapes):
        empty = " and ".join(map(format_shape, shapes))
        return f"{brief(node)}: expected data with elements. Received: empty data, of shape {empty}"
    return ""
