"""Activation layers, maxout among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pellucid.graph.errors import ShapeError, brief
from pellucid.graph.expr import Expr
from pellucid.graph.ops import softmax as softmax_ops
from pellucid.graph.ops.activations import leaky_relu, relu
from pellucid.graph.ops.attention import masked_softmax
from pellucid.graph.types import format_shape, normalize_axis
from pellucid.nn import activations
from pellucid.nn.casts import to_float
from pellucid.nn.initializers.base import InitializerLike
from pellucid.nn.layers.base import ConstraintLike, Layer, RegularizerLike
from pellucid.nn.layers.validation import check_axes, check_axis, check_real, check_size
from pellucid.nn.masks import attach_mask, find_mask

if TYPE_CHECKING:
    from pellucid.graph.expr import Shared

__all__ = ["Activation", "Maxout", "Softmax", "ReLU", "LeakyReLU", "PReLU", "ELU"]


class Activation(Layer):
    r"""Activation layer, :math:`a(x)`.

    Parameters
    ----------
    activation : str or function
        Name of an activation, or a function of an expression.
    name : str, optional
        Name of the layer. By default ``activation``, ``activation_1`` and so on.

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> Activation("relu")(pel.matrix("x"))
    relu(x)
    """

    def __init__(self, activation: str | activations.Activation, name: str | None = None) -> None:
        super().__init__(name)
        self.activation: activations.Activation = activations.get(activation)

    def call(self, x: Expr) -> Expr:
        return self.activation(x)


class ReLU(Layer):
    r"""Rectified linear unit: :math:`c` where :math:`x \ge c`, :math:`x` between :math:`\theta` and :math:`c`, and
    :math:`a (x - \theta)` below.

    Parameters
    ----------
    max_value : float, optional
        Maximum :math:`c`. Default: none.
    negative_slope : float
        Slope :math:`a`, 0 or more.
    threshold : float
        Threshold :math:`\theta`, 0 or more.
    name : str, optional
        Name of the layer. By default ``re_lu``, ``re_lu_1`` and so on.

    Raises
    ------
    ValueError
        If an argument is negative.

    Examples
    --------
    >>> ReLU()(pel.vector("x"))
    relu(x)

    References
    ----------
    V. Nair and G. E. Hinton, Rectified Linear Units Improve Restricted Boltzmann Machines, ICML 2010.
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.max_value: float | None = None if max_value is None else check_real(self.name, "max_value", max_value, 0)
        self.negative_slope: float = check_real(self.name, "negative_slope", negative_slope, 0)
        self.threshold: float = check_real(self.name, "threshold", threshold, 0)

    def call(self, x: Expr) -> Expr:
        rectified: Expr = activations.relu(x, self.negative_slope, self.max_value, self.threshold)
        return rectified


class LeakyReLU(Layer):
    r"""Leaky rectified linear unit, :math:`\max(x, 0) + a \min(x, 0)`.

    Parameters
    ----------
    negative_slope : float
        Slope :math:`a`, 0 or more. As in Keras the default is 0.3; that of the activation ``"leaky_relu"`` is 0.2.
    name : str, optional
        Name of the layer. By default ``leaky_re_lu``, ``leaky_re_lu_1`` and so on.

    Raises
    ------
    ValueError
        If the slope is negative.

    Examples
    --------
    >>> LeakyReLU()(pel.vector("x"))
    leaky_relu(x, negative_slope=0.3)

    References
    ----------
    A. L. Maas, A. Y. Hannun and A. Y. Ng, Rectifier Nonlinearities Improve Neural Network Acoustic Models, ICML 2013.
    """

    def __init__(self, negative_slope: float = 0.3, name: str | None = None) -> None:
        super().__init__(name)
        self.negative_slope: float = check_real(self.name, "negative_slope", negative_slope, 0)

    def call(self, x: Expr) -> Expr:
        rectified: Expr = leaky_relu(x, negative_slope=self.negative_slope)
        return rectified


class PReLU(Layer):
    r"""Parametric rectified linear unit, :math:`\max(x, 0) - \alpha \max(-x, 0)`, with a learned slope for each
    element of a sample.

    Parameters
    ----------
    alpha_initializer : str or function
        Initializer of :math:`\alpha`.
    alpha_regularizer : str or function, optional
        Penalty, included in `regularization`.
    alpha_constraint : str or function, optional
        Constraint, applied after each optimizer update.
    shared_axes : int or sequence of int, optional
        Axes, from 1, along which elements share one :math:`\alpha`: ``(1, 2)`` for one per channel of an image.
    name : str, optional
        Name of the layer. By default ``p_re_lu``, ``p_re_lu_1`` and so on.

    Raises
    ------
    ShapeError
        If the length of an axis that is not shared is unknown, or differs from the first call.

    Examples
    --------
    >>> PReLU(name="p")(pel.matrix("x", shape=("n", 3)))
    relu(x) - p/alpha * relu(-x)

    References
    ----------
    K. He, X. Zhang, S. Ren and J. Sun, Delving Deep into Rectifiers, ICCV 2015.
    """

    def __init__(
        self,
        alpha_initializer: InitializerLike = "zeros",
        alpha_regularizer: RegularizerLike = None,
        alpha_constraint: ConstraintLike = None,
        shared_axes: int | Sequence[int] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.configure_parameter("alpha", alpha_initializer, alpha_regularizer, alpha_constraint)
        shared = () if shared_axes is None else check_axes(self.name, "shared_axes", shared_axes)
        self.shared_axes: tuple[int, ...] = (shared,) if isinstance(shared, int) else shared

    def build(self, x: Expr) -> None:
        shared = {normalize_axis(a, x.ndim, self.name, x) for a in self.shared_axes}
        shape = tuple(1 if a in shared else size for a, size in enumerate(x.shape) if a)
        known = tuple(size for size in shape if isinstance(size, int))
        if len(known) != len(shape):
            raise ShapeError(
                f"{self.name}: expected an input (batch, ...) with a known length of each axis that is not shared. "
                f"Received: {brief(x)}, of shape {format_shape(x.shape)}, with shared_axes={self.shared_axes}"
            ).with_operands([x])
        self.alpha: Shared = self.configured_parameter("alpha", known, x)

    def check_input(self, x: Expr) -> None:
        super().check_input(x)
        if self.built and (
            x.ndim != self.alpha.ndim + 1
            or any(a not in (1, b) and isinstance(b, int) for a, b in zip(self.alpha.shape, x.shape[1:], strict=True))
        ):
            raise ShapeError(
                f"{self.name}: its slopes were made for samples of shape {format_shape(self.alpha.shape)}, with 1 "
                f"for a shared axis. Received: {brief(x)}, of shape {format_shape(x.shape)}; create a new layer"
            ).with_operands([x])

    def call(self, x: Expr) -> Expr:
        x = to_float(x)
        rectified: Expr = relu(x) - self.alpha * relu(-x)
        return rectified


class ELU(Layer):
    r"""Exponential linear unit, :math:`\max(x, 0) + \alpha (e^{\min(x, 0)} - 1)`.

    Parameters
    ----------
    alpha : float
        :math:`\alpha`. The minimum of the result is :math:`-\alpha`.
    name : str, optional
        Name of the layer. By default ``elu``, ``elu_1`` and so on.

    Examples
    --------
    >>> pel.function([], ELU()(pel.constant([-1.0, 2.0])))()
    array([-0.6321206,  2.       ], dtype=float32)

    References
    ----------
    D.-A. Clevert, T. Unterthiner and S. Hochreiter, Fast and Accurate Deep Network Learning by Exponential Linear
    Units, ICLR 2016.
    """

    def __init__(self, alpha: float = 1.0, name: str | None = None) -> None:
        super().__init__(name)
        self.alpha: float = check_real(self.name, "alpha", alpha)

    def call(self, x: Expr) -> Expr:
        activated: Expr = activations.get("elu")(x) if self.alpha == 1 else activations.elu(x, alpha=self.alpha)
        return activated


class Softmax(Layer):
    r"""Softmax layer, :math:`e^{x_i} / \sum_j e^{x_j}` over the elements that are not masked.

    The call accepts a boolean ``mask`` that broadcasts to the input. By default it is the mask of the input if that has
    the same axes. Masked elements become 0.

    Parameters
    ----------
    axis : int or sequence of int
        Axes along which the results sum to 1.
    name : str, optional
        Name of the layer. By default ``softmax``, ``softmax_1`` and so on.

    Examples
    --------
    >>> x = pel.matrix("x", shape=("n", 3))
    >>> Softmax()(x)
    softmax(x)
    >>> Softmax()(x, mask=x > 0)
    masked_softmax(x > 0, x)

    References
    ----------
    C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 4.3.4.
    """

    takes_mask = True
    keeps_mask = False

    def __init__(self, axis: int | Sequence[int] = -1, name: str | None = None) -> None:
        super().__init__(name)
        self.axis: int | tuple[int, ...] = check_axes(self.name, "axis", axis)

    def call(self, x: Expr, mask: Expr | None = None) -> Expr:
        is_input_mask = mask is not None and mask is find_mask(x)
        if mask is None or (is_input_mask and mask.ndim != x.ndim):
            result: Expr = (
                activations.softmax(x, self.axis)
                if isinstance(self.axis, int)
                else softmax_ops.softmax(x, axis=self.axis)
            )
        else:
            result = masked_softmax(mask, x, axis=self.axis)
        return attach_mask(result, mask) if is_input_mask else result


class Maxout(Layer):
    r"""Maximum of each :math:`k` consecutive features, :math:`\max_{j < k} x_{ik + j}`. After a `Dense` layer the units
    learn their activation.

    Parameters
    ----------
    num_pieces : int
        :math:`k`, a divisor of the number of features.
    axis : int
        Axis of the features.
    name : str, optional
        Name of the layer. By default ``maxout``, ``maxout_1`` and so on.

    Raises
    ------
    ShapeError
        If the number of features is unknown or not a multiple of ``num_pieces``.

    Examples
    --------
    >>> Maxout(2)(pel.matrix("x", shape=("n", 6)))
    x.reshape(n, 3, 2).max(axis=2)

    References
    ----------
    I. J. Goodfellow, D. Warde-Farley, M. Mirza, A. Courville and Y. Bengio, Maxout Networks, ICML 2013.
    """

    def __init__(self, num_pieces: int, axis: int = -1, name: str | None = None) -> None:
        super().__init__(name)
        self.num_pieces: int = check_size(self.name, "num_pieces", num_pieces)
        self.axis: int = check_axis(self.name, "axis", axis)

    def call(self, x: Expr) -> Expr:
        axis = normalize_axis(self.axis, x.ndim, self.name, x)
        size = x.shape[axis]
        if not axis or not isinstance(size, int) or size % self.num_pieces:
            raise ShapeError(
                f"{self.name}: expected a multiple of {self.num_pieces} features, along an axis after the batch axis. "
                f"Received: {brief(x)}, of shape {format_shape(x.shape)}, with axis={axis}"
            ).with_operands([x])
        self.keeps_mask: bool = axis != 1
        pieces = x.reshape([*x.shape[:axis], size // self.num_pieces, self.num_pieces, *x.shape[axis + 1 :]])
        return pieces.max(axis=axis + 1)
