"""Optimizers with the arguments, defaults and formulas of Keras 1.

Learning rates decay with every update: η / (1 + decay t). ``clipnorm`` bounds the norm of all gradients together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pellucid as pel
from pellucid.compat.keras.arguments import bind, make_signature
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.graph.errors import OptionError, near_miss
from pellucid.graph.expr import Expr, Shared
from pellucid.nn import optimizers as ours
from pellucid.nn.dtypes import to_dtype


class Optimizer(ours.Optimizer):
    """Base of optimizers whose learning rate ``lr`` is a shared variable that decays."""

    signature: ClassVar[Any] = make_signature("lr")
    formula: ClassVar[Callable[..., Any] | None] = None
    arguments: dict[str, Any]

    def __init__(self, *args: Any, **keywords: Any) -> None:
        a = self.arguments = bind(type(self), self.signature, args, keywords)
        self.decay, self.schedule_decay = a.get("decay", 0.0), a.get("schedule_decay")
        given = {k: v for k, v in a.items() if k not in ("lr", "decay", "schedule_decay") and v is not None}
        if "clipnorm" in given:
            given["global_clipnorm"] = given.pop("clipnorm")
        if "nesterov" in given:
            given["nesterov"] = bool(a["nesterov"] and a["momentum"])
        if isinstance(self, ours.Adagrad):
            given["initial_accumulator_value"] = 0.0
        super().__init__(a["lr"], **given)
        self.use_shared_learning_rate()

    @property
    def lr(self) -> Any:
        """The learning rate, a shared variable; assigning a number sets its value."""
        return self._rate

    @lr.setter
    def lr(self, value: Any) -> None:
        self.learning_rate = float(value.get_value() if isinstance(value, Shared) else value)

    @property
    def config(self) -> dict[str, Any]:
        return {**self.arguments, "lr": self.learning_rate}

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return self.config

    def get_learning_rate(self, parameter: Shared, factor: float | None = None) -> Expr | float:
        rate = super().get_learning_rate(parameter, factor)
        return rate * to_dtype(1.0 / (1.0 + self.decay * self.iterations), parameter.dtype) if self.decay else rate

    def step(self, parameter: Shared, gradient: Expr, rate: Expr | float) -> dict[Shared, Expr]:
        formula: Any = type(self).formula
        return super().step(parameter, gradient, rate) if formula is None else formula(self, parameter, gradient, rate)


def divide_by_root(self: Any, parameter: Shared, gradient: Expr, rate: Any) -> dict[Shared, Expr]:
    """Return the updates of RMSprop and Adagrad, with epsilon outside of the root."""
    a, rho = self.get_slot("accumulator", parameter), getattr(self, "rho", None)
    new = a + pel.square(gradient) if rho is None else rho * a + (1 - rho) * pel.square(gradient)
    return {parameter: parameter - rate * gradient / (pel.sqrt(new) + self.epsilon), a: new}


def accelerate(self: Any, parameter: Shared, gradient: Expr, rate: Any) -> dict[Shared, Expr]:
    """Return the updates of Nadam, whose momentum grows with ``schedule_decay``."""
    m, v, updates = self.update_moments(parameter, gradient)
    t = self.get_step_number(parameter)
    mu, next_mu = (self.beta_1 * (1 - 0.5 * 0.96 ** (n * self.schedule_decay)) for n in (t, t + 1))
    product = self.get_slot("momentum_product", dtype=parameter.dtype, fill=1.0)
    total = to_dtype(product, t.dtype) * mu
    factors = (next_mu / (1 - total * next_mu), (1 - mu) / (1 - total), 1 - self.beta_2**t)
    for_m, for_g, for_v = (to_dtype(factor, parameter.dtype) for factor in factors)
    move = rate * (for_m * m + for_g * gradient) / (pel.sqrt(v / for_v) + self.epsilon)
    return {parameter: parameter - move, **updates, product: to_dtype(total, product.dtype)}


def make_optimizer(base: type, text: str, formula: Any = None) -> Any:
    """Return a class of Keras 1 on an optimizer of pellucid, with the arguments in a text."""
    signature = make_signature(f"{text} clipnorm=None clipvalue=None")
    doc = f"`pel.optimizers.{base.__name__}` with the arguments of Keras 1."
    return type(base.__name__, (Optimizer, base), {"signature": signature, "formula": formula, "__doc__": doc})


REST, BETAS = "epsilon=1e-8 decay=0.0", "beta_1=0.9 beta_2=0.999"
SGD = make_optimizer(ours.SGD, "lr=0.01 momentum=0.0 decay=0.0 nesterov=False")
RMSprop = make_optimizer(ours.RMSprop, f"lr=0.001 rho=0.9 {REST}", divide_by_root)
Adagrad = make_optimizer(ours.Adagrad, f"lr=0.01 {REST}", divide_by_root)
Adadelta = make_optimizer(ours.Adadelta, f"lr=1.0 rho=0.95 {REST}")
Adam = make_optimizer(ours.Adam, f"lr=0.001 {BETAS} {REST}")
Adamax = make_optimizer(ours.Adamax, f"lr=0.002 {BETAS} {REST}")
Nadam = make_optimizer(ours.Nadam, f"lr=0.002 {BETAS} epsilon=1e-8 schedule_decay=0.004", accelerate)
NAMED = {kind.__name__.lower(): kind for kind in (SGD, RMSprop, Adagrad, Adadelta, Adam, Adamax, Nadam)}


def get(identifier: Any) -> Any:
    """Return an optimizer by name, with the defaults of Keras 1, or the given one."""
    if isinstance(identifier, str) and identifier.lower() not in NAMED:
        raise OptionError(f"There is no optimizer named {identifier!r}.{near_miss(identifier, NAMED)}")
    found = NAMED[identifier.lower()] if isinstance(identifier, str) else identifier
    return found() if isinstance(found, type) else found


add_missing_name_errors(globals(), "keras.optimizers")
