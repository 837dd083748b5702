"""Penalties on weights, and on activations, which are summed over the batch, by their Keras 1 names."""

from __future__ import annotations

from typing import Any

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.graph.errors import OptionError
from pellucid.nn.regularizers import L1L2

WeightRegularizer = ActivityRegularizer = L1L2Regularizer = L1L2


def l1(l: float = 0.01) -> L1L2:  # noqa: E741
    """Penalty on absolute values."""
    return L1L2(l1=l)


def l2(l: float = 0.01) -> L1L2:  # noqa: E741
    """Penalty on squares."""
    return L1L2(l2=l)


def l1l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """Penalty on absolute values and squares."""
    return L1L2(l1, l2)


activity_l1, activity_l2, activity_l1l2, l1_l2 = l1, l2, l1l2, l1l2


def get(identifier: Any) -> Any:
    """Return a regularizer by name, the given one, or None."""
    known = {"l1": l1, "l2": l2, "l1l2": l1l2}
    if isinstance(identifier, str) and identifier not in known:
        raise OptionError(f"There is no regularizer named {identifier!r}. Known: {', '.join(known)}")
    return known[identifier]() if isinstance(identifier, str) else identifier


add_missing_name_errors(globals(), "keras.regularizers")
