"""Penalties on weights, and on activations, which are summed over the batch, by their Keras 1 names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.graph.errors import OptionError
from pellucid.nn.regularizers import L1L2

WeightRegularizer = ActivityRegularizer = L1L2Regularizer = L1L2
KNOWN: dict[str, Callable[..., L1L2]] = {
    "l1": lambda l=0.01: L1L2(l1=l),  # noqa: E741
    "l2": lambda l=0.01: L1L2(l2=l),  # noqa: E741
    "l1l2": lambda l1=0.01, l2=0.01: L1L2(l1, l2),
}
l1, l2, l1l2 = KNOWN.values()
activity_l1, activity_l2, activity_l1l2, l1_l2 = l1, l2, l1l2, l1l2


def get(identifier: Any) -> Any:
    """Return a regularizer by name, the given one, or None."""
    if isinstance(identifier, str) and identifier not in KNOWN:
        raise OptionError(f"There is no regularizer named {identifier!r}. Known: {', '.join(KNOWN)}")
    return KNOWN[identifier]() if isinstance(identifier, str) else identifier


add_missing_name_errors(globals(), "keras.regularizers")
