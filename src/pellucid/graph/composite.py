r"""Composite ops: named ops with a definition in terms of other ops.

A composite op is a single expression for a reader, and `expand` decomposes it. A program is compiled from the
definition, simplified together with the surrounding graph (`pellucid.graph.passes`). So is its gradient, unless
the op has a gradient rule.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol, overload

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace
from pellucid.graph.decomposition import symbolic
from pellucid.graph.errors import PellucidError
from pellucid.graph.evaluate import evaluate_subgraph
from pellucid.graph.expr import Constant, Expr, Input, OpSettings, Settings, to_hashable
from pellucid.graph.naming import strip_labels
from pellucid.graph.op import Function, GradientRule, Template
from pellucid.graph.op_decorator import OpFunction, op
from pellucid.graph.passes import remove_markers
from pellucid.graph.precedence import ATOM
from pellucid.graph.rewriter import simplify_all
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.traversal import topological
from pellucid.graph.types import Type

Definition = Callable[..., Expr | Sequence[Expr]]
"""Function of the operands and settings of a composite op that returns its result, or its results."""

MAX_TRACES = 128
"""Number of traced definitions that each composite op caches, by types of operands and settings."""


@overload
def composite(definition: Callable[..., Expr], /) -> OpFunction[Expr]: ...
@overload
def composite(definition: Callable[..., Sequence[Expr]], /) -> OpFunction[list[Expr]]: ...
@overload
def composite(
    *,
    name: str | None = None,
    tex: Template | None = None,
    text: Template | None = None,
    precedence: int = ATOM,
    tex_precedence: int | None = None,
    grad: GradientRule | None = None,
) -> CompositeDecorator: ...
def composite(
    definition: Definition | None = None,
    /,
    *,
    name: str | None = None,
    tex: Template | None = None,
    text: Template | None = None,
    precedence: int = ATOM,
    tex_precedence: int | None = None,
    grad: GradientRule | None = None,
) -> OpFunction[Any] | CompositeDecorator:
    r"""Define a composite op by a function of expressions, such as :math:`\operatorname{swish}(x) = x \, \sigma(x)`.

    Arguments without a default are operands, arguments with a default are settings. The function returns one expression
    or several, which depend only on its arguments.

    Parameters
    ----------
    definition : function
        The function, if the decorator is used without arguments, as ``@composite``.
    name : str, optional
        Name of the op, by default that of the function.
    tex, text : str or function, optional
        LaTeX and text, as in `op`. The default text is ``name(a, b)``.
    precedence, tex_precedence : int
        Precedence, as in `op`.
    grad : function, optional
        ``grad(g, y, *inputs, **settings)``, as in `op`. For several results, ``g`` is a list with None for results
        without a gradient. By default, the definition is differentiated.

    Returns
    -------
    function
        The public function, or a decorator that returns it. Its attribute ``op`` is the `Op`. It replaces an earlier
        composite op of that name.

    Raises
    ------
    OptionError
        If pellucid has a function of that name.
    PellucidError
        When it is called, if the definition does not return expressions or depends on other inputs, or if a setting is
        not hashable.

    Examples
    --------
    >>> @pel.composite(tex=r"\operatorname{{swish}}({0:_})")
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

    def make(definition: Definition) -> OpFunction[Any]:
        composite = CompositeDefinition(definition, name or definition.__name__)
        made: OpFunction[Any] = op(
            name=composite.name,
            infer=composite.infer,
            normalize=composite.normalize,
            release=composite.apply,
            grad=grad,
            composite=True,
            folds=False,
            tex=tex,
            text=text,
            precedence=precedence,
            tex_precedence=tex_precedence,
            cost=composite.cost,
        )(composite.value())
        return made

    return make if definition is None else make(definition)


class CompositeDecorator(Protocol):
    """What `composite` returns: a function that turns a definition into the public function of an op."""

    @overload
    def __call__(self, definition: Callable[..., Expr]) -> OpFunction[Expr]: ...
    @overload
    def __call__(self, definition: Callable[..., Sequence[Expr]]) -> OpFunction[list[Expr]]: ...


class CompositeDefinition:
    """The definition of a composite op, and the functions of its `Op`."""

    def __init__(self, definition: Definition, name: str) -> None:
        self.definition = definition
        self.name = name
        self.cached_trace = functools.lru_cache(MAX_TRACES)(self.trace)

    def apply(self, *inputs: Expr, **settings: Any) -> Expr | list[Expr]:
        results = self.apply_to_list(inputs, settings)
        return results if len(results) > 1 else results[0]

    def apply_to_list(self, inputs: Sequence[Expr], settings: OpSettings) -> list[Expr]:
        returned = self.definition(*inputs, **settings)
        results = (
            [returned] if isinstance(returned, Expr) else list(returned) if isinstance(returned, (list, tuple)) else []
        )
        if not results or not all(isinstance(result, Expr) for result in results):
            raise PellucidError(
                f"{self.name}: the definition must return an expression, or a list of them. Received: {returned!r}"
            )
        return results

    def normalize(self, *inputs: Expr, **settings: Any) -> OpSettings:
        check_settings(self.name, settings)
        return settings

    def infer(self, *inputs: Expr, **settings: Any) -> list[Type]:
        """Return the types of the results, which must depend only on the inputs."""
        results = self.apply_to_list(inputs, settings)
        allowed = set(inputs)
        for node in topological(results, stop=inputs):
            if node.op is None and node not in allowed and not isinstance(node, Constant):
                raise PellucidError(
                    f"{self.name}: the definition may use only its arguments and constants. "
                    f"Received: {node}; make it an argument"
                )
        return [result.type for result in results]

    def value(self) -> Function:
        """Return the value function: the definition with an array namespace as first parameter."""

        @functools.wraps(self.definition)
        def value(xp: ArrayNamespace, *operands: Any, **settings: Any) -> Any:
            if xp is symbolic:
                return self.apply(*operands, **settings)
            graph = self.cached_trace(tuple(Type(np.shape(o), o.dtype) for o in operands), to_hashable(settings))
            found = evaluate_subgraph(xp, graph, operands)
            return found if len(found) > 1 else found[0]

        return prepend_namespace_parameter(value, inspect.signature(self.definition))

    def trace(self, types: tuple[Type, ...], settings: Settings) -> Subgraph:
        """Return the simplified definition for operands of some types."""
        inputs = tuple(Input(f"x{i}", t.shape, t.dtype) for i, t in enumerate(types))
        outputs = simplify_all(remove_markers(self.apply_to_list(inputs, dict(settings))))
        return Subgraph(inputs, tuple(strip_labels(outputs)))

    def cost(self, node: Expr, size: Callable[..., int]) -> float:
        types = tuple(Type(tuple(size(i, axis) for axis in range(i.ndim)), i.dtype) for i in node.inputs)
        return sum(count_operations(e) for e in topological(self.cached_trace(types, node._settings).outputs))


def prepend_namespace_parameter(value: Function, signature: inspect.Signature) -> Function:
    """Give a value function the signature of the definition, with the array namespace before it."""
    namespace = inspect.Parameter("xp", inspect.Parameter.POSITIONAL_ONLY)
    value.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[namespace, *signature.parameters.values()]
    )
    return value


def count_operations(node: Expr) -> float:
    """Return the arithmetic operations of an expression of known size."""

    def size(e: Expr, axis: int | None = None) -> int:
        dims = [d for d in e.shape if isinstance(d, int)]
        return math.prod(dims) if axis is None else dims[axis]

    if node.op is None:
        return 0
    cost: float = node.op.cost(node, size) if callable(node.op.cost) else node.op.cost * size(node)
    return cost


def check_settings(name: str, settings: OpSettings) -> None:
    for key, value in settings.items():
        if isinstance(value, Expr) or not is_hashable(value):
            raise PellucidError(
                f"{name}: {key} is a setting and must be a plain value. Received: {key}={value}. "
                "To pass an expression or an array, give the argument no default"
            )


def is_hashable(value: object) -> bool:
    try:
        hash(tuple(value) if isinstance(value, list) else value)
    except TypeError:
        return False
    return True
