"""Depthwise and separable convolution layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.graph.expr import Expr
from pellucid.graph.ops.convolution import conv
from pellucid.nn.casts import to_float
from pellucid.nn.initializers.base import InitializerLike
from pellucid.nn.layers.base import ActivationLike, ConstraintLike, RegularizerLike
from pellucid.nn.layers.convolution import ConvBase, Padding
from pellucid.nn.layers.spatial_base import Sizes
from pellucid.nn.layers.validation import check_size

if TYPE_CHECKING:
    from pellucid.graph.expr import Shared

__all__ = ["DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"]


class DepthwiseBase(ConvBase):
    """Base of `DepthwiseConv` and `SeparableConv`: convolution of each channel with its own kernels."""

    depth_multiplier: int

    def add_depthwise_kernel(self, name: str, x: Expr) -> int:
        """Create a kernel of shape (window..., channels, depth_multiplier). Return the number of output channels."""
        channels = self.expect_features(x)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.depthwise: Shared = self.configured_parameter("depthwise", shape, x, name=name)
        return channels * self.depth_multiplier

    def depthwise_conv(self, x: Expr) -> Expr:
        """Return the depthwise convolution, which is a grouped convolution with one channel per group."""
        *window, channels, multiplier = self.depthwise.shape
        kernel = self.depthwise.reshape(*window, 1, int(channels) * int(multiplier))
        return conv(
            to_float(x),
            kernel,
            strides=self.strides,
            padding=self.padding,
            dilation=self.dilation_rate,
            groups=int(channels),
        )


class DepthwiseConv(DepthwiseBase):
    """Depthwise convolution; see `DepthwiseConv2D`."""

    def __init__(
        self,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: Padding = "valid",
        depth_multiplier: int = 1,
        dilation_rate: Sizes = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        depthwise_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        name: str | None = None,
    ) -> None:
        bias = (bias_initializer, bias_regularizer, bias_constraint)
        super().__init__(kernel_size, strides, padding, dilation_rate, activation, use_bias, bias, name)
        self.depth_multiplier: int = check_size(self.name, "depth_multiplier", depth_multiplier)
        self.configure_parameter("depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint)

    def build(self, x: Expr) -> None:
        self.add_bias(self.add_depthwise_kernel("kernel", x), x)

    def call(self, x: Expr) -> Expr:
        return self.activate(self.depthwise_conv(x))


class DepthwiseConv1D(DepthwiseConv):
    r"""1D depthwise convolution layer: a convolution of each channel of a sequence by itself,
    :math:`y_{c m} = a(x_c \ast W_{c m} + b_{c m})`.

    Parameters
    ----------
    kernel_size, strides, ...
        As in `DepthwiseConv2D`, for inputs (batch, steps, channels).

    Examples
    --------
    >>> DepthwiseConv1D(3, depth_multiplier=2)(pel.tensor3("x", shape=("n", 10, 4))).shape
    ('n', 8, 8)

    References
    ----------
    F. Chollet, Xception: Deep Learning with Depthwise Separable Convolutions, CVPR 2017.
    """

    ndim: int = 3


class DepthwiseConv2D(DepthwiseConv):
    r"""2D depthwise convolution layer: a convolution of each channel of an image by itself,
    :math:`y_{c m} = a(x_c \ast W_{c m} + b_{c m})`, channels last.

    Parameters
    ----------
    depth_multiplier : int
        Number of filters for each channel.
    depthwise_initializer, depthwise_regularizer, depthwise_constraint
        Options of :math:`W`, of shape (rows, columns, channels, depth_multiplier).
    kernel_size, strides, ...
        As in `Conv2D`.

    Raises
    ------
    ShapeError
        If the input is not (batch, rows, columns, channels), or its number of channels differs from the first call.
    ValueError
        If ``padding`` or another name is unknown.

    Examples
    --------
    >>> layer = DepthwiseConv2D(3, padding="same")
    >>> layer(pel.tensor4("x", shape=("n", 28, 28, 32))).shape, layer.parameters[0].shape
    (('n', 28, 28, 32), (3, 3, 32, 1))

    References
    ----------
    A. G. Howard et al., MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications,
    arXiv:1704.04861.
    """

    ndim: int = 4


class SeparableConv(DepthwiseBase):
    """Separable convolution; see `SeparableConv2D`."""

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: Padding = "valid",
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
        self.filters: int = check_size(self.name, "filters", filters)
        self.depth_multiplier: int = check_size(self.name, "depth_multiplier", depth_multiplier)
        self.configure_parameter("depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint)
        self.configure_parameter("pointwise", pointwise_initializer, pointwise_regularizer, pointwise_constraint)

    def build(self, x: Expr) -> None:
        channels = self.add_depthwise_kernel("depthwise_kernel", x)
        shape = (*(1,) * self.spatial_ndim, channels, self.filters)
        self.pointwise: Shared = self.configured_parameter("pointwise", shape, x, name="pointwise_kernel")
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

    ndim: int = 3


class SeparableConv2D(SeparableConv):
    r"""2D separable convolution layer: a depthwise convolution followed by a pointwise one,
    :math:`a((x_c \ast D_{c m}) \, P + b)`, channels last.

    Parameters
    ----------
    filters : int
        Number of filters of the pointwise convolution: channels of the result.
    depth_multiplier : int
        Number of depthwise filters for each channel.
    depthwise_initializer, depthwise_regularizer, depthwise_constraint
        Options of :math:`D`, of shape (rows, columns, channels, depth_multiplier).
    pointwise_initializer, pointwise_regularizer, pointwise_constraint
        Options of :math:`P`, of shape (1, 1, channels * depth_multiplier, filters).
    kernel_size, strides, ...
        As in `Conv2D`.

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

    ndim: int = 4
