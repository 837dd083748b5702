"""Units that paint a window: convolutions the other way round, which make arrays larger."""

from __future__ import annotations

from pellucid.graph.expr import Expr
from pellucid.graph.ops.conv_transpose import conv_transpose
from pellucid.nn import activations, constraints, initializers, regularizers
from pellucid.nn.dtypes import as_real
from pellucid.nn.layers.convolution import Convolution, Named
from pellucid.nn.layers.validation import positive
from pellucid.nn.layers.windows import Sizes

__all__ = ["Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"]


class ConvTranspose(Convolution):
    r"""Units that paint a window around every place, :math:`a(x \ast^\top W + b)`, channels last, where windows overlap
    the sum: what `Conv1DTranspose`, `Conv2DTranspose` and `Conv3DTranspose` are for one, two and three axes.

    Parameters
    ----------
    filters : int
        How many channels are painted.
    kernel_size : int or one for each axis
        How far the window reaches along each axis.
    strides : int or one for each axis
        How far apart windows are: how many times as large the result is.
    padding : {"valid", "same"}
        All that windows cover; or so much of it that the result is the strides times as large as the input.
    output_padding : int or one for each axis, optional
        How much is added behind each axis, less than the strides; with it the result of ``"same"`` is
        :math:`(n - 1) s + k \bmod 2` and this much, as in Keras.
    dilation_rate : int or one for each axis
        The step inside the window.
    activation : str or function, optional
        :math:`a`; none without it.
    use_bias : bool
        Whether there is a :math:`b`, which no regularizer over a list touches.
    kernel_initializer, bias_initializer : str or function
        The first values of :math:`W`, of shape (window..., filters, channels), and of :math:`b`.
    kernel_regularizer, bias_regularizer : str or function, optional
        Penalties that `regularization` adds up.
    kernel_constraint, bias_constraint : str or function, optional
        What an optimizer keeps to.
    name : str, optional
        Without it that of the class with a number, such as ``conv2d_transpose_1``.

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
        output_padding: Sizes | None = None,
        dilation_rate: Sizes = 1,
        activation: str | activations.Activation | None = None,
        use_bias: bool = True,
        kernel_initializer: Named = "glorot_uniform",
        bias_initializer: Named = "zeros",
        kernel_regularizer: str | regularizers.Penalty | None = None,
        bias_regularizer: str | regularizers.Penalty | None = None,
        kernel_constraint: Named | None = None,
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
        self.output_padding = None if output_padding is None else self.sizes("output_padding", output_padding, 0)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)

    def build(self, x: Expr) -> None:
        """Make the kernel and the bias."""
        self.kernel = self.parameter(
            "kernel",
            (*self.kernel_size, self.filters, self.expect_features(x)),
            self.kernel_initializer,
            x,
            self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.make_bias(self.filters, x)

    def call(self, x: Expr) -> Expr:
        r"""Return :math:`a(x \ast^\top W + b)`."""
        z = conv_transpose(
            as_real(x),
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            output_padding=self.output_padding,
            dilation=self.dilation_rate,
        )
        return self.activated(z)


class Conv1DTranspose(ConvTranspose):
    r"""Units that paint a window of a sequence around every step, :math:`a(x \ast^\top W + b)`, with :math:`W` of shape
    (steps, filters, channels).

    Parameters
    ----------
    filters, kernel_size, ...
        As of `ConvTranspose`, for one axis.

    Raises
    ------
    ShapeError
        If the input is no (batch, steps, channels), or has other channels than at the first call.

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
    r"""Units that paint a window of an image around every pixel, :math:`a(x \ast^\top W + b)`, with :math:`W` of shape
    (rows, columns, filters, channels).

    Parameters
    ----------
    filters, kernel_size, ...
        As of `ConvTranspose`, for two axes.

    Raises
    ------
    ShapeError
        If the input is no (batch, rows, columns, channels), or has other channels than at the first call.

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
    r"""Units that paint a window of a volume around every place, :math:`a(x \ast^\top W + b)`, with :math:`W` of shape
    (depth, rows, columns, filters, channels).

    Parameters
    ----------
    filters, kernel_size, ...
        As of `ConvTranspose`, for three axes.

    Raises
    ------
    ShapeError
        If the input is no (batch, depth, rows, columns, channels), or has other channels than at the first call.

    Examples
    --------
    >>> Conv3DTranspose(2, 2, strides=2)(pel.tensor("x", shape=("n", 4, 5, 6, 3))).shape
    ('n', 8, 10, 12, 2)

    References
    ----------
    V. Dumoulin and F. Visin, A guide to convolution arithmetic for deep learning, arXiv:1603.07285.
    """

    ndim = 5
