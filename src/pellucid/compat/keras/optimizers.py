"""Optimizers with the arguments, defaults and formulas of Keras 1.

Learning rates decay with every update: η / (1 + decay t). ``clipnorm`` bounds the norm of all gradients together.
"""

import pellucid as pel
from pellucid.compat.keras.named_objects import bind
from pellucid.graph.expr import as_expr
from pellucid.nn import optimizers as ours
from pellucid.nn.casts import to_dtype
from pellucid.nn.registry import get_by_name


class Optimizer(ours.Optimizer):
    """Base of optimizers whose learning rate ``lr`` is a shared variable that decays."""

    def __init__(self, *args, **keywords):
        a = self.arguments = bind(type(self), self.signature, args, keywords, {"learning_rate": "lr"})
        given = a | {"global_clipnorm": a["clipnorm"]}
        given = {k: v for k, v in given.items() if k not in ("lr", "decay", "clipnorm") and v is not None}
        if "nesterov" in given:
            given["nesterov"] = bool(a["nesterov"] and a["momentum"])
        super().__init__(a["lr"], **given)
        self.use_shared_learning_rate()

    lr = property(lambda self: self._rate, lambda self, v: setattr(self, "learning_rate", float(as_expr(v).eval())))
    config = property(lambda self: {**self.arguments, "lr": self.learning_rate})
    get_config = lambda self: self.config

    def get_learning_rate(self, parameter, factor=None):
        rate, decay = super().get_learning_rate(parameter, factor), self.arguments["decay"]
        return rate * to_dtype(1.0 / (1.0 + decay * self.iterations), parameter.dtype) if decay else rate


def divide_by_root(self, parameter, gradient, rate):
    """Return the updates of RMSprop and Adagrad, with epsilon outside of the root."""
    a, rho = self.get_slot("accumulator", parameter), getattr(self, "rho", None)
    new = a + pel.square(gradient) if rho is None else rho * a + (1 - rho) * pel.square(gradient)
    return {parameter: parameter - rate * gradient / (pel.sqrt(new) + self.epsilon), a: new}


CLIPPING, BETAS = "clipnorm=None clipvalue=None", "beta_1=0.9 beta_2=0.999"
REST, NAMED = f"epsilon=1e-8 decay=0.0 {CLIPPING}", {}
OPTIMIZERS = f"""
SGD lr=0.01 momentum=0.0 decay=0.0 nesterov=False {CLIPPING} | RMSprop lr=0.001 rho=0.9 {REST} |
Adagrad lr=0.01 {REST} | Adadelta lr=1.0 rho=0.95 {REST} | Adam lr=0.001 {BETAS} {REST} | Adamax lr=0.002 {BETAS} {REST}
"""
for _name, *_arguments in map(str.split, OPTIMIZERS.split("|")):
    _attributes = {"signature": " ".join(_arguments), "__module__": __name__}
    NAMED[_name.lower()] = type(_name, (Optimizer, getattr(ours, _name)), _attributes)
NAMED["rmsprop"].step = NAMED["adagrad"].step = divide_by_root
globals().update({kind.__name__: kind for kind in NAMED.values()})
get = lambda identifier: get_by_name("optimizer", identifier, NAMED) if isinstance(identifier, str) else identifier
ADVICE = {"Nadam": "pel.optimizers.Nadam has the formula of Keras 3"}
