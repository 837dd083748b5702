"""A function of expressions as a layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Expr, Shared, as_expr
from pellucid.graph.traversal import replace_all, topological
from pellucid.nn.layers.base import Layer

__all__ = ["Lambda"]


class Lambda(Layer):
    """A function of expressions as a layer, :math:`f(x)`, so that it has a name and stands in summaries.

    The parameters that the function uses are the layer's: shared variables and layers from outside, and those it makes.
    Called again, the layer uses those it made at the first call.

    Parameters
    ----------
    function : function
        From an expression, or from a list of them if the layer is called on one, to an expression.
    arguments : dict, optional
        Keywords that the function is given too.
    name : str, optional
        Without it ``lambda``, ``lambda_1`` and so on.

    Raises
    ------
    TypeError
        If it is no function, or makes other parameters when it is called again.

    Examples
    --------
    >>> x = pel.matrix("x", shape=("n", 3))
    >>> Lambda(lambda x: x**2 + 1)(x)
    x ** 2 + 1
    >>> scale = Lambda(lambda x: x * pel.shared([1.0, 2.0, 3.0], "scale"))
    >>> scale(x), scale.parameters, scale(x) is scale(x)
    (x * scale, [scale], True)
    """

    keeps_mask = False

    def __init__(
        self, function: Callable[..., Any], arguments: Mapping[str, Any] | None = None, name: str | None = None
    ) -> None:
        super().__init__(name)
        if not callable(function):
            raise UseError(f"{self.name}: expected a function of an expression. Received: {function!r}")
        self.function = function
        self.arguments = dict(arguments or {})

    def __call__(self, inputs: Any, *more: Any, mask: Any = None, **named: Any) -> Any:
        """Write the function into the graph, on an expression or on a list of them."""
        self.merges = bool(more) or isinstance(inputs, (list, tuple))
        return super().__call__(inputs, *more, mask=mask, **named)

    def call(self, x: Any) -> Any:
        """Return what the function makes of the input."""
        first = not self.parts
        returned = self.function(x, **self.arguments)
        if returned is None:
            raise UseError(f"{self.name}: expected its function to return an expression. Received: None")
        results = [as_expr(e) for e in (returned if isinstance(returned, (list, tuple)) else [returned])]
        used = self.used(results, x if isinstance(x, list) else [x])
        if first:
            for number, p in enumerate(used):
                p.name = p.name or f"{self.name}/parameter_{number}"
                p.trainable = p.trainable and self.trainable
            self.parts.extend(used)
        else:
            results = self.with_known(results, used)
        return results if isinstance(returned, (list, tuple)) else results[0]

    def used(self, results: list[Expr], inputs: list[Expr]) -> list[Shared]:
        """Return the shared variables that come in between inputs and results, but for states of random numbers."""
        before = set(topological(inputs))
        new = [e for e in topological(results, stop=before) if e not in before]
        return [e for e in new if isinstance(e, Shared) and e.default_update is None]

    def with_known(self, results: list[Expr], used: list[Shared]) -> list[Expr]:
        """Return results with the parameters that the function made at the first call, in place of new ones."""
        known = set(self.parameters)
        new = [p for p in used if p not in known]
        made = [p for p in self.parameters if p not in set(used)]
        if not new:
            return results
        if [p.type for p in new] != [p.type for p in made]:
            raise UseError(
                f"{self.name}: expected its function to make the parameters of its first call, {made}. "
                f"Received: {new}; make parameters that depend on the input in the build of a Layer of your own"
            )
        return replace_all(results, dict(zip(new, made, strict=True)))
