r"""Losses with Keras 3's names. A function returns one value per sample; take its mean or sum to train.

Losses are the textbook formulas, and probabilities are not clipped. They stay finite because simplification precedes
differentiation: :math:`\log \operatorname{softmax}(z)`, :math:`\log (1 - \sigma(z))` and similar forms are rewritten
to stable ones, so the cross-entropy of a softmax or sigmoid and its gradient are accurate for any logits.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import isfunction
from typing import Any

from pellucid.graph.errors import suggest_near_misses
from pellucid.graph.expr import Expr
from pellucid.nn.losses import reduction
from pellucid.nn.losses.base import *
from pellucid.nn.losses.crossentropy import *
from pellucid.nn.losses.ctc import *
from pellucid.nn.losses.dice_tversky import *
from pellucid.nn.losses.focal import *
from pellucid.nn.losses.hinge import *
from pellucid.nn.losses.metric_learning import *
from pellucid.nn.losses.probabilistic import *
from pellucid.nn.losses.reduction import *
from pellucid.nn.losses.regression import *
from pellucid.nn.registry import get_by_name, list_own_names

LossFunction = Callable[[Expr, Expr], Expr]
"""Function from targets and predictions to the loss of each sample, as an expression.

Examples
--------
>>> def fourth_power(y_true: pel.Expr, y_pred: pel.Expr) -> pel.Expr:
...     return ((y_true - y_pred) ** 4).mean(axis=-1)
>>> model = pel.Sequential([pel.nn.Input((2,)), pel.nn.Dense(1)])
>>> model.compile("sgd", loss=fourth_power)
"""

ALIASES = {
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "logcosh": "log_cosh",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}

NAMED: dict[str, LossFunction] = {
    name: globals()[name]
    for name in sorted(list_own_names(globals()))
    if isfunction(globals()[name]) and name not in reduction.__all__
}
"""Loss functions by name."""

NAMED |= {alias: NAMED[name] for alias, name in ALIASES.items()}


def get(identifier: str | LossFunction | type[Loss]) -> LossFunction:
    """Return a loss by name, or the given function.

    Parameters
    ----------
    identifier : str or function
        A name, such as ``"mse"``, or a function of targets and predictions.

    Raises
    ------
    ValueError
        If the name is unknown; the message suggests the nearest one.

    Examples
    --------
    >>> get("mse").__name__
    'mean_squared_error'
    """
    found: LossFunction = get_by_name("loss", identifier, NAMED)
    return found


# Set without a static name, as in nn/layers: a type checker takes a computed list for an empty one.
globals()["__all__"] = [*list_own_names(globals()), "LossFunction"]

suggest_near_misses(globals(), "pel.losses")
