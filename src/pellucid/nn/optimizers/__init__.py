"""Optimizers: parameter updates as expressions, with Keras 3's names and formulas.

Every class in the `__all__` of a file is exported and registered by name.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any

from pellucid.graph.errors import UseError, suggest_near_misses
from pellucid.nn import schedules
from pellucid.nn.optimizers.adafactor_ftrl import *
from pellucid.nn.optimizers.adagrad_rmsprop import *
from pellucid.nn.optimizers.adam import *
from pellucid.nn.optimizers.base import *
from pellucid.nn.optimizers.optax import Optax, is_gradient_transformation
from pellucid.nn.optimizers.sgd import *
from pellucid.nn.registry import get_by_name

if TYPE_CHECKING:
    from pellucid.nn.optimizers.base import Optimizer

NAMED: dict[str, type[Optimizer]] = {
    name.lower(): found
    for name, found in sorted(globals().items())
    if isinstance(found, type) and issubclass(found, Optimizer) and found not in (Optimizer, Optax)
}
"""Every optimizer by its name in lower case."""

# Set without a static name, as in nn/layers: a type checker takes a computed list for an empty one.
globals()["__all__"] = [
    *(found.__name__ for found in NAMED.values()),
    "Optax",
    "Optimizer",
    "Updates",
    "get",
    "schedules",
]


def get(identifier: str | Optimizer) -> Optimizer:
    """Return an optimizer by name, with default settings, or the given instance.

    Parameters
    ----------
    identifier : str, Optimizer or optax.GradientTransformation
        A name such as ``"sgd"`` or ``"adam"``, in any case. A transformation becomes an `Optax`.

    Returns
    -------
    Optimizer
        A new instance for a name.

    Raises
    ------
    ValueError
        If the name is unknown; the message suggests the nearest one.
    TypeError
        If the identifier is neither a string nor an optimizer.

    Examples
    --------
    >>> get("sgd")
    SGD(learning_rate=0.01, momentum=0.0, nesterov=False)
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if is_gradient_transformation(identifier):
        return Optax(identifier)
    if not isinstance(identifier, str):
        is_maker = isinstance(identifier, (type, FunctionType))
        fix = f"; write {identifier.__name__}({'' if isinstance(identifier, type) else '0.001'})" if is_maker else ""
        raise UseError(f"Expected the name of an optimizer, or one such as SGD(0.01). Received: {identifier!r}{fix}")
    found: Optimizer = get_by_name("optimizer", identifier.lower(), NAMED)
    return found


suggest_near_misses(globals(), "pel.optimizers")
