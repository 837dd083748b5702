"""Paths of the images in a folder and those below it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

image_types = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")


def list_images(basePath: Any, contains: str | None = None) -> Iterator[str]:
    """Yield the paths of images, folder by folder; folders, and names in a folder, are sorted."""
    return list_files(basePath, image_types, contains)


def list_files(basePath: Any, validExts: Any = None, contains: str | None = None) -> Iterator[str]:
    """Yield the paths of files that end in one of ``validExts`` and whose names contain a text."""
    for folder, folders, names in os.walk(basePath):
        folders.sort()
        for name in sorted(names):
            suffix = name[name.rfind(".") :].lower()
            if (contains is None or contains in name) and (validExts is None or suffix.endswith(validExts)):
                yield f"{folder}{os.sep}{name}"
