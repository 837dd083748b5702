"""Samples that are larger than memory: their order in a file, and the sample of them that checks see."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.train.check.checked_data import CheckedData
from pellucid.train.read.dataset import Dataset
from pellucid.train.read.out_of_core.row_file import RowFile, count_labels, iter_row_blocks, shuffle_rows
from pellucid.train.read.out_of_core.storage import DrawnSample
from pellucid.training.memmap_source import release_pages
from pellucid.typing import Array

BLOCK_ROWS = 2**16

PARTS = ("training", "validation", "test")


@dataclass(frozen=True, eq=False)
class ArrangedData:
    """Data in a file, each part in one piece.

    Attributes
    ----------
    dataset : Dataset
        The data in the order of the file.
    parts : mapping from str to range
        The rows of each part.
    x : array, shape (n, ...)
        The inputs, in the file.
    description : mapping
        How the inputs were made.
    checked : CheckedData
        A random sample for checks, in memory.
    folder : Path, optional
        Folder of temporary files.
    """

    dataset: Dataset
    parts: Mapping[str, range]
    x: Any
    description: Mapping[str, Any]
    checked: CheckedData
    folder: Path | None

    def describe(self, memory: int) -> str:
        """Return where the data are, and what sees only a random sample."""
        text = f"larger than {memory} MB (--memory), so samples are read from a temporary file"
        if not self.checked.sample_text:
            return text
        columns = "; statistics and missing values of columns are those of the sample" * bool(self.checked.columns)
        return f"{text}; {self.checked.sample_text}{columns}"


def arrange_data(dataset: Dataset, parts: dict[str, Array], seed: int, folder: Path | None) -> ArrangedData:
    """Write samples into a file: the training samples in random order, then those of validation and test.

    ``parts`` is emptied, because the indices of all samples take much memory.
    """
    assert dataset.stored is not None
    checked = draw_checked_data(dataset, parts)
    sizes = {name: len(parts[name]) for name in PARTS}
    ranges = {
        name: range(end - sizes[name], end)
        for name, end in zip(PARTS, np.cumsum(list(sizes.values())).tolist(), strict=True)
    }
    places = np.empty(len(dataset.targets), np.int32)
    shuffled = parts.pop("training")
    np.random.default_rng([seed, 1]).shuffle(shuffled)
    for name, rows in (("training", shuffled), *((name, parts.pop(name)) for name in PARTS[1:])):
        places[rows] = np.arange(ranges[name].start, ranges[name].stop, dtype=np.int32)
    del shuffled, rows
    targets = RowFile(folder, dataset.targets.shape[1:], dataset.targets.dtype)
    with shuffle_rows(targets, places) as writer:
        for block in iter_row_blocks(dataset.targets, range(len(places)), BLOCK_ROWS):
            writer.append(block)
    x = dataset.stored.arrange(checked.description, places)
    arranged = replace(
        dataset, targets=targets.map(len(places)), parts={}, stored=None, locate=lambda index: f"sample {index}"
    )
    return ArrangedData(arranged, ranges, x, checked.description, checked, folder)


def draw_checked_data(
    dataset: Dataset, parts: Mapping[str, Array], class_weights: Mapping[int, float] | None = None
) -> CheckedData:
    """Return a random sample for checks, in the order of the data."""
    assert dataset.stored is not None
    is_training = np.zeros(len(dataset.targets), bool)
    is_training[parts["training"]] = True
    description, drawn = dataset.stored.describe(is_training)
    classes = dataset.outputs
    counts = {
        name: count_labels(dataset.targets, rows, classes) if dataset.class_names else np.array([len(rows)])
        for name, rows in parts.items()
    }
    sample, found = make_checked_data(dataset, parts, drawn)
    return CheckedData(sample, found, drawn.x, description, class_weights, whole_counts=counts)


def make_checked_data(
    dataset: Dataset, parts: Mapping[str, Array], drawn: DrawnSample
) -> tuple[Dataset, dict[str, Array]]:
    """Return a random sample of the data, in the order of the data, with its parts."""
    rows, table, read_sizes = drawn.rows, drawn.table, dataset.read_sizes
    found = {name: np.flatnonzero(is_member(rows, parts[name], len(dataset.targets))) for name in PARTS}

    def locate(index: int) -> str:
        return dataset.locate(int(rows[index])) if table is None else f"{table.unit} {table.lines[index]}"

    targets = np.array(dataset.targets[rows])
    release_pages(dataset.targets)
    sample = replace(
        dataset,
        targets=targets,
        parts={name: found[name] for name in dataset.parts},
        locate=locate,
        table=table,
        read_sizes=None if read_sizes is None else lambda chosen: read_sizes(rows[chosen]),
        stored=None,
    )
    return sample, found


def is_member(rows: Array, part: Array, count: int) -> Array:
    """Tell which rows are in a part."""
    inside = np.zeros(count, bool)
    inside[part] = True
    found: Array = inside[rows]
    return found
