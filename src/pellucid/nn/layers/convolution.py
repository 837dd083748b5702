"""Convolution and transposed convolution layers."""

from __future__ import annotations

from typing import Literal

from pellucid.graph.errors import ShapeError, brief
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.ops.conv_transpose import conv_transpose
from pellucid.graph.ops.convolution import conv
from pellucid.nn import activations
from pellucid.nn.casts import to_float
from pellucid.nn.initializers.base import InitializerLike
from pellucid.nn.layers.base import ActivationLike, ConstraintLike, ParameterOptions, RegularizerLike
from pellucid.nn.layers.spatial_base import Sizes, SpatialLayer
from pellucid.nn.layers.validation import check_choice, check_size

__all__ = ["Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"]

Padding = Literal["valid", "same", "causal"]
"""No padding, padding that keeps the size, or padding before the first step of a sequence only."""


class ConvBase(SpatialLayer):
    """Base of all convolutions: window options, bias and activation."""

    paddings: tuple[Padding, ...] = ("valid", "same")

    def __init__(
        self,
        kernel_size: Sizes,
        strides: Sizes,
        padding: Padding,
        dilation_rate: Sizes,
        activation: ActivationLike,
        use_bias: bool,
        bias: ParameterOptions,
        name: str | None,
    ) -> None:
        super().__init__(name)
        self.kernel_size: tuple[int, ...] = self.check_sizes("kernel_size", kernel_size)
        self.strides: tuple[int, ...] = self.check_sizes("strides", strides)
        self.padding: str = check_choice(self.name, "padding", padding, self.paddings)
        self.dilation_rate: tuple[int, ...] = self.check_sizes("dilation_rate", dilation_rate)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.configure_parameter("bias", *bias)

    def add_bias(self, size: int, x: Expr) -> None:
        if self.use_bias:
            self.bias: Shared = self.configured_parameter("bias", (size,), x, False)

    def activate(self, z: Expr) -> Expr:
        """Return :math:`a(z + b)`."""
        return self.activation(z + self.bias if self.use_bias else z)


class Conv(ConvBase):
    """Convolution; see `Conv2D`."""

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: Padding = "valid",
        dilation_rate: Sizes = 1,
        groups: int = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        name: str | None = None,
    ) -> None:
        bias = (bias_initializer, bias_regularizer, bias_constraint)
        super().__init__(kernel_size, strides, padding, dilation_rate, activation, use_bias, bias, name)
        self.filters: int = check_size(self.name, "filters", filters)
        self.groups: int = check_size(self.name, "groups", groups)
        if self.filters % self.groups:
            raise ShapeError(
                f"{self.name}: expected filters to be a multiple of groups. Received: filters={filters}, "
                f"groups={groups}"
            )
        self.configure_parameter("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)

    def build(self, x: Expr) -> None:
        channels = self.expect_features(x)
        if channels % self.groups:
            raise ShapeError(
                f"{self.name}: expected the channels to be a multiple of groups={self.groups}. Received: {brief(x)}, "
                f"of {channels} channels"
            ).with_operands([x])
        self.kernel: Shared = self.configured_parameter(
            "kernel", (*self.kernel_size, channels // self.groups, self.filters), x
        )
        self.add_bias(self.filters, x)

    def call(self, x: Expr) -> Expr:
        z = conv(
            to_float(x),
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            dilation=self.dilation_rate,
            groups=self.groups,
        )
        return self.activate(z)


class Conv1D(Conv):
    r"""1D convolution layer, for sequences: :math:`a(x \ast W + b)`, with :math:`W` of shape (steps, channels / groups,
    filters).

    Parameters
    ----------
    filters, kernel_size, ...
        As in `Conv2D`, for inputs (batch, steps, channels). ``padding="causal"`` pads in front only, so that no step
        depends on later ones.

    Examples
    --------
    >>> x = pel.tensor3("x", shape=("n", 100, 8))
    >>> layer = Conv1D(16, 3, padding="causal", dilation_rate=4)
    >>> layer(x).shape, [p.shape for p in layer.parameters]
    (('n', 100, 16), [(3, 8, 16), (16,)])

    References
    ----------
    A. van den Oord et al., WaveNet: A Generative Model for Raw Audio, arXiv:1609.03499 (causal and dilated).
    """

    ndim: int = 3
    paddings = ("valid", "same", "causal")


class Conv2D(Conv):
    r"""2D convolution layer, for images: :math:`a(x \ast W + b)`, channels last.

    Parameters
    ----------
    filters : int
        Number of filters: channels of the result.
    kernel_size : int or one for each axis
        Size of the window along each axis.
    strides : int or one for each axis
        Stride of the window.
    padding : {"valid", "same"}
        ``"valid"``: no padding. ``"same"``: zeros around the input, so that the size of the result is that of the input
        divided by the strides.
    dilation_rate : int or one for each axis
        Dilation of the window.
    groups : int
        Number of groups of channels and filters. A filter sees only the channels of its group.
    activation : str or function, optional
        Activation :math:`a`. Default: none.
    use_bias : bool
        Whether to add a bias :math:`b`. Penalties over a list of parameters skip it.
    kernel_initializer, bias_initializer : str or function
        Initializers of :math:`W`, of shape (rows, columns, channels / groups, filters), and of :math:`b`; see
        `pellucid.nn.initializers`.
    kernel_regularizer, bias_regularizer : str or function, optional
        Penalties, included in `regularization`.
    kernel_constraint, bias_constraint : str or function, optional
        Constraints, applied after each optimizer update.
    name : str, optional
        Name of the layer. By default ``conv2d``, ``conv2d_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is not (batch, rows, columns, channels), or its number of channels differs from the first call; if
        channels or filters are not a multiple of the groups.
    ValueError
        If ``padding`` or another name is unknown.

    Examples
    --------
    >>> x = pel.tensor4("x", shape=("n", 32, 32, 3))
    >>> layer = Conv2D(16, 3, activation="relu", name="edges")
    >>> layer(x).shape, [p.shape for p in layer.parameters]
    (('n', 30, 30, 16), [(3, 3, 3, 16), (16,)])

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-Based Learning Applied to Document Recognition, 1998.
    """

    ndim: int = 4


class Conv3D(Conv):
    r"""3D convolution layer, for volumes or videos: :math:`a(x \ast W + b)`, with :math:`W` of shape (depth, rows,
    columns, channels / groups, filters).

    Parameters
    ----------
    filters, kernel_size, ...
        As in `Conv2D`, for inputs (batch, depth, rows, columns, channels).

    Examples
    --------
    >>> x = pel.tensor("x", shape=("n", 8, 16, 16, 1))
    >>> Conv3D(4, 3, strides=(1, 2, 2), padding="same")(x).shape
    ('n', 8, 8, 8, 4)

    References
    ----------
    S. Ji, W. Xu, M. Yang and K. Yu, 3D Convolutional Neural Networks for Human Action Recognition, ICML 2010.
    """

    ndim: int = 5


class ConvTranspose(ConvBase):
    """Transposed convolution; see `Conv2DTranspose`."""

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: Padding = "valid",
        output_padding: Sizes | None = None,
        dilation_rate: Sizes = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        name: str | None = None,
    ) -> None:
        bias = (bias_initializer, bias_regularizer, bias_constraint)
        super().__init__(kernel_size, strides, padding, dilation_rate, activation, use_bias, bias, name)
        self.filters: int = check_size(self.name, "filters", filters)
        self.output_padding: tuple[int, ...] | None = (
            None if output_padding is None else self.check_sizes("output_padding", output_padding, 0)
        )
        self.configure_parameter("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)

    def build(self, x: Expr) -> None:
        self.kernel: Shared = self.configured_parameter(
            "kernel", (*self.kernel_size, self.filters, self.expect_features(x)), x
        )
        self.add_bias(self.filters, x)

    def call(self, x: Expr) -> Expr:
        z = conv_transpose(
            to_float(x),
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            output_padding=self.output_padding,
            dilation=self.dilation_rate,
        )
        return self.activate(z)


class Conv1DTranspose(ConvTranspose):
    r"""1D transposed convolution layer: :math:`a(x \ast^\top W + b)`, with :math:`W` of shape (steps, filters,
    channels).

    Parameters
    ----------
    filters, kernel_size, ...
        As in `Conv2DTranspose`, for inputs (batch, steps, channels).

    Examples
    --------
    >>> Conv1DTranspose(4, 3, strides=2, padding="same")(pel.tensor3("x", shape=("n", 10, 8))).shape
    ('n', 20, 4)

    References
    ----------
    V. Dumoulin and F. Visin, A guide to convolution arithmetic for deep learning, arXiv:1603.07285.
    """

    ndim: int = 3


class Conv2DTranspose(ConvTranspose):
    r"""2D transposed convolution layer, for upsampling: :math:`a(x \ast^\top W + b)`, channels last.

    Each input element adds a window of filter values to the result; overlapping windows are summed.

    Parameters
    ----------
    filters : int
        Number of filters: channels of the result.
    kernel_size : int or one for each axis
        Size of the window along each axis.
    strides : int or one for each axis
        Distance between windows: the upsampling factor.
    padding : {"valid", "same"}
        ``"valid"``: everything that windows cover. ``"same"``: cropped to the size of the input times the strides.
    output_padding : int or one for each axis, optional
        Size added at the end of each axis, less than the strides. With it the size of ``"same"`` is
        :math:`(n - 1) s + k \bmod 2` plus this, as in Keras.
    dilation_rate, activation, use_bias, kernel_initializer, ...
        As in `Conv2D`. The shape of :math:`W` is (rows, columns, filters, channels).

    Raises
    ------
    ShapeError
        If the input is not (batch, rows, columns, channels), or its number of channels differs from the first call.
    ValueError
        If ``padding`` or another name is unknown.

    Examples
    --------
    >>> Conv2DTranspose(16, 3, strides=2, padding="same")(pel.tensor4("x", shape=("n", 7, 7, 32))).shape
    ('n', 14, 14, 16)

    References
    ----------
    M. D. Zeiler, D. Krishnan, G. W. Taylor and R. Fergus, Deconvolutional Networks, CVPR 2010.
    """

    ndim: int = 4


class Conv3DTranspose(ConvTranspose):
    r"""3D transposed convolution layer: :math:`a(x \ast^\top W + b)`, with :math:`W` of shape (depth, rows, columns,
    filters, channels).

    Parameters
    ----------
    filters, kernel_size, ...
        As in `Conv2DTranspose`, for inputs (batch, depth, rows, columns, channels).

    Examples
    --------
    >>> Conv3DTranspose(2, 2, strides=2)(pel.tensor("x", shape=("n", 4, 5, 6, 3))).shape
    ('n', 8, 10, 12, 2)
    """

    ndim: int = 5
