"""Functions of imutils on arrays of images, by `pellucid.compat.cv2`."""

from __future__ import annotations

from typing import Any

from pellucid.compat import cv2
from pellucid.compat.imutils import paths
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.typing import Array

__all__ = ["opencv2matplotlib", "paths", "resize"]


def resize(image: Array, width: int | None = None, height: int | None = None, inter: int = cv2.INTER_AREA) -> Any:
    """Resize to a width or a height, keeping the aspect ratio."""
    rows, columns = image.shape[:2]
    if width is None and height is None:
        return image
    scale = height / rows if width is None and height is not None else (width or columns) / columns
    size = (int(columns * scale) if width is None else width, int(rows * scale) if width is not None else height)
    return cv2.resize(image, size, interpolation=inter)


def opencv2matplotlib(image: Array) -> Any:
    """Return an image with its channels in the order red, green, blue."""
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


add_missing_name_errors(globals(), "imutils")
