"""Folders and zip archives of images, read into one array."""

from __future__ import annotations

import itertools
import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pellucid.data.errors import DataError, DataWarning, format_names, join_first
from pellucid.data.file_source import ArchiveReadError, FileSource, Skipped, open_file_source
from pellucid.data.folder_layout import LAYOUTS, find_part_folder, find_parts, infer_classes
from pellucid.data.image_decoding import (
    SUFFIXES,
    UNSUPPORTED_SUFFIXES,
    ImageDecodeError,
    decode_image,
    make_image_budget,
    raise_on_decompression_bombs,
)
from pellucid.progress import track
from pellucid.typing import FilePath
from pellucid.untrusted_files.budget import DEFAULT_WORKING_BYTES, MemoryBudget
from pellucid.untrusted_files.reading import report_damage

T = TypeVar("T")
R = TypeVar("R")

MAXIMUM_ARRAY_BYTES = 16 * 2**30
# Large images decode faster in threads. Small ones decode slower: the threads mostly wait for the GIL.
MINIMUM_BYTES_FOR_THREADS = 16_384

IMAGES_AHEAD = 4
"""Number of images that each thread may decode before they are used."""


@dataclass(frozen=True, eq=False)
class ImageFolder:
    """The images and classes that `image_folder` returns.

    Attributes
    ----------
    images : ndarray of shape (n, height, width, 3)
        Dtype uint8, channels last.
    labels : ndarray of shape (n,)
        Dtype int32: the index of each image's class in `class_names`.
    class_names : tuple of str
        The classes, sorted.
    files : tuple of str
        The file of each image, relative to the folder, sorted.
    skipped : tuple of (str, str)
        Skipped files, each with the reason.

    Examples
    --------
    >>> folder = pel.data.image_folder(pel.data.write_digit_folder("digits", digits=(3, 8), per_class=5))
    >>> folder.images.shape, folder.class_names, folder.files[0]
    ((10, 32, 32, 3), ('digit3', 'digit8'), 'digit3.0.png')
    """

    images: npt.NDArray[np.uint8] = field(repr=False)
    labels: npt.NDArray[np.int32] = field(repr=False)
    class_names: tuple[str, ...]
    files: tuple[str, ...] = field(repr=False)
    skipped: tuple[Skipped, ...]


def image_folder(
    path: FilePath,
    size: tuple[int, int] = (32, 32),
    part: str | None = None,
    progress: bool | None = None,
    strict: bool = False,
    *,
    max_bytes: int = DEFAULT_WORKING_BYTES,
) -> ImageFolder:
    """Read a folder of images, or a zip archive without unpacking it.

    If all images are in one folder, the class of an image is the text before the first dot of its name (``cat.0.jpg``).
    Otherwise it is the name of its folder, at any depth. Images are sorted by name.

    Parameters
    ----------
    path : str or Path
        The folder or archive.
    size : tuple of int
        Height and width in pixels; every image is resized to it.
    part : str or None
        The part to read if the folder is divided into ``train``, ``test`` and so on.
    progress : bool or None
        Whether to show a progress bar; None shows it if standard error is a terminal.
    strict : bool
        Whether an unusable file is an error; otherwise it is skipped with a warning.
    max_bytes : int
        Memory for the images that are decoded at one time. A small file can decode to gigabytes of pixels; an image
        that takes more is unusable.

    Returns
    -------
    ImageFolder
        Images, labels, class names and skipped files.

    Raises
    ------
    DataError
        If the folder does not exist, the classes cannot be inferred, there is only one class, no image of a class is
        usable, or ``strict`` is set and a file is unusable.

    Warns
    -----
    DataWarning
        If files were skipped. The message names the first few; `skipped` has all.

    Examples
    --------
    >>> from pellucid.data import write_digit_folder
    >>> data = image_folder(write_digit_folder("digits", digits=(3, 8), per_class=5))
    >>> data.images.shape, data.labels.tolist(), data.class_names
    ((10, 32, 32, 3), [0, 0, 0, 0, 0, 1, 1, 1, 1, 1], ('digit3', 'digit8'))
    """
    images: list[npt.NDArray[np.uint8]] = []

    def allocate(count: int) -> Callable[[npt.NDArray[np.uint8]], None]:
        if count * size[0] * size[1] * 3 > MAXIMUM_ARRAY_BYTES:
            raise DataError(f"{path}: {count} images of size {size} do not fit in memory; use a smaller size.")
        pixels, used = np.empty((count, *size, 3), np.uint8), itertools.count()
        images.append(pixels)

        def append(image: npt.NDArray[np.uint8]) -> None:
            pixels[next(used)] = image

        return append

    found = read_images(path, size, part, allocate, progress=progress, strict=strict, max_bytes=max_bytes)
    return replace(found, images=images[0][: len(found.labels)])


def read_images(
    path: FilePath,
    size: tuple[int, int],
    part: str | None,
    begin: Callable[[int], Callable[[npt.NDArray[np.uint8]], None]],
    *,
    progress: bool | None = None,
    strict: bool = False,
    max_bytes: int = DEFAULT_WORKING_BYTES,
) -> ImageFolder:
    """Read a folder like `image_folder`, one image at a time; the result has an empty array of images.

    ``begin`` receives the number of files and returns the function that receives each usable image, in order.
    """
    path, where = Path(path), str(path)
    _check_size(size)
    budget = make_image_budget(max_bytes)
    with report_damage(DataError, where), open_file_source(path) as source:
        names, skipped = _find_images(source, part, where)
        classes = infer_classes(names, where, [name for name, _ in skipped])
        skipped += [(name, f"no class in its name; expected {LAYOUTS}") for name in names if classes[name] is None]
        labeled = [(name, kind) for name, kind in classes.items() if kind is not None]
        if strict:
            _raise_first(skipped, where)
        bad = _decode_images(source, [name for name, _ in labeled], size, begin, progress, where, strict, budget)
    class_names = _get_class_names(labeled, bad, where)
    used = [(name, kind) for name, kind in labeled if name not in bad]
    skipped = sorted([*skipped, *bad.items()])
    if skipped:
        reasons = join_first([f"{name!a}: {reason}" for name, reason in skipped])
        total = len(skipped) + len(used)
        warnings.warn(f"{where}: skipped {len(skipped)} of {total} files: {reasons}", DataWarning, stacklevel=3)
    numbers = {kind: number for number, kind in enumerate(class_names)}
    return ImageFolder(
        images=np.empty((0, *size, 3), np.uint8),
        labels=np.array([numbers[kind] for _, kind in used], np.int32),
        class_names=class_names,
        files=tuple(name for name, _ in used),
        skipped=tuple(skipped),
    )


def count_images(path: FilePath, parts: Iterable[str | None]) -> int:
    """Return the number of image files in parts of a folder or zip archive.

    Examples
    --------
    >>> count_images(pel.data.write_digit_folder("digits", digits=(3, 8), per_class=5), [None])
    10
    """
    path = Path(path)
    with report_damage(DataError, path), open_file_source(path) as source:
        return sum(len(_find_images(source, part, str(path))[0]) for part in parts)


def image_parts(path: FilePath) -> tuple[str, ...]:
    """Names of the parts, such as ``train`` and ``test``, of a folder or zip archive of images.

    Parameters
    ----------
    path : str or Path
        The folder or archive.

    Returns
    -------
    tuple of str
        Values for the argument `part` of `image_folder`; empty if there are no parts.

    Raises
    ------
    DataError
        If the folder does not exist.

    Examples
    --------
    >>> from pellucid.data import write_digit_folder
    >>> image_parts(write_digit_folder("digits", per_class=1))
    ()
    """
    with report_damage(DataError, path), open_file_source(Path(path)) as source:
        names = [name for name in source.sizes if _is_image(name)]
        return tuple(folder.rpartition("/")[2] for folder in find_parts(names))


def _check_size(size: Sequence[object]) -> None:
    if len(size) != 2 or not all(isinstance(side, int) and side >= 1 for side in size):
        raise DataError(f"Expected size to be height and width in pixels, such as (32, 32), received {size}.")


def _find_images(source: FileSource, part: str | None, where: str) -> tuple[list[str], list[Skipped]]:
    """Return the names of the images in a part, and the skipped files."""
    names = [name for name in source.sizes if _is_image(name)]
    others = [(name, _describe_suffix(name)) for name in source.sizes if not _is_image(name)]
    skipped = [*source.skipped, *others]
    if not names:
        found = f"only {format_names([skipped[0][0]])} ({skipped[0][1]})" if skipped else "an empty folder"
        found += f" and {len(skipped) - 1} more" if len(skipped) > 1 else ""
        raise DataError(f"{where}: expected a folder of images ({LAYOUTS}), received {found}.")
    _check_formats(names, others, where)
    folder = find_part_folder(names, part, where)
    return (
        [name for name in names if name.startswith(folder)],
        [(name, reason) for name, reason in skipped if name.startswith(folder)],
    )


def _check_formats(names: list[str], others: list[Skipped], where: str) -> None:
    """Raise if a folder, which may be a class, has only images of formats that are not supported."""
    folders = {name.rpartition("/")[0] for name in names}
    for name, reason in others:
        folder = name.rpartition("/")[0]
        if PurePosixPath(name).suffix.lower() in UNSUPPORTED_SUFFIXES and folder not in folders:
            raise DataError(f"{where}: no usable image in {folder!a}; {name!a}: {reason}.")


def _describe_suffix(name: str) -> str:
    """Return why a file is no image that can be read."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in UNSUPPORTED_SUFFIXES:
        return "no image suffix"
    return f"a {suffix[1:].upper()} image, a format that is not supported; convert it to JPEG or PNG"


def _is_image(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def _decode_images(
    source: FileSource,
    names: list[str],
    size: tuple[int, int],
    begin: Callable[[int], Callable[[npt.NDArray[np.uint8]], None]],
    progress: bool | None,
    where: str,
    strict: bool,
    budget: MemoryBudget,
) -> dict[str, str]:
    """Decode all usable images; return the reasons against the others by name."""

    def decode_or_reason(name: str) -> npt.NDArray[np.uint8] | str:
        try:
            return decode_image(source.read(name), size, budget)
        except (ArchiveReadError, ImageDecodeError) as error:
            return str(error)

    append, bad = begin(len(names)), dict[str, str]()
    mean_bytes = sum(source.sizes[name] for name in names) / len(names)
    with (
        raise_on_decompression_bombs(),
        _map_in_order(decode_or_reason, names, threads=mean_bytes > MINIMUM_BYTES_FOR_THREADS) as results,
    ):
        watched = track(results, total=len(names), description="reading images", progress=progress)
        for name, result in zip(names, watched, strict=True):
            if not isinstance(result, str):
                append(result)
            elif strict:
                _raise_first([(name, result)], where)
            else:
                bad[name] = result
    return bad


@contextmanager
def _map_in_order(function: Callable[[T], R], items: Iterable[T], threads: bool) -> Iterator[Iterator[R]]:
    """Apply a function to items in order, in threads or not; pending calls are canceled when the block exits early."""
    if not threads:
        yield map(function, items)
        return
    workers = min(8, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers) as pool:
        try:
            yield _map_ahead(pool, function, items, IMAGES_AHEAD * workers)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _map_ahead(pool: Executor, function: Callable[[T], R], items: Iterable[T], ahead: int) -> Iterator[R]:
    """Yield results in order; only a few more are computed than were asked for."""
    pending: deque[Future[R]] = deque()
    for item in items:
        pending.append(pool.submit(function, item))
        if len(pending) > ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _raise_first(skipped: list[Skipped], where: str) -> None:
    if skipped:
        name, reason = skipped[0]
        raise DataError(f"{where}: {name!a}: {reason}; repair or remove it, or use strict=False.")


def _get_class_names(labeled: list[tuple[str, str]], bad: dict[str, str], where: str) -> tuple[str, ...]:
    """Return the classes, sorted; raise if no image of a class is usable, so that no class vanishes silently."""
    used = {kind for name, kind in labeled if name not in bad}
    for name, kind in labeled:
        if kind not in used:
            raise DataError(
                f"{where}: no usable image of class {kind!a}; {name!a}: {bad[name]}. "
                "Replace the images, or remove them all to omit the class."
            )
    return tuple(sorted(used))
