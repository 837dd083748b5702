"""A folder of images, as people keep them, read into one array."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pellucid.data.archive import Skipped, Source, Unreadable, open_source
from pellucid.data.errors import DataError, DataWarning, shown
from pellucid.data.folder_layout import HABITS, classes_of, part_folder, parts_of
from pellucid.data.image_decoding import SUFFIXES, Undecodable, decode, strict_about_bombs
from pellucid.data.progress import track

T = TypeVar("T")
R = TypeVar("R")

MAXIMUM_ARRAY_BYTES = 16 * 2**30
# Photographs decode faster in threads; small images slower, since threads then mostly wait for Python's lock.
BYTES_WORTH_THREADS = 16_384


@dataclass(frozen=True, eq=False)
class ImageFolder:
    """Images with their classes, as `image_folder` read them.

    Attributes
    ----------
    images : ndarray of shape (n, height, width, 3)
        Dtype uint8: red, green and blue.
    labels : ndarray of shape (n,)
        Dtype int32: the place of each image's class in `class_names`.
    class_names : tuple of str
        The classes, sorted.
    files : tuple of str
        The file of each image, relative to the folder, sorted.
    skipped : tuple of (str, str)
        What was left out: file and reason.
    """

    images: npt.NDArray[np.uint8] = field(repr=False)
    labels: npt.NDArray[np.int32] = field(repr=False)
    class_names: tuple[str, ...]
    files: tuple[str, ...] = field(repr=False)
    skipped: tuple[Skipped, ...]


def image_folder(
    path: str | Path,
    size: tuple[int, int] = (32, 32),
    part: str | None = None,
    progress: bool | None = None,
    strict: bool = False,
) -> ImageFolder:
    """Read a folder of images, or a zip archive of one without unpacking it.

    The class of an image is the text before the first dot of its name, where all lie in one folder
    (``cat.0.jpg``); or else the folder that it lies in, at any depth. Images come in the order of their names.

    Parameters
    ----------
    path : str or Path
        The folder or the archive.
    size : tuple of int
        Height and width in pixels that every image is stretched to.
    part : str or None
        Which part to read, where the folder is divided into ``train`` and ``test`` or the like.
    progress : bool or None
        Whether to show a bar; None shows it where standard error is a terminal.
    strict : bool
        Whether a file that is no usable image is an error; otherwise it is skipped, with a warning.

    Returns
    -------
    ImageFolder
        The images, their labels, the names of the classes, and what was skipped.

    Raises
    ------
    DataError
        Where nothing is there, no class can be told, there is only one, no image of a class can be used, or, if
        strict, any file cannot be used.

    Warns
    -----
    DataWarning
        Where files were skipped; the first few are named, `skipped` has them all.

    Examples
    --------
    >>> from pellucid.data import write_digit_folder
    >>> data = image_folder(write_digit_folder("digits", digits=(3, 8), per_class=5))
    >>> data.images.shape, data.labels.tolist(), data.class_names
    ((10, 32, 32, 3), [0, 0, 0, 0, 0, 1, 1, 1, 1, 1], ('digit3', 'digit8'))
    """
    path, where = Path(path), str(path)
    _check_size(size)
    with open_source(path) as source:
        names, skipped = _images(source, part, where)
        classes = classes_of(names, where)
        skipped += [(name, f"its name gives no class; expected {HABITS}") for name in names if classes[name] is None]
        labelled = [(name, kind) for name, kind in classes.items() if kind is not None]
        if strict:
            _raise_first(skipped, where)
        images, bad = _pixels(source, [name for name, _ in labelled], size, progress, where, strict)
    kinds = _kinds(labelled, bad, where)
    skipped = sorted([*skipped, *bad.items()])
    if skipped:
        first = "; ".join(f"{name!a}: {reason}" for name, reason in skipped[:3])
        total = len(skipped) + len(images)
        warnings.warn(f"{where}: skipped {len(skipped)} of {total} files: {first}", DataWarning, stacklevel=2)
    used = [(name, kind) for name, kind in labelled if name not in bad]
    return ImageFolder(
        images=images,
        labels=np.array([kinds.index(kind) for _, kind in used], np.int32),
        class_names=kinds,
        files=tuple(name for name, _ in used),
        skipped=tuple(skipped),
    )


def image_parts(path: str | Path) -> tuple[str, ...]:
    """The parts that a folder or zip archive of images is divided into, such as ``train`` and ``test``.

    Parameters
    ----------
    path : str or Path
        The folder or the archive.

    Returns
    -------
    tuple of str
        Names for the argument `part` of `image_folder`; empty where there are none.

    Raises
    ------
    DataError
        Where nothing is there.

    Examples
    --------
    >>> from pellucid.data import write_digit_folder
    >>> image_parts(write_digit_folder("digits", per_class=1))
    ()
    """
    with open_source(Path(path)) as source:
        names = [name for name in source.sizes if _is_image(name)]
        return tuple(folder.rpartition("/")[2] for folder in parts_of(names))


def _check_size(size: Sequence[object]) -> None:
    """Refuse a size that is not two positive numbers."""
    if len(size) != 2 or not all(isinstance(side, int) and side >= 1 for side in size):
        raise DataError(f"Expected a size of height and width in pixels, such as (32, 32), received {size}.")


def _images(source: Source, part: str | None, where: str) -> tuple[list[str], list[Skipped]]:
    """The images among the files, by their names, and what is left out."""
    names = [name for name in source.sizes if _is_image(name)]
    others = [(name, "not an image by the end of its name") for name in source.sizes if not _is_image(name)]
    skipped = [*source.skipped, *others]
    if not names:
        found = f"no image but {shown(tuple(name for name, _ in skipped))}" if skipped else "an empty one"
        raise DataError(f"{where}: expected a folder of images ({HABITS}), received {found}.")
    folder = part_folder(names, part, where)
    return (
        [name for name in names if name.startswith(folder)],
        [(name, reason) for name, reason in skipped if name.startswith(folder)],
    )


def _is_image(name: str) -> bool:
    """Whether the name of a file promises an image."""
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def _pixels(
    source: Source, names: list[str], size: tuple[int, int], progress: bool | None, where: str, strict: bool
) -> tuple[npt.NDArray[np.uint8], dict[str, str]]:
    """Decode every image that can be used; for the others, by name, tell why not."""
    if len(names) * size[0] * size[1] * 3 > MAXIMUM_ARRAY_BYTES:
        raise DataError(f"{where}: {len(names)} images of size {size} do not fit in memory; choose a smaller size.")

    def attempt(name: str) -> npt.NDArray[np.uint8] | str:
        try:
            return decode(source.read(name), size)
        except (Unreadable, Undecodable) as error:
            return str(error)

    images = np.empty((len(names), *size, 3), np.uint8)
    used, bad = 0, dict[str, str]()
    mean_bytes = sum(source.sizes[name] for name in names) / len(names)
    with strict_about_bombs(), _in_order(attempt, names, threads=mean_bytes > BYTES_WORTH_THREADS) as results:
        watched = track(results, total=len(names), what="reading images", progress=progress)
        for name, result in zip(names, watched, strict=True):
            if not isinstance(result, str):
                images[used] = result
                used += 1
            elif strict:
                _raise_first([(name, result)], where)
            else:
                bad[name] = result
    return images[:used], bad


@contextmanager
def _in_order(function: Callable[[T], R], items: Iterable[T], threads: bool) -> Iterator[Iterator[R]]:
    """Apply a function to items in their order, in threads or not; what has not begun is dropped on leaving early."""
    if not threads:
        yield map(function, items)
        return
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        try:
            yield pool.map(function, items)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _raise_first(skipped: list[Skipped], where: str) -> None:
    """Stop at the first file that cannot be used, if there is one."""
    if skipped:
        name, reason = skipped[0]
        raise DataError(f"{where}: {name!a}: {reason}; repair or remove it, or read with strict=False.")


def _kinds(labelled: list[tuple[str, str]], bad: dict[str, str], where: str) -> tuple[str, ...]:
    """The classes, sorted; refuses one that no image is left of, since a class must not vanish unnoticed."""
    used = {kind for name, kind in labelled if name not in bad}
    for name, kind in labelled:
        if kind not in used:
            raise DataError(
                f"{where}: no image of class {kind!a} can be used; {name!a}: {bad[name]}. "
                "Replace its images, or remove them all to leave the class out."
            )
    return tuple(sorted(used))
