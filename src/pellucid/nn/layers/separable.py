"""Separable convolution layers."""

from __future__ import annotations

from pellucid.graph.expr import Expr
from pellucid.graph.ops.convolution import conv
from pellucid.nn.layers.base import ActivationLike, ConstraintLike, InitializerLike, RegularizerLike
from pellucid.nn.layers.depthwise import DepthwiseBase
from pellucid.nn.layers.spatial import Sizes
from pellucid.nn.layers.validation import check_size

__all__ = ["SeparableConv1D", "SeparableConv2D"]


class SeparableConv(DepthwiseBase):
    """Separable convolution; see `SeparableConv2D`."""

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        dilation_rate: Sizes = 1,
        depth_multiplier: int = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        pointwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike = None,
        pointwise_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        depthwise_constraint: ConstraintLike = None,
        pointwise_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        name: str | None = None,
    ) -> None:
        bias = (bias_initializer, bias_regularizer, bias_constraint)
        super().__init__(kernel_size, strides, padding, dilation_rate, activation, use_bias, bias, name)
        self.filters = check_size(self.name, "filters", filters)
        self.depth_multiplier = check_size(self.name, "depth_multiplier", depth_multiplier)
        self.configure_parameter("depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint)
        self.configure_parameter("pointwise", pointwise_initializer, pointwise_regularizer, pointwise_constraint)

    def build(self, x: Expr) -> None:
        channels = self.add_depthwise_kernel("depthwise_kernel", x)
        shape = (*(1,) * self.spatial_ndim, channels, self.filters)
        self.pointwise = self.configured_parameter("pointwise", shape, x, name="pointwise_kernel")
        self.add_bias(self.filters, x)

    def call(self, x: Expr) -> Expr:
        return self.activate(conv(self.depthwise_conv(x), self.pointwise))


class SeparableConv1D(SeparableConv):
    r"""1D separable convolution layer: a depthwise convolution followed by a pointwise one,
    :math:`a((x_c \ast D_{c m}) \, P + b)`.

    Parameters
    ----------
    filters, kernel_size, ...
        As in `SeparableConv2D`, for inputs (batch, steps, channels).

    Examples
    --------
    >>> SeparableConv1D(6, 3, padding="same")(pel.tensor3("x", shape=("n", 10, 4))).shape
    ('n', 10, 6)
    """

    ndim = 3


class SeparableConv2D(SeparableConv):
    r"""2D separable convolution layer: a depthwise convolution followed by a pointwise one,
    :math:`a((x_c \ast D_{c m}) \, P + b)`, channels last.

    Parameters
    ----------
    filters : int
        Number of filters of the pointwise convolution: channels of the result.
    kernel_size : int or one for each axis
        Size of the window along each axis.
    strides : int or one for each axis
        Stride of the window.
    padding : {"valid", "same"}
        ``"valid"``: no padding. ``"same"``: zeros around the input, so that the size of the result is that of the input
        divided by the strides.
    dilation_rate : int or one for each axis
        Dilation of the window.
    depth_multiplier : int
        Number of depthwise filters for each channel.
    activation : str or function, optional
        Activation :math:`a`. Default: none.
    use_bias : bool
        Whether to add a bias :math:`b`. Penalties over a list of parameters skip it.
    depthwise_initializer, pointwise_initializer, bias_initializer : str or function
        Initializers of :math:`D`, of shape (rows, columns, channels, depth_multiplier), of :math:`P`, of shape (1, 1,
        channels depth_multiplier, filters), and of :math:`b`.
    depthwise_regularizer, pointwise_regularizer, bias_regularizer : str or function, optional
        Penalties, included in `regularization`.
    depthwise_constraint, pointwise_constraint, bias_constraint : str or function, optional
        Constraints, applied after each optimizer update.
    name : str, optional
        Name of the layer. By default ``separable_conv2d``, ``separable_conv2d_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is not (batch, rows, columns, channels), or its number of channels differs from the first call.
    ValueError
        If ``padding`` or another name is unknown.

    Examples
    --------
    >>> layer = SeparableConv2D(64, 3)
    >>> layer(pel.tensor4("x", shape=("n", 28, 28, 32))).shape, [p.shape for p in layer.parameters]
    (('n', 26, 26, 64), [(3, 3, 32, 1), (1, 1, 32, 64), (64,)])

    References
    ----------
    F. Chollet, Xception: Deep Learning with Depthwise Separable Convolutions, CVPR 2017.
    """

    ndim = 4
