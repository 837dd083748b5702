"""Functions of imutils on arrays of images, by `pellucid.compat.cv2`."""

from pellucid.compat import cv2
from pellucid.compat.missing_names import add_missing_name_errors


def resize(image, width=None, height=None, inter=cv2.INTER_AREA):
    rows, columns = image.shape[:2]
    if width is None and height is None:
        return image
    size = (int(columns * (height / rows)), height) if width is None else (width, int(rows * (width / columns)))
    return cv2.resize(image, size, interpolation=inter)


opencv2matplotlib = lambda image: cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
add_missing_name_errors(globals(), "imutils")
