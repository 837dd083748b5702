"""Transposed convolution layers."""

from __future__ import annotations

from pellucid.graph.expr import Expr
from pellucid.graph.ops.conv_transpose import conv_transpose
from pellucid.nn.dtypes import to_float
from pellucid.nn.layers.base import ActivationLike, ConstraintLike, InitializerLike, RegularizerLike
from pellucid.nn.layers.convolution import ConvBase
from pellucid.nn.layers.spatial import Sizes
from pellucid.nn.layers.validation import check_size

__all__ = ["Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"]


class ConvTranspose(ConvBase):
    """Transposed convolution; see `Conv2DTranspose`."""

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
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
        self.filters = check_size(self.name, "filters", filters)
        self.output_padding = None if output_padding is None else self.check_sizes("output_padding", output_padding, 0)
        self.configure_parameter("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)

    def build(self, x: Expr) -> None:
        self.kernel = self.configured_parameter("kernel", (*self.kernel_size, self.filters, self.expect_features(x)), x)
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

    ndim = 3


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
    dilation_rate : int or one for each axis
        Dilation of the window.
    activation : str or function, optional
        Activation :math:`a`. Default: none.
    use_bias : bool
        Whether to add a bias :math:`b`. Penalties over a list of parameters skip it.
    kernel_initializer, bias_initializer : str or function
        Initializers of :math:`W`, of shape (rows, columns, filters, channels), and of :math:`b`.
    kernel_regularizer, bias_regularizer : str or function, optional
        Penalties, included in `regularization`.
    kernel_constraint, bias_constraint : str or function, optional
        Constraints, applied after each optimizer update.
    name : str, optional
        Name of the layer. By default ``conv2d_transpose``, ``conv2d_transpose_1`` and so on.

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

    ndim = 4


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

    ndim = 5
