r"""Optimizers: from a loss to new values of its parameters, as expressions, with Keras 3's names and formulas.

Below, :math:`w` is a parameter, :math:`g = \partial L / \partial w` its gradient, and :math:`\eta` the learning rate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import GradientError, OptionError, UseError, tell_near_misses
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.gradient import grad
from pellucid.graph.ops.elementwise import sqrt, square
from pellucid.graph.types import shape_text
from pellucid.graph.updates import updates_of
from pellucid.graph.walk import parameters as parameters_of
from pellucid.nn.dtypes import to_dtype
from pellucid.nn.lookup import look_up

Rate = float | Expr
Updates = dict[Shared, Expr]


class Optimizer:
    r"""What turns gradients into updates. A new one says how a `step` is made, and keeps what it must with `slot`.

    Parameters
    ----------
    learning_rate : float or Expr
        A number becomes part of the compiled program. A shared variable can be changed without compiling again;
        any scalar expression will do.

    Attributes
    ----------
    state : list of Shared
        What is remembered from step to step, in the order in which it was made.
    """

    def __init__(self, learning_rate: Rate) -> None:
        if not isinstance(learning_rate, Expr):
            learning_rate = number("learning_rate", learning_rate, low=0.0)
        elif learning_rate.ndim:
            raise OptionError(
                f"Expected one learning rate. Received: {learning_rate}, of shape {shape_text(learning_rate.shape)}"
            )
        self.learning_rate = learning_rate
        self.state: list[Shared] = []
        self._slots: dict[tuple[Shared | None, str], Shared] = {}

    def updates(self, loss: Expr, parameters: Shared | Sequence[Shared] | None = None) -> Updates:
        """Return the new value of every parameter, and of what the optimizer remembers, after one step.

        Parameters
        ----------
        loss : Expr
            A scalar, to be made smaller.
        parameters : Shared or sequence of Shared, optional
            What may be changed; without it, every trainable shared variable the loss depends on.

        Returns
        -------
        dict from Shared to Expr
            For ``pel.function(..., updates=...)``, with those that `pellucid.updates_of` finds in the loss. Asked again,
            the optimizer goes on from what it remembers.

        Raises
        ------
        GradientError
            If the loss is no scalar, or there is nothing to change.

        Examples
        --------
        >>> w = pel.shared(3.0, "w")
        >>> SGD(0.5).updates(w**2)
        {w: w - 0.5 * (2 * w)}
        """
        listed = [parameters] if isinstance(parameters, Expr) else parameters
        chosen = parameters_of(loss) if listed is None else list(listed)
        check(loss, chosen)
        result: Updates = {}
        for parameter, gradient in zip(chosen, grad(loss, chosen), strict=True):
            result.update(self.step(parameter, gradient, self.rate(parameter)))
        result.update(self.advance())
        return {**updates_of(loss), **result}

    def step(self, parameter: Shared, gradient: Expr, rate: Any) -> Updates:
        """Return the updates that belong to one parameter."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it steps")

    def advance(self) -> Updates:
        """Return the updates that belong to no parameter, such as that of a count of steps."""
        return {}

    def rate(self, parameter: Shared) -> Any:
        """Return the learning rate in the parameter's dtype."""
        rate = self.learning_rate
        return to_dtype(rate, parameter.dtype) if isinstance(rate, Expr) else rate

    def slot(self, name: str, parameter: Shared | None = None, dtype: Any = None) -> Shared:
        """Return what is remembered under this name for a parameter, zeros of its shape at first."""
        key = (parameter, name)
        if key not in self._slots:
            like = np.zeros((), dtype) if parameter is None else np.zeros(parameter.get_value().shape, parameter.dtype)
            label = name if parameter is None or parameter.name is None else f"{parameter.name}/{name}"
            made = Shared(like, label, trainable=False, regularizable=False)
            self._slots[key] = made
            self.state.append(made)
        return self._slots[key]

    def __repr__(self) -> str:
        settings = {key: value for key, value in vars(self).items() if key != "state" and not key.startswith("_")}
        return f"{type(self).__name__}({', '.join(f'{key}={value}' for key, value in settings.items())})"


def number(name: str, value: Any, low: float, below: float | None = None) -> float:
    """Return a setting as a number, or say in which range it must be."""
    given = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    real = float(value) if given else math.nan
    if not low <= real < (math.inf if below is None else below):
        wanted = f"of {low:g} or more" if below is None else f"from {low:g} up to but without {below:g}"
        raise OptionError(f"Expected {name} to be a number {wanted}. Received: {name}={value!r}")
    return real


def check(loss: Any, parameters: Sequence[Any]) -> None:
    """Refuse what cannot be trained."""
    if not parameters:
        raise GradientError(f"There is nothing to train: the loss {loss} depends on no trainable shared variable")
    for parameter in parameters:
        if not isinstance(parameter, Shared):
            raise GradientError(
                f"Expected parameters to be shared variables (pel.shared). Received: {parameter!r}, "
                f"of type {type(parameter).__name__}"
            )
    if isinstance(loss, Expr) and loss.ndim:
        raise GradientError(
            f"Expected a loss that is one number. Received: {loss}, of shape {shape_text(loss.shape)}; "
            "take its mean or its sum over the samples: loss.mean()"
        )


class SGD(Optimizer):
    r"""Gradient descent, :math:`w \leftarrow w - \eta g`; with momentum :math:`\mu`,
    :math:`v \leftarrow \mu v - \eta g` and :math:`w \leftarrow w + v`, or after Nesterov
    :math:`w \leftarrow w + \mu v - \eta g` with the new :math:`v`.

    Parameters
    ----------
    learning_rate : float or Expr
        :math:`\eta`.
    momentum : float
        :math:`\mu`, from 0 up to but without 1.
    nesterov : bool
        Whether the step looks ahead along the momentum.

    Raises
    ------
    ValueError
        For numbers out of range, or ``nesterov`` without momentum.

    Examples
    --------
    >>> w = pel.shared(1.0, "w")
    >>> step = pel.function([], updates=SGD(0.1).updates(w**2))
    >>> step()
    >>> print(w.get_value())
    0.8

    References
    ----------
    I. Sutskever, J. Martens, G. Dahl and G. Hinton, On the importance of initialization and momentum in deep learning,
    ICML 2013.
    """

    def __init__(self, learning_rate: Rate = 0.01, momentum: float = 0.0, nesterov: bool = False) -> None:
        super().__init__(learning_rate)
        self.momentum = number("momentum", momentum, low=0.0, below=1.0)
        self.nesterov = bool(nesterov)
        if nesterov and not momentum:
            raise OptionError(
                "nesterov=True looks ahead along the momentum. Received: momentum=0.0; give it one, such as 0.9"
            )

    def step(self, parameter: Shared, gradient: Expr, rate: Any) -> Updates:
        """Return the new parameter, and the new velocity where there is momentum."""
        if not self.momentum:
            return {parameter: parameter - rate * gradient}
        velocity = self.slot("momentum", parameter)
        new = self.momentum * velocity - rate * gradient
        forward = self.momentum * new - rate * gradient if self.nesterov else new
        return {parameter: parameter + forward, velocity: new}


class Adam(Optimizer):
    r"""Steps scaled by running means of the gradient and its square: :math:`m \leftarrow \beta_1 m + (1 - \beta_1) g`,
    :math:`v \leftarrow \beta_2 v + (1 - \beta_2) g^2`,
    :math:`w \leftarrow w - \eta \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t} \, m / (\sqrt{v} + \epsilon)`.

    Parameters
    ----------
    learning_rate : float or Expr
        :math:`\eta`.
    beta_1, beta_2 : float
        How slowly the two means move, from 0 up to but without 1.
    epsilon : float
        :math:`\epsilon`, added outside the root, as Keras has it.

    Raises
    ------
    ValueError
        For numbers out of range.

    Examples
    --------
    >>> w = pel.shared(1.0, "w")
    >>> step = pel.function([], updates=Adam(0.1).updates(w**2))
    >>> step()
    >>> print(w.get_value())
    0.9

    References
    ----------
    D. P. Kingma and J. Ba, Adam: A Method for Stochastic Optimization, ICLR 2015; the form before its section 2.1.
    """

    def __init__(
        self, learning_rate: Rate = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7
    ) -> None:
        super().__init__(learning_rate)
        self.beta_1 = number("beta_1", beta_1, low=0.0, below=1.0)
        self.beta_2 = number("beta_2", beta_2, low=0.0, below=1.0)
        self.epsilon = number("epsilon", epsilon, low=0.0)

    def step(self, parameter: Shared, gradient: Expr, rate: Any) -> Updates:
        """Return the new parameter and its two new means."""
        m, v = self.slot("m", parameter), self.slot("v", parameter)
        t = to_dtype(self.iterations + 1, parameter.dtype)
        new_m = m + (1 - self.beta_1) * (gradient - m)
        new_v = v + (1 - self.beta_2) * (square(gradient) - v)
        scaled = rate * (sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t))
        return {parameter: parameter - scaled * new_m / (sqrt(new_v) + self.epsilon), m: new_m, v: new_v}

    @property
    def iterations(self) -> Shared:
        """How many steps were made."""
        return self.slot("iterations", dtype=np.int32)

    def advance(self) -> Updates:
        """Return the count of steps, one more."""
        return {self.iterations: self.iterations + 1}


NAMED: Mapping[str, type[Optimizer]] = {"adam": Adam, "sgd": SGD}


def get(identifier: Any) -> Optimizer:
    """Return the optimizer of a name, with its defaults, or the one that was given.

    Parameters
    ----------
    identifier : str or Optimizer
        ``"sgd"`` or ``"adam"``; capitals do not matter.

    Returns
    -------
    Optimizer
        A new one for a name.

    Raises
    ------
    ValueError
        For an unknown name; the nearest is named.
    TypeError
        For anything else.

    Examples
    --------
    >>> get("sgd")
    SGD(learning_rate=0.01, momentum=0.0, nesterov=False)
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if not isinstance(identifier, str):
        raise UseError(f"Expected the name of an optimizer, or one such as SGD(0.01). Received: {identifier!r}")
    return look_up("optimizer", identifier.lower(), NAMED)()  # type: ignore[no-any-return]


tell_near_misses(globals(), "pel.optimizers")
