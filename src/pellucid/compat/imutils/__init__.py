"""Functions of imutils on arrays of images, by `pellucid.compat.cv2`."""

from pellucid.compat import cv2
from pellucid.compat.imutils import paths
from pellucid.compat.missing_names import add_missing_name_errors

__all__ = ["paths"]


def resize(image, width=None, height=None, inter=cv2.INTER_AREA):
    if width is None and height is None:
        return image
    rows, columns = image.shape[:2]
    size = (int(columns * (height / rows)), height) if width is None else (width, int(rows * (width / columns)))
    return cv2.resize(image, size, interpolation=inter)


opencv2matplotlib = lambda image: cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
add_missing_name_errors(globals(), "imutils")
