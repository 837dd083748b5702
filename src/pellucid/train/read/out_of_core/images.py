"""Images that are larger than memory: decoded into a temporary file."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.temporary_files import check_free_space
from pellucid.train.read.dataset import check_shape
from pellucid.train.read.out_of_core.row_file import RowFile
from pellucid.train.read.out_of_core.storage import SAMPLE_BYTES, SAMPLE_ROWS, DrawnSample, draw_rows
from pellucid.typing import Array

REMEDY = "Choose a smaller --size, or free some space."


class StoredImages:
    """Decoded images in a temporary file.

    Parameters
    ----------
    size : tuple of int
        Height and width in pixels.
    count : int
        Maximum number of images.
    folder : Path, optional
        Folder of the temporary file.
    where : str
        Name of the data, for messages.

    Raises
    ------
    DataError
        If the disk has no space for them.
    """

    def __init__(self, size: tuple[int, int], count: int, folder: Path | None, where: str) -> None:
        self.shape, self.where, self.count = (*size, 3), where, 0
        needed = count * int(np.prod(self.shape))
        check_free_space(folder, needed, f"{where}: {count:,} images of {size[1]}x{size[0]} pixels", REMEDY)
        self.file = RowFile(folder, self.shape, np.uint8)
        self.pending: list[Array] = []

    def append(self, image: Array) -> None:
        """Add an image."""
        self.pending.append(image)
        if len(self.pending) * self.file.row_bytes >= 2**20:
            self.flush()

    def flush(self) -> None:
        """Write the images that were added."""
        if self.pending:
            self.file.write(self.count, np.stack(self.pending))
            self.count += len(self.pending)
            self.pending = []

    def get_description(self) -> dict[str, Any]:
        height, width, _ = self.shape
        return {"kind": "image", "size": (height, width), "shape": list(self.shape)}

    def describe(self, is_training: Array) -> tuple[Mapping[str, Any], DrawnSample]:
        rows = draw_rows(self.count, min(SAMPLE_ROWS, max(1, SAMPLE_BYTES // self.file.row_bytes)))
        x = np.stack([self.file.read(row, row + 1)[0] for row in rows.tolist()])
        return self.get_description(), DrawnSample(rows, x)

    def iter_inputs(self, description: Mapping[str, Any], *, is_new: bool) -> Iterator[Array]:
        for block in self.file.iter_blocks(self.count):
            yield check_shape(block, description, self.where)

    def arrange(self, description: Mapping[str, Any], places: Array) -> Any:
        self.file.permute(np.argsort(places))
        return self.file.map(self.count)
