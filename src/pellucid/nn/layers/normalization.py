"""Normalization of each sample by itself, the same in training as afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid.graph.errors import OptionError, ShapeError, brief
from pellucid.graph.expr import Expr
from pellucid.graph.ops.minmax_where import maximum
from pellucid.graph.ops.normalization import local_response_normalization, rms_normalize, standardize
from pellucid.graph.ops.norms import vector_norm
from pellucid.graph.types import shape_text
from pellucid.nn import constraints, regularizers
from pellucid.nn.dtypes import as_real
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.scale_offset import Scaled
from pellucid.nn.layers.validation import integer, positive, real, some_axes

__all__ = [
    "LayerNormalization",
    "GroupNormalization",
    "RMSNormalization",
    "UnitNormalization",
    "LocalResponseNormalization",
]


class LayerNormalization(Scaled):
    r"""Features in units of their standard deviation within a sample,
    :math:`\gamma (x - \bar x) / \sqrt{\operatorname{var} x + \epsilon} + \beta`.

    Parameters
    ----------
    axis : int or sequence of int
        The axes along which mean and variance are taken, which have a scale and an offset for every place.
    epsilon : float
        What is added to the variance, so that no deviation is 0.
    center, scale : bool
        Whether there is a :math:`\beta`, and a :math:`\gamma`.
    beta_initializer, gamma_initializer : str or function
        First values.
    beta_regularizer, gamma_regularizer : str or function, optional
        Penalties that `regularization` adds up.
    beta_constraint, gamma_constraint : str or function, optional
        What is put on the values that an optimizer makes.
    name : str, optional
        Without it ``layer_normalization``, ``layer_normalization_1`` and so on.

    Raises
    ------
    ShapeError
        If the axes have no known lengths, or others than at the first call.

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
        beta_initializer: str | Callable[..., Any] = "zeros",
        gamma_initializer: str | Callable[..., Any] = "ones",
        beta_regularizer: str | regularizers.Penalty | None = None,
        gamma_regularizer: str | regularizers.Penalty | None = None,
        beta_constraint: str | constraints.ConstraintFunction | None = None,
        gamma_constraint: str | constraints.ConstraintFunction | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            axis,
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            name,
        )

    def call(self, x: Expr) -> Expr:
        r"""Return :math:`\gamma y + \beta` of the standardized input."""
        return self.scaled(standardize(as_real(x), axis=self.axes(x), epsilon=self.epsilon))


class GroupNormalization(Scaled):
    r"""Groups of channels in units of their standard deviation within a sample,
    :math:`\gamma (x - \mu_g) / \sqrt{\sigma_g^2 + \epsilon} + \beta`.

    With ``groups=-1`` every channel is a group, which is instance normalization; with ``groups=1`` all are one.

    Parameters
    ----------
    groups : int
        How many, a divisor of the number of channels; -1 for as many as there are channels.
    axis : int
        That of the channels.
    epsilon : float
        What is added to the variance, so that no deviation is 0.
    center, scale : bool
        Whether there is a :math:`\beta`, and a :math:`\gamma`, for every channel.
    beta_initializer, gamma_initializer : str or function
        First values.
    beta_regularizer, gamma_regularizer : str or function, optional
        Penalties that `regularization` adds up.
    beta_constraint, gamma_constraint : str or function, optional
        What is put on the values that an optimizer makes.
    name : str, optional
        Without it ``group_normalization``, ``group_normalization_1`` and so on.

    Raises
    ------
    ShapeError
        If the channels cannot be parted into so many groups.

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
        beta_initializer: str | Callable[..., Any] = "zeros",
        gamma_initializer: str | Callable[..., Any] = "ones",
        beta_regularizer: str | regularizers.Penalty | None = None,
        gamma_regularizer: str | regularizers.Penalty | None = None,
        beta_constraint: str | constraints.ConstraintFunction | None = None,
        gamma_constraint: str | constraints.ConstraintFunction | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            axis,
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            name,
        )
        self.groups = -1 if groups == -1 else positive(self.name, "groups", groups)

    def call(self, x: Expr) -> Expr:
        r"""Return :math:`\gamma y + \beta` of the input standardized in groups."""
        (axis,), (channels,) = self.axes(x), self.lengths
        groups = channels if self.groups == -1 else self.groups
        if channels % groups or not axis:
            raise ShapeError(
                f"{self.name}: expected channels that {groups} groups can share, along an axis after the batch's. "
                f"Received: {brief(x)}, of shape {shape_text(x.shape)}, with axis={axis}"
            ).about([x])
        x = as_real(x)
        if groups == channels and x.ndim > 2:
            inside = tuple(a for a in range(1, x.ndim) if a != axis)
            return self.scaled(standardize(x, axis=inside, epsilon=self.epsilon))
        parted = x.reshape([*x.shape[:axis], groups, channels // groups, *x.shape[axis + 1 :]])
        inside = tuple(a for a in range(1, parted.ndim) if a != axis)
        return self.scaled(standardize(parted, axis=inside, epsilon=self.epsilon).reshape(x.shape))


class RMSNormalization(Scaled):
    r"""Features in units of their root mean square within a sample, :math:`s x / \sqrt{\overline{x^2} + \epsilon}`.

    Parameters
    ----------
    axis : int or sequence of int
        The axes along which the mean is taken, which have a scale :math:`s` for every place.
    epsilon : float
        What is added to the mean, so that nothing is divided by 0.
    name : str, optional
        Without it ``rms_normalization``, ``rms_normalization_1`` and so on.

    Raises
    ------
    ShapeError
        If the axes have no known lengths, or others than at the first call.

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
        """Make the scale."""
        self.gamma = self.parameter("scale", self.expect_lengths(x), self.gamma_initializer, x, regularizable=False)

    def call(self, x: Expr) -> Expr:
        r"""Return :math:`s y` of the input in units of its root mean square."""
        return self.scaled(rms_normalize(as_real(x), axis=self.axes(x), epsilon=self.epsilon))


class UnitNormalization(Layer):
    r"""Vectors of length 1, :math:`x / \max(\left\| x \right\|, 10^{-12})`.

    Parameters
    ----------
    axis : int or sequence of int
        The axes along which the vectors lie.
    name : str, optional
        Without it ``unit_normalization``, ``unit_normalization_1`` and so on.

    Raises
    ------
    ValueError
        For what is no axis.

    Examples
    --------
    >>> UnitNormalization()(pel.matrix("x"))
    x / maximum(vector_norm(x, axis=1, keepdims=True), 1e-12)
    """

    def __init__(self, axis: int | Sequence[int] = -1, name: str | None = None) -> None:
        super().__init__(name)
        self.axis = some_axes(self.name, "axis", axis)

    def call(self, x: Expr) -> Expr:
        """Return the vectors divided by their lengths."""
        x = as_real(x)
        unit: Expr = x / maximum(vector_norm(x, axis=self.axis, keepdims=True), 1e-12)
        return unit


class LocalResponseNormalization(Layer):
    r"""Values divided by how strong the channels around are,
    :math:`x_c / \bigl(k + \alpha \sum_{|d - c| \le n/2} x_d^2\bigr)^\beta`; Lasagne's arguments and defaults.

    Parameters
    ----------
    alpha, k, beta : float
        As in the formula. Caffe and PyTorch have :math:`\alpha / n` for :math:`\alpha`.
    n : int
        How many channels count for each, an odd number.
    name : str, optional
        Without it ``local_response_normalization``, ``local_response_normalization_1`` and so on.

    Raises
    ------
    ShapeError
        If the number of channels is unknown.
    ValueError
        If ``n`` is no odd number.

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
        self.alpha, self.k, self.beta = (real(self.name, *w) for w in (("alpha", alpha), ("k", k), ("beta", beta)))
        if not integer(n) or n < 1 or not n % 2:
            raise OptionError(f"{self.name}: expected n to be an odd number of channels. Received: n={n!r}")
        self.n = int(n)

    def call(self, x: Expr) -> Expr:
        """Return the values divided by the strength around them."""
        normalized: Expr = local_response_normalization(
            as_real(x), n=self.n, k=self.k, alpha=self.alpha, beta=self.beta
        )
        return normalized
