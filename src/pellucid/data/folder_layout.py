"""Classes and parts of an image data set, inferred from file names.

There are two layouts: all images in one folder, with the class before the first dot of the name (``cat.0.jpg``), or one
folder per class (``cat/0.jpg``, at any depth). Folders that only wrap others are skipped. Folders named ``train``,
``test`` and so on are parts of the data set, not classes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from pellucid.data.errors import DataError, format_names
from pellucid.errors import near_miss

PART_NAMES = {
    "train": "training",
    "training": "training",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "eval": "test",
}
"""The parts of a data set by the names of folders and arrays."""
LAYOUTS = "names like 'cat.0.jpg' in one folder, or one folder per class"


def find_parts(names: Sequence[str]) -> tuple[str, ...]:
    """Return the folders of the parts (``train``, ``test``), sorted; empty if the data set has no parts.

    Examples
    --------
    >>> find_parts(["pictures/train/cat/0.jpg", "pictures/test/cat/0.jpg"])
    ('pictures/test', 'pictures/train')
    >>> find_parts(["cat/0.jpg", "dog/0.jpg"])
    ()
    """
    prefix = _get_common_prefix(names)
    tops = {name[len(prefix) :].partition("/")[0] for name in names}
    return tuple(sorted(prefix + top for top in tops)) if _are_part_names(tops) else ()


def find_part_folder(names: Sequence[str], part: str | None, where: str) -> str:
    """Return the prefix of the file names in one part of a data set.

    None as ``part`` selects the only part, or everything if there are no parts. ``where`` is for messages.

    Examples
    --------
    >>> find_part_folder(["pictures/train/cat/0.jpg", "pictures/test/cat/0.jpg"], "test", "pictures.zip")
    'pictures/test/'
    """
    folders = {folder.rpartition("/")[2]: folder + "/" for folder in find_parts(names)}
    if part is None:
        if len(folders) > 1:
            raise DataError(f"{where}: has the parts {', '.join(sorted(folders))}; choose one, such as part='train'.")
        return ""
    if part not in folders:
        choice = f"the parts are {', '.join(sorted(folders))}" if folders else "the folder has no parts, omit part"
        hint = near_miss(part, folders)
        raise DataError(f"{where}: expected part to be a part of the data set, received {part!r}; {choice}.{hint}")
    return folders[part]


def infer_classes(names: Sequence[str], where: str, others: Sequence[str] = ()) -> dict[str, str | None]:
    """Infer the class of each image from its name; None for an image whose name has no class.

    Composed and decomposed forms of letters, such as é, are the same class. ``others`` are files that are no images.

    Examples
    --------
    >>> infer_classes(["train/cat.0.jpg", "train/dog.0.jpg"], "pictures")
    {'train/cat.0.jpg': 'cat', 'train/dog.0.jpg': 'dog'}
    >>> infer_classes(["cat/0.jpg", "dog/old/0.jpg"], "pictures")
    {'cat/0.jpg': 'cat', 'dog/old/0.jpg': 'dog'}
    """
    prefix = _get_common_prefix(names, through_parts=bool(find_parts(names)))
    relative = {name: unicodedata.normalize("NFC", name[len(prefix) :]) for name in names}
    _check_parts(list(relative.values()), where)
    nested = [name for name in names if "/" in relative[name]]
    loose = [name for name in names if "/" not in relative[name]]
    if nested and loose:
        raise DataError(
            f"{where}: expected {LAYOUTS}, received both: {format_names(loose, 1)} and folders such as that of "
            f"{format_names(nested, 1)}; use one layout for all images."
        )
    classes = {
        name: rest.partition("/")[0] if nested else _get_class_from_name(rest) for name, rest in relative.items()
    }
    class_names = sorted(set(filter(None, classes.values())))
    if not class_names:
        tables = [
            name for name in others if name.lower().endswith((".csv", ".tsv", ".json", ".jsonl", ".txt", ".xlsx"))
        ]
        wrapper = f", {prefix[:-1]!a}," if prefix else ""
        unread = f" Labels in {format_names(tables, 1)} are not read." if tables else ""
        raise DataError(
            f"{where}: expected {LAYOUTS}; received one folder{wrapper} of names without a class, such as "
            f"{format_names(loose, 1)}.{unread} Rename the images, or move them into one folder per class."
        )
    if len(class_names) == 1:
        raise DataError(
            f"{where}: expected two or more classes, received only {format_names(class_names)} ({len(names)} images); "
            f"add images of another class: {LAYOUTS}."
        )
    return classes


def _check_parts(names: Sequence[str], where: str) -> None:
    """Raise if folders named like parts would become classes, or parts inside of classes would be ignored."""
    tops = {name.partition("/")[0] for name in names if "/" in name}
    parts = sorted(top for top in tops if top.lower() in PART_NAMES)
    others = sorted(tops - set(parts))
    if others and len({PART_NAMES[part.lower()] for part in parts}) > 1:
        raise DataError(
            f"{where}: expected only parts next to {' and '.join(parts)}, received {format_names(others)}. Move it "
            "elsewhere, or rename the parts if they are classes."
        )
    inside = {folders[1] for name in names if len(folders := name.split("/")) > 2}
    depth = [name for name in names if name.count("/") > 1]
    if len(depth) == len(names) and len(inside) > 1 and _are_part_names(inside):
        example = "/".join(depth[0].split("/")[:2])
        first, second = example.split("/")
        raise DataError(
            f"{where}: expected classes inside of parts, such as {second}/{first}, received parts inside of classes, "
            f"such as {example!a}. Move the images, or use the images of one part."
        )


def _get_class_from_name(name: str) -> str | None:
    """Return the text before the first dot of ``cat.0.jpg``; None for ``0.jpg``."""
    first, *rest = name.split(".")
    return first if len(rest) >= 2 and first else None


def _are_part_names(tops: set[str]) -> bool:
    return bool(tops) and all(top.lower() in PART_NAMES for top in tops)


def _get_common_prefix(names: Sequence[str], through_parts: bool = False) -> str:
    """Return the folders that contain all files, with a final slash; parts count only with ``through_parts``."""
    prefix = ""
    while True:
        tops = {name[len(prefix) :].partition("/")[0] for name in names}
        inside = all("/" in name[len(prefix) :] for name in names)
        if len(tops) != 1 or not inside or (_are_part_names(tops) and not through_parts):
            return prefix
        prefix += f"{tops.pop()}/"
