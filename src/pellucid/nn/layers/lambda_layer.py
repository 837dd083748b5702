"""Layer of a user's function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Expr, Shared, as_expr
from pellucid.graph.traversal import replace_all, topological
from pellucid.nn.layers.base import Layer

__all__ = ["Lambda"]


class Lambda(Layer):
    """Function of expressions as a layer, :math:`f(x)`, with a name and a row in summaries.

    The shared variables and layers that the function uses become parts of the layer. Variables that the function
    creates are created at the first call only; later calls reuse them.

    Parameters
    ----------
    function : function
        Function of an expression, or of a list of expressions if the layer is called on a list.
    arguments : dict, optional
        Keyword arguments of the function.
    name : str, optional
        Name of the layer. By default ``lambda``, ``lambda_1`` and so on.

    Raises
    ------
    TypeError
        If ``function`` is not callable, or creates different parameters at a later call.

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
        self.merges = bool(more) or isinstance(inputs, (list, tuple))
        return super().__call__(inputs, *more, mask=mask, **named)

    def call(self, x: Any) -> Any:
        first = not self.parts
        result = self.function(x, **self.arguments)
        if result is None:
            raise UseError(f"{self.name}: expected its function to return an expression. Received: None")
        results = [as_expr(e) for e in (result if isinstance(result, (list, tuple)) else [result])]
        used = self.find_parameters(results, x if isinstance(x, list) else [x])
        if first:
            for number, p in enumerate(used):
                p.name = p.name or f"{self.name}/parameter_{number}"
                p.trainable = p.trainable and self.trainable
            self.parts.extend(used)
        else:
            results = self.reuse_parameters(results, used)
        return results if isinstance(result, (list, tuple)) else results[0]

    def find_parameters(self, results: list[Expr], inputs: list[Expr]) -> list[Shared]:
        """Return the shared variables between inputs and results, except states of random streams."""
        before = set(topological(inputs))
        new = [e for e in topological(results, stop=before) if e not in before]
        return [e for e in new if isinstance(e, Shared) and e.default_update is None]

    def reuse_parameters(self, results: list[Expr], used: list[Shared]) -> list[Expr]:
        """Replace new parameters in the results by those of the first call."""
        known = set(self.parameters)
        new = [p for p in used if p not in known]
        unused = [p for p in self.parameters if p not in set(used)]
        if not new:
            return results
        if [p.type for p in new] != [p.type for p in unused]:
            raise UseError(
                f"{self.name}: expected its function to create the parameters of its first call, {unused}. "
                f"Received: {new}. Create parameters that depend on the input in the build method of a Layer subclass"
            )
        return replace_all(results, dict(zip(new, unused, strict=True)))
