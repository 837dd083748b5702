"""Loader of folders and zip archives of images."""

import functools
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.tracking.errors import UsageError
from pellucid.tracking.parameters import Parameter, Range
from pellucid.train.read.loaders import Batch, DataLoader

if TYPE_CHECKING:
    from pellucid.data.images import ImageFolder
    from pellucid.train.read.dataset import Dataset
    from pellucid.train.settings.settings import Settings
    from pellucid.typing import Array

KIND = "image"
DEFAULT_SIZE = (32, 32)
MAXIMUM_SIDE = 4096
MAXIMUM_BATCH = 1024
"""Number of images that are decoded before the network predicts their classes."""


def load(settings: "Settings") -> "Dataset":
    """Read the images of a folder or zip archive, in its own parts (``train``, ``val``, ``test``) if it has any."""
    import numpy as np

    from pellucid.data.images import image_folder
    from pellucid.train.read.dataset import check_shape, compute_checksum

    where, size, folders = settings.data, resolve_size(settings.options.get("size")), find_folders(settings.data)
    read = {part: image_folder(where, size, folder, strict=settings.strict) for part, folder in folders.items()}
    images = np.concatenate([found.images for found in read.values()])
    labels = np.concatenate([found.labels for found in read.values()])
    description: dict[str, Any] = {"kind": KIND, "size": size, "shape": list(images.shape[1:])}
    return make_dataset(
        settings,
        read,
        fit_inputs=lambda training: (images, description),
        apply_description=lambda other: check_shape(images, other, where),
        checksum=compute_checksum(images, labels),
    )


def load_stored(settings: "Settings", folder: Path | None) -> "Dataset | None":
    """Decode images that are larger than memory into a temporary file in a folder; return None for smaller ones."""
    import numpy as np

    from pellucid.data.images import count_images, read_images
    from pellucid.train.read.dataset import compute_checksum
    from pellucid.train.read.out_of_core.images import StoredImages

    where, size, folders = settings.data, resolve_size(settings.options.get("size")), find_folders(settings.data)
    count = count_images(where, folders.values())
    if count * size[0] * size[1] * 3 <= settings.memory * 10**6:
        return None
    stored = StoredImages(size, count, folder, where)
    read = {
        part: read_images(where, size, each, lambda count: stored.append, strict=settings.strict)
        for part, each in folders.items()
    }
    stored.flush()
    labels = np.concatenate([found.labels for found in read.values()])
    blocks = stored.file.iter_blocks(stored.count)
    header = f"uint8{(stored.count, *stored.shape)}".encode()  # as of one array
    checksum = compute_checksum(header, *(block.data.cast("B") for block in blocks), labels)
    return make_dataset(settings, read, checksum=checksum, stored=stored)


def find_folders(where: str) -> Mapping[str, str | None]:
    """Return the folder of each part of the data; without parts, one without a name."""
    from pellucid.data.images import image_parts

    return find_parts(image_parts(Path(where)), where) or {"": None}


def make_dataset(settings: "Settings", read: "Mapping[str, ImageFolder]", **options: Any) -> "Dataset":
    """Return the data of all parts together; raise `DataError` if the parts have other classes."""
    import numpy as np

    from pellucid.data.errors import DataError
    from pellucid.train.read.dataset import Dataset

    where, size = settings.data, resolve_size(settings.options.get("size"))
    first = next(iter(read))
    names = read[first].class_names
    parts: dict[str, Array] = {}
    start = 0
    for part, found in read.items():
        if found.class_names != names:
            raise DataError(
                f"{where}: expected the same classes in every part, received {', '.join(found.class_names)} in the "
                f"{part} part and {', '.join(names)} in the {first} part."
            )
        if part:
            parts[part] = np.arange(start, start + len(found.labels))
        start += len(found.labels)
    files = [file for found in read.values() for file in found.files]
    return Dataset(
        where=where,
        targets=np.concatenate([found.labels for found in read.values()]),
        class_names=names,
        summary=f"{start:,} images, resized to {size[0]}x{size[1]} pixels",
        parts=parts,
        locate=files.__getitem__,
        read_sizes=lambda rows: read_sizes(where, [files[row] for row in rows]),
        **options,
    )


def read_sizes(where: str, files: Sequence[str]) -> "Array":
    """Return heights and widths of image files, shape (n, 2)."""
    import numpy as np

    from pellucid.data.file_source import open_file_source
    from pellucid.data.image_decoding import raise_on_decompression_bombs, read_image_size

    with open_file_source(Path(where)) as source, raise_on_decompression_bombs():
        return np.array([read_image_size(source.read(file)) for file in files])


def resolve_size(size: int | tuple[int, ...] | None) -> tuple[int, int]:
    """Return height and width; one number is a square."""
    sides = DEFAULT_SIZE if size is None else (size, size) if isinstance(size, int) else size
    if len(sides) != 2:
        raise UsageError(f"size: expected one number of pixels, or height and width; received {size!r}")
    return sides[0], sides[1]


def find_parts(folders: tuple[str, ...], where: str) -> Mapping[str, str]:
    """Return the folders of the parts of a data set: training, validation and test."""
    from pellucid.data.errors import DataError
    from pellucid.data.folder_layout import PART_NAMES

    found: dict[str, str] = {}
    for folder in folders:
        part = PART_NAMES[folder.lower()]
        if part in found:
            raise DataError(f"{where}: expected one folder for the {part} part, received {found[part]} and {folder}.")
        found[part] = folder
    if found and "training" not in found:
        raise DataError(f"{where}: expected a training part, such as train, received only {', '.join(folders)}.")
    return found


def read_inputs(description: Mapping[str, Any], file: str, strict: bool) -> Iterator[Batch]:
    """Yield an image, or those of a folder or zip archive, in batches."""
    return decode_images(description, open_images(file), strict)


def parse_upload(description: Mapping[str, Any], content: bytes, name: str, strict: bool) -> Iterator[Batch]:
    """Yield an image that a client sends."""
    return decode_images(description, [(name, lambda: content)], strict)


def decode_images(
    description: Mapping[str, Any], opened: Iterable[tuple[str, Callable[[], bytes]]], strict: bool
) -> Iterator[Batch]:
    """Yield images in batches, from their names and functions that read them."""
    import numpy as np

    from pellucid.data.errors import DataError, DataWarning
    from pellucid.data.file_source import ArchiveReadError
    from pellucid.data.image_decoding import ImageDecodeError, decode_image, raise_on_decompression_bombs

    size = tuple(description["size"])
    positions: list[dict[str, Any]] = []
    images: list[Array] = []
    with raise_on_decompression_bombs():
        for name, read in opened:
            try:
                image = decode_image(read(), size)
            except (ImageDecodeError, ArchiveReadError) as error:
                if strict:
                    raise DataError(f"{name}: {error}; repair or remove it.") from error
                warnings.warn(f"{name}: skipped, {error}", DataWarning, stacklevel=2)
                continue
            positions.append({"file": name})
            images.append(image)
            if len(images) == MAXIMUM_BATCH:
                yield positions, np.stack(images)
                positions, images = [], []
    if images:
        yield positions, np.stack(images)


def parse_inputs(description: Mapping[str, Any], content: bytes, strict: bool) -> Iterator[Batch]:
    """Yield the images whose paths are the lines of standard input, in batches; empty lines are skipped."""
    for line in content.splitlines():
        if line.strip():
            yield from read_inputs(description, os.fsdecode(line), strict)


def open_images(file: str) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield the names of images, each with a function that reads it."""
    from pellucid.data.errors import DataError
    from pellucid.data.file_source import open_file_source, read_file
    from pellucid.data.image_decoding import SUFFIXES

    path = Path(file)
    if not path.exists():
        raise DataError(f"{file}: no such file or folder.")
    if not recognizes(path):
        if path.suffix.lower() not in SUFFIXES:
            raise DataError(f"{file}: expected an image, or a folder or zip archive of images, received another file.")
        yield file, lambda: read_file(path)
        return
    with open_file_source(path) as source:
        names = [name for name in source.sizes if Path(name).suffix.lower() in SUFFIXES]
        if not names:
            raise DataError(f"{file}: expected at least one image, received none.")
        for name in names:
            yield f"{file.rstrip('/')}/{name}", functools.partial(source.read, name)


def recognizes(path: Path) -> bool:
    return path.is_dir() or path.suffix.lower() == ".zip"


def is_valid(description: Mapping[str, Any]) -> bool:
    from pellucid.train.read.dataset import is_list_of

    size = description["size"]
    return (
        is_list_of(int, description["shape"])
        and is_list_of(int, size)
        and len(size) == 2
        and all(1 <= side <= MAXIMUM_SIDE for side in size)
    )


LOADER = DataLoader(
    kind=KIND,
    name="a folder or zip archive of images",
    recognizes=recognizes,
    load=load,
    load_stored=load_stored,
    read_inputs=read_inputs,
    parse_inputs=parse_inputs,
    parse_upload=parse_upload,
    is_valid=is_valid,
    options=(
        Parameter(
            "size",
            int | tuple[int, ...] | None,
            None,
            "Size to which images are resized: pixels per side, or HEIGHT,WIDTH (default 32).",
            Range(1, MAXIMUM_SIDE),
        ),
    ),
)
