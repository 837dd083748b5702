r"""What every optimizer is: a formula from a parameter and its gradient to new values.

Below, :math:`w` is a parameter, :math:`g = \partial L / \partial w` its gradient, :math:`\eta` the learning rate, and
:math:`t` the number of the step, from 1.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import numpy as np

from pellucid.graph.errors import GradientError, UseError, near_miss
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.gradient import grad
from pellucid.graph.ops.minmax_where import where
from pellucid.graph.state_updates import updates_of
from pellucid.graph.traversal import parameters as parameters_of
from pellucid.graph.traversal import replace_all
from pellucid.graph.types import shape_text
from pellucid.nn.dtypes import to_dtype
from pellucid.nn.optimizers.clipping import clip
from pellucid.nn.optimizers.options import DEFAULTS, Options, Rate, checked, checked_rate
from pellucid.nn.optimizers.printing import Written
from pellucid.nn.optimizers.slots import Memory

Updates = dict[Shared, Expr]


class Optimizer(Memory, Written):
    r"""What turns gradients into updates. A new one says how a `step` is made, and keeps what it must with `slot`.

    Every optimizer takes these options besides its own. In one step, gradients are gathered, then clipped; the weights
    decay; the step is made; a parameter's ``constraint`` is put on what came out; and the moving average follows.

    Parameters
    ----------
    learning_rate : float, Expr or function
        A number becomes part of the compiled program. A shared variable can be changed without compiling again; any
        scalar expression will do. A function from the number of steps made so far to a rate, such as those of
        `pellucid.nn.schedules`, is written into the graph; the optimizer then counts its steps.
    weight_decay : float, optional
        :math:`\lambda` of decoupled weight decay, :math:`w \leftarrow w - \eta \lambda w` before the step, of
        parameters tagged ``regularizable``, which biases are not.
    clipnorm : float, optional
        The greatest length :math:`c` of a parameter's gradient, :math:`g \leftarrow g c / \max(\lVert g \rVert, c)`.
    clipvalue : float, optional
        The greatest size of each element of a gradient.
    global_clipnorm : float, optional
        The greatest length of all gradients taken as one vector.
    use_ema : bool
        Whether to keep moving averages of the parameters, :math:`a \leftarrow \mu a + (1 - \mu) w`, where the first
        is the parameter itself; see `averages`.
    ema_momentum : float
        :math:`\mu`, from 0 to 1.
    ema_overwrite_frequency : int, optional
        After how many steps each time the parameters are replaced by their averages.
    gradient_accumulation_steps : int, optional
        How many gradients are averaged to make one step of; in between, nothing but their sum changes.
    loss_scale_factor : float, optional
        By what the loss is multiplied before its gradient is taken, and the gradient divided again, so that small
        gradients do not vanish in float16; see `pellucid.mixed_precision`.
    multipliers : mapping from Shared or str to float, optional
        By what the learning rate is multiplied for a parameter, given itself or by its name (Caffe's ``lr_mult``).

    Attributes
    ----------
    state : list of Shared
        What is remembered from step to step, in the order in which it was made.
    averages : dict from Shared to Shared
        The moving average of each parameter: ``pel.replace(p, optimizer.averages)`` is an expression with them.

    Raises
    ------
    ValueError
        For numbers out of range, or two ways to clip.
    TypeError
        For an option that there is not; the nearest is named.

    References
    ----------
    I. Loshchilov and F. Hutter, Decoupled Weight Decay Regularization, ICLR 2019; R. Pascanu, T. Mikolov and Y. Bengio,
    On the difficulty of training recurrent neural networks, ICML 2013, of clipping by norm; B. T. Polyak and
    A. B. Juditsky, Acceleration of stochastic approximation by averaging, 1992.
    """

    def __init__(self, learning_rate: Rate, **options: Unpack[Options]) -> None:
        super().__init__()
        taken = [*inspect.signature(type(self)).parameters, *DEFAULTS]
        for unknown in set(options) - set(DEFAULTS):
            raise UseError(f"{type(self).__name__} takes no argument {unknown!r}.{near_miss(unknown, taken)}")
        self._rate = checked_rate(learning_rate)
        self.options = checked(options)

    @property
    def learning_rate(self) -> Rate:
        """The learning rate. A number put in the place of a shared variable's becomes its value, in programs too."""
        held = self.slots.get((None, "learning_rate"))
        return float(held.get_value()) if held is not None and held is self._rate else self._rate

    @learning_rate.setter
    def learning_rate(self, value: Rate) -> None:
        rate = checked_rate(value)
        if isinstance(self._rate, Shared) and isinstance(rate, float):
            self._rate.set_value(rate)
        else:
            self._rate = rate

    def hold_rate(self) -> None:
        """Keep a learning rate that is a number in a shared variable, so that it can be changed in compiled programs.

        Examples
        --------
        >>> w, optimizer = pel.shared(1.0, "w"), pel.optimizers.SGD(0.5)
        >>> optimizer.hold_rate()
        >>> step = pel.function([], updates=optimizer.updates(w))
        >>> step()
        >>> optimizer.learning_rate = 0.25
        >>> step()
        >>> float(w.get_value()), optimizer.learning_rate
        (0.25, 0.25)
        """
        if isinstance(self._rate, float):
            self._rate = self.slot("learning_rate", dtype=np.float64, fill=self._rate)

    @property
    def config(self) -> dict[str, Any]:
        """The arguments it was made with, of the options those that were chosen."""
        own = [name for name in inspect.signature(type(self)).parameters if name != "options"]
        usual: Mapping[str, Any] = dict(DEFAULTS)
        chosen = {k: v for k, v in self.options.items() if v != usual[k] and k not in own}
        return {**{name: self.options.get(name, getattr(self, name, None)) for name in own}, **chosen}

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
            For ``pel.function(..., updates=...)``, with those that `pellucid.updates_of` finds in the loss. Asked
            again, the optimizer goes on from what it remembers.

        Raises
        ------
        GradientError
            If the loss is no scalar, or there is nothing to change.

        Examples
        --------
        >>> w = pel.shared(3.0, "w")
        >>> pel.optimizers.SGD(0.5).updates(w**2)
        {w: w - 0.5 * (2 * w)}
        """
        listed = [parameters] if isinstance(parameters, Expr) else parameters
        chosen = parameters_of(loss) if listed is None else list(listed)
        check(loss, chosen)
        scale = self.options["loss_scale_factor"]
        gradients = grad(loss if scale is None else scale * loss, chosen)
        return {**updates_of(loss), **self.apply(gradients, chosen)}

    def apply(self, gradients: Sequence[Expr], parameters: Sequence[Shared]) -> Updates:
        """Return what `updates` does, from gradients that were made in another way.

        Parameters
        ----------
        gradients : sequence of Expr
            One for each parameter, of its shape and dtype; with a ``loss_scale_factor``, of the scaled loss.
        parameters : sequence of Shared
            What is to be changed.

        Returns
        -------
        dict from Shared to Expr
            For ``pel.function(..., updates=...)``.

        Examples
        --------
        >>> w, g = pel.shared(3.0, "w"), pel.scalar("g")
        >>> pel.optimizers.SGD(0.5).apply([g], [w])
        {w: w - 0.5 * g}
        """
        steps, scale = self.options["gradient_accumulation_steps"], self.options["loss_scale_factor"]
        sums: Updates = {}
        if scale is not None:
            gradients = [g / scale for g in gradients]
        if steps:
            gathered = [(self.slot("gradient", p), g) for p, g in zip(parameters, gradients, strict=True)]
            due = (self.iterations + 1) % steps == 0
            sums = {held: where(due, 0, held + g) for held, g in gathered}
            gradients = [(held + g) / steps for held, g in gathered]
        result: Updates = {}
        factors = self.factors(parameters)
        for parameter, gradient in zip(parameters, clip(gradients, self.options), strict=True):
            result.update(self.decayed_step(parameter, gradient, self.rate(parameter, factors.get(parameter))))
        if steps:
            result = {target: where(due, new, target) for target, new in result.items()}
        for parameter in parameters:
            result.update(self.settled(parameter, result.get(parameter, parameter)))
        result |= sums
        if self.counts:
            result[self.iterations] = self.iterations + 1
        return result

    def step(self, parameter: Shared, gradient: Expr, rate: Any) -> Updates:
        """Return the new values of one parameter and of what is remembered of it; the rate is in its dtype."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it steps")

    def decayed_step(self, parameter: Shared, gradient: Expr, rate: Any) -> Updates:
        """Return the step from where the decay of the weights leads."""
        decay = self.options["weight_decay"]
        if not decay or not parameter.regularizable:
            return self.step(parameter, gradient, rate)
        # The gradient and the rate are those at the parameter as it was, so they are put in afterwards.
        g, eta = Input("g", gradient.shape, gradient.dtype), Input("rate", (), parameter.dtype)
        made = self.step(parameter, g, eta if isinstance(rate, Expr) else rate)
        replacements = {parameter: parameter - (decay * rate) * parameter, g: gradient, eta: rate}
        return dict(zip(made, replace_all(list(made.values()), replacements), strict=True))

    def settled(self, parameter: Shared, new: Expr) -> Updates:
        """Return what a parameter becomes at last, and its moving average."""
        allowed = parameter.constraint or (lambda value: value)
        new = allowed(new)
        if not self.options["use_ema"]:
            return {parameter: new}
        momentum, every = self.options["ema_momentum"], self.options["ema_overwrite_frequency"]
        average = self.slot("average", parameter)
        following = where(self.steps_made == 0, new, momentum * average + (1 - momentum) * new)
        if every:
            new = where((self.steps_made + 1) % every == 0, allowed(following), new)
        return {parameter: new, average: following}

    def rate(self, parameter: Shared, factor: float | None = None) -> Any:
        """Return the learning rate of a parameter, in its dtype."""
        rate: Any = self._rate
        if not isinstance(rate, (float, Expr)):
            rate = rate(to_dtype(self.iterations, wide(parameter)))
        if isinstance(rate, Expr):
            rate = to_dtype(rate, parameter.dtype)
        return rate if factor is None else factor * rate

    def factors(self, parameters: Sequence[Shared]) -> dict[Shared, float]:
        """Return what the learning rate is multiplied by, for the parameters of which something is said."""
        given: Mapping[Any, float] = self.options["multipliers"] or {}
        known = {key: p for p in parameters for key in (p, p.name)}
        for key in given:
            if key not in known:
                names = [p.name for p in parameters if p.name]
                raise UseError(
                    f"multipliers: {key} is none of the parameters.{near_miss(str(key), names)} "
                    f"They are {', '.join(map(str, parameters))}"
                )
        return {known[key]: factor for key, factor in given.items()}

    @property
    def steps_made(self) -> Expr:
        """How many steps were made, of whatever many gradients."""
        gathered = self.options["gradient_accumulation_steps"]
        return self.iterations // gathered if gathered else self.iterations

    def time(self, parameter: Shared) -> Expr:
        """Return the number of this step, from 1, in a precision in which it can be counted."""
        return to_dtype(self.steps_made + 1, wide(parameter))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in self.config.items())})"


def wide(parameter: Shared) -> Any:
    """Return the dtype for what is counted: the parameter's, but at least float32."""
    return np.result_type(parameter.dtype, np.float32)


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
