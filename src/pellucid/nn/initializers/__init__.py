"""Initializers of parameters, with Keras 3's names, arguments and distributions.

They draw from the global generator (`pellucid.nn.set_random_seed`). With a seed they return the same values at every
call.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.errors import suggest_near_misses
from pellucid.graph.expr import Expr
from pellucid.nn.initializers.base import Initializer
from pellucid.nn.initializers.constants import Constant, Identity, Ones, Zeros
from pellucid.nn.initializers.orthogonal import Orthogonal, Sparse
from pellucid.nn.initializers.random import RandomNormal, RandomUniform, TruncatedNormal
from pellucid.nn.initializers.variance_scaling import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
    fans,
)
from pellucid.nn.registry import get_by_name

__all__ = [
    "NAMED",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "Sparse",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "fans",
    "get",
]

NAMED: dict[str, type[Initializer]] = {
    "constant": Constant,
    "glorot_normal": GlorotNormal,
    "glorot_uniform": GlorotUniform,
    "he_normal": HeNormal,
    "he_uniform": HeUniform,
    "identity": Identity,
    "lecun_normal": LecunNormal,
    "lecun_uniform": LecunUniform,
    "ones": Ones,
    "orthogonal": Orthogonal,
    "random_normal": RandomNormal,
    "random_uniform": RandomUniform,
    "sparse": Sparse,
    "truncated_normal": TruncatedNormal,
    "variance_scaling": VarianceScaling,
    "zeros": Zeros,
}


def get(identifier: Any) -> Any:
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
    found = get_by_name("initializer", identifier, NAMED)
    return found() if isinstance(found, type) else found


suggest_near_misses(globals(), "nn.initializers")
