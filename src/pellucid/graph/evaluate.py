"""What a graph means: the walk that computes it, over any array namespace.

With ``xp`` NumPy this is the interpreter, which defines the meaning; with ``xp`` ``jax.numpy`` and traced arrays the
same walk is the lowering to XLA.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

import numpy as np

from pellucid.graph.errors import InputError, LinAlgError, PellucidError, ShapeError, brief
from pellucid.graph.expr import Constant, Expr, Input, is_compatible_shape
from pellucid.graph.op_def import OUTPUT
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.traversal import topological
from pellucid.graph.types import Unknown, format_shape

Watcher = Callable[[Expr, Any], None]
WatcherFactory = Callable[[Sequence[Expr], Mapping[Expr, Any]], Watcher | None]


class LoweringContext:
    """What surrounds an expression that is lowered.

    Attributes
    ----------
    known : mapping from Expr to array
        All values that have been computed.
    wanted : set of Expr
        What the graph is evaluated for.
    """

    def __init__(self, known: Mapping[Expr, Any], wanted: Sequence[Expr], nodes: Sequence[Expr]) -> None:
        self.known, self.wanted, self.nodes = known, set(wanted), nodes

    @functools.cached_property
    def users(self) -> Mapping[Expr, Sequence[Expr]]:
        """The expressions that are made of an expression, in the graph at hand."""
        found: dict[Expr, list[Expr]] = {}
        for node in self.nodes:
            for used in set(node.inputs):
                found.setdefault(used, []).append(node)
        return found


Lowering = Callable[[Expr, LoweringContext], Any]

_enter: ContextVar[WatcherFactory | None] = ContextVar("enter", default=None)
_lowerings: ContextVar[Mapping[str, Lowering]] = ContextVar("lowerings", default=MappingProxyType({}))


@contextmanager
def watch_subgraphs(enter: WatcherFactory) -> Iterator[None]:
    """Have ``enter(outputs, values)`` asked for a watch whenever a graph is evaluated inside an op, as loops do."""
    token = _enter.set(enter)
    try:
        yield
    finally:
        _enter.reset(token)


@contextmanager
def use_lowerings(lowerings: Mapping[str, Lowering]) -> Iterator[None]:
    """Have ops of these names lowered to XLA by these functions first.

    They are given the expression and what is around it, and return None where they know no better.
    """
    token = _lowerings.set(lowerings)
    try:
        yield
    finally:
        _lowerings.reset(token)


def evaluate(xp: Any, outputs: Sequence[Expr], values: Mapping[Expr, Any], watch: Watcher | None = None) -> list[Any]:
    """Compute expressions from the values of what they depend on.

    Parameters
    ----------
    xp : module
        ``numpy`` or ``jax.numpy``.
    outputs : sequence of Expr
        What to compute.
    values : mapping from Expr to array
        The values of inputs and shared variables, or of any expression in between.
    watch : function, optional
        Called with every expression and its value as it is computed.

    Returns
    -------
    list of array
        One for each output.

    Raises
    ------
    InputError
        If the value of an input is needed and not given.
    ShapeError
        If a size that was unknown when the graph was built turns out not to fit.

    Examples
    --------
    >>> import numpy as np, pellucid as pel
    >>> x = pel.vector("x")
    >>> evaluate(np, [(x * x).sum()], {x: np.array([1.0, 2.0], "float32")})
    [array(5., dtype=float32)]
    """
    known: dict[Expr, Any] = dict(values)
    enter = _enter.get()
    if watch is None and enter is not None:
        watch = enter(outputs, values)
    nodes = topological(outputs, stop=known)
    around = None if xp is np else LoweringContext(known, outputs, nodes)
    for node in nodes:
        if node in known:
            continue
        if isinstance(node, Constant):
            known[node] = node.value
            continue
        if node.op is None:
            raise InputError(f"{node} is needed and has no value").with_operands([node])
        known[node] = compute_node(xp, node, [known[i] for i in node.inputs], around)
        if watch is not None:
            watch(node, known[node])
    return [known[output] for output in outputs]


def evaluate_subgraph(xp: Any, body: Subgraph, values: Sequence[Any]) -> list[Any]:
    """Compute the graph inside an op from the values of its placeholders."""
    return evaluate(xp, body.outputs, dict(zip(body.inputs, values, strict=True)))


def compute_node(xp: Any, node: Expr, operands: list[Any], around: LoweringContext | None = None) -> Any:
    """Compute one expression from the values of its inputs, and hold the result against the type it was promised."""
    op = node.op
    assert op is not None
    if op.core is not None and len(operands) > 1:
        check_unknown_sizes(node, operands, op.core)
    settings = node.settings
    try:
        if xp is not np:
            value = lower(xp, node, operands, settings, around)
        elif xp is np and any(i.dtype.kind == "V" for i in node.inputs) and not takes_raw_values(node):
            value = compute_in_float32(node, operands)
        else:
            value = op.value(xp, *operands, **settings)
    except PellucidError:
        raise
    except np.linalg.LinAlgError as error:
        raise LinAlgError(
            f"{brief(node)}: {error}. Where that cannot be helped, a small multiple of the identity added "
            "to the matrix makes it regular: A + 1e-6 * pel.eye(n)"
        ).with_operands([node]) from error
    except (ValueError, TypeError, IndexError) as error:
        raise ShapeError(explain_shape_error(node, operands) or f"{brief(node)}: {error}").with_operands(
            [node, *node.inputs]
        ) from error
    if len(node.types) > 1 or op is OUTPUT:
        return value
    if xp is np:
        value = np.asarray(value)
    if value.dtype != node.dtype or not is_compatible_shape(value.shape, bind_named_dims(node, value)):
        raise ShapeError(
            f"{brief(node)} was to be {node.type} and came out as {value.dtype} {format_shape(value.shape)}: "
            "an unknown size does not fit, or the op breaks its own rule"
        ).with_operands([node, *node.inputs])
    return value


def lower(xp: Any, node: Expr, operands: list[Any], settings: dict[str, Any], around: LoweringContext | None) -> Any:
    """Compute an op as XLA is to have it."""
    op = node.op
    assert op is not None
    better = _lowerings.get().get(op.name)
    value = better(node, around) if better is not None and around is not None else None
    return value if value is not None else (op.xla or op.value)(xp, *operands, **settings)


def takes_raw_values(node: Expr) -> bool:
    """Tell whether an op takes values as they are: it computes a graph with them, or takes one of several results."""
    return node.op is OUTPUT or any(isinstance(setting, Subgraph) for setting in node.settings.values())


def compute_in_float32(node: Expr, operands: list[Any]) -> Any:
    """Compute an op on bfloat16 in float32 and round the result: NumPy has no products of it, and XLA adds up so."""
    assert node.op is not None
    wide = [o.astype(np.float32) if i.dtype.kind == "V" else o for i, o in zip(node.inputs, operands, strict=True)]
    value = node.op.value(np, *wide, **node.settings)
    if len(node.types) > 1:
        return tuple(np.asarray(v).astype(t.dtype) for v, t in zip(value, node.types, strict=True))
    return np.asarray(value).astype(node.dtype)


def bind_named_dims(node: Expr, value: Any) -> tuple[Any, ...]:
    """Return the node's shape with its names replaced by the sizes found, leaving the integers to be compared."""
    if len(node.shape) != len(value.shape):
        return node.shape
    return tuple(size if isinstance(dim, str) else dim for dim, size in zip(node.shape, value.shape, strict=True))


def check_unknown_sizes(node: Expr, operands: list[Any], core: int) -> None:
    """Refuse to broadcast along an unknown dimension: the gradient assumed that it is as long as the result."""
    for operand, value in zip(node.inputs, operands, strict=True):
        for axis, dim in enumerate(reversed(operand.shape[: max(0, operand.ndim - core)]), start=core + 1):
            size = np.shape(value)[-axis]
            if not isinstance(dim, Unknown) or size != 1:
                continue
            others = {np.shape(v)[-axis] for v in operands if np.ndim(v) >= axis}
            if others != {1}:
                raise ShapeError(
                    f"{brief(node)}: dimension {-axis} of {brief(operand)} was unknown and is 1 here, where another "
                    f"operand has {max(others)}. If it is meant to broadcast, declare it: shape=(..., 1, ...)"
                ).with_operands([node, *node.inputs])


def explain_shape_error(node: Expr, operands: list[Any]) -> str:
    """Say what does not fit now that all sizes are known, in the words of the op's own rule if it can tell."""
    op, shapes = node.op, [np.shape(o) for o in operands]
    assert op is not None
    if any(0 in shape for shape in shapes):
        given = " and ".join(map(format_shape, shapes))
        return f"{brief(node)}: there is nothing to compute it from. Received: empty data, of shape {given}"
    known = [Input(brief(i), shape, i.dtype) for i, shape in zip(node.inputs, shapes, strict=True)]
    try:
        op.infer_types(tuple(known), node._settings)
    except ShapeError as error:
        return str(error)
    return ""
