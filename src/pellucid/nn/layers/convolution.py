"""Units that see a window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.ops.convolution import conv
from pellucid.graph.ops.windows import as_tuple
from pellucid.nn import activations, initializers, regularizers
from pellucid.nn.dtypes import as_real
from pellucid.nn.layers.base import Layer, positive

Pair = int | Sequence[int]


class Conv2D(Layer):
    r"""Units that see a window of an image, wherever it is, :math:`a(x \ast W + b)`, channels last, with :math:`W` of
    shape (rows, columns, channels, filters).

    Parameters
    ----------
    filters : int
        How many units see each window.
    kernel_size : int or two
        The window's rows and columns.
    strides : int or two
        How far it moves.
    padding : {"valid", "same"}
        Only whole windows, or zeros around the image so that the size is kept (divided by the strides).
    dilation_rate : int or two
        The step inside the window.
    activation : str or function, optional
        :math:`a`; none without it.
    use_bias : bool
        Whether there is a :math:`b`, which no regularizer over a list touches.
    kernel_initializer, bias_initializer : str or function
        The first values of :math:`W` and :math:`b`; see `pellucid.nn.initializers`.
    kernel_regularizer, bias_regularizer : str or function, optional
        Penalties that `regularization` adds up.
    name : str, optional
        Without it ``conv2d``, ``conv2d_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, rows, columns, channels), or has other channels than at the first call.

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

    ndim = 4

    def __init__(
        self,
        filters: int,
        kernel_size: Pair,
        strides: Pair = (1, 1),
        padding: str = "valid",
        dilation_rate: Pair = (1, 1),
        activation: str | activations.Activation | None = None,
        use_bias: bool = True,
        kernel_initializer: str | Callable[..., Any] = "glorot_uniform",
        bias_initializer: str | Callable[..., Any] = "zeros",
        kernel_regularizer: str | regularizers.Penalty | None = None,
        bias_regularizer: str | regularizers.Penalty | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.filters = positive(self.name, "filters", filters)
        self.kernel_size = as_tuple(kernel_size, 2, "kernel_size")
        self.strides = as_tuple(strides, 2, "strides")
        self.padding = padding
        self.dilation_rate = as_tuple(dilation_rate, 2, "dilation_rate")
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)

    def build(self, x: Expr) -> None:
        """Make the kernel and the bias."""
        shape = (*self.kernel_size, self.expect_features(x), self.filters)
        self.kernel = self.parameter("kernel", shape, self.kernel_initializer, x, self.kernel_regularizer)
        if self.use_bias:
            self.bias = self.parameter("bias", (self.filters,), self.bias_initializer, x, self.bias_regularizer, False)

    def call(self, x: Expr) -> Expr:
        r"""Return :math:`a(x \ast W + b)`."""
        z = conv(as_real(x), self.kernel, strides=self.strides, padding=self.padding, dilation=self.dilation_rate)
        return self.activation(z + self.bias if self.use_bias else z)
