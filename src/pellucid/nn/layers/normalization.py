"""Layer, group, RMS, unit and local response normalization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pellucid.graph.errors import OptionError, ShapeError, brief
from pellucid.graph.expr import Expr
from pellucid.graph.ops.elementwise import maximum
from pellucid.graph.ops.normalization import local_response_normalization, rms_normalize, standardize
from pellucid.graph.ops.norms import vector_norm
from pellucid.graph.types import format_shape, normalize_axes, unify
from pellucid.graph.validation import is_integer
from pellucid.nn.casts import to_float
from pellucid.nn.initializers.base import InitializerLike
from pellucid.nn.layers.base import ConstraintLike, Layer, ParameterOptions, RegularizerLike
from pellucid.nn.layers.validation import check_axes, check_axis, check_real, check_size

if TYPE_CHECKING:
    from pellucid.graph.expr import Shared

__all__ = [
    "LayerNormalization",
    "GroupNormalization",
    "RMSNormalization",
    "UnitNormalization",
    "LocalResponseNormalization",
]


class ScaleOffset(Layer):
    r"""Layer that ends in a learned scale and offset, :math:`\gamma y + \beta`, along the axes ``axis``."""

    center: bool
    scale: bool

    def __init__(
        self,
        axis: int | Sequence[int],
        epsilon: float,
        center: bool = True,
        scale: bool = True,
        beta: ParameterOptions = ("zeros", None, None),
        gamma: ParameterOptions = ("ones", None, None),
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.axis: int | tuple[int, ...] = check_axes(self.name, "axis", axis)
        self.epsilon: float = check_real(self.name, "epsilon", epsilon)
        if self.epsilon <= 0:
            raise OptionError(f"{self.name}: expected an epsilon greater than 0. Received: epsilon={epsilon!r}")
        self.center, self.scale = center, scale
        self.configure_parameter("beta", *beta)
        self.configure_parameter("gamma", *gamma)
        self.lengths: tuple[int, ...] = ()

    def get_axes(self, x: Expr) -> tuple[int, ...]:
        """Return the axes of the parameters, nonnegative and sorted."""
        return tuple(sorted(normalize_axes(self.axis, x.ndim, self.name, x)))

    def expect_lengths(self, x: Expr) -> tuple[int, ...]:
        """Return the lengths of the axes of the parameters and require them of all later inputs."""
        lengths = tuple(x.shape[a] for a in self.get_axes(x))
        if not all(isinstance(length, int) for length in lengths):
            raise ShapeError(
                f"{self.name}: expected an input of a known length along axis {join_numbers(self.get_axes(x))}. "
                f"Received: {brief(x)}, of shape {format_shape(x.shape)}"
            ).with_operands([x])
        self.lengths = tuple(int(length) for length in lengths if isinstance(length, int))
        return self.lengths

    def build(self, x: Expr) -> None:
        shape = self.expect_lengths(x)
        if self.scale:
            self.gamma: Shared = self.configured_parameter("gamma", shape, x, False)
        if self.center:
            self.beta: Shared = self.configured_parameter("beta", shape, x, False)

    def check_input(self, x: Expr) -> None:
        super().check_input(x)
        if self.built and any(
            unify(x.shape[a], n) is None for a, n in zip(self.get_axes(x), self.lengths, strict=True)
        ):
            raise ShapeError(
                f"{self.name}: its parameters were made for inputs of length {join_numbers(self.lengths)} along "
                f"axis {join_numbers(self.get_axes(x))}. Received: {brief(x)}, of shape {format_shape(x.shape)}; calls "
                "of one layer share its parameters, so create a new layer"
            ).with_operands([x])

    def scale_and_offset(self, y: Expr) -> Expr:
        r"""Return :math:`\gamma y + \beta`, without :math:`\gamma` or :math:`\beta` if the layer has none."""
        if self.scale:
            y = expand_to_axes(self.gamma, y, self.get_axes(y)) * y
        return y + expand_to_axes(self.beta, y, self.get_axes(y)) if self.center else y


def join_numbers(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def expand_to_axes(parameter: Expr, y: Expr, axes: Sequence[int]) -> Expr:
    """Reshape a parameter so that its axes line up with ``axes`` of ``y`` and it broadcasts along the others."""
    if tuple(axes) == tuple(range(y.ndim - len(axes), y.ndim)):
        return parameter
    sizes = dict(zip(axes, parameter.shape, strict=True))
    return parameter.reshape([sizes.get(a, 1) for a in range(min(axes), y.ndim)])


class LayerNormalization(ScaleOffset):
    r"""Layer normalization, :math:`\gamma (x - \bar x) / \sqrt{\operatorname{var} x + \epsilon} + \beta`, with the mean
    and variance of each sample.

    Parameters
    ----------
    axis : int or sequence of int
        Axes of the mean and variance, and of the scale and offset.
    epsilon : float
        Added to the variance to avoid division by zero.
    center, scale : bool
        Whether to add :math:`\beta` and to multiply by :math:`\gamma`.
    beta_initializer, gamma_initializer : str or function
        Initializers; see `pellucid.nn.initializers`.
    beta_regularizer, gamma_regularizer : str or function, optional
        Penalties, included in `regularization`.
    beta_constraint, gamma_constraint : str or function, optional
        Constraints, applied after each optimizer update.
    name : str, optional
        Name of the layer. By default ``layer_normalization``, ``layer_normalization_1`` and so on.

    Raises
    ------
    ShapeError
        If the length of an axis is unknown, or differs from the first call.

    Examples
    --------
    >>> LayerNormalization(name="ln")(pel.matrix("x", shape=("n", 3)))
    ln/gamma * standardize(x) + ln/beta

    References
    ----------
    J. L. Ba, J. R. Kiros and G. E. Hinton, Layer Normalization, arXiv:1607.06450.
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        name: str | None = None,
    ) -> None:
        beta = (beta_initializer, beta_regularizer, beta_constraint)
        gamma = (gamma_initializer, gamma_regularizer, gamma_constraint)
        super().__init__(axis, epsilon, center, scale, beta, gamma, name)

    def call(self, x: Expr) -> Expr:
        return self.scale_and_offset(standardize(to_float(x), axis=self.get_axes(x), epsilon=self.epsilon))


class GroupNormalization(ScaleOffset):
    r"""Group normalization, :math:`\gamma (x - \mu_g) / \sqrt{\sigma_g^2 + \epsilon} + \beta`, with the mean and
    variance of each group of channels of a sample.

    With ``groups=-1`` every channel is a group, which is instance normalization. With ``groups=1`` all channels are one
    group.

    Parameters
    ----------
    groups : int
        Number of groups, a divisor of the number of channels; -1 for one group per channel.
    axis : int
        Axis of the channels.
    epsilon, center, scale, ...
        As in `LayerNormalization`, with one :math:`\beta` and one :math:`\gamma` for each channel.

    Raises
    ------
    ShapeError
        If the number of channels is not a multiple of the groups.

    Examples
    --------
    >>> x = pel.tensor4("x", shape=("n", 8, 8, 6))
    >>> GroupNormalization(groups=3)(x).shape
    ('n', 8, 8, 6)
    >>> GroupNormalization(groups=-1, center=False, scale=False)(x)
    standardize(x, axis=(1, 2))

    References
    ----------
    Y. Wu and K. He, Group Normalization, ECCV 2018. D. Ulyanov, A. Vedaldi and V. Lempitsky, Instance Normalization:
    The Missing Ingredient for Fast Stylization, arXiv:1607.08022.
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        name: str | None = None,
    ) -> None:
        beta = (beta_initializer, beta_regularizer, beta_constraint)
        gamma = (gamma_initializer, gamma_regularizer, gamma_constraint)
        super().__init__(axis, epsilon, center, scale, beta, gamma, name)
        check_axis(self.name, "axis", axis)
        self.groups: int = -1 if groups == -1 else check_size(self.name, "groups", groups)

    def call(self, x: Expr) -> Expr:
        (axis,), (channels,) = self.get_axes(x), self.lengths
        groups = channels if self.groups == -1 else self.groups
        if channels % groups or not axis:
            raise ShapeError(
                f"{self.name}: expected a multiple of {groups} channels, along an axis after the batch axis. "
                f"Received: {brief(x)}, of shape {format_shape(x.shape)}, with axis={axis}"
            ).with_operands([x])
        x = to_float(x)
        if groups == channels and x.ndim > 2:
            inside = tuple(a for a in range(1, x.ndim) if a != axis)
            return self.scale_and_offset(standardize(x, axis=inside, epsilon=self.epsilon))
        grouped = x.reshape([*x.shape[:axis], groups, channels // groups, *x.shape[axis + 1 :]])
        inside = tuple(a for a in range(1, grouped.ndim) if a != axis)
        return self.scale_and_offset(standardize(grouped, axis=inside, epsilon=self.epsilon).reshape(x.shape))


class RMSNormalization(ScaleOffset):
    r"""Root mean square normalization, :math:`s x / \sqrt{\overline{x^2} + \epsilon}`, with the mean over each sample.

    Parameters
    ----------
    axis : int or sequence of int
        Axes of the mean and of the scale :math:`s`.
    epsilon : float
        Added to the mean to avoid division by zero.
    name : str, optional
        Name of the layer. By default ``rms_normalization``, ``rms_normalization_1`` and so on.

    Raises
    ------
    ShapeError
        If the length of an axis is unknown, or differs from the first call.

    Examples
    --------
    >>> RMSNormalization(name="rms")(pel.matrix("x", shape=("n", 3)))
    rms/scale * rms_normalize(x)

    References
    ----------
    B. Zhang and R. Sennrich, Root Mean Square Layer Normalization, NeurIPS 2019.
    """

    def __init__(self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, name: str | None = None) -> None:
        super().__init__(axis, epsilon, center=False, name=name)

    def build(self, x: Expr) -> None:
        self.gamma: Shared = self.configured_parameter("gamma", self.expect_lengths(x), x, False, name="scale")

    def call(self, x: Expr) -> Expr:
        return self.scale_and_offset(rms_normalize(to_float(x), axis=self.get_axes(x), epsilon=self.epsilon))


class UnitNormalization(Layer):
    r"""Normalization of vectors to length 1, :math:`x / \max(\left\| x \right\|, 10^{-12})`.

    Parameters
    ----------
    axis : int or sequence of int
        Axes of the vectors.
    name : str, optional
        Name of the layer. By default ``unit_normalization``, ``unit_normalization_1`` and so on.

    Raises
    ------
    ValueError
        If ``axis`` is not an integer or several.

    Examples
    --------
    >>> UnitNormalization()(pel.matrix("x"))
    x / maximum(vector_norm(x, axis=1, keepdims=True), 1e-12)
    """

    def __init__(self, axis: int | Sequence[int] = -1, name: str | None = None) -> None:
        super().__init__(name)
        self.axis: int | tuple[int, ...] = check_axes(self.name, "axis", axis)

    def call(self, x: Expr) -> Expr:
        x = to_float(x)
        unit: Expr = x / maximum(vector_norm(x, axis=self.axis, keepdims=True), 1e-12)
        return unit


class LocalResponseNormalization(Layer):
    r"""Local response normalization, :math:`x_c / \bigl(k + \alpha \sum_{|d - c| \le n/2} x_d^2\bigr)^\beta`, over
    nearby channels, with Lasagne's arguments and defaults.

    Parameters
    ----------
    alpha, k, beta : float
        Parameters of the formula. Caffe and PyTorch use :math:`\alpha / n` in place of :math:`\alpha`.
    n : int
        Number of neighboring channels, an odd number.
    name : str, optional
        Name of the layer. By default ``local_response_normalization``, ``local_response_normalization_1`` and so on.

    Raises
    ------
    ShapeError
        If the number of channels is unknown.
    ValueError
        If ``n`` is not odd.

    Examples
    --------
    >>> LocalResponseNormalization()(pel.tensor4("x", shape=("n", 8, 8, 16)))
    local_response_normalization(x)

    References
    ----------
    A. Krizhevsky, I. Sutskever and G. E. Hinton, ImageNet Classification with Deep Convolutional Neural Networks,
    NeurIPS 2012, section 3.3.
    """

    def __init__(
        self, alpha: float = 1e-4, k: float = 2.0, beta: float = 0.75, n: int = 5, name: str | None = None
    ) -> None:
        super().__init__(name)
        self.alpha: float = check_real(self.name, "alpha", alpha)
        self.k: float = check_real(self.name, "k", k)
        self.beta: float = check_real(self.name, "beta", beta)
        if not is_integer(n) or n < 1 or not n % 2:
            raise OptionError(f"{self.name}: expected n to be an odd number of channels. Received: n={n!r}")
        self.n: int = int(n)

    def call(self, x: Expr) -> Expr:
        normalized: Expr = local_response_normalization(
            to_float(x), n=self.n, k=self.k, alpha=self.alpha, beta=self.beta
        )
        return normalized
