"""Adafactor and FTRL: memory-efficient and sparsity-inducing optimizers."""

from __future__ import annotations

from typing import Unpack

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.ops.elementwise import clip, maximum, minimum, sqrt, square
from pellucid.graph.ops.reductions import mean
from pellucid.graph.validation import check_number, check_positive_number
from pellucid.nn.casts import to_dtype
from pellucid.nn.optimizers.base import Optimizer, Updates
from pellucid.nn.optimizers.options import LearningRate, Options

__all__ = ["Adafactor", "Ftrl"]


class Adafactor(Optimizer):
    r"""Adafactor, with a factored second moment: for matrices, :math:`v_{ij} = r_i c_j / \bar r`,
    where :math:`r` and :math:`c` are running means of :math:`g^2 + \epsilon_1` over columns and rows with the decay
    :math:`\beta = 1 - t^\gamma`. The step is
    :math:`w \leftarrow w - \alpha u / \max(1, \mathrm{rms}(u) / d)` with :math:`u = g / \sqrt v` and
    :math:`\alpha = \max(\epsilon_2, \mathrm{rms}(w)) \min(\eta, 1 / \sqrt t)`.

    Parameters
    ----------
    learning_rate : float, Expr or function
        :math:`\eta`, the maximum relative step size.
    beta_2_decay : float
        :math:`\gamma`, less than 0.
    epsilon_1, epsilon_2 : float
        Lower bounds of the squared gradient and of the root mean square of a parameter.
    clip_threshold : float
        :math:`d`, the maximum root mean square of an unscaled step.
    **options
        Options of `Optimizer`.

    Examples
    --------
    >>> W = pel.shared(np.ones((3, 2)), "W")
    >>> optimizer = Adafactor()
    >>> updates = optimizer.updates((W**2).sum())
    >>> [(s, s.shape) for s in optimizer.state]
    [(iterations, ()), (W/r, (3,)), (W/c, (2,))]

    References
    ----------
    N. Shazeer and M. Stern, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, ICML 2018. There
    is no ``relative_step`` as in Keras: the learning rate is capped at :math:`1 / \sqrt t` in any case.
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        if not beta_2_decay < 0:
            raise OptionError(f"Expected beta_2_decay to be less than 0. Received: beta_2_decay={beta_2_decay!r}")
        self.beta_2_decay: float = float(beta_2_decay)
        self.epsilon_1: float = check_number("epsilon_1", epsilon_1, minimum=0.0)
        self.epsilon_2: float = check_number("epsilon_2", epsilon_2, minimum=0.0)
        self.clip_threshold: float = check_positive_number("clip_threshold", clip_threshold)

    def step(self, parameter: Shared, gradient: Expr, rate: Expr | float) -> Updates:
        t = self.get_step_number(parameter)
        v, updates = self.update_second_moment(parameter, square(gradient) + self.epsilon_1, 1 - t**self.beta_2_decay)
        u = gradient / sqrt(v)
        relative = minimum(rate, to_dtype(1 / sqrt(t), parameter.dtype))
        alpha = maximum(self.epsilon_2, root_mean_square(parameter)) * relative
        return {parameter: parameter - alpha * u / maximum(1.0, root_mean_square(u) / self.clip_threshold), **updates}

    def update_second_moment(self, parameter: Shared, squares: Expr, beta: Expr) -> tuple[Expr, Updates]:
        """Return the new second moment, factored for matrices, and the updates of its slots."""
        beta = to_dtype(beta, parameter.dtype)
        if parameter.ndim < 2:
            v = self.get_slot("v", parameter)
            new = beta * v + (1 - beta) * squares
            return new, {v: new}
        *stack, rows, columns = parameter.get_value().shape
        r = self.get_slot_of_shape("r", parameter, (*stack, rows), parameter.dtype)
        c = self.get_slot_of_shape("c", parameter, (*stack, columns), parameter.dtype)
        new_r = beta * r + (1 - beta) * mean(squares, axis=-1)
        new_c = beta * c + (1 - beta) * mean(squares, axis=-2)
        share = new_r / mean(new_r, axis=-1, keepdims=True)
        return share[..., None] * new_c[..., None, :], {r: new_r, c: new_c}


def root_mean_square(x: Expr) -> Expr:
    return sqrt(mean(square(x)))


class Ftrl(Optimizer):
    r"""FTRL, follow the regularized leader: :math:`n' = n + g^2`,
    :math:`z \leftarrow z + g + 2 \lambda_s w - (n'^{-p} - n^{-p}) w / \eta`, :math:`n \leftarrow n'`,
    :math:`w \leftarrow (\mathrm{clip}(z, -\lambda_1, \lambda_1) - z) / ((n^{-p} + \beta) / \eta + 2 \lambda_2)`.

    Parameters
    ----------
    learning_rate : float, Expr or function
        :math:`\eta`.
    learning_rate_power : float
        :math:`p`, at most 0.
    initial_accumulator_value : float
        Initial value of :math:`n`.
    l1_regularization_strength, l2_regularization_strength : float
        L1 strength :math:`\lambda_1`, which makes weights exactly 0, and L2 strength :math:`\lambda_2`.
    l2_shrinkage_regularization_strength : float
        :math:`\lambda_s`, L2 shrinkage: adds :math:`2 \lambda_s w` to the gradient.
    beta : float
        :math:`\beta`.
    **options
        Options of `Optimizer`.

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
        learning_rate: LearningRate = 0.001,
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
                f"Expected learning_rate_power to be at most 0. Received: learning_rate_power={learning_rate_power!r}"
            )
        self.learning_rate_power: float = float(learning_rate_power)
        self.initial_accumulator_value: float = check_number(
            "initial_accumulator_value", initial_accumulator_value, minimum=0.0
        )
        self.l1_regularization_strength: float = check_number(
            "l1_regularization_strength", l1_regularization_strength, minimum=0.0
        )
        self.l2_regularization_strength: float = check_number(
            "l2_regularization_strength", l2_regularization_strength, minimum=0.0
        )
        self.l2_shrinkage_regularization_strength: float = check_number(
            "l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength, minimum=0.0
        )
        self.beta: float = check_number("beta", beta, minimum=0.0)

    def step(self, parameter: Shared, gradient: Expr, rate: Expr | float) -> Updates:
        n = self.get_slot("accumulator", parameter, fill=self.initial_accumulator_value)
        z = self.get_slot("linear", parameter)
        l1, power = self.l1_regularization_strength, -self.learning_rate_power
        new_n = n + square(gradient)
        shrinkage = 2 * self.l2_shrinkage_regularization_strength
        shrunk = gradient + shrinkage * parameter if shrinkage else gradient
        new_z = z + shrunk - (new_n**power - n**power) / rate * parameter
        curvature = (new_n**power + self.beta) / rate + 2 * self.l2_regularization_strength
        top = clip(new_z, -l1, l1) - new_z if l1 else -new_z
        return {parameter: top / curvature, n: new_n, z: new_z}
