"""Normalization over a batch, which is another formula once training is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.ops.batch_normalization import batch_normalization, with_averages
from pellucid.nn import constraints, initializers, regularizers
from pellucid.nn.dtypes import as_real
from pellucid.nn.layers.scale_offset import Scaled
from pellucid.nn.layers.validation import real

__all__ = ["BatchNormalization"]


class BatchNormalization(Scaled):
    r"""Features in units of their standard deviation over the batch,
    :math:`\gamma (x - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta`.

    :math:`\mu` and :math:`\sigma^2` are those of the batch while training. `pellucid.inference` puts moving averages in
    their place, which training keeps up to date by :math:`m \leftarrow \alpha m + (1 - \alpha) \mu` with
    :math:`\alpha` = ``momentum``: an optimizer's ``updates`` include these (see `pellucid.updates_of`). Steps of a
    sequence that a mask leaves out do not count. A layer that is frozen is written as it is for inference.

    Parameters
    ----------
    axis : int
        That of the features; mean and variance are taken over all others.
    momentum : float
        :math:`\alpha`, from 0 to 1.
    epsilon : float
        What is added to the variance, so that no deviation is 0.
    center, scale : bool
        Whether there is a :math:`\beta`, and a :math:`\gamma`.
    beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer : str or function
        First values.
    beta_regularizer, gamma_regularizer : str or function, optional
        Penalties that `regularization` adds up.
    beta_constraint, gamma_constraint : str or function, optional
        What is put on the values that an optimizer makes.
    name : str, optional
        Without it ``batch_normalization``, ``batch_normalization_1`` and so on.

    Raises
    ------
    ShapeError
        If the number of features is unknown, or another than at the first call.

    Examples
    --------
    >>> x = pel.matrix("x", shape=("n", 3))
    >>> y = BatchNormalization(name="bn")(x)
    >>> y
    bn/gamma * batch_normalization(x, bn/moving_mean, bn/moving_variance) + bn/beta
    >>> pel.inference(y)
    bn/gamma * ((x - bn/moving_mean) / sqrt(bn/moving_variance + 0.001)) + bn/beta
    >>> for target, value in pel.updates_of(y).items():
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
        beta_initializer: str | Callable[..., Any] = "zeros",
        gamma_initializer: str | Callable[..., Any] = "ones",
        moving_mean_initializer: str | Callable[..., Any] = "zeros",
        moving_variance_initializer: str | Callable[..., Any] = "ones",
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
        self.momentum = real(self.name, "momentum", momentum, 0, 1)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)

    def build(self, x: Expr) -> None:
        """Make the scale, the offset and the two averages."""
        super().build(x)
        shape = self.lengths
        self.moving_mean = self.parameter("moving_mean", shape, self.moving_mean_initializer, x, trainable=False)
        self.moving_variance = self.parameter(
            "moving_variance", shape, self.moving_variance_initializer, x, trainable=False
        )

    def call(self, x: Expr, mask: Expr | None = None) -> Expr:
        """Return the formula of training, or that of inference if the layer is frozen."""
        y: Expr = batch_normalization(
            as_real(x),
            self.moving_mean,
            self.moving_variance,
            *([] if mask is None else [mask]),
            axis=self.axis,
            momentum=self.momentum,
            epsilon=self.epsilon,
        )
        return self.scaled(y if self.trainable else with_averages(*y.inputs, **y.settings))
