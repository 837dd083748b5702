r"""Named formulas: functions of expressions whose name stays on the page.

A formula is an op whose value is its definition. For a reader it is one expression with a name, which `expand` opens.
A program is made of the definition, simplified together with what is around it
(`pellucid.graph.marker_removal`); so is its gradient, unless the formula has one of its own.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic
from pellucid.graph.errors import PellucidError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Constant, Expr, Input, Settings, to_hashable
from pellucid.graph.marker_removal import remove_markers
from pellucid.graph.op import OpFunction, register_op
from pellucid.graph.op_def import Function, Op
from pellucid.graph.precedence import ATOM, Template
from pellucid.graph.rewriter import simplify_all
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.traversal import topological
from pellucid.graph.types import Type

MAX_TRACES = 128
"""How many definitions are kept simplified for operands of certain shapes and dtypes, for each formula."""


def compound(
    *,
    name: str | None = None,
    tex: Template | None = None,
    text: Template | None = None,
    precedence: int = ATOM,
    tex_precedence: int | None = None,
    grad: Function | None = None,
) -> Callable[[Function], OpFunction]:
    r"""Make a named formula of a function of expressions, such as :math:`\operatorname{swish}(x) = x \, \sigma(x)`.

    Its arguments without a default are expressions, those with one are settings. It may return one expression or
    several, and is made of nothing but its arguments.

    Parameters
    ----------
    name : str, optional
        The formula's name, if it is not the function's.
    tex, text : str or function, optional
        How it is written, as in `op`. Without ``text``: ``name(a, b)``.
    precedence, tex_precedence : int
        How tightly it binds, as in `op`.
    grad : function, optional
        ``grad(g, y, *inputs, **settings)``, as in `op`; for several results ``g`` is a list with None where nothing
        arrives. Without it the definition is differentiated.

    Returns
    -------
    function
        The public function, with the op as its attribute ``op``. It takes the place of an earlier formula of that name.

    Raises
    ------
    ValueError
        If pellucid has a function of that name.
    PellucidError
        When it is called, if the definition returns no expressions or uses something from outside, or if a setting is
        no plain value.

    Examples
    --------
    >>> @pel.compound(tex=r"\operatorname{{swish}}({0:_})")
    ... def swish_of_this_page(x, beta=1.0):
    ...     '''A smooth ramp, x sigmoid(beta x).'''
    ...     return x * pel.sigmoid(beta * x)
    >>> x = pel.vector("x")
    >>> swish_of_this_page(x, beta=2.0)
    swish_of_this_page(x, beta=2.0)
    >>> pel.expand(swish_of_this_page(x, beta=2.0))
    x * sigmoid(2 * x)
    >>> pel.grad(swish_of_this_page(x).sum(), x)
    sigmoid(x) + x * (sigmoid(x) * (1 - sigmoid(x)))
    """

    def make(definition: Function) -> OpFunction:
        formula = CompositeDefinition(definition, name or definition.__name__)
        parameters = inspect.signature(definition).parameters.values()
        return register_op(
            Op(
                name=formula.name,
                value=formula.value(),
                operands=tuple(p.name for p in parameters if p.default is p.empty),
                variadic=any(p.kind is p.VAR_POSITIONAL for p in parameters),
                defaults={p.name: p.default for p in parameters if p.default is not p.empty},
                infer=formula.infer,
                normalize=formula.normalize,
                release=formula.apply_definition,
                grad=grad,
                compound=True,
                promotes=False,
                folds=False,
                tex=tex,
                text=text,
                precedence=precedence,
                tex_precedence=tex_precedence,
                cost=formula.cost,
            )
        )

    return make


class CompositeDefinition:
    """A definition, and what an op makes of it."""

    def __init__(self, definition: Function, name: str) -> None:
        self.definition = definition
        self.name = name
        self.traced = functools.lru_cache(MAX_TRACES)(self.trace)

    def apply_definition(self, *inputs: Expr, **settings: Any) -> Any:
        """Return what the definition makes of its inputs: an expression, or a list of them."""
        returned = self.definition(*inputs, **settings)
        several = isinstance(returned, (list, tuple))
        results = list(returned) if several else [returned]
        for result in results:
            if not isinstance(result, Expr):
                raise PellucidError(
                    f"{self.name}: a formula returns an expression, or a list of them. Received: {result!r}"
                )
        return results if several and len(results) > 1 else results[0]

    def normalize(self, *inputs: Expr, **settings: Any) -> dict[str, Any]:
        """Refuse settings that are no plain values."""
        check_settings(self.name, settings)
        return settings

    def infer(self, *inputs: Expr, **settings: Any) -> list[Type]:
        """Return the types of the definition's results, which may be made of nothing but the inputs."""
        results = to_result_list(self.apply_definition(*inputs, **settings))
        given = set(inputs)
        for node in topological(results, stop=inputs):
            if node.op is None and node not in given and not isinstance(node, Constant):
                raise PellucidError(
                    f"{self.name}: a formula is made of its arguments and of numbers. "
                    f"Received: {node}, from outside; make it an argument"
                )
        return [result.type for result in results]

    def value(self) -> Function:
        """Return the value, which looks like the definition and takes an array namespace first."""

        @functools.wraps(self.definition)
        def value(xp: Any, *operands: Any, **settings: Any) -> Any:
            if xp is symbolic:
                return self.apply_definition(*operands, **settings)
            body = self.traced(tuple(Type(np.shape(o), o.dtype) for o in operands), to_hashable(settings))
            found = evaluate(xp, body.outputs, dict(zip(body.inputs, operands, strict=True)))
            return found if len(found) > 1 else found[0]

        return prepend_namespace_parameter(value, inspect.signature(self.definition))

    def trace(self, types: tuple[Type, ...], settings: Settings) -> Subgraph:
        """Write the definition on operands of these types, opened and simplified as a program is."""
        inputs = tuple(Input(f"x{i}", t.shape, t.dtype) for i, t in enumerate(types))
        return Subgraph(
            inputs,
            tuple(simplify_all(remove_markers(to_result_list(self.apply_definition(*inputs, **dict(settings)))))),
        )

    def cost(self, node: Expr, size: Callable[..., int]) -> float:
        """Return the arithmetic operations of the definition."""
        types = tuple(Type(tuple(size(i, axis) for axis in range(i.ndim)), i.dtype) for i in node.inputs)
        return sum((count_operations(e) for e in topological(self.traced(types, node._settings).outputs)), 0.0)


def prepend_namespace_parameter(value: Function, signature: inspect.Signature) -> Function:
    """Give the value of an op the signature of what it was made of, with the array namespace before it."""
    first = inspect.Parameter("xp", inspect.Parameter.POSITIONAL_ONLY)
    value.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[first, *signature.parameters.values()]
    )
    return value


def count_operations(node: Expr) -> float:
    """Return the arithmetic operations of an expression whose sizes are all known."""

    def size(of: Expr, axis: int | None = None) -> int:
        dims = [d for d in of.shape if isinstance(d, int)]
        return math.prod(dims) if axis is None else dims[axis]

    if node.op is None:
        return 0
    found: float = node.op.cost(node, size) if callable(node.op.cost) else node.op.cost * size(node)
    return found


def to_result_list(opened: Any) -> list[Expr]:
    """Return one or several results as a list."""
    return opened if isinstance(opened, list) else [opened]


def check_settings(name: str, settings: Mapping[str, Any]) -> None:
    """Refuse settings that are expressions or arrays, of a function whose arguments without a default are operands."""
    for key, value in settings.items():
        if isinstance(value, Expr) or not is_hashable(value):
            raise PellucidError(
                f"{name}: {key} is a setting, a plain value. Received: {key}={value}. "
                "To hand in an expression or an array, give the argument no default"
            )


def is_hashable(value: Any) -> bool:
    """Tell whether a value can be part of what tells one expression from another."""
    try:
        hash(tuple(value) if isinstance(value, list) else value)
    except TypeError:
        return False
    return True
