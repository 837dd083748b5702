"""Which class an image belongs to, told from where it lies: the two habits of folders of images.

Either all images lie in one folder and the class is the name before the first dot (``cat.0.jpg``), or each
class has a folder (``cat/0.jpg``, at any depth). Folders that only wrap others are looked through, and folders
named ``train``, ``test`` and so on are parts of a data set rather than classes.
"""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.data.errors import DataError, shown
from pellucid.errors import near_miss

PARTS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval"})
HABITS = "names like 'cat.0.jpg' in one folder, or one folder a class"


def parts_of(names: Sequence[str]) -> tuple[str, ...]:
    """The parts (``train``, ``test``) that files are kept in, or none.

    Parameters
    ----------
    names : sequence of str
        The files, relative to the folder, with forward slashes.

    Returns
    -------
    tuple of str
        The folders of the parts, sorted; empty where the files are kept in classes straight away.

    Examples
    --------
    >>> parts_of(["pictures/train/cat/0.jpg", "pictures/test/cat/0.jpg"])
    ('pictures/test', 'pictures/train')
    >>> parts_of(["cat/0.jpg", "dog/0.jpg"])
    ()
    """
    wrapping = _wrapping(names)
    tops = {name[len(wrapping) :].partition("/")[0] for name in names}
    return tuple(sorted(wrapping + top for top in tops)) if _are_parts(tops) else ()


def part_folder(names: Sequence[str], part: str | None, where: str) -> str:
    """The folder that holds one part of a data set.

    Parameters
    ----------
    names : sequence of str
        The files, relative to the folder, with forward slashes.
    part : str or None
        The name of the part; None takes the only one, or everything where there are no parts.
    where : str
        What errors call the folder.

    Returns
    -------
    str
        What the names of the part begin with: a folder and a slash, or nothing.

    Raises
    ------
    DataError
        Where there is no such part, or several and none is named.

    Examples
    --------
    >>> part_folder(["pictures/train/cat/0.jpg", "pictures/test/cat/0.jpg"], "test", "pictures.zip")
    'pictures/test/'
    """
    folders = {folder.rpartition("/")[2]: folder + "/" for folder in parts_of(names)}
    if part is None:
        if len(folders) > 1:
            raise DataError(f"{where}: holds the parts {', '.join(sorted(folders))}; choose one, as in part='train'.")
        return ""
    if part not in folders:
        choice = f"its parts are {', '.join(sorted(folders))}" if folders else "it has no parts, leave part out"
        advice = f"{choice}.{near_miss(part, folders)}"
        raise DataError(f"{where}: expected the name of a part of the data set, received {part!r}; {advice}")
    return folders[part]


def classes_of(names: Sequence[str], where: str) -> dict[str, str | None]:
    """Tell the class of every image from its name.

    Parameters
    ----------
    names : sequence of str
        The images, relative to the folder, with forward slashes; at least one.
    where : str
        What errors call the folder.

    Returns
    -------
    dict
        The class of each image; None where one lies among images with a class, but its own name gives none.

    Raises
    ------
    DataError
        Where habits are mixed, where no name gives a class, or where there is only one class.

    Examples
    --------
    >>> classes_of(["train/cat.0.jpg", "train/dog.0.jpg"], "pictures")
    {'train/cat.0.jpg': 'cat', 'train/dog.0.jpg': 'dog'}
    >>> classes_of(["cat/0.jpg", "dog/old/0.jpg"], "pictures")
    {'cat/0.jpg': 'cat', 'dog/old/0.jpg': 'dog'}
    """
    wrapping = _wrapping(names)
    if parts_of(names):
        wrapping = _wrapping(names, through_parts=True)
    inner = {name: name[len(wrapping) :] for name in names}
    nested = tuple(name for name in names if "/" in inner[name])
    loose = tuple(name for name in names if "/" not in inner[name])
    if nested and loose:
        raise DataError(
            f"{where}: expected {HABITS}, received both: {shown(loose, 1)} beside folders such as that of "
            f"{shown(nested, 1)}; move the images into one habit."
        )
    classes = {name: rest.partition("/")[0] if nested else _class_in_name(rest) for name, rest in inner.items()}
    kinds = tuple(sorted(set(filter(None, classes.values()))))
    if not kinds:
        raise DataError(
            f"{where}: expected {HABITS}; received one folder whose names give no class, such as {shown(loose, 1)}. "
            "Rename the images, or sort them into two or more folders."
        )
    if len(kinds) == 1:
        raise DataError(
            f"{where}: expected two or more classes, received only {shown(kinds)} ({len(names)} images); "
            f"add images of another class: {HABITS}."
        )
    return classes


def _class_in_name(name: str) -> str | None:
    """The text before the first dot of ``cat.0.jpg``; None for ``0.jpg``, which names no class."""
    first, *rest = name.split(".")
    return first if len(rest) >= 2 and first else None


def _are_parts(tops: set[str]) -> bool:
    """Whether the topmost folders are parts of a data set."""
    return bool(tops) and all(top.lower() in PARTS for top in tops)


def _wrapping(names: Sequence[str], through_parts: bool = False) -> str:
    """The folders that wrap all files, with a slash at the end; parts are looked through only on demand."""
    wrapping = ""
    while True:
        tops = {name[len(wrapping) :].partition("/")[0] for name in names}
        inside = all("/" in name[len(wrapping) :] for name in names)
        if len(tops) != 1 or not inside or (_are_parts(tops) and not through_parts):
            return wrapping
        wrapping += f"{tops.pop()}/"
