"""Batch normalization layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.graph.expr import Expr
from pellucid.graph.ops.batch_normalization import batch_normalization, normalize_with_moving_averages
from pellucid.nn import initializers
from pellucid.nn.casts import to_float
from pellucid.nn.initializers.base import InitializerLike
from pellucid.nn.layers.base import ConstraintLike, RegularizerLike
from pellucid.nn.layers.normalization import ScaleOffset
from pellucid.nn.layers.validation import check_axis, check_real

if TYPE_CHECKING:
    from pellucid.graph.expr import Shared
    from pellucid.nn.initializers.base import InitializerFunction

__all__ = ["BatchNormalization"]


class BatchNormalization(ScaleOffset):
    r"""Batch normalization layer, :math:`\gamma (x - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta`.

    During training :math:`\mu` and :math:`\sigma^2` are the mean and variance of the batch. `pellucid.inference`
    replaces them by moving averages, :math:`m \leftarrow \alpha m + (1 - \alpha) \mu` with :math:`\alpha` =
    ``momentum``, which are among the ``updates`` of an optimizer (see `pellucid.collect_updates`). Masked steps are
    ignored. A frozen layer uses the inference form.

    Parameters
    ----------
    axis : int
        Axis of the features. Mean and variance are computed over all other axes.
    momentum : float
        Momentum :math:`\alpha` of the moving averages, from 0 to 1.
    epsilon : float
        Added to the variance to avoid division by zero.
    moving_mean_initializer, moving_variance_initializer : str or function
        Initializers of the moving averages; see `pellucid.nn.initializers`.
    center, scale, beta_initializer, ...
        As in `LayerNormalization`.

    Raises
    ------
    ShapeError
        If the number of features is unknown, or differs from the first call.

    Examples
    --------
    >>> x = pel.matrix("x", shape=("n", 3))
    >>> y = BatchNormalization(name="bn")(x)
    >>> y
    bn/gamma * batch_normalization(x, bn/moving_mean, bn/moving_variance) + bn/beta
    >>> pel.inference(y)
    bn/gamma * ((x - bn/moving_mean) / sqrt(bn/moving_variance + 0.001)) + bn/beta
    >>> for target, value in pel.collect_updates(y).items():
    ...     print(target, "<-", value)
    bn/moving_mean <- 0.99 * bn/moving_mean + 0.01 * x.mean(axis=0)
    bn/moving_variance <- 0.99 * bn/moving_variance + 0.01 * x.var(axis=0)

    References
    ----------
    S. Ioffe and C. Szegedy, Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
    Shift, ICML 2015.
    """

    takes_mask = True
    differs_when_frozen = True

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        moving_mean_initializer: InitializerLike = "zeros",
        moving_variance_initializer: InitializerLike = "ones",
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
        self.momentum: float = check_real(self.name, "momentum", momentum, 0, 1)
        self.moving_mean_initializer: InitializerFunction | Expr = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer: InitializerFunction | Expr = initializers.get(moving_variance_initializer)

    def build(self, x: Expr) -> None:
        super().build(x)
        shape = self.lengths
        self.moving_mean: Shared = self.parameter(
            "moving_mean", shape, self.moving_mean_initializer, x, trainable=False
        )
        self.moving_variance: Shared = self.parameter(
            "moving_variance", shape, self.moving_variance_initializer, x, trainable=False
        )

    def call(self, x: Expr, mask: Expr | None = None) -> Expr:
        y: Expr = batch_normalization(
            to_float(x),
            self.moving_mean,
            self.moving_variance,
            *([] if mask is None else [mask]),
            axis=self.axis,
            momentum=self.momentum,
            epsilon=self.epsilon,
        )
        return self.scale_and_offset(y if self.trainable else normalize_with_moving_averages(*y.inputs, **y.settings))
