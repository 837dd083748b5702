"""Initializers of parameters, with Keras 3's names, arguments and distributions.

They draw from the global generator (`pellucid.nn.set_random_seed`). With a seed they return the same values at every
call.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.errors import suggest_near_misses
from pellucid.graph.expr import Expr
from pellucid.nn.initializers.base import *
from pellucid.nn.initializers.base import InitializerFunction, InitializerLike
from pellucid.nn.initializers.constants import *
from pellucid.nn.initializers.orthogonal import *
from pellucid.nn.initializers.random import *
from pellucid.nn.initializers.variance_scaling import *
from pellucid.nn.registry import get_by_name, list_own_names, snake_case

NAMED: dict[str, type[Initializer]] = {
    snake_case(name): found
    for name, found in sorted(globals().items())
    if isinstance(found, type) and issubclass(found, Initializer) and found is not Initializer
}
"""Every initializer by its name in snake case."""

# Set without a static name, as in nn/layers: a type checker takes a computed list for an empty one.
globals()["__all__"] = [*list_own_names(globals()), "get"]


def get(identifier: InitializerLike) -> InitializerFunction | Expr:
    """Return an initializer by name, with default settings, or convert another initial value.

    Parameters
    ----------
    identifier : str, function, number, array or Expr
        A name; a callable ``initializer(shape, dtype=...)`` that returns an array; a number or an array, which becomes
        a `Constant`; an expression or a shared variable, which a layer uses in place of a new parameter.

    Returns
    -------
    Initializer, function or Expr
        A callable that takes a shape, or the given expression.

    Raises
    ------
    ValueError
        If the name is unknown; the message suggests the nearest one.

    Examples
    --------
    >>> get("random_uniform")
    RandomUniform(minval=-0.05, maxval=0.05, seed=None)
    >>> encode = pel.nn.Dense(2, name="encode")
    >>> h = encode(pel.matrix("x", shape=("n", 5)))
    >>> pel.nn.Dense(5, use_bias=False, kernel_initializer=encode.kernel.T)(h)
    (x @ encode/kernel + encode/bias) @ encode/kernel.T
    """
    if isinstance(identifier, Expr):
        return identifier
    if isinstance(identifier, (int, float, list, np.ndarray, np.generic)) and not isinstance(identifier, bool):
        return Constant(identifier)
    result: InitializerFunction | Expr = get_by_name("initializer", identifier, NAMED)
    return result


suggest_near_misses(globals(), "nn.initializers")
