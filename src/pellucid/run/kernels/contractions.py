"""Sums of products of two arrays, as products of matrices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Strides = tuple[int, ...]


@dataclass(frozen=True)
class Contraction:
    """Matrix products that compute a sum of products of two arrays, where these are in memory.

    Attributes
    ----------
    swapped : bool
        Whether the second array is the left operand.
    rows, columns, summed : int
        Sizes of a product.
    transposed : tuple of bool
        Whether left and right operand are stored with neighboring elements of a column next to each other.
    leading : tuple of int
        Distances of neighboring rows, as stored, of left operand, right operand and result, in elements.
    batch : tuple of int
        Numbers of products along one or two axes.
    batch_strides : tuple of tuple of int
        For left operand, right operand and result, the distances between products along these axes.
    """

    swapped: bool
    rows: int
    columns: int
    summed: int
    transposed: tuple[bool, bool]
    leading: tuple[int, int, int]
    batch: tuple[int, ...]
    batch_strides: tuple[Strides, Strides, Strides]

    @property
    def multiplications(self) -> int:
        return math.prod(self.batch) * self.rows * self.columns * self.summed

    @property
    def is_single_product(self) -> bool:
        """Whether this is one product of matrices without gaps between their rows."""
        m, n, k = self.rows, self.columns, self.summed
        left, right = self.transposed
        return math.prod(self.batch) == 1 and self.leading == (m if left else k, k if right else n, n)


def find_contraction(names: Sequence[Sequence[str]], sizes: Mapping[str, int]) -> Contraction | None:
    """Return the matrix products that compute a sum of products, or None if these would need copies of arrays.

    Parameters
    ----------
    names : sequence of sequence of str
        Names of the axes of both arrays and the result, in the order in which they are stored.
    sizes : mapping from str to int
        Size of each axis.
    """
    if any(len(set(axes)) < len(axes) for axes in names) or not all(names):
        return None
    first, second, output = names
    swapped = output[-1] not in second
    left, right = (second, first) if swapped else (first, second)
    batch = [a for a in output if a in left and a in right]
    groups = {
        "rows": [a for a in output if a in left and a not in right],
        "columns": [a for a in output if a in right and a not in left],
        "summed": [a for a in left if a in right and a not in output],
    }
    if len(batch) + sum(map(len, groups.values())) < len({*left, *right, *output}):  # an axis of one array alone
        return None
    rows, columns, summed = groups.values()
    users = (left, output, rows), (right, output, columns), (left, right, summed)
    if not all(group and is_run(group, a) and is_run(group, b) for a, b, group in users):
        return None
    if (
        output[-1] != columns[-1]
        or left[-1] not in (rows[-1], summed[-1])
        or right[-1] not in (columns[-1], summed[-1])
    ):
        return None
    runs = merge_runs(batch, left, right, output)
    if len(runs) > 2:
        return None
    transposed = left[-1] == rows[-1], right[-1] == summed[-1]

    def stride(group: Sequence[str], names: Sequence[str]) -> int:
        return math.prod(sizes[a] for a in names[names.index(group[-1]) + 1 :])

    def strides(names: Sequence[str]) -> Strides:
        return tuple(stride(run, names) for run in runs)

    return Contraction(
        swapped=swapped,
        rows=math.prod(sizes[a] for a in rows),
        columns=math.prod(sizes[a] for a in columns),
        summed=math.prod(sizes[a] for a in summed),
        transposed=transposed,
        leading=(
            stride(summed if transposed[0] else rows, left),
            stride(columns if transposed[1] else summed, right),
            stride(rows, output),
        ),
        batch=tuple(math.prod(sizes[a] for a in run) for run in runs),
        batch_strides=(strides(left), strides(right), strides(output)),
    )


def is_run(group: Sequence[str], names: Sequence[str]) -> bool:
    """Whether axes follow each other in an array, so that they can be counted as one."""
    start = names.index(group[0])
    return list(names[start : start + len(group)]) == list(group)


def merge_runs(batch: Sequence[str], *arrays: Sequence[str]) -> list[list[str]]:
    """Divide axes into the fewest groups that can be counted as one in all arrays."""
    runs: list[list[str]] = []
    for axis in batch:
        if runs and all(is_run([*runs[-1], axis], names) for names in arrays):
            runs[-1].append(axis)
        else:
            runs.append([axis])
    return runs
