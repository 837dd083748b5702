"""Optimizers: from a loss to new values of its parameters, as expressions, with Keras 3's names and formulas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pellucid.graph.errors import UseError, tell_near_misses
from pellucid.nn import schedules
from pellucid.nn.optimizers.adafactor_ftrl import Adafactor, Ftrl
from pellucid.nn.optimizers.adagrad_rmsprop import Adadelta, Adagrad, RMSprop
from pellucid.nn.optimizers.adam import Adam, Adamax, AdamW, Lamb, Nadam
from pellucid.nn.optimizers.base import Optimizer, Updates
from pellucid.nn.optimizers.sgd import SGD, Lion
from pellucid.nn.registry import look_up

__all__ = [
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "SGD",
    "Updates",
    "get",
    "schedules",
]

NAMED: Mapping[str, type[Optimizer]] = {
    "adadelta": Adadelta,
    "adafactor": Adafactor,
    "adagrad": Adagrad,
    "adam": Adam,
    "adamax": Adamax,
    "adamw": AdamW,
    "ftrl": Ftrl,
    "lamb": Lamb,
    "lion": Lion,
    "nadam": Nadam,
    "rmsprop": RMSprop,
    "sgd": SGD,
}


def get(identifier: Any) -> Optimizer:
    """Return the optimizer of a name, with its defaults, or the one that was given.

    Parameters
    ----------
    identifier : str or Optimizer
        Such as ``"sgd"`` or ``"adam"``; capitals do not matter.

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
