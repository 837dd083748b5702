"""Names of the inputs of a trained network, from the description of its training data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.train.read.table_columns import list_features
from pellucid.typing import Array


@dataclass(frozen=True)
class Column:
    """A column of a table, or an element of an array, with the number of the first of its inputs and their names."""

    name: str
    start: int
    inputs: tuple[str, ...]
    categories: tuple[str, ...] = ()

    @property
    def place(self) -> slice:
        """The inputs that the column becomes."""
        return slice(self.start, self.start + len(self.inputs))

    def format_value(self, row: Array) -> str:
        """Return the value of the column in one row of inputs.

        Examples
        --------
        >>> import numpy as np
        >>> place = Column("place", 1, ("place = sea", "place = town"), ("sea", "town"))
        >>> place.format_value(np.array([2.5, 0.0, 1.0])), place.format_value(np.zeros(3))
        ('town', 'another or none')
        """
        values = row[self.place]
        if not self.categories:
            return ", ".join(f"{value:.6g}" for value in values)
        return self.categories[int(values.argmax())] if values.max() > 0 else "another or none"


def get_table_columns(description: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return how the columns of a table become inputs; nothing for other kinds of data."""
    columns: Sequence[Mapping[str, Any]] = description.get("inputs", ())
    return columns


def list_columns(description: Mapping[str, Any], shape: Sequence[int]) -> list[Column]:
    """Return the columns of a table, or the elements of flat samples, in the order of the inputs.

    Examples
    --------
    >>> rooms = {"name": "rooms", "kind": "number", "missing": 3.0}
    >>> place = {"name": "place", "kind": "category", "values": ["sea", "town"]}
    >>> [column.inputs for column in list_columns({"inputs": [rooms, place]}, (3,))]
    [('rooms',), ('place = sea', 'place = town')]
    >>> [column.name for column in list_columns({}, (2,))]
    ['x[0]', 'x[1]']
    """
    columns: list[Column] = []
    for each in get_table_columns(description):
        start = columns[-1].place.stop if columns else 0
        columns.append(Column(str(each["name"]), start, tuple(list_features([each])), tuple(each.get("values", ()))))
    count = math.prod(shape)
    if columns and columns[-1].place.stop == count:
        return columns
    return [Column(f"x[{number}]", number, (f"x[{number}]",)) for number in range(count)]
