r"""Base class of optimizers.

Notation: :math:`w` is a parameter, :math:`g = \partial L / \partial w` its gradient, :math:`\eta` the learning rate
and :math:`t` the step number, from 1.
"""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from pellucid.graph.errors import GradientError, NoSuchNameError, UseError, brief, near_miss
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.foreign_names import FOREIGN_OPTIMIZER_METHODS
from pellucid.graph.gradient import grad
from pellucid.graph.ops.elementwise import clip as clip_elements
from pellucid.graph.ops.elementwise import maximum, sqrt, square
from pellucid.graph.ops.reductions import sum as reduce_sum
from pellucid.graph.ops.where import where
from pellucid.graph.passes import collect_updates
from pellucid.graph.traversal import parameters as find_parameters
from pellucid.graph.traversal import replace_all, topological
from pellucid.graph.types import format_shape
from pellucid.graph.unsupported_functions import suggest_argument
from pellucid.nn.casts import to_dtype
from pellucid.nn.lint.linter import warn_about_mistakes
from pellucid.nn.optimizers.options import DEFAULTS, LearningRate, Options, validate_learning_rate, validate_options
from pellucid.nn.optimizers.printing import PrintableOptimizer
from pellucid.nn.optimizers.slots import SlotMixin

__all__ = ["Optimizer", "Updates"]

Updates = dict[Shared, Expr]
"""New values of variables after a step, as `Optimizer.updates` returns them and `pellucid.function` takes them.

Examples
--------
>>> count = pel.shared(0.0, "count")
>>> updates: pel.optimizers.Updates = {count: count + 1}
>>> step = pel.function([], count, updates=updates)
>>> step(), step()
(np.float32(0.0), np.float32(1.0))
"""


class Optimizer(SlotMixin, PrintableOptimizer):
    r"""Base class: turns gradients into updates of parameters.

    A subclass implements `step` and keeps its state in slots (`get_slot`). One update accumulates the gradients, clips
    them, decays the weights, makes the step, applies the parameter's ``constraint`` and updates the moving average, in
    this order.

    Parameters
    ----------
    learning_rate : float, Expr or function
        :math:`\eta`. A number is compiled into the program. A shared variable can be changed without compiling again;
        any scalar expression works. A function of the step count, such as a schedule of `pellucid.nn.schedules`,
        becomes part of the graph.
    weight_decay : float, optional
        :math:`\lambda` of decoupled weight decay, :math:`w \leftarrow w - \eta \lambda w` before the step. It applies
        to parameters tagged ``regularizable``, so not to biases.
    clipnorm : float, optional
        Maximum norm :math:`c` of each parameter's gradient, :math:`g \leftarrow g c / \max(\lVert g \rVert, c)`.
    clipvalue : float, optional
        Maximum absolute value of each element of a gradient.
    global_clipnorm : float, optional
        Maximum norm of all gradients taken as one vector.
    use_ema : bool
        Whether to keep exponential moving averages of the parameters, :math:`a \leftarrow \mu a + (1 - \mu) w`; the
        first average is the parameter itself. See `averages`.
    ema_momentum : float
        :math:`\mu`, in [0, 1].
    ema_overwrite_frequency : int, optional
        Number of steps after which the parameters are replaced by their averages, again and again.
    gradient_accumulation_steps : int, optional
        Number of gradients that are averaged for one step.
    loss_scale_factor : float, optional
        Factor of the loss before differentiation, divided out of the gradients afterwards, so that small gradients do
        not underflow in float16. See `pellucid.mixed_precision`.
    multipliers : mapping from Shared or str to float, optional
        Factor of the learning rate for single parameters, by variable or by name (Caffe's ``lr_mult``).

    **options
        ``weight_decay`` and the following settings are keyword arguments of all optimizers.

    Attributes
    ----------
    state : list of Shared
        All slots, in the order of creation.
    averages : dict from Shared to Shared
        Moving average of each parameter. ``pel.replace(p, optimizer.averages)`` is an expression that uses them.

    Raises
    ------
    ValueError
        If a setting is out of range, or more than one kind of clipping is set.
    TypeError
        If an option is unknown; the message suggests the nearest one.

    Examples
    --------
    >>> class HalfStep(pel.optimizers.Optimizer):
    ...     def step(self, parameter, gradient, rate):
    ...         return {parameter: parameter - 0.5 * rate * gradient}
    >>> print(HalfStep(0.1))
    w ← w - 0.05 * g

    References
    ----------
    I. Loshchilov and F. Hutter, Decoupled Weight Decay Regularization, ICLR 2019; R. Pascanu, T. Mikolov and Y. Bengio,
    On the difficulty of training recurrent neural networks, ICML 2013 (clipping by norm); B. T. Polyak and
    A. B. Juditsky, Acceleration of stochastic approximation by averaging, 1992.
    """

    rate_advice = "Create the optimizer with a number"
    """How to make an optimizer whose learning rate can be set."""

    def __init__(self, learning_rate: LearningRate, **options: Unpack[Options]) -> None:
        super().__init__()
        for unknown in set(options) - set(DEFAULTS):
            known = [name for name in inspect.signature(type(self)).parameters if name != "options"]
            known += [name for name in DEFAULTS if name not in known]
            raise UseError(f"{type(self).__name__} takes no argument {unknown!r}.{suggest_argument(unknown, known)}")
        self._rate = validate_learning_rate(learning_rate)
        self.options: Options = validate_options(options)

    if not TYPE_CHECKING:  # so that type checkers report misspelled names

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_") or hasattr(type(self), name) or "_rate" not in vars(self):
                return object.__getattribute__(self, name)  # raises its own error, also that of a property
            known = [n for n in dir(self) if not n.startswith("_")]
            advice = FOREIGN_OPTIMIZER_METHODS.get(name)
            hint = near_miss(name, known) if advice is None else f" {advice}"
            raise NoSuchNameError(f"{type(self).__name__} has no {name!r}.{hint}")

    @property
    def learning_rate(self) -> LearningRate:
        """The learning rate. Assigning a number to a shared one sets its value, also in compiled programs."""
        shared = self.slots.get((None, "learning_rate"))
        return float(shared.get_value()) if shared is not None and shared is self._rate else self._rate

    @learning_rate.setter
    def learning_rate(self, value: LearningRate) -> None:
        rate = validate_learning_rate(value)
        if isinstance(self._rate, Shared) and isinstance(rate, float):
            self._rate.set_value(rate)
        else:
            self._rate = rate

    def use_shared_learning_rate(self) -> None:
        """Put a constant learning rate into a shared variable, so that compiled programs see changes.

        Examples
        --------
        >>> w, optimizer = pel.shared(1.0, "w"), pel.optimizers.SGD(0.5)
        >>> optimizer.use_shared_learning_rate()
        >>> step = pel.function([], updates=optimizer.updates(w))
        >>> step()
        >>> optimizer.learning_rate = 0.25
        >>> step()
        >>> float(w.get_value()), optimizer.learning_rate
        (0.25, 0.25)
        """
        if isinstance(self._rate, float):
            self._rate = self.get_slot("learning_rate", dtype=np.float64, fill=self._rate)

    @property
    def config(self) -> dict[str, Any]:
        """Constructor arguments, without options at their defaults."""
        own = [name for name in inspect.signature(type(self)).parameters if name != "options"]
        usual: Mapping[str, Any] = dict(DEFAULTS)
        chosen = {k: v for k, v in self.options.items() if v != usual[k] and k not in own}
        return {**{name: self.options.get(name, getattr(self, name, None)) for name in own}, **chosen}

    def updates(self, loss: Expr, parameters: Shared | Sequence[Shared] | None = None) -> Updates:
        """Return the new values of all parameters and slots after one step.

        Parameters
        ----------
        loss : Expr
            A scalar to minimize.
        parameters : Shared or sequence of Shared, optional
            Parameters to update. By default every trainable shared variable in the loss.

        Returns
        -------
        dict from Shared to Expr
            For ``pel.function(..., updates=...)``, including the updates that `pellucid.collect_updates` finds in the
            loss. A second call uses the same slots.

        Raises
        ------
        GradientError
            If the loss is not a scalar, or there are no parameters.

        Warns
        -----
        TrainingWarning
            If training cannot succeed, for example because a softmax is applied twice; see `pellucid.lint`.

        Examples
        --------
        >>> w = pel.shared(3.0, "w")
        >>> pel.optimizers.SGD(0.5).updates(w**2)
        {w: w - 0.5 * (2 * w)}
        """
        listed = [parameters] if isinstance(parameters, Expr) else parameters
        chosen = find_parameters(loss) if listed is None else list(listed)
        check_loss_and_parameters(loss, chosen)
        warn_about_mistakes(loss)
        scale = self.options["loss_scale_factor"]
        gradients = grad(loss if scale is None else scale * loss, chosen)
        return {**collect_updates(loss), **self.apply(gradients, chosen)}

    def apply(self, gradients: Sequence[Expr], parameters: Sequence[Shared]) -> Updates:
        """Return the updates for given gradients; see `updates`.

        Parameters
        ----------
        gradients : sequence of Expr
            One for each parameter, of its shape and dtype. With ``loss_scale_factor``, gradients of the scaled loss.
        parameters : sequence of Shared
            Parameters to update.

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
            accumulated = [(self.get_slot("gradient", p), g) for p, g in zip(parameters, gradients, strict=True)]
            due = (self.iterations + 1) % steps == 0
            sums = {total: where(due, 0, total + g) for total, g in accumulated}
            gradients = [(total + g) / steps for total, g in accumulated]
        result: Updates = {}
        multipliers = self.get_multipliers(parameters)
        for parameter, gradient in zip(parameters, clip_gradients(gradients, self.options), strict=True):
            result.update(
                self.step_with_weight_decay(
                    parameter, gradient, self.get_learning_rate(parameter, multipliers.get(parameter))
                )
            )
        if steps:
            result = {target: where(due, new, target) for target, new in result.items()}
        for parameter in parameters:
            result.update(self.constrain_and_average(parameter, result.get(parameter, parameter)))
        result |= sums
        if self.counts_steps:
            result[self.iterations] = self.iterations + 1
        return result

    def step(self, parameter: Shared, gradient: Expr, rate: Expr | float) -> Updates:
        """Return the new values of one parameter and its slots. ``rate`` has the dtype of the parameter.

        Parameters
        ----------
        parameter : Shared
            The parameter.
        gradient : Expr
            Its gradient, clipped and scaled.
        rate : float or Expr
            The learning rate.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement step(parameter, gradient, rate)")

    def step_with_weight_decay(self, parameter: Shared, gradient: Expr, rate: Expr | float) -> Updates:
        """Apply decoupled weight decay, then the step."""
        decay = self.options["weight_decay"]
        if not decay or not parameter.regularizable:
            return self.step(parameter, gradient, rate)
        # Gradient and rate belong to the parameter before the decay: placeholders keep them out of the replacement.
        g, eta = Input("g", gradient.shape, gradient.dtype), Input("rate", (), parameter.dtype)
        updates = self.step(parameter, g, eta if isinstance(rate, Expr) else rate)
        replacements: dict[Expr, Any] = {parameter: parameter - (decay * rate) * parameter, g: gradient, eta: rate}
        return dict(zip(updates, replace_all(list(updates.values()), replacements), strict=True))

    def constrain_and_average(self, parameter: Shared, new: Expr) -> Updates:
        """Apply the constraint to a new parameter and update its moving average."""
        constrain = parameter.constraint or (lambda value: value)
        new = constrain(new)
        if not self.options["use_ema"]:
            return {parameter: new}
        momentum, every = self.options["ema_momentum"], self.options["ema_overwrite_frequency"]
        average = self.get_slot("average", parameter)
        new_average = where(self.steps_made == 0, new, momentum * average + (1 - momentum) * new)
        if every:
            new = where((self.steps_made + 1) % every == 0, constrain(new_average), new)
        return {parameter: new, average: new_average}

    def get_learning_rate(self, parameter: Shared, factor: float | None = None) -> Expr | float:
        """Return the learning rate of a parameter, in its dtype."""
        rate: LearningRate = self._rate
        if not isinstance(rate, (float, Expr)):
            rate = rate(to_dtype(self.iterations, get_step_dtype(parameter)))
        if isinstance(rate, Expr):
            rate = to_dtype(rate, parameter.dtype)
        return rate if factor is None else factor * rate

    def get_multipliers(self, parameters: Sequence[Shared]) -> dict[Shared, float]:
        """Return the learning-rate multipliers by parameter."""
        given: Mapping[Shared | str, float] = self.options["multipliers"] or {}
        known = {key: p for p in parameters for key in (p, p.name)}
        for key in given:
            if key not in known:
                names = [p.name for p in parameters if p.name]
                raise UseError(
                    f"multipliers: {key} is not a parameter of this optimizer.{near_miss(str(key), names)} "
                    f"Parameters: {', '.join(map(str, parameters))}"
                )
        return {known[key]: factor for key, factor in given.items()}

    @property
    def steps_made(self) -> Expr:
        """Number of steps made; an accumulated step counts once."""
        per_step = self.options["gradient_accumulation_steps"]
        return self.iterations // per_step if per_step else self.iterations

    def get_step_number(self, parameter: Shared) -> Expr:
        """Return the number of this step, from 1, as a float of at least 32 bits."""
        return to_dtype(self.steps_made + 1, get_step_dtype(parameter))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in self.config.items())})"


def clip_gradients(gradients: Sequence[Expr], options: Options) -> Sequence[Expr]:
    if (bound := options["clipvalue"]) is not None:
        return [clip_elements(g, -bound, bound) for g in gradients]
    if (max_norm := options["clipnorm"]) is not None:
        return [rescale(g, global_norm([g]), max_norm) for g in gradients]
    if (max_norm := options["global_clipnorm"]) is not None:
        norm = global_norm(gradients)
        return [rescale(g, norm, max_norm) for g in gradients]
    return gradients


def global_norm(gradients: Sequence[Expr]) -> Expr:
    r"""Return the norm of all gradients as one vector, :math:`\sqrt{\sum_i \lVert g_i \rVert^2}`."""
    return sqrt(functools.reduce(operator.add, [reduce_sum(square(g)) for g in gradients]))


def rescale(gradient: Expr, norm: Expr, max_norm: float) -> Expr:
    r"""Return :math:`g c / \max(\lVert g \rVert, c)`."""
    return gradient * to_dtype(max_norm / maximum(norm, max_norm), gradient.dtype)


def get_step_dtype(parameter: Shared) -> np.dtype[np.generic]:
    """Return the parameter's dtype, but at least float32, because float16 cannot count past 2048."""
    return np.result_type(parameter.dtype, np.float32)


def check_loss_and_parameters(loss: object, parameters: Sequence[object]) -> None:
    if isinstance(loss, (list, tuple)):
        raise UseError(
            "updates: expected the loss first, and then the parameters, as in optimizer.updates(loss, [w, b])"
        )
    if not parameters:
        frozen = [e for e in topological([loss]) if isinstance(e, Shared)] if isinstance(loss, Expr) else []
        hint = f". {brief(frozen[0])} is not trainable: set trainable = True of it, or of its layer" if frozen else ""
        raise GradientError(f"Nothing to train: the loss {loss} depends on no trainable shared variable{hint}")
    for parameter in parameters:
        if not isinstance(parameter, Shared):
            raise GradientError(
                f"Expected parameters to be shared variables (pel.shared). Received: {parameter!r}, "
                f"of type {type(parameter).__name__}"
            )
    if isinstance(loss, Expr) and loss.ndim:
        raise GradientError(
            f"Expected a scalar loss. Received: {loss}, of shape {format_shape(loss.shape)}. "
            "Take its mean or sum over the samples: loss.mean()"
        )
