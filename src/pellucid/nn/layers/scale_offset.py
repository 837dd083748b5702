"""Base class of normalization layers."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.graph.errors import OptionError, ShapeError, brief
from pellucid.graph.expr import Expr
from pellucid.graph.types import format_shape, normalize_axes, unify
from pellucid.nn.layers.base import Layer, ParameterOptions
from pellucid.nn.layers.validation import check_axes, check_real


class ScaleOffset(Layer):
    r"""Layer that ends in a learned scale and offset, :math:`\gamma y + \beta`, along the axes ``axis``."""

    def __init__(
        self,
        axis: int | Sequence[int],
        epsilon: float,
        center: bool = True,
        scale: bool = True,
        beta: ParameterOptions = ("zeros", None, None),
        gamma: ParameterOptions = ("ones", None, None),
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.axis = check_axes(self.name, "axis", axis)
        if not check_real(self.name, "epsilon", epsilon) > 0:
            raise OptionError(f"{self.name}: expected an epsilon greater than 0. Received: epsilon={epsilon!r}")
        self.epsilon = float(epsilon)
        self.center, self.scale = center, scale
        self.configure_parameter("beta", *beta)
        self.configure_parameter("gamma", *gamma)
        self.lengths: tuple[int, ...] = ()

    def get_axes(self, x: Expr) -> tuple[int, ...]:
        """Return the axes of the parameters, nonnegative and sorted."""
        return tuple(sorted(normalize_axes(self.axis, x.ndim, self.name, x)))

    def expect_lengths(self, x: Expr) -> tuple[int, ...]:
        """Return the lengths of the axes of the parameters and require them of all later inputs."""
        lengths = tuple(x.shape[a] for a in self.get_axes(x))
        if not all(isinstance(length, int) for length in lengths):
            raise ShapeError(
                f"{self.name}: expected an input of a known length along axis {join_numbers(self.get_axes(x))}. "
                f"Received: {brief(x)}, of shape {format_shape(x.shape)}"
            ).with_operands([x])
        self.lengths = tuple(int(length) for length in lengths if isinstance(length, int))
        return self.lengths

    def build(self, x: Expr) -> None:
        shape = self.expect_lengths(x)
        if self.scale:
            self.gamma = self.configured_parameter("gamma", shape, x, False)
        if self.center:
            self.beta = self.configured_parameter("beta", shape, x, False)

    def check_input(self, x: Expr) -> None:
        super().check_input(x)
        if self.built and any(
            unify(x.shape[a], n) is None for a, n in zip(self.get_axes(x), self.lengths, strict=True)
        ):
            raise ShapeError(
                f"{self.name}: its parameters were made for inputs of length {join_numbers(self.lengths)} along "
                f"axis {join_numbers(self.get_axes(x))}. Received: {brief(x)}, of shape {format_shape(x.shape)}; calls "
                "of one layer share its parameters, so create a new layer"
            ).with_operands([x])

    def scale_and_offset(self, y: Expr) -> Expr:
        r"""Return :math:`\gamma y + \beta`, without :math:`\gamma` or :math:`\beta` if the layer has none."""
        if self.scale:
            y = expand_to_axes(self.gamma, y, self.get_axes(y)) * y
        return y + expand_to_axes(self.beta, y, self.get_axes(y)) if self.center else y


def join_numbers(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def expand_to_axes(parameter: Expr, y: Expr, axes: Sequence[int]) -> Expr:
    """Reshape a parameter so that its axes line up with ``axes`` of ``y`` and it broadcasts along the others."""
    if tuple(axes) == tuple(range(y.ndim - len(axes), y.ndim)):
        return parameter
    sizes = dict(zip(axes, parameter.shape, strict=True))
    return parameter.reshape([sizes.get(a, 1) for a in range(min(axes), y.ndim)])
