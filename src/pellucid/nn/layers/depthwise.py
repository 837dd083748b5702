"""Convolutions of each channel by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.ops.convolution import conv
from pellucid.nn import activations, constraints, initializers, regularizers
from pellucid.nn.dtypes import as_real
from pellucid.nn.layers.convolution import Convolution, Named
from pellucid.nn.layers.validation import positive
from pellucid.nn.layers.windows import Sizes

__all__ = ["DepthwiseConv1D", "DepthwiseConv2D"]


class ChannelByChannel(Convolution):
    """What `DepthwiseConv` and `SeparableConv` share: a kernel for each channel, which sees no other one."""

    depth_multiplier: int
    depthwise_initializer: Callable[..., Any]
    depthwise_regularizer: regularizers.Penalty | None
    depthwise_constraint: Callable[[Any], Any] | None

    def make_depthwise(self, name: str, x: Expr) -> int:
        """Make a kernel of shape (window..., channels, depth_multiplier); return how many channels come out."""
        channels = self.expect_features(x)
        self.depthwise = self.parameter(
            name,
            (*self.kernel_size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            x,
            self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
        )
        return channels * self.depth_multiplier

    def channel_by_channel(self, x: Expr) -> Expr:
        """Return the convolution of each channel with its own kernels: one in as many groups as channels."""
        *window, channels, multiplier = self.depthwise.shape
        kernel = self.depthwise.reshape(*window, 1, int(channels) * int(multiplier))
        made: Expr = conv(
            as_real(x),
            kernel,
            strides=self.strides,
            padding=self.padding,
            dilation=self.dilation_rate,
            groups=int(channels),
        )
        return made


class DepthwiseConv(ChannelByChannel):
    r"""Units that see a window of one channel each, :math:`y_{c m} = a(x_c \ast W_{c m} + b_{c m})`, channels last:
    what `DepthwiseConv1D` and `DepthwiseConv2D` are for one and two axes.

    Parameters
    ----------
    kernel_size : int or one for each axis
        How far the window reaches along each axis.
    strides : int or one for each axis
        How far it moves.
    padding : {"valid", "same"}
        Only whole windows, or zeros around the array so that the size is kept (divided by the strides).
    depth_multiplier : int
        How many units see each channel.
    dilation_rate : int or one for each axis
        The step inside the window.
    activation : str or function, optional
        :math:`a`; none without it.
    use_bias : bool
        Whether there is a :math:`b`, which no regularizer over a list touches.
    depthwise_initializer, bias_initializer : str or function
        The first values of :math:`W`, of shape (window..., channels, depth_multiplier), and of :math:`b`.
    depthwise_regularizer, bias_regularizer : str or function, optional
        Penalties that `regularization` adds up.
    depthwise_constraint, bias_constraint : str or function, optional
        What an optimizer keeps to.
    name : str, optional
        Without it that of the class with a number, such as ``depthwise_conv2d_1``.

    Raises
    ------
    ShapeError
        If the input has another number of axes, or other channels than at the first call.
    ValueError
        For an unknown padding or another name that is not known.
    """

    def __init__(
        self,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        dilation_rate: Sizes = 1,
        activation: str | activations.Activation | None = None,
        use_bias: bool = True,
        depthwise_initializer: Named = "glorot_uniform",
        bias_initializer: Named = "zeros",
        depthwise_regularizer: str | regularizers.Penalty | None = None,
        bias_regularizer: str | regularizers.Penalty | None = None,
        depthwise_constraint: Named | None = None,
        bias_constraint: Named | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            kernel_size,
            strides,
            padding,
            dilation_rate,
            activation,
            use_bias,
            bias_initializer,
            bias_regularizer,
            bias_constraint,
            name,
        )
        self.depth_multiplier = positive(self.name, "depth_multiplier", depth_multiplier)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)

    def build(self, x: Expr) -> None:
        """Make the kernels and the bias."""
        self.make_bias(self.make_depthwise("kernel", x), x)

    def call(self, x: Expr) -> Expr:
        """Return the convolution of each channel with its kernels, and the activation of that."""
        return self.activated(self.channel_by_channel(x))


class DepthwiseConv1D(DepthwiseConv):
    r"""Units that see a window of one channel of a sequence each, :math:`y_{c m} = a(x_c \ast W_{c m} + b_{c m})`.

    Parameters
    ----------
    kernel_size, strides, ...
        As of `DepthwiseConv`, for one axis.

    Raises
    ------
    ShapeError
        If the input is no (batch, steps, channels), or has other channels than at the first call.

    Examples
    --------
    >>> DepthwiseConv1D(3, depth_multiplier=2)(pel.tensor3("x", shape=("n", 10, 4))).shape
    ('n', 8, 8)

    References
    ----------
    F. Chollet, Xception: Deep Learning with Depthwise Separable Convolutions, CVPR 2017.
    """

    ndim = 3


class DepthwiseConv2D(DepthwiseConv):
    r"""Units that see a window of one channel of an image each, :math:`y_{c m} = a(x_c \ast W_{c m} + b_{c m})`.

    Parameters
    ----------
    kernel_size, strides, ...
        As of `DepthwiseConv`, for two axes.

    Raises
    ------
    ShapeError
        If the input is no (batch, rows, columns, channels), or has other channels than at the first call.

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

    ndim = 4
