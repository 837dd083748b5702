"""What NumPy has and expressions cannot have, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable

from pellucid.graph.errors import near_miss

_SIZE = "How many there are is known only once there are data, and every size must be known before. "
_CHOOSE = "Use pel.where(condition, x, other) to choose, or x.at[condition].set(value) to replace."
_SORTED = "Use pel.sort, beside which pel.diff finds where a new value begins, or pel.bincount(x, length=n)."
_CHANGES = "Expressions never change. Use x = x.at[index].set(value) or pel.put_along_axis, which return a new one."

ABSENT: dict[str, str] = {
    **dict.fromkeys(("nonzero", "flatnonzero", "argwhere", "extract"), _SIZE + _CHOOSE),
    **dict.fromkeys(
        ("unique", "unique_all", "unique_counts", "unique_inverse", "unique_values", "intersect1d", "setdiff1d"),
        _SIZE + _SORTED,
    ),
    **dict.fromkeys(("put", "place", "putmask", "copyto", "fill_diagonal"), _CHANGES),
}
"""Why there is no function of this name."""


def why_absent(name: str, known: Iterable[str]) -> str:
    """Return a sentence that begins with a space: why there is no such function, or which one may have been meant."""
    return f" {ABSENT[name]}" if name in ABSENT else near_miss(name, known)
