r"""Initializers: the first values of parameters, with Keras 3's names, arguments and distributions.

They draw from the process's generator (see `pellucid.nn.set_random_seed`), or from one of their own if given a seed,
which then draws the same values at every call.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.errors import tell_near_misses
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
from pellucid.nn.registry import look_up

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
    """Return the initializer of a name, with its defaults, or what else a parameter may begin with.

    Parameters
    ----------
    identifier : str, function, number, array or Expr
        A name; anything that is called as ``initializer(shape, dtype=...)`` and returns an array; a number or an array,
        which becomes a `Constant`; a shared variable or an expression, which is returned as it is, for a layer then
        takes it in the place of a parameter of its own.

    Returns
    -------
    Initializer or function
        To be called with a shape.

    Raises
    ------
    ValueError
        For an unknown name; the nearest is named.

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
    found = look_up("initializer", identifier, NAMED)
    return found() if isinstance(found, type) else found


tell_near_misses(globals(), "nn.initializers")
