"""What every schedule is: a function of the number of steps made so far."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from pellucid.graph.errors import UseError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input, as_expr
from pellucid.graph.extensions import above
from pellucid.graph.rewriter import simplify
from pellucid.nn.did_you_mean import Spelt
from pellucid.nn.dtypes import as_real
from pellucid.nn.validation import number

SHORTER = ("fold", "algebra")
"""The families of rules that leave out of a printed formula what changes nothing, such as a factor of 1."""


class Schedule(Spelt):
    """A learning rate that depends on the number of steps made so far; a new one says so in its `formula`.

    Called on an expression it returns an expression, which an optimizer writes into its updates; called on a number or
    an array of them it returns the rates, in float64. As text it is its formula.

    Examples
    --------
    >>> class Halving(Schedule):
    ...     def formula(self, step):
    ...         return 0.1 * 0.5**step
    >>> Halving()(np.arange(3))
    array([0.1  , 0.05 , 0.025])
    >>> print(Halving())
    0.1 * 0.5 ** step
    """

    def __call__(self, step: Any) -> Any:
        """Return the rate after so many steps: an expression for one, or a number or an array for numbers."""
        if isinstance(step, Expr):
            return as_expr(self.formula(as_real(step)))
        steps = np.asarray(step)
        if steps.dtype.kind not in "iuf":
            raise UseError(f"{self!r}: expected a number of steps, or an expression of it. Received: {step!r}")
        given = Input("step", steps.shape, "float64")
        made = as_expr(self.formula(given))
        rates = evaluate(np, [made], {given: steps.astype("float64")})[0]
        return np.broadcast_to(rates, steps.shape).astype("float64")[()]

    def formula(self, step: Expr) -> Any:
        """Return the rate after so many steps, which are given as a real number."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its rate is")

    def __repr__(self) -> str:
        names = inspect.signature(type(self)).parameters
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    def __str__(self) -> str:
        return str(self.rate_of_step())

    def _repr_latex_(self) -> str:
        return str(above("latex", self.rate_of_step()))

    def _repr_html_(self) -> str:
        return str(above("html", self.rate_of_step()))

    def rate_of_step(self) -> Expr:
        """Return its formula, in an input named step."""
        return simplify(self(Input("step", (), None)), families=SHORTER)


class Constant(Schedule):
    r"""The same rate at all times, :math:`\eta_0` (Caffe's ``fixed``), as a part of others.

    Examples
    --------
    >>> Constant(0.1)([0, 1000])
    array([0.1, 0.1])
    """

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate = number("learning_rate", learning_rate, low=0.0)

    def formula(self, step: Expr) -> Any:
        """Return the rate."""
        return as_expr(self.learning_rate, step.dtype)
