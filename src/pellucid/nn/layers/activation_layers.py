"""Activations with settings or parameters of their own, as layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid.graph.errors import ShapeError, brief
from pellucid.graph.expr import Expr
from pellucid.graph.ops.softmax_sigmoid import leaky_relu, relu
from pellucid.graph.types import normalize_axis, shape_text
from pellucid.nn import activations, constraints, initializers, regularizers
from pellucid.nn.dtypes import as_real
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.validation import real, some_axes

__all__ = ["ReLU", "LeakyReLU", "PReLU", "ELU"]


class ReLU(Layer):
    r"""Rectifier of values of any shape, with a slope, a threshold and a greatest value: :math:`c` where
    :math:`x \ge c`, :math:`x` between :math:`\theta` and :math:`c`, and :math:`a (x - \theta)` below.

    Parameters
    ----------
    max_value : float, optional
        :math:`c`; no greatest value without it.
    negative_slope : float
        :math:`a`, 0 or more.
    threshold : float
        :math:`\theta`, 0 or more.
    name : str, optional
        Without it ``re_lu`` and so on.

    Raises
    ------
    ValueError
        If one of them is below 0.

    Examples
    --------
    >>> ReLU()(pel.vector("x"))
    relu(x)

    References
    ----------
    V. Nair and G. E. Hinton, Rectified Linear Units Improve Restricted Boltzmann Machines, ICML 2010.
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        for what, value in (("max_value", max_value), ("negative_slope", negative_slope), ("threshold", threshold)):
            if value is not None:
                real(self.name, what, value, 0)
        self.max_value, self.negative_slope, self.threshold = max_value, negative_slope, threshold

    def call(self, x: Expr) -> Expr:
        """Return the rectified input."""
        rectified: Expr = activations.relu(x, self.negative_slope, self.max_value, self.threshold)
        return rectified


class LeakyReLU(Layer):
    r"""Rectifier that lets a little through below 0, :math:`\max(x, 0) + a \min(x, 0)`.

    Parameters
    ----------
    negative_slope : float
        :math:`a`, 0 or more. The layer has Keras's 0.3, where the activation ``"leaky_relu"`` has 0.2.
    name : str, optional
        Without it ``leaky_re_lu`` and so on.

    Raises
    ------
    ValueError
        For a slope below 0.

    Examples
    --------
    >>> LeakyReLU()(pel.vector("x"))
    leaky_relu(x, negative_slope=0.3)

    References
    ----------
    A. L. Maas, A. Y. Hannun and A. Y. Ng, Rectifier Nonlinearities Improve Neural Network Acoustic Models, ICML 2013.
    """

    def __init__(self, negative_slope: float = 0.3, name: str | None = None) -> None:
        super().__init__(name)
        self.negative_slope = real(self.name, "negative_slope", negative_slope, 0)

    def call(self, x: Expr) -> Expr:
        """Return the rectified input."""
        rectified: Expr = leaky_relu(x, negative_slope=self.negative_slope)
        return rectified


class PReLU(Layer):
    r"""Rectifier whose slope below 0 is learned, :math:`\max(x, 0) - \alpha \max(-x, 0)`, for every place of a sample.

    Parameters
    ----------
    alpha_initializer : str or function
        The first value of :math:`\alpha`.
    alpha_regularizer : str or function, optional
        A penalty that `regularization` adds up.
    alpha_constraint : str or function, optional
        What is put on the values that an optimizer makes.
    shared_axes : int or sequence of int, optional
        Axes, from 1 on, along which all places have one :math:`\alpha`: ``(1, 2)`` for one a channel of an image.
    name : str, optional
        Without it ``p_re_lu`` and so on.

    Raises
    ------
    ShapeError
        If an axis that is not shared has no known length, or another than at the first call.

    Examples
    --------
    >>> PReLU(name="p")(pel.matrix("x", shape=("n", 3)))
    relu(x) - p/alpha * relu(-x)

    References
    ----------
    K. He, X. Zhang, S. Ren and J. Sun, Delving Deep into Rectifiers, ICCV 2015.
    """

    def __init__(
        self,
        alpha_initializer: str | Callable[..., Any] = "zeros",
        alpha_regularizer: str | regularizers.Penalty | None = None,
        alpha_constraint: str | constraints.ConstraintFunction | None = None,
        shared_axes: int | Sequence[int] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        shared = () if shared_axes is None else some_axes(self.name, "shared_axes", shared_axes)
        self.shared_axes = (shared,) if isinstance(shared, int) else shared

    def build(self, x: Expr) -> None:
        """Make the slopes."""
        shared = {normalize_axis(a, x.ndim, self.name, x) for a in self.shared_axes}
        shape = tuple(1 if a in shared else size for a, size in enumerate(x.shape) if a)
        known = tuple(size for size in shape if isinstance(size, int))
        if len(known) != len(shape):
            raise ShapeError(
                f"{self.name}: expected an input (batch, ...) with a known length of each axis that is not shared. "
                f"Received: {brief(x)}, of shape {shape_text(x.shape)}, with shared_axes={self.shared_axes}"
            ).about([x])
        self.alpha = self.parameter(
            "alpha", known, self.alpha_initializer, x, self.alpha_regularizer, constraint=self.alpha_constraint
        )

    def check(self, x: Expr) -> None:
        """Refuse an input that the slopes were not made for."""
        super().check(x)
        if self.built and (
            x.ndim != self.alpha.ndim + 1
            or any(a not in (1, b) and isinstance(b, int) for a, b in zip(self.alpha.shape, x.shape[1:], strict=True))
        ):
            raise ShapeError(
                f"{self.name}: its slopes were made for samples of shape {shape_text(self.alpha.shape)}, with 1 for a "
                f"shared axis. Received: {brief(x)}, of shape {shape_text(x.shape)}; make another layer"
            ).about([x])

    def call(self, x: Expr) -> Expr:
        """Return the rectified input."""
        x = as_real(x)
        rectified: Expr = relu(x) - self.alpha * relu(-x)
        return rectified


class ELU(Layer):
    r"""Exponential linear unit, :math:`\max(x, 0) + \alpha (e^{\min(x, 0)} - 1)`.

    Parameters
    ----------
    alpha : float
        :math:`\alpha`, the distance to the lowest value.
    name : str, optional
        Without it ``elu`` and so on.

    Examples
    --------
    >>> pel.function([], ELU()(pel.constant([-1.0, 2.0])))()
    array([-0.6321206,  2.       ], dtype=float32)

    References
    ----------
    D.-A. Clevert, T. Unterthiner and S. Hochreiter, Fast and Accurate Deep Network Learning by Exponential Linear
    Units, ICLR 2016.
    """

    def __init__(self, alpha: float = 1.0, name: str | None = None) -> None:
        super().__init__(name)
        self.alpha = real(self.name, "alpha", alpha)

    def call(self, x: Expr) -> Expr:
        """Return the activation of the input."""
        activated: Expr = activations.get("elu")(x) if self.alpha == 1 else activations.elu(x, alpha=self.alpha)
        return activated
