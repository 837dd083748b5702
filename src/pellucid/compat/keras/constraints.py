"""Constraints on weights by their Keras 1 names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.graph.errors import OptionError
from pellucid.nn.constraints import MaxNorm, MinMaxNorm, NonNeg, UnitNorm


def maxnorm(m: float = 2, axis: Any = 0) -> MaxNorm:
    """Maximum norm along an axis."""
    return MaxNorm(m, axis)


KNOWN: dict[str, Callable[[], Any]] = {
    "maxnorm": maxnorm,
    "nonneg": NonNeg,
    "unitnorm": UnitNorm,
    "minmaxnorm": MinMaxNorm,
}
max_norm, nonneg, non_neg, unitnorm, unit_norm = maxnorm, NonNeg, NonNeg, UnitNorm, UnitNorm


def get(identifier: Any) -> Any:
    """Return a constraint by name, the given one, or None."""
    if isinstance(identifier, str) and identifier.lower() not in KNOWN:
        raise OptionError(f"There is no constraint named {identifier!r}. Known: {', '.join(KNOWN)}")
    return KNOWN[identifier.lower()]() if isinstance(identifier, str) else identifier


add_missing_name_errors(globals(), "keras.constraints")
