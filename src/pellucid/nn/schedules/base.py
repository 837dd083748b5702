"""Base class of learning-rate schedules."""

from __future__ import annotations

from typing import Any, overload

import numpy as np

from pellucid.extension_points import expression_html, expression_latex
from pellucid.graph.errors import UseError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input, Operand, as_expr
from pellucid.graph.rewriter import simplify
from pellucid.graph.validation import check_number
from pellucid.nn.casts import to_float
from pellucid.nn.did_you_mean import StrictArguments
from pellucid.typing import ArrayLike

PRINTING_FAMILIES = ("fold", "algebra")
"""Families of rules that shorten printed formulas, for example by dropping a factor of 1."""


class Schedule(StrictArguments):
    """Base class: a learning rate as a function of the step count. A subclass implements `formula`.

    Called with an expression it returns an expression, which optimizers use in their updates. Called with numbers it
    returns learning rates in float64. It prints as its formula.

    Raises
    ------
    ValueError
        If a setting is out of range.

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

    @overload
    def __call__(self, step: Expr) -> Expr: ...
    @overload
    def __call__(self, step: ArrayLike) -> Any: ...
    def __call__(self, step: Operand) -> Any:
        """Return the learning rate at a step: an expression for an expression, float64 values for numbers."""
        if isinstance(step, Expr):
            return as_expr(self.formula(to_float(step)))
        steps = np.asarray(step)
        if steps.dtype.kind not in "iuf":
            raise UseError(f"{self!r}: expected a step count or an expression of it. Received: {step!r}")
        symbol = Input("step", steps.shape, "float64")
        rates = evaluate(np, [as_expr(self.formula(symbol))], {symbol: steps.astype("float64")})[0]
        return np.broadcast_to(rates, steps.shape).astype("float64")[()]

    def formula(self, step: Expr) -> Expr | float:
        """Return the learning rate at a step, given as a float expression.

        Parameters
        ----------
        step : Expr
            Number of finished steps, as a float.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement formula(step)")

    def __str__(self) -> str:
        return str(self.to_expression())

    def _repr_latex_(self) -> str:
        return expression_latex(self.to_expression())

    def _repr_html_(self) -> str:
        return expression_html(self.to_expression())

    def to_expression(self) -> Expr:
        """Return the formula in an input named ``step``."""
        return simplify(self(Input("step", (), None)), families=PRINTING_FAMILIES)


class ConstantSchedule(Schedule):
    r"""Constant learning rate, :math:`\eta_0` (Caffe's ``fixed``), as a part of other schedules.

    Parameters
    ----------
    learning_rate : float
        :math:`\eta_0`.

    Examples
    --------
    >>> ConstantSchedule(0.1)([0, 1000])
    array([0.1, 0.1])
    """

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate: float = check_number("learning_rate", learning_rate, minimum=0.0)

    def formula(self, step: Expr) -> Expr | float:
        return as_expr(self.learning_rate, step.dtype)
