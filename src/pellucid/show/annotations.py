"""What is told of each expression beside its type: what it costs, and what its value is after a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr
from pellucid.show.costs import rows
from pellucid.show.input_values import array_text, given_values
from pellucid.show.shape_resolution import check_names

MOST_SHOWN = 6
"""Arrays of up to so many numbers are written in full."""

Notes = dict[Expr, list[str]]


def notes_of(outputs: Sequence[Expr], sizes: Mapping[str, int] | None, values: Mapping[Any, Any] | None) -> Notes:
    """Return what is told of each expression: its operations if sizes are given, and its value if values are.

    Parameters
    ----------
    outputs : sequence of Expr
        What is shown.
    sizes : mapping from str to int, optional
        The sizes that names stand for; an empty one where there are no names.
    values : mapping from Expr or str to array, optional
        The values of the inputs; shared variables have their own.

    Returns
    -------
    dict from Expr to list of str
        In the order operations, value.
    """
    notes: Notes = {}
    if sizes is not None:
        check_names(sizes, outputs)
        for row in rows(outputs, sizes, {}):
            notes.setdefault(row.expr, []).append(f"{row.operations:,} operation{'s' * (row.operations != 1)}")
    if values is not None:
        given: dict[Expr, Any] = dict(given_values(outputs, values, "values"))
        found = dict(given)

        def watch(e: Expr, value: Any) -> None:
            found[e] = value

        with np.errstate(all="ignore"):
            evaluate(np, outputs, given, watch)
        for e, value in found.items():
            if len(e.types) == 1:
                notes.setdefault(e, []).append("= " + " ".join(array_text(value, MOST_SHOWN).split()))
    return notes
