"""Which tensor of one program is which of another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.graph.types import shape_text
from pellucid.model.errors import ModelError

Array = np.ndarray[Any, Any]


def matched(
    mine: Mapping[str, Array], theirs: Mapping[str, Array], titles: tuple[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Pair tensors by name, where ``a/b`` and ``a_b`` are one, and the rest in order if they have the same shapes.

    Parameters
    ----------
    mine, theirs : dict from str to array
        Tensors by name.
    titles : pair of str
        Whose they are, for the message.

    Returns
    -------
    dict from str to str, list of str
        The pairs, and the names of those that only the second has.

    Raises
    ------
    ModelError
        If a tensor of the first has no partner.

    Examples
    --------
    >>> w = np.zeros(2)
    >>> matched({"dense/kernel": w}, {"dense_kernel": w, "other": w}, ("a", "b"))
    ({'dense/kernel': 'dense_kernel'}, ['other'])
    >>> matched({"dense/kernel": w}, {"dense_2/kernel": w}, ("a", "b"))
    ({'dense/kernel': 'dense_2/kernel'}, [])
    """
    known = {plain(name): name for name in theirs}
    pairs = {name: known[plain(name)] for name in mine if plain(name) in known}
    open_ones = [name for name in mine if name not in pairs]
    rest = [name for name in theirs if name not in set(pairs.values())]
    if len(open_ones) == len(rest) and all(
        mine[a].shape == theirs[b].shape for a, b in zip(open_ones, rest, strict=True)
    ):
        pairs |= dict(zip(open_ones, rest, strict=True))
        rest = []
        open_ones = []
    for name in open_ones:
        have = ", ".join(f"{n} {shape_text(theirs[n].shape)}" for n in rest) or "no others"
        raise ModelError(
            f"{titles[1]} has no partner for the tensor {name} {shape_text(mine[name].shape)} of {titles[0]}. "
            f"Left over there: {have}; give it the same name"
        )
    for a, b in pairs.items():
        if mine[a].shape != theirs[b].shape:
            raise ModelError(
                f"{a} of {titles[0]} has shape {shape_text(mine[a].shape)}, and {b} of {titles[1]} "
                f"{shape_text(theirs[b].shape)}"
            )
    return pairs, rest


def plain(name: str) -> str:
    """Return a name as a variable would have it."""
    return "".join(c if c.isalnum() else "_" for c in name)
