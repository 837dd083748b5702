r"""Initializers: the first values of parameters, with Keras 3's names, arguments and distributions.

They draw from the process's generator (see `pellucid.nn.set_random_seed`), or from one of their own if given a seed,
which then draws the same values at every call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.graph.errors import tell_near_misses
from pellucid.nn.initializers.base import Initializer
from pellucid.nn.initializers.constants import Constant, Identity, Ones, Zeros
from pellucid.nn.initializers.matrices import Orthogonal, Sparse
from pellucid.nn.initializers.random import RandomNormal, RandomUniform, TruncatedNormal
from pellucid.nn.initializers.scaling import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
    fans,
)
from pellucid.nn.lookup import look_up

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


def get(identifier: str | Callable[..., Any]) -> Callable[..., Any]:
    """Return the initializer of a name, with its defaults.

    Parameters
    ----------
    identifier : str or function
        A name, or anything that is called as ``initializer(shape, dtype=...)`` and returns an array.

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
    """
    found = look_up("initializer", identifier, NAMED)
    return found() if isinstance(found, type) else found


tell_near_misses(globals(), "nn.initializers")
