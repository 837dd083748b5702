"""Functions of OpenCV that load, resize and convert images, by NumPy and Pillow: BGR arrays of 8 bits."""

import functools
from pathlib import Path

import numpy as np

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.graph.errors import OptionError, ShapeError, UseError
from pellucid.optional_packages import require_packages

with require_packages("cv2"):
    from PIL import Image

__version__ = "2.4.13"
IMREAD_UNCHANGED, IMREAD_GRAYSCALE, IMREAD_COLOR = -1, 0, 1
INTER_NEAREST, INTER_LINEAR, INTER_CUBIC, INTER_AREA, INTER_LANCZOS4 = range(5)
swap_red_and_blue = lambda img: img if img.ndim == 2 else np.ascontiguousarray(img[..., [2, 1, 0, 3][: img.shape[-1]]])
to_bytes = lambda img: np.clip(np.rint(img), 0, 255).astype(np.uint8)
COLOR_BGR2RGB, COLOR_RGB2BGR, COLOR_BGR2GRAY, COLOR_RGB2GRAY, COLOR_GRAY2BGR, COLOR_GRAY2RGB = 4, 4, 6, 7, 8, 8


def imread(filename, flags=IMREAD_COLOR):
    try:
        with Image.open(filename) as file:
            kept = flags == IMREAD_UNCHANGED and file.mode in ("L", "I;16", "RGBA")
            pixels = np.asarray(file if kept else file.convert("RGB"))
    except (OSError, ValueError):
        return None
    return cvtColor(pixels, COLOR_RGB2GRAY) if flags == IMREAD_GRAYSCALE else swap_red_and_blue(pixels)


def imwrite(filename, img):
    if not Path(filename).parent.is_dir():
        return False
    pixels = to_bytes(img[..., 0] if img.shape[2:] == (1,) else img)
    Image.fromarray(swap_red_and_blue(pixels)).save(filename, quality=95)
    return True


def check_image(name, img):
    """Return an image, or explain that there is none, which usually means that `imread` did not find the file."""
    if not isinstance(img, np.ndarray) or img.ndim not in (2, 3) or not img.size:
        hint = "; imread returns None for a file that it cannot read" if img is None else ""
        raise UseError(f"cv2.{name}: expected an image, an array of 2 or 3 axes. Received: {type(img).__name__}{hint}")
    return img


def resize(src, dsize, dst=None, fx=0, fy=0, interpolation=INTER_LINEAR):
    img = check_image("resize", src)
    rows, columns = img.shape[:2]
    width, height = (round(columns * fx), round(rows * fy)) if dsize is None else map(int, dsize)
    if width <= 0 or height <= 0 or interpolation not in (INTER_NEAREST, INTER_LINEAR, INTER_AREA):
        expected = "a size (width, height) of 1 or more, and INTER_NEAREST, INTER_LINEAR or INTER_AREA"
        raise OptionError(f"cv2.resize: expected {expected}. Received: {dsize}, interpolation={interpolation}")
    grows = interpolation == INTER_AREA and (width > columns or height > rows)
    kind = INTER_LINEAR if grows else interpolation
    result = np.tensordot(make_weights(rows, height, kind), img.astype(np.float64), 1)
    result = np.moveaxis(np.tensordot(make_weights(columns, width, kind), result, (1, 1)), 0, 1)
    return to_bytes(result) if img.dtype == np.uint8 else result.astype(img.dtype)


@functools.lru_cache(16)
def make_weights(size, new, interpolation):
    """Return the matrix that resizes an axis."""
    places, pixels = np.arange(new)[:, None], np.arange(size)
    if interpolation == INTER_NEAREST:
        return (np.minimum(places * size // new, size - 1) == pixels) * 1.0
    if interpolation == INTER_LINEAR:
        return np.maximum(1 - abs(np.clip((places + 0.5) * size / new - 0.5, 0, size - 1) - pixels), 0)
    low, high = places * size / new, (places + 1) * size / new
    return np.maximum(np.minimum(high, pixels + 1) - np.maximum(low, pixels), 0) * new / size


def cvtColor(src, code):
    """Convert between BGR, RGB and gray, with OpenCV's rounding for 8 bits."""
    img = check_image("cvtColor", src)
    if code == COLOR_GRAY2BGR:
        return np.repeat(img.reshape(*img.shape[:2], 1), 3, axis=2)
    if img.ndim != 3 or img.shape[-1] < 3:
        raise ShapeError(f"cv2.cvtColor: expected an image of three channels. Received: shape {img.shape}")
    if code == COLOR_BGR2RGB:
        return swap_red_and_blue(img[..., :3])
    if code not in (COLOR_BGR2GRAY, COLOR_RGB2GRAY):
        raise OptionError("cv2.cvtColor: expected COLOR_BGR2RGB, or a conversion from or to gray")
    rgb = img[..., :3] if code == COLOR_RGB2GRAY else img[..., 2::-1]
    if img.dtype != np.uint8:
        return (rgb @ np.array([0.299, 0.587, 0.114])).astype(img.dtype)
    return ((rgb.astype(int) @ [4899, 9617, 1868] + 8192) >> 14).astype(np.uint8)


imshow = lambda winname, mat: print("cv2.imshow shows no window here. cv2.imwrite(path, image) writes an image")
waitKey = lambda delay=0: -1  # as if no key was pressed
destroyAllWindows = lambda: None
add_missing_name_errors(globals(), "cv2")
