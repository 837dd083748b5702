"""A few functions of OpenCV on arrays, by NumPy and Pillow. Images are BGR arrays of 8 bits, as OpenCV has them."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.graph.errors import OptionError, ShapeError, TrainingWarning, UseError
from pellucid.graph.source_location import get_user_stacklevel
from pellucid.optional_packages import require_packages
from pellucid.typing import Array

with require_packages("cv2"):
    from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

__version__ = "2.4.13"

IMREAD_UNCHANGED, IMREAD_GRAYSCALE, IMREAD_COLOR = -1, 0, 1
CV_LOAD_IMAGE_UNCHANGED, CV_LOAD_IMAGE_GRAYSCALE, CV_LOAD_IMAGE_COLOR = -1, 0, 1
INTER_NEAREST, INTER_LINEAR, INTER_CUBIC, INTER_AREA, INTER_LANCZOS4 = range(5)
COLOR_BGR2RGB = COLOR_RGB2BGR = 4
COLOR_BGR2GRAY, COLOR_RGB2GRAY, COLOR_GRAY2BGR, COLOR_BGR2HSV = 6, 7, 8, 40
COLOR_GRAY2RGB = COLOR_GRAY2BGR
NORM_INF, NORM_L1, NORM_L2, NORM_MINMAX = 1, 2, 4, 32
FONT_HERSHEY_SIMPLEX, LINE_AA = 0, 16
CV_AA = LINE_AA


def imread(filename: Any, flags: int = IMREAD_COLOR) -> Array | None:
    """Return an image file as an array, or None if it is missing or unreadable."""
    try:
        with Image.open(filename) as file:
            if flags == IMREAD_UNCHANGED and file.mode in ("L", "I;16"):
                return np.asarray(file)
            mode = {IMREAD_GRAYSCALE: "L", IMREAD_UNCHANGED: "RGBA" if file.mode == "RGBA" else "RGB"}.get(flags, "RGB")
            pixels = np.asarray(file.convert("RGB" if mode == "L" else mode))
    except (OSError, UnidentifiedImageError, ValueError):
        return None
    if mode == "L":
        return cvtColor(pixels, COLOR_RGB2GRAY)
    return np.ascontiguousarray(pixels[..., [2, 1, 0, 3][: pixels.shape[-1]]])


def imwrite(filename: Any, img: Array, params: Any = None) -> bool:
    """Write an image file in the format of its suffix; a list of (flag, value) sets the quality of JPEG."""
    if not Path(filename).parent.is_dir():
        return False
    pixels = np.clip(np.rint(img), 0, 255).astype(np.uint8)
    options = {"quality": params[1] if params else 95} if str(filename).lower().endswith((".jpg", ".jpeg")) else {}
    to_pillow(pixels).save(filename, **options)
    return True


def to_pillow(img: Array) -> Any:
    """Return an array as a Pillow image."""
    flat = img[..., 0] if img.ndim == 3 and img.shape[-1] == 1 else img
    return Image.fromarray(flat if flat.ndim == 2 else flat[..., [2, 1, 0, 3][: flat.shape[-1]]])


def check_image(name: str, img: Any) -> Array:
    """Return an image, or explain that there is none, which usually means that `imread` did not find the file."""
    if not isinstance(img, np.ndarray) or img.ndim not in (2, 3) or not img.size:
        hint = "; imread returns None for a file that it cannot read" if img is None else ""
        raise UseError(f"cv2.{name}: expected an image, an array of 2 or 3 axes. Received: {type(img).__name__}{hint}")
    return img


def resize(
    src: Any, dsize: Any, dst: Any = None, fx: float = 0, fy: float = 0, interpolation: int = INTER_LINEAR
) -> Array:
    """Resize to (width, height), or by factors."""
    img = check_image("resize", src)
    rows, columns = img.shape[:2]
    width, height = (round(columns * fx), round(rows * fy)) if dsize is None else map(int, dsize)
    if width <= 0 or height <= 0:
        raise ShapeError(f"cv2.resize: expected a size (width, height) of 1 or more. Received: {dsize}")
    if interpolation in (INTER_CUBIC, INTER_LANCZOS4) or interpolation not in range(5):
        raise OptionError("cv2.resize: expected interpolation to be INTER_NEAREST, INTER_LINEAR or INTER_AREA")
    grows = width > columns or height > rows
    kind = INTER_LINEAR if interpolation == INTER_AREA and grows else interpolation
    result = img.astype(np.float64)
    for axis, (size, new) in enumerate(((rows, height), (columns, width))):
        result = np.moveaxis(np.tensordot(make_weights(size, new, kind), result, (1, axis)), 0, axis)
    return np.clip(np.rint(result), 0, 255).astype(img.dtype) if img.dtype == np.uint8 else result.astype(img.dtype)


@functools.lru_cache(16)
def make_weights(size: int, new: int, interpolation: int) -> Array:
    """Return the matrix that resizes an axis."""
    weights, places = np.zeros((new, size)), np.arange(new)
    if interpolation == INTER_NEAREST:
        weights[places, np.minimum((places * size / new).astype(int), size - 1)] = 1
    elif interpolation == INTER_LINEAR:
        centers = np.clip((places + 0.5) * size / new - 0.5, 0, size - 1)
        low = np.floor(centers).astype(int)
        np.add.at(weights, (places, low), 1 - (centers - low))
        np.add.at(weights, (places, np.minimum(low + 1, size - 1)), centers - low)
    else:
        edges, pixels = np.arange(new + 1) * size / new, np.arange(size)
        overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
        weights = np.maximum(overlap, 0) * new / size
    return weights


def cvtColor(src: Any, code: int) -> Array:
    """Convert between BGR, RGB, gray and HSV, with OpenCV's rounding for 8 bits."""
    img = check_image("cvtColor", src)
    if code == COLOR_GRAY2BGR:
        return np.repeat(img.reshape(*img.shape[:2], 1), 3, axis=2)
    if img.ndim != 3 or img.shape[-1] < 3:
        raise ShapeError(f"cv2.cvtColor: expected an image of three channels. Received: shape {img.shape}")
    if code == COLOR_BGR2RGB:
        return np.ascontiguousarray(img[..., 2::-1])
    if code in (COLOR_BGR2GRAY, COLOR_RGB2GRAY):
        red_first = img[..., :3] if code == COLOR_RGB2GRAY else img[..., 2::-1]
        if img.dtype != np.uint8:
            return np.asarray(red_first @ np.array([0.299, 0.587, 0.114]), img.dtype)
        return np.asarray((red_first.astype(int) @ [4899, 9617, 1868] + 8192) >> 14, np.uint8)
    if code == COLOR_BGR2HSV and img.dtype == np.uint8:
        return convert_to_hsv(img[..., :3].astype(int))
    raise OptionError("cv2.cvtColor: expected COLOR_BGR2RGB, a conversion from or to gray, or COLOR_BGR2HSV for 8 bits")


def convert_to_hsv(bgr: Array) -> Array:
    """Return hue in 0 to 179, saturation and value, by OpenCV's tables of integers."""
    (blue, green, red), value = np.moveaxis(bgr, -1, 0), bgr.max(-1)
    spread = value - bgr.min(-1)
    divide_value, divide_spread = (
        np.rint(np.divide(n << 12, k * d, out=np.zeros(d.shape), where=d > 0)).astype(int)
        for n, k, d in ((255, 1, value), (180, 6, spread))
    )
    sector = np.where(
        value == red, green - blue, np.where(value == green, blue - red + 2 * spread, red - green + 4 * spread)
    )
    hue = (sector * divide_spread + 2048) >> 12
    saturation = (spread * divide_value + 2048) >> 12
    return np.stack([np.where(hue < 0, hue + 180, hue), saturation, value], axis=-1).astype(np.uint8)


def calcHist(images: Sequence[Array], channels: Sequence[int], mask: Any, histSize: Any, ranges: Any) -> Array:
    """Return the histogram of several channels, of which one image is the source, as float32."""
    img = check_image("calcHist", images[0])
    img = img.reshape(*img.shape[:2], -1)
    samples = [img[..., c][np.asarray(mask, bool) if mask is not None else slice(None)].ravel() for c in channels]
    bounds = np.reshape(ranges, (-1, 2))
    inside = np.all([(s >= low) & (s < high) for s, (low, high) in zip(samples, bounds, strict=True)], axis=0)
    counts, _ = np.histogramdd([s[inside] for s in samples], bins=list(histSize), range=bounds.tolist())
    return counts.reshape(-1, 1).astype(np.float32) if len(histSize) == 1 else counts.astype(np.float32)


def normalize(src: Array, dst: Any = None, alpha: float = 1, beta: float = 0, norm_type: int = NORM_L2) -> Array:
    """Scale to a norm of ``alpha``, or to the range from ``alpha`` to ``beta``; an array ``dst`` is filled, too."""
    x = np.asarray(src, np.float64)
    if norm_type == NORM_MINMAX:
        low, high = min(alpha, beta), max(alpha, beta)
        result = low + (x - x.min()) * (high - low) / ((x.max() - x.min()) or 1)
    elif norm_type in (NORM_INF, NORM_L1, NORM_L2):
        order = {NORM_INF: np.inf, NORM_L1: 1, NORM_L2: 2}[norm_type]
        result = x * (alpha / (np.linalg.norm(x.ravel(), order) or 1))
    else:
        raise OptionError("cv2.normalize: expected norm_type to be NORM_INF, NORM_L1, NORM_L2 or NORM_MINMAX")
    whole = np.issubdtype(np.asarray(src).dtype, np.integer)
    result = (np.rint(result) if whole else result).astype(np.asarray(src).dtype)
    if isinstance(dst, np.ndarray):
        dst[...] = result
    return np.asarray(result)


def flip(src: Array, flipCode: int) -> Array:
    """Flip up and down for 0, left and right for a positive code, both for a negative one."""
    axes = 0 if flipCode == 0 else 1 if flipCode > 0 else (0, 1)
    return np.ascontiguousarray(np.flip(check_image("flip", src), axis=axes))


def draw(img: Array, paint: Any) -> Array:
    """Draw on an image in place, and return it."""
    canvas = Image.fromarray(img)  # channels stay in the order of OpenCV, as do colors
    paint(ImageDraw.Draw(canvas))
    img[...] = np.asarray(canvas)
    return img


def to_color(color: Any, img: Array) -> Any:
    """Return a color with as many numbers as the image has channels."""
    return tuple(map(int, color))[: img.shape[2]] if img.ndim == 3 else int(np.ravel(color)[0])


def rectangle(img: Array, pt1: Any, pt2: Any, color: Any, thickness: int = 1, lineType: int = 8) -> Array:
    """Draw a rectangle in place; a negative thickness fills it."""
    (x1, y1), (x2, y2) = pt1, pt2
    box, ink = (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)), to_color(color, img)
    fill = {"fill": ink} if thickness < 0 else {"outline": ink, "width": thickness}
    return draw(check_image("rectangle", img), lambda pen: pen.rectangle(box, **fill))


def putText(
    img: Array, text: str, org: Any, fontFace: int, fontScale: float, color: Any, thickness: int = 1, *_: Any
) -> Array:
    """Write text in place, in Pillow's font and not in Hershey's; ``org`` is its lower left corner."""
    font = ImageFont.load_default(max(int(24 * fontScale), 8))
    ink = to_color(color, img)
    return draw(check_image("putText", img), lambda pen: pen.text(tuple(org), text, ink, font, anchor="ls"))


@functools.cache
def warn_about_windows() -> None:
    """Warn once that there are no windows."""
    text = "cv2: no window is shown here. cv2.imwrite(path, image) writes an image to a file"
    warnings.warn(text, TrainingWarning, stacklevel=get_user_stacklevel())


def imshow(winname: str, mat: Array) -> None:
    """Show nothing, and warn once."""
    warn_about_windows()


def waitKey(delay: int = 0) -> int:
    """Return at once, as if no key was pressed."""
    return -1


def destroyAllWindows() -> None:
    """Do nothing: there are no windows."""


add_missing_name_errors(globals(), "cv2")
