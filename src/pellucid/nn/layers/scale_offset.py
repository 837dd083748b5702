"""What all normalizing layers have in common: a scale and an offset that are learned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid.graph.errors import OptionError, ShapeError, brief
from pellucid.graph.expr import Expr
from pellucid.graph.types import normalize_axes, shape_text, unify
from pellucid.nn import constraints, initializers, regularizers
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.validation import real, some_axes


class Scaled(Layer):
    r"""A layer that ends in a scale and an offset of every feature, :math:`\gamma y + \beta`.

    Parameters
    ----------
    axis : int or sequence of int
        The axes that have a scale for every place along them.
    epsilon : float
        What is added to a variance, so that no deviation is 0.
    center, scale : bool
        Whether there is a :math:`\beta`, and a :math:`\gamma`.
    beta_initializer, gamma_initializer : str or function
        Their first values.
    beta_regularizer, gamma_regularizer : str or function, optional
        Penalties that `regularization` adds up.
    beta_constraint, gamma_constraint : str or function, optional
        What is put on the values that an optimizer makes.
    name : str, optional
        Without it that of the class.
    """

    def __init__(
        self,
        axis: int | Sequence[int],
        epsilon: float,
        center: bool = True,
        scale: bool = True,
        beta_initializer: str | Callable[..., Any] = "zeros",
        gamma_initializer: str | Callable[..., Any] = "ones",
        beta_regularizer: str | regularizers.Penalty | None = None,
        gamma_regularizer: str | regularizers.Penalty | None = None,
        beta_constraint: str | constraints.ConstraintFunction | None = None,
        gamma_constraint: str | constraints.ConstraintFunction | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.axis = some_axes(self.name, "axis", axis)
        if not real(self.name, "epsilon", epsilon) > 0:
            raise OptionError(f"{self.name}: expected an epsilon greater than 0. Received: epsilon={epsilon!r}")
        self.epsilon = float(epsilon)
        self.center, self.scale = center, scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.lengths: tuple[int, ...] = ()

    def axes(self, x: Expr) -> tuple[int, ...]:
        """Return the axes that have a scale, counted from the front and in order."""
        return tuple(sorted(normalize_axes(self.axis, x.ndim, self.name, x)))

    def expect_lengths(self, x: Expr) -> tuple[int, ...]:
        """Return the lengths of the axes that have a scale, which must be known."""
        lengths = tuple(x.shape[a] for a in self.axes(x))
        if not all(isinstance(length, int) for length in lengths):
            raise ShapeError(
                f"{self.name}: expected an input of a known length along axis {listed(self.axes(x))}. "
                f"Received: {brief(x)}, of shape {shape_text(x.shape)}"
            ).about([x])
        self.lengths = tuple(int(length) for length in lengths if isinstance(length, int))
        return self.lengths

    def build(self, x: Expr) -> None:
        """Make the scale and the offset."""
        shape = self.expect_lengths(x)
        if self.scale:
            self.gamma = self.parameter(
                "gamma",
                shape,
                self.gamma_initializer,
                x,
                self.gamma_regularizer,
                False,
                constraint=self.gamma_constraint,
            )
        if self.center:
            self.beta = self.parameter(
                "beta", shape, self.beta_initializer, x, self.beta_regularizer, False, constraint=self.beta_constraint
            )

    def check(self, x: Expr) -> None:
        """Refuse an input that the parameters were not made for."""
        super().check(x)
        if self.built and any(unify(x.shape[a], n) is None for a, n in zip(self.axes(x), self.lengths, strict=True)):
            raise ShapeError(
                f"{self.name}: its parameters were made for inputs of length {listed(self.lengths)} along "
                f"axis {listed(self.axes(x))}. Received: {brief(x)}, of shape {shape_text(x.shape)}; a layer "
                "that is called again shares its parameters, so make another layer"
            ).about([x])

    def scaled(self, y: Expr) -> Expr:
        r"""Return :math:`\gamma y + \beta`, or as much of it as there is."""
        if self.scale:
            y = along(self.gamma, y, self.axes(y)) * y
        return y + along(self.beta, y, self.axes(y)) if self.center else y


def listed(numbers: Sequence[int]) -> str:
    """Write numbers for a message."""
    return ", ".join(map(str, numbers))


def along(parameter: Expr, y: Expr, axes: Sequence[int]) -> Expr:
    """Return a parameter with axes of length 1, so that its own stand at these axes of an expression."""
    if tuple(axes) == tuple(range(y.ndim - len(axes), y.ndim)):
        return parameter
    sizes = dict(zip(axes, parameter.shape, strict=True))
    return parameter.reshape([sizes.get(a, 1) for a in range(min(axes), y.ndim)])
