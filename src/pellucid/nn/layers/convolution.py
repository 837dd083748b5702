"""Units that see a window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.ops.convolution import conv
from pellucid.nn import activations, constraints, initializers, regularizers
from pellucid.nn.dtypes import as_real
from pellucid.nn.layers.validation import positive
from pellucid.nn.layers.windows import Sizes, Windowed

__all__ = ["Conv1D", "Conv2D", "Conv3D"]

Named = str | Callable[..., Any]


class Convolution(Windowed):
    """What all convolutions share: how their windows move, a bias for each of their results, and an activation."""

    paddings: tuple[str, ...] = ("valid", "same")

    def __init__(
        self,
        kernel_size: Sizes,
        strides: Sizes,
        padding: str,
        dilation_rate: Sizes,
        activation: str | activations.Activation | None,
        use_bias: bool,
        bias_initializer: Named,
        bias_regularizer: str | regularizers.Penalty | None,
        bias_constraint: Named | None,
        name: str | None,
    ) -> None:
        super().__init__(name)
        self.kernel_size = self.sizes("kernel_size", kernel_size)
        self.strides = self.sizes("strides", strides)
        self.padding = self.one_of("padding", padding, self.paddings)
        self.dilation_rate = self.sizes("dilation_rate", dilation_rate)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.bias_initializer = initializers.get(bias_initializer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.bias_constraint = constraints.get(bias_constraint)

    def make_bias(self, size: int, x: Expr) -> None:
        """Make the bias, if there is one."""
        if self.use_bias:
            self.bias: Shared = self.parameter(
                "bias", (size,), self.bias_initializer, x, self.bias_regularizer, False, constraint=self.bias_constraint
            )

    def activated(self, z: Expr) -> Expr:
        """Return the activation of what was convolved, and the bias."""
        return self.activation(z + self.bias if self.use_bias else z)


class Conv(Convolution):
    r"""Units that see a window of an array, wherever it is, :math:`a(x \ast W + b)`, channels last: what `Conv1D`,
    `Conv2D` and `Conv3D` are for one, two and three axes.

    Parameters
    ----------
    filters : int
        How many units see each window.
    kernel_size : int or one for each axis
        How far the window reaches along each axis.
    strides : int or one for each axis
        How far it moves.
    padding : {"valid", "same", "causal"}
        Only whole windows; or zeros around the array so that the size is kept (divided by the strides); or, along one
        axis, so many zeros in front that no window sees what comes after it.
    dilation_rate : int or one for each axis
        The step inside the window.
    groups : int
        Into how many groups the channels and the filters are divided; each filter sees only its own group's channels.
    activation : str or function, optional
        :math:`a`; none without it.
    use_bias : bool
        Whether there is a :math:`b`, which no regularizer over a list touches.
    kernel_initializer, bias_initializer : str or function
        The first values of :math:`W`, of shape (window..., channels / groups, filters), and of :math:`b`; see
        `pellucid.nn.initializers`.
    kernel_regularizer, bias_regularizer : str or function, optional
        Penalties that `regularization` adds up.
    kernel_constraint, bias_constraint : str or function, optional
        What an optimizer keeps to.
    name : str, optional
        Without it that of the class with a number, such as ``conv2d_1``.

    Raises
    ------
    ShapeError
        If the input has another number of axes, or other channels than at the first call; if channels or filters do not
        divide into the groups.
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
        groups: int = 1,
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
        self.groups = positive(self.name, "groups", groups)
        if self.filters % self.groups:
            raise ShapeError(
                f"{self.name}: expected filters to be a multiple of groups. Received: filters={filters}, "
                f"groups={groups}"
            )
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)

    def build(self, x: Expr) -> None:
        """Make the kernel and the bias."""
        channels = self.expect_features(x)
        if channels % self.groups:
            raise ShapeError(f"{self.name}: the {channels} channels of {x} do not divide into groups={self.groups}")
        self.kernel = self.parameter(
            "kernel",
            (*self.kernel_size, channels // self.groups, self.filters),
            self.kernel_initializer,
            x,
            self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.make_bias(self.filters, x)

    def call(self, x: Expr) -> Expr:
        r"""Return :math:`a(x \ast W + b)`."""
        z = conv(
            as_real(x),
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            dilation=self.dilation_rate,
            groups=self.groups,
        )
        return self.activated(z)


class Conv1D(Conv):
    r"""Units that see a window of a sequence, wherever it is, :math:`a(x \ast W + b)`, with :math:`W` of shape (steps,
    channels / groups, filters).

    Parameters
    ----------
    filters, kernel_size, ...
        As of `Conv`, for one axis; ``padding="causal"`` is for sequences.

    Raises
    ------
    ShapeError
        If the input is no (batch, steps, channels), or has other channels than at the first call.

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

    ndim = 3
    paddings = ("valid", "same", "causal")


class Conv2D(Conv):
    r"""Units that see a window of an image, wherever it is, :math:`a(x \ast W + b)`, with :math:`W` of shape (rows,
    columns, channels / groups, filters).

    Parameters
    ----------
    filters, kernel_size, ...
        As of `Conv`, for two axes.

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


class Conv3D(Conv):
    r"""Units that see a window of a volume or a film, wherever it is, :math:`a(x \ast W + b)`, with :math:`W` of shape
    (depth, rows, columns, channels / groups, filters).

    Parameters
    ----------
    filters, kernel_size, ...
        As of `Conv`, for three axes.

    Raises
    ------
    ShapeError
        If the input is no (batch, depth, rows, columns, channels), or has other channels than at the first call.

    Examples
    --------
    >>> x = pel.tensor("x", shape=("n", 8, 16, 16, 1))
    >>> Conv3D(4, 3, strides=(1, 2, 2), padding="same")(x).shape
    ('n', 8, 8, 8, 4)

    References
    ----------
    S. Ji, W. Xu, M. Yang and K. Yu, 3D Convolutional Neural Networks for Human Action Recognition, ICML 2010.
    """

    ndim = 5
