"""Matching of the tensors of two implementations, by name and shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.graph.types import format_shape
from pellucid.model.errors import ModelError

Array = np.ndarray[Any, Any]


def match_tensors(
    a: Mapping[str, Array], b: Mapping[str, Array], titles: tuple[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Match tensors by name, where ``a/b`` equals ``a_b``, and the rest in order if their shapes agree.

    Returns the pairs, and the names of tensors that only ``b`` has.

    Examples
    --------
    >>> w = np.zeros(2)
    >>> match_tensors({"dense/kernel": w}, {"dense_kernel": w, "other": w}, ("a", "b"))
    ({'dense/kernel': 'dense_kernel'}, ['other'])
    >>> match_tensors({"dense/kernel": w}, {"dense_2/kernel": w}, ("a", "b"))
    ({'dense/kernel': 'dense_2/kernel'}, [])
    """
    by_normalized = {normalize_name(name): name for name in b}
    pairs = {name: by_normalized[normalize_name(name)] for name in a if normalize_name(name) in by_normalized}
    rest_a = [name for name in a if name not in pairs]
    rest_b = [name for name in b if name not in set(pairs.values())]
    if [a[name].shape for name in rest_a] == [b[name].shape for name in rest_b]:
        pairs |= dict(zip(rest_a, rest_b, strict=True))
        rest_a, rest_b = [], []
    for name in rest_a:
        unmatched = ", ".join(f"{n} {format_shape(b[n].shape)}" for n in rest_b) or "none"
        raise ModelError(
            f"{titles[1]} has no counterpart of the tensor {name} {format_shape(a[name].shape)} of {titles[0]}. "
            f"Unmatched tensors there: {unmatched}. Give the counterpart the same name"
        )
    for name, other in pairs.items():
        if a[name].shape != b[other].shape:
            raise ModelError(
                f"Shapes differ: {name} of {titles[0]} has shape {format_shape(a[name].shape)}, and {other} of "
                f"{titles[1]} {format_shape(b[other].shape)}"
            )
    return pairs, rest_b


def normalize_name(name: str) -> str:
    """Replace all characters that a Python identifier cannot have."""
    return "".join(c if c.isalnum() else "_" for c in name)
