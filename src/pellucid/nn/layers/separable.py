"""Convolutions taken apart: what each channel has in a window, and how channels are mixed."""

from __future__ import annotations

from pellucid.graph.expr import Expr
from pellucid.graph.ops.convolution import conv
from pellucid.nn import activations, constraints, initializers, regularizers
from pellucid.nn.layers.convolution import Named
from pellucid.nn.layers.depthwise import ChannelByChannel
from pellucid.nn.layers.validation import positive
from pellucid.nn.layers.windows import Sizes

__all__ = ["SeparableConv1D", "SeparableConv2D"]


class SeparableConv(ChannelByChannel):
    r"""Units that mix what each channel has in a window, :math:`a((x_c \ast D_{c m}) \, P + b)`, channels last: what
    `SeparableConv1D` and `SeparableConv2D` are for one and two axes.

    Parameters
    ----------
    filters : int
        How many units mix the channels.
    kernel_size : int or one for each axis
        How far the window reaches along each axis.
    strides : int or one for each axis
        How far it moves.
    padding : {"valid", "same"}
        Only whole windows, or zeros around the array so that the size is kept (divided by the strides).
    dilation_rate : int or one for each axis
        The step inside the window.
    depth_multiplier : int
        How many kernels each channel has.
    activation : str or function, optional
        :math:`a`; none without it.
    use_bias : bool
        Whether there is a :math:`b`, which no regularizer over a list touches.
    depthwise_initializer, pointwise_initializer, bias_initializer : str or function
        The first values of :math:`D`, of shape (window..., channels, depth_multiplier), of :math:`P`, of shape (1...,
        channels depth_multiplier, filters), and of :math:`b`.
    depthwise_regularizer, pointwise_regularizer, bias_regularizer : str or function, optional
        Penalties that `regularization` adds up.
    depthwise_constraint, pointwise_constraint, bias_constraint : str or function, optional
        What an optimizer keeps to.
    name : str, optional
        Without it that of the class with a number, such as ``separable_conv2d_1``.

    Raises
    ------
    ShapeError
        If the input has another number of axes, or other channels than at the first call.
    ValueError
        For an unknown padding or another name that is not known.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        dilation_rate: Sizes = 1,
        depth_multiplier: int = 1,
        activation: str | activations.Activation | None = None,
        use_bias: bool = True,
        depthwise_initializer: Named = "glorot_uniform",
        pointwise_initializer: Named = "glorot_uniform",
        bias_initializer: Named = "zeros",
        depthwise_regularizer: str | regularizers.Penalty | None = None,
        pointwise_regularizer: str | regularizers.Penalty | None = None,
        bias_regularizer: str | regularizers.Penalty | None = None,
        depthwise_constraint: Named | None = None,
        pointwise_constraint: Named | None = None,
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
        self.filters = positive(self.name, "filters", filters)
        self.depth_multiplier = positive(self.name, "depth_multiplier", depth_multiplier)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.pointwise_constraint = constraints.get(pointwise_constraint)

    def build(self, x: Expr) -> None:
        """Make the kernels of the channels, the one that mixes them, and the bias."""
        seen = self.make_depthwise("depthwise_kernel", x)
        self.pointwise = self.parameter(
            "pointwise_kernel",
            (*(1,) * self.axes, seen, self.filters),
            self.pointwise_initializer,
            x,
            self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
        )
        self.make_bias(self.filters, x)

    def call(self, x: Expr) -> Expr:
        """Return the channels, each convolved with its kernels, mixed, and the activation of that."""
        return self.activated(conv(self.channel_by_channel(x), self.pointwise))


class SeparableConv1D(SeparableConv):
    r"""Units that mix what each channel of a sequence has in a window, :math:`a((x_c \ast D_{c m}) \, P + b)`.

    Parameters
    ----------
    filters, kernel_size, ...
        As of `SeparableConv`, for one axis.

    Raises
    ------
    ShapeError
        If the input is no (batch, steps, channels), or has other channels than at the first call.

    Examples
    --------
    >>> SeparableConv1D(6, 3, padding="same")(pel.tensor3("x", shape=("n", 10, 4))).shape
    ('n', 10, 6)

    References
    ----------
    F. Chollet, Xception: Deep Learning with Depthwise Separable Convolutions, CVPR 2017.
    """

    ndim = 3


class SeparableConv2D(SeparableConv):
    r"""Units that mix what each channel of an image has in a window, :math:`a((x_c \ast D_{c m}) \, P + b)`.

    Parameters
    ----------
    filters, kernel_size, ...
        As of `SeparableConv`, for two axes.

    Raises
    ------
    ShapeError
        If the input is no (batch, rows, columns, channels), or has other channels than at the first call.

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
