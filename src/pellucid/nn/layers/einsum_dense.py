"""Dense layer over any axes, given as an einsum equation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pellucid.graph.errors import OptionError, ShapeError, brief
from pellucid.graph.expr import Expr
from pellucid.graph.ops.einsum import einsum
from pellucid.graph.types import format_shape
from pellucid.graph.validation import is_integer
from pellucid.nn import activations
from pellucid.nn.casts import to_float
from pellucid.nn.initializers.base import InitializerLike
from pellucid.nn.layers.base import ActivationLike, ConstraintLike, Layer, RegularizerLike

if TYPE_CHECKING:
    from pellucid.graph.expr import Shared

__all__ = ["EinsumDense"]

EQUATION = re.compile(r"([A-Za-z]+),([A-Za-z]+)->([A-Za-z]+)")


class EinsumDense(Layer):
    r"""Product of the input and a kernel over any axes, :math:`a(\mathrm{einsum}(x, W) + b)`.

    ``EinsumDense("bf,fu->bu", 3, bias_axes="u")`` is ``Dense(3)``. With ``"bkf,kfu->bku"``, each of k networks has its
    own kernel, and ``"bf,kf->bkf"`` scales the features differently for each.

    Parameters
    ----------
    equation : str
        Axes of the input, the kernel and the output, as in `einsum`: one letter each. The first axis of input and
        output is the batch.
    output_shape : int or tuple of int
        Sizes of the axes of the output, without the batch. None for an axis of the input keeps its size.
    activation : str or function, optional
        Activation :math:`a`. Default: none.
    bias_axes : str, optional
        Axes of the output along which the bias :math:`b` differs. Default: no bias.
    kernel_initializer, bias_initializer : str or function
        Initializers of :math:`W` and :math:`b`; see `pellucid.nn.initializers`.
    kernel_regularizer, bias_regularizer : str or function, optional
        Penalties, included in `regularization`.
    kernel_constraint, bias_constraint : str or function, optional
        Constraints, applied after each optimizer update; see `pellucid.nn.constraints`.
    name : str, optional
        Name of the layer. By default ``einsum_dense``, ``einsum_dense_1`` and so on.

    Returns
    -------
    Expr
        Shape ``(batch, *output_shape)``.

    Raises
    ------
    OptionError
        If the equation is malformed, or its axes do not match the output shape or the axes of the bias.
    ShapeError
        If the input has other axes than the equation, or an axis of the kernel has an unknown size.

    Examples
    --------
    >>> x = pel.tensor3("x", shape=("n", 4, 5))
    >>> layer = EinsumDense("bkf,kfu->bku", (4, 3), activation="relu", bias_axes="ku")
    >>> layer(x).shape, [p.shape for p in layer.parameters]
    (('n', 4, 3), [(4, 5, 3), (4, 3)])
    """

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: ActivationLike = None,
        bias_axes: str | None = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.equation: str = equation
        self.input_axes, self.kernel_axes, self.output_axes = self.split_equation()
        self.output_shape: tuple[int | None, ...] = self.check_output_shape(output_shape)
        self.activation = activations.get(activation)
        self.bias_axes: str | None = bias_axes
        self.check_bias_axes()
        self.configure_parameter("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self.configure_parameter("bias", bias_initializer, bias_regularizer, bias_constraint)

    def split_equation(self) -> tuple[str, str, str]:
        """Return the axes of the input, the kernel and the output."""
        match = EQUATION.fullmatch(str(self.equation).replace(" ", ""))
        if match is None:
            raise OptionError(
                f"{self.name}: expected an equation of letters such as 'bf,fu->bu'. Received: "
                f"equation={self.equation!r}"
            )
        source, kernel, output = match.groups()
        for axes, owner in ((source, "the input"), (kernel, "the kernel"), (output, "the output")):
            if len(set(axes)) < len(axes):
                raise OptionError(
                    f"{self.name}: expected different letters for the axes of {owner}. Received: "
                    f"equation={self.equation!r}"
                )
        if source[0] != output[0] or source[0] in kernel:
            raise OptionError(
                f"{self.name}: expected the batch as the first axis of input and output, and not in the kernel. "
                f"Received: equation={self.equation!r}"
            )
        unknown = [axis for axis in output if axis not in source + kernel]
        if unknown:
            raise OptionError(
                f"{self.name}: expected axes of the output that the input or the kernel has. Received: {unknown[0]!r} "
                f"in equation={self.equation!r}"
            )
        return source, kernel, output

    def check_output_shape(self, output_shape: int | Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the sizes of the axes of the output, without the batch."""
        sizes = tuple(output_shape) if isinstance(output_shape, (tuple, list)) else (output_shape,)
        valid = all(size is None or (is_integer(size) and size > 0) for size in sizes)
        if not valid or len(sizes) != len(self.output_axes) - 1:
            raise OptionError(
                f"{self.name}: expected {len(self.output_axes) - 1} sizes of the axes {self.output_axes[1:]!r}, "
                f"without the batch. Received: output_shape={output_shape!r}"
            )
        for axis, size in zip(self.output_axes[1:], sizes, strict=True):
            if size is None and axis not in self.input_axes:
                raise OptionError(
                    f"{self.name}: expected a size of the axis {axis!r}, which the input does not have. Received: "
                    f"output_shape={output_shape!r}"
                )
        return sizes

    def check_bias_axes(self) -> None:
        """Refuse axes of the bias that the output does not have."""
        axes = self.bias_axes
        if axes is None:
            return
        if not axes or not set(axes) <= set(self.output_axes[1:]):
            raise OptionError(
                f"{self.name}: expected axes of the bias among {self.output_axes[1:]!r}. Received: bias_axes={axes!r}"
            )

    def build(self, x: Expr) -> None:
        if x.ndim != len(self.input_axes):
            raise ShapeError(
                f"{self.name}: expected an input with the axes {self.input_axes!r}. Received: {brief(x)}, of shape "
                f"{format_shape(x.shape)}"
            ).with_operands([x])
        sizes = dict(zip(self.input_axes, x.shape, strict=True))
        for axis, size in zip(self.output_axes[1:], self.output_shape, strict=True):
            if size is not None and isinstance(sizes.get(axis, size), int) and sizes.get(axis, size) != size:
                raise ShapeError(
                    f"{self.name}: expected {size} as the size of the axis {axis!r} of the input, as in output_shape. "
                    f"Received: {brief(x)}, of shape {format_shape(x.shape)}"
                ).with_operands([x])
            if size is not None:
                sizes[axis] = size
        resolved = (sizes[axis] for axis in self.output_axes[1:])
        known = tuple(each if isinstance(each, int) else None for each in resolved)
        self.config["output_shape"] = known  # copies, and Keras, need the sizes of the kernel
        self.kernel: Shared = self.configured_parameter("kernel", self.get_sizes(self.kernel_axes, sizes, x), x)
        if self.bias_axes is not None:
            axes = [axis for axis in self.output_axes if axis in self.bias_axes]
            # Axes of size 1 behind the first one of the bias let it broadcast to the output.
            first = self.output_axes.index(axes[0])
            found = dict(zip(axes, self.get_sizes("".join(axes), sizes, x), strict=True))
            shape = tuple(found.get(axis, 1) for axis in self.output_axes[first:])
            self.bias: Shared = self.configured_parameter("bias", shape, x, False)

    def get_sizes(self, axes: str, sizes: Mapping[str, object], x: Expr) -> tuple[int, ...]:
        """Return the sizes of axes, which must be known."""
        known = tuple(size for axis in axes if isinstance(size := sizes.get(axis), int))
        if len(known) < len(axes):
            missing = next(axis for axis in axes if not isinstance(sizes.get(axis), int))
            raise ShapeError(
                f"{self.name}: expected a known size of the axis {missing!r} of {self.equation!r}. Received: "
                f"{brief(x)}, of shape {format_shape(x.shape)}"
            ).with_operands([x])
        return known

    def call(self, x: Expr) -> Expr:
        z: Expr = einsum(f"{self.input_axes},{self.kernel_axes}->{self.output_axes}", to_float(x), self.kernel)
        return self.activation(z if self.bias_axes is None else z + self.bias)
