"""Rows of a table that is larger than memory: their description from a random sample, and their inputs."""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.errors import DataWarning
from pellucid.data.tables import Table
from pellucid.data.tables.cell_warnings import collect_cell_warnings
from pellucid.data.tables.stored_table import StoredTable, concatenate_tables, slice_table
from pellucid.data.tables.table import is_boolean, is_temporal, is_text, parse_column
from pellucid.data.temporary_files import check_free_space
from pellucid.train.read.loaders.table_loader import describe
from pellucid.train.read.out_of_core.row_file import RowFile, shuffle_rows
from pellucid.train.read.out_of_core.storage import SAMPLE_BYTES, SAMPLE_ROWS, DrawnSample, draw_rows
from pellucid.train.read.table_columns import MAXIMUM_CATEGORIES, encode, list_features
from pellucid.train.settings.settings import Settings
from pellucid.typing import Array

ENCODED_BYTES = 16 * 2**20
"""Bytes of the features that are computed at one time, float64."""

REMEDY = "Leave out columns with many categories (--columns NAME=skip), or free some space."


class StoredRows:
    """Rows in a temporary file, as inputs of a network.

    Attributes
    ----------
    drawn : Table
        A random sample of the rows, and those with the lowest and the highest number and the categories of each column,
        after `describe`.
    """

    drawn: Table

    def __init__(self, table: StoredTable, settings: Settings, targets: Sequence[str], folder: Path | None) -> None:
        self.table, self.settings, self.targets, self.folder = table, settings, targets, folder

    def describe(self, is_training: Array) -> tuple[Mapping[str, Any], DrawnSample]:
        rows, self.drawn = draw_sample(self.table, is_training)
        description = describe(self.drawn, np.flatnonzero(is_training[rows]), self.targets, self.settings)
        most = SAMPLE_BYTES // (4 * len(list_features(description["inputs"])))
        few = draw_rows(len(rows), max(1, most))
        mask = np.zeros(len(rows), bool)
        mask[few] = True
        shown = self.drawn if mask.all() else self.drawn.select_rows(mask)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)  # `arrange` warns of the invalid cells of all rows
            x = self.encode(shown, description)
        return description, DrawnSample(rows[few], x, shown)

    def encode(self, chunk: Table, description: Mapping[str, Any], is_new: bool = False) -> Array:
        return encode(chunk, description["inputs"], strict=self.settings.strict, is_new=is_new)

    def iter_inputs(self, description: Mapping[str, Any], *, is_new: bool) -> Iterator[Array]:
        names = [column["name"] for column in description["inputs"]]
        size = max(1, ENCODED_BYTES // (8 * len(list_features(description["inputs"]))))
        with collect_cell_warnings():
            for chunk in self.table.iter_chunks(names):
                for start in range(0, len(chunk), size):
                    yield self.encode(slice_table(chunk, start, start + size), description, is_new)

    def arrange(self, description: Mapping[str, Any], places: Array) -> Any:
        features, count = len(list_features(description["inputs"])), len(self.table)
        what = f"{self.table.path}: {count:,} rows of {features:,} features"
        check_free_space(self.folder, 4 * count * features, what, REMEDY)
        file = RowFile(self.folder, (features,), np.float32)
        with shuffle_rows(file, places) as writer:
            for chunk in self.iter_inputs(description, is_new=False):
                writer.append(chunk)
        return file.map(count)


def draw_sample(table: StoredTable, is_training: Array) -> tuple[Array, Table]:
    """Return the indices of rows of a table, and the rows.

    They are a random sample, rows with the lowest and the highest number of each column, and a training row with each
    category of the columns that have few. So whether a column is constant or counts the rows, and its categories, are
    those of all rows.
    """
    drawn, witnesses = draw_rows(len(table), SAMPLE_ROWS), Witnesses()
    indices, parts, start = [], [], 0
    for chunk in table.iter_chunks():
        stop = start + len(chunk)
        mask = np.zeros(len(chunk), bool)
        mask[drawn[np.searchsorted(drawn, start) : np.searchsorted(drawn, stop)] - start] = True
        if len(drawn) < len(table):
            mask[witnesses.find(chunk, is_training[start:stop])] = True
        if mask.any():
            indices.append(start + np.flatnonzero(mask))
            parts.append(chunk.select_rows(mask))
        start = stop
    sample = concatenate_tables(parts)
    return np.concatenate(indices), replace(sample, sampled_from=len(table) if len(sample) < len(table) else None)


class Witnesses:
    """Rows that show what a random sample may lack: extreme numbers and rare categories."""

    def __init__(self) -> None:
        self.texts: set[str] = set()  # columns whose first cells are no numbers
        self.ends: dict[str, tuple[float, float]] = {}
        self.categories: dict[str, set[str]] = {}

    def find(self, chunk: Table, is_training: Array) -> list[int]:
        """Return the rows of the next chunk with a lower or a higher number than before, or a new category."""
        found: list[int] = []
        for name, cells in chunk.columns.items():
            if not is_temporal(cells.type) and not is_boolean(cells.type) and name not in self.texts:
                found += self.find_ends(name, *parse_column(chunk, name))
            known = self.categories.setdefault(name, set())
            if (is_text(cells.type) or is_boolean(cells.type)) and len(known) <= MAXIMUM_CATEGORIES:
                found += self.find_categories(known, cells, is_training)
        return found

    def find_ends(self, name: str, numbers: Array, invalid: Array) -> list[int]:
        finite = np.flatnonzero(np.isfinite(numbers))
        if len(finite) < len(invalid):
            self.texts.add(name)
        if not len(finite):
            return []
        present = numbers[finite]
        rows = int(finite[present.argmin()]), int(finite[present.argmax()])
        low, high = self.ends.get(name, (math.inf, -math.inf))
        self.ends[name] = min(low, float(numbers[rows[0]])), max(high, float(numbers[rows[1]]))
        return [
            row for row, is_new in zip(rows, (numbers[rows[0]] < low, numbers[rows[1]] > high), strict=True) if is_new
        ]

    def find_categories(self, known: set[str], cells: Any, is_training: Array) -> list[int]:
        import pyarrow as pa
        import pyarrow.compute as pc

        training = cells.filter(pa.array(is_training))
        new = [value for value in pc.unique(training).to_pylist() if value is not None and value not in known]
        known.update(new)
        rows = np.flatnonzero(is_training)
        return [int(rows[pc.index(training, value).as_py()]) for value in new[: MAXIMUM_CATEGORIES + 1]]
