r"""Positions as linear functions of the index of an element, :math:`start + \sum_d step_d \, index_d`.

The arithmetic of a few elements of an array is fitted to one template of all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.live.arithmetic.element_template import LongSum, Position, Tree
from pellucid.typing import Json

Index = tuple[int, ...]


class IrregularError(Exception):
    """Elements whose arithmetic differs in more than positions that are linear in the index."""


def fit(trees: Sequence[Tree], indices: Sequence[Index], sizes: Sequence[int]) -> Tree:
    """Return one tree for some elements of an array, in which positions are ``[start, *steps]``.

    Parameters
    ----------
    trees : sequence of Tree
        The arithmetic of each element, with None for a part that an element does not have.
    indices : sequence of tuple of int
        The index of each element.
    sizes : sequence of int
        The shape of the array.

    Raises
    ------
    IrregularError
        If there is no such tree.
    """
    pairs = [(tree, index) for tree, index in zip(trees, indices, strict=True) if tree is not None]
    if not pairs:
        raise IrregularError
    trees, indices = zip(*pairs, strict=True)
    first = trees[0]
    if any(type(tree) is not type(first) for tree in trees):
        raise IrregularError
    if isinstance(first, Position):
        return fit_positions([p.value for p in trees], indices, sizes)
    if isinstance(first, LongSum):
        return fit_long_sums(trees, indices, sizes)
    if isinstance(first, dict):
        if any(tree.keys() != first.keys() for tree in trees):
            raise IrregularError
        return {key: fit([tree[key] for tree in trees], indices, sizes) for key in first}
    if isinstance(first, list):
        if any(len(tree) != len(first) for tree in trees):
            raise IrregularError
        return [fit(parts, indices, sizes) for parts in zip(*trees, strict=True)]
    return require_equal(trees)


def require_equal(trees: Sequence[Tree]) -> Tree:
    first = trees[0]
    if any(tree is not first and (isinstance(tree, Expr) or tree != first) for tree in trees):
        raise IrregularError
    return first


def fit_positions(positions: Sequence[int], indices: Sequence[Index], sizes: Sequence[int]) -> list[int]:
    """Return ``[start, *steps]``, without steps of zero at the end."""
    free = [axis for axis, size in enumerate(sizes) if size > 1]
    rows = np.array([[1, *(index[axis] for axis in free)] for index in indices], float)
    if np.linalg.matrix_rank(rows) < rows.shape[1]:
        raise IrregularError
    found = np.rint(np.linalg.lstsq(rows, np.array(positions, float))[0])
    if (rows @ found != positions).any():
        raise IrregularError
    result = [0] * (1 + len(sizes))
    for place, value in zip([0, *(axis + 1 for axis in free)], found, strict=True):
        result[place] = int(value)
    while len(result) > 1 and result[-1] == 0:
        result.pop()
    return result


def fit_long_sums(sums: Sequence[LongSum], indices: Sequence[Index], sizes: Sequence[int]) -> dict[str, Json]:
    """Return a sum whose terms are one tree. The last step of a position belongs to the number of the term.

    If the positions are not linear in the number of the term, ``at`` is a list for each term.
    """
    count = sums[0].count
    if any(s.count != count for s in sums):
        raise IrregularError
    numbers = sorted(set.intersection(*(set(s.terms) for s in sums)))
    try:
        places = [(*index, k) for index in indices for k in numbers]
        terms = fit([s.terms[k] for s in sums for k in numbers], places, [*sizes, count])
    except IrregularError:
        if len(numbers) < count:
            raise
        terms = combine_terms([fit([s.terms[k] for s in sums], indices, sizes) for k in numbers])
    return {"count": count, **terms}


def combine_terms(terms: Sequence[Tree]) -> Tree:
    """Return one tree for all terms of a sum, in which ``at`` has the position of each term."""
    first = terms[0]
    if isinstance(first, dict):
        if any(tree.keys() != first.keys() for tree in terms):
            raise IrregularError
        return {
            key: [tree["at"] for tree in terms] if key == "at" else combine_terms([tree[key] for tree in terms])
            for key in first
        }
    if isinstance(first, list):
        if any(len(tree) != len(first) for tree in terms):
            raise IrregularError
        return [combine_terms(parts) for parts in zip(*terms, strict=True)]
    return require_equal(terms)
