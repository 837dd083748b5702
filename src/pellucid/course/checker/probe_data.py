"""Random data on which formulas are compared.

Data must be generic: if the batch size were 1, a sum and a mean would agree; with symmetric weights, a missing
transposition would not show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.expr import Constant, Expr
from pellucid.graph.traversal import topological
from pellucid.typing import Array

SEED = 20161127
NAMED_SIZES = (5, 7, 6, 9, 8, 11, 10, 13)
"""Sizes for named dimensions, tried in order. Sizes of the formula itself are left out."""
SCALE = 0.6
"""Standard deviation of arrays. With larger numbers, tanh of a sum would be 1 and hide mistakes in the sum."""
CLASSES = 3
"""Number of classes of integer inputs whose use does not show it."""


class Sizes:
    """Sizes of named dimensions, all different."""

    def __init__(self, leaves: Iterable[Expr]) -> None:
        self.by_name: dict[str, int] = {}
        self._taken = {dim for leaf in leaves for dim in leaf.shape if isinstance(dim, int)}

    def __getitem__(self, dim: Any) -> int:
        if isinstance(dim, int):
            return dim
        name = str(dim)
        if name not in self.by_name:
            self.by_name[name] = next(size for size in (*NAMED_SIZES, *range(14, 200)) if size not in self._taken)
            self._taken.add(self.by_name[name])
        return self.by_name[name]


def draw_leaves(
    leaves: Sequence[Expr], sizes: Sizes, limits: Mapping[Expr, int], positive: bool, seed: int = 0
) -> dict[Expr, Array]:
    """Draw values of inputs and shared variables, in float64 and int64.

    With ``positive``, numbers are in (0.15, 0.85), for formulas with logarithms and roots of inputs.
    """
    rng = np.random.default_rng((SEED, seed))
    values: dict[Expr, Array] = {}
    for leaf in leaves:
        shape = tuple(sizes[dim] for dim in leaf.shape)
        if leaf.dtype.kind in "iu":
            values[leaf] = draw_labels(rng, shape, limits.get(leaf, CLASSES))
        elif leaf.dtype.kind == "b":
            values[leaf] = rng.random(shape) < 0.5
        elif positive or not shape:
            # Scalars are rates and strengths, which are positive.
            values[leaf] = rng.uniform(0.15, 0.85, shape)
        else:
            values[leaf] = rng.normal(scale=SCALE, size=shape)
    return values


def draw_labels(rng: np.random.Generator, shape: tuple[int, ...], classes: int) -> Array:
    """Draw class labels. All classes occur if there are enough samples, and neighbors differ."""
    size = int(np.prod(shape))
    labels = np.arange(size) % max(classes, 1)
    labels[1:] = rng.permutation(labels[1:])
    return labels.reshape(shape)


def find_index_limits(exprs: Iterable[Expr], sizes: Sizes) -> dict[Expr, int]:
    """Return the number of classes of integer inputs that select elements, from what they select."""
    limits: dict[Expr, int] = {}
    for e in topological(list(exprs)):
        if e.op is None or isinstance(e, Constant):
            continue
        for leaf, limit in list_limits(e, sizes):
            limits[leaf] = min(limit, limits.get(leaf, limit))
    return limits


def list_limits(e: Expr, sizes: Sizes) -> list[tuple[Expr, int]]:
    name, settings = e.op.name if e.op else "", e.settings
    if name == "one_hot":
        return [(find_label(e.inputs[0]), int(settings["num_classes"]))]
    if name in ("take_along_axis", "sparse_crossentropy") and len(e.inputs) > 1:
        axis = settings.get("axis", -1)
        axis = axis[0] if isinstance(axis, tuple) else axis
        scores = max(e.inputs, key=lambda i: i.ndim * (i.dtype.kind == "f"))
        return [(find_label(i), sizes[scores.shape[axis]]) for i in e.inputs if i.dtype.kind in "iu"]
    if name == "gather":
        source = e.inputs[0]
        return [(find_label(i), sizes[dim]) for i, dim in zip(e.inputs[1:], source.shape, strict=False)]
    return []


def find_label(e: Expr) -> Expr:
    """Return the integer input behind casts and reshapes."""
    while e.op is not None and e.inputs:
        e = e.inputs[0]
    return e.unlabeled
