"""Optimizers for the very large and the very sparse."""

from __future__ import annotations

from typing import Any, Unpack

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.ops.elementwise import sqrt, square
from pellucid.graph.ops.minmax_where import clip, maximum, minimum
from pellucid.graph.ops.reductions import mean
from pellucid.nn.dtypes import to_dtype
from pellucid.nn.optimizers.base import Optimizer, Updates
from pellucid.nn.optimizers.options import Options, Rate
from pellucid.nn.validation import number, positive_number


class Adafactor(Optimizer):
    r"""Steps scaled by a mean square of the gradient of which only rows and columns are kept, for matrices
    :math:`v_{ij} = r_i c_j / \bar r`, with :math:`r` and :math:`c` moving means over the columns and rows of
    :math:`g^2 + \epsilon_1` with the weight :math:`\beta = 1 - t^\gamma`; and
    :math:`w \leftarrow w - \alpha u / \max(1, \mathrm{rms}(u) / d)` with :math:`u = g / \sqrt v` and
    :math:`\alpha = \max(\epsilon_2, \mathrm{rms}(w)) \min(\eta, 1 / \sqrt t)`.

    Parameters
    ----------
    learning_rate : float, Expr or function
        :math:`\eta`, the greatest relative step.
    beta_2_decay : float
        :math:`\gamma`, below 0.
    epsilon_1, epsilon_2 : float
        What keeps the mean square and the size of a parameter from being 0.
    clip_threshold : float
        :math:`d`, the greatest root mean square of a step before it is scaled.
    **options
        Those of every `Optimizer`.

    Raises
    ------
    ValueError
        For numbers out of range.

    Examples
    --------
    >>> W = pel.shared(np.ones((3, 2)), "W")
    >>> optimizer = Adafactor()
    >>> updates = optimizer.updates((W**2).sum())
    >>> [(s, s.shape) for s in optimizer.state]
    [(iterations, ()), (W/r, (3,)), (W/c, (2,))]

    References
    ----------
    N. Shazeer and M. Stern, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, ICML 2018. Keras's
    ``relative_step`` is missing here, for it changes nothing: the rate is at most :math:`1 / \sqrt t` in any case.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        if not beta_2_decay < 0:
            raise OptionError(f"Expected beta_2_decay to be below 0. Received: beta_2_decay={beta_2_decay!r}")
        self.beta_2_decay = float(beta_2_decay)
        self.epsilon_1 = number("epsilon_1", epsilon_1, low=0.0)
        self.epsilon_2 = number("epsilon_2", epsilon_2, low=0.0)
        self.clip_threshold = positive_number("clip_threshold", clip_threshold)

    def step(self, parameter: Shared, gradient: Expr, rate: Any) -> Updates:
        """Return the new parameter and what is kept of the mean square."""
        t = self.time(parameter)
        v, updates = self.mean_square(parameter, square(gradient) + self.epsilon_1, 1 - t**self.beta_2_decay)
        u = gradient / sqrt(v)
        relative = minimum(rate, to_dtype(1 / sqrt(t), parameter.dtype))
        alpha = maximum(self.epsilon_2, rms(parameter)) * relative
        return {parameter: parameter - alpha * u / maximum(1.0, rms(u) / self.clip_threshold), **updates}

    def mean_square(self, parameter: Shared, squares: Expr, beta: Expr) -> tuple[Expr, Updates]:
        """Return the mean square of the gradient, and the updates of what it is made of."""
        beta = to_dtype(beta, parameter.dtype)
        if parameter.ndim < 2:
            v = self.slot("v", parameter)
            new = beta * v + (1 - beta) * squares
            return new, {v: new}
        *stack, rows, columns = parameter.get_value().shape
        r = self.slot_of_shape("r", parameter, (*stack, rows), parameter.dtype)
        c = self.slot_of_shape("c", parameter, (*stack, columns), parameter.dtype)
        new_r = beta * r + (1 - beta) * mean(squares, axis=-1)
        new_c = beta * c + (1 - beta) * mean(squares, axis=-2)
        share = new_r / mean(new_r, axis=-1, keepdims=True)
        return share[..., None] * new_c[..., None, :], {r: new_r, c: new_c}


def rms(x: Expr) -> Expr:
    r"""Return the root of the mean square, :math:`\sqrt{\overline{x^2}}`."""
    return sqrt(mean(square(x)))  # type: ignore[no-any-return]


class Ftrl(Optimizer):
    r"""Follow the regularized leader: :math:`n' = n + g^2`,
    :math:`z \leftarrow z + g + 2 \lambda_s w - (n'^{-p} - n^{-p}) w / \eta`, :math:`n \leftarrow n'`,
    :math:`w \leftarrow (\mathrm{clip}(z, -\lambda_1, \lambda_1) - z) / ((n^{-p} + \beta) / \eta + 2 \lambda_2)`.

    Parameters
    ----------
    learning_rate : float, Expr or function
        :math:`\eta`.
    learning_rate_power : float
        :math:`p`, 0 or less.
    initial_accumulator_value : float
        What :math:`n` is at first.
    l1_regularization_strength, l2_regularization_strength : float
        :math:`\lambda_1`, which makes weights exactly 0, and :math:`\lambda_2`.
    l2_shrinkage_regularization_strength : float
        :math:`\lambda_s`, which adds :math:`2 \lambda_s w` to the gradient.
    beta : float
        :math:`\beta`.
    **options
        Those of every `Optimizer`.

    Raises
    ------
    ValueError
        For numbers out of range.

    Examples
    --------
    >>> w = pel.shared(1.0, "w")
    >>> list(Ftrl().updates(w**2))
    [w, w/accumulator, w/linear]

    References
    ----------
    H. B. McMahan et al., Ad Click Prediction: a View from the Trenches, KDD 2013.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        if not learning_rate_power <= 0:
            raise OptionError(
                f"Expected learning_rate_power to be 0 or less. Received: learning_rate_power={learning_rate_power!r}"
            )
        self.learning_rate_power = float(learning_rate_power)
        self.initial_accumulator_value = number("initial_accumulator_value", initial_accumulator_value, low=0.0)
        self.l1_regularization_strength = number("l1_regularization_strength", l1_regularization_strength, low=0.0)
        self.l2_regularization_strength = number("l2_regularization_strength", l2_regularization_strength, low=0.0)
        self.l2_shrinkage_regularization_strength = number(
            "l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength, low=0.0
        )
        self.beta = number("beta", beta, low=0.0)

    def step(self, parameter: Shared, gradient: Expr, rate: Any) -> Updates:
        """Return the new parameter, the new sum of squares and the new linear term."""
        n = self.slot("accumulator", parameter, fill=self.initial_accumulator_value)
        z = self.slot("linear", parameter)
        l1, power = self.l1_regularization_strength, -self.learning_rate_power
        new_n = n + square(gradient)
        shrinkage = 2 * self.l2_shrinkage_regularization_strength
        shrunk = gradient + shrinkage * parameter if shrinkage else gradient
        new_z = z + shrunk - (new_n**power - n**power) / rate * parameter
        curvature = (new_n**power + self.beta) / rate + 2 * self.l2_regularization_strength
        top = clip(new_z, -l1, l1) - new_z if l1 else -new_z
        return {parameter: top / curvature, n: new_n, z: new_z}
