"""A few functions of OpenCV on arrays, by NumPy and Pillow. Images are BGR arrays of 8 bits, as OpenCV has them."""

import functools
import warnings
from pathlib import Path

import numpy as np

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.graph.errors import OptionError, ShapeError, TrainingWarning, UseError
from pellucid.graph.source_location import get_user_stacklevel
from pellucid.optional_packages import require_packages

with require_packages("cv2"):
    from PIL import Image

__version__ = "2.4.13"
IMREAD_UNCHANGED, IMREAD_GRAYSCALE, IMREAD_COLOR = -1, 0, 1
CV_LOAD_IMAGE_UNCHANGED, CV_LOAD_IMAGE_GRAYSCALE, CV_LOAD_IMAGE_COLOR = -1, 0, 1
INTER_NEAREST, INTER_LINEAR, INTER_CUBIC, INTER_AREA, INTER_LANCZOS4 = range(5)
COLOR_BGR2RGB = COLOR_RGB2BGR = 4
COLOR_BGR2GRAY, COLOR_RGB2GRAY, COLOR_BGR2HSV = 6, 7, 40
COLOR_GRAY2BGR = COLOR_GRAY2RGB = 8
NORM_INF, NORM_L1, NORM_L2, NORM_MINMAX = 1, 2, 4, 32


def imread(filename, flags=IMREAD_COLOR):
    try:
        with Image.open(filename) as file:
            kept = flags == IMREAD_UNCHANGED and file.mode in ("L", "I;16", "RGBA")
            pixels = np.asarray(file if kept else file.convert("RGB"))
    except (OSError, ValueError):
        return None
    return cvtColor(pixels, COLOR_RGB2GRAY) if flags == IMREAD_GRAYSCALE else swap_red_and_blue(pixels)


def imwrite(filename, img, params=None):
    if not Path(filename).parent.is_dir():
        return False
    pixels = np.clip(np.rint(img), 0, 255).astype(np.uint8)
    options = {"quality": params[1] if params else 95} if str(filename).lower().endswith((".jpg", ".jpeg")) else {}
    Image.fromarray(swap_red_and_blue(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels)).save(filename, **options)
    return True


def swap_red_and_blue(img):
    return img if img.ndim == 2 else np.ascontiguousarray(img[..., [2, 1, 0, 3][: img.shape[-1]]])


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
    if width <= 0 or height <= 0:
        raise ShapeError(f"cv2.resize: expected a size (width, height) of 1 or more. Received: {dsize}")
    if interpolation not in (INTER_NEAREST, INTER_LINEAR, INTER_AREA):
        raise OptionError("cv2.resize: expected interpolation to be INTER_NEAREST, INTER_LINEAR or INTER_AREA")
    grows = width > columns or height > rows
    kind = INTER_LINEAR if interpolation == INTER_AREA and grows else interpolation
    result = np.einsum("ij,j...->i...", make_weights(rows, height, kind), img.astype(np.float64), optimize=True)
    result = np.einsum("ij,kj...->ki...", make_weights(columns, width, kind), result, optimize=True)
    return np.clip(np.rint(result), 0, 255).astype(img.dtype) if img.dtype == np.uint8 else result.astype(img.dtype)


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
    """Convert between BGR, RGB, gray and HSV, with OpenCV's rounding for 8 bits."""
    img = check_image("cvtColor", src)
    if code == COLOR_GRAY2BGR:
        return np.repeat(img.reshape(*img.shape[:2], 1), 3, axis=2)
    if img.ndim != 3 or img.shape[-1] < 3:
        raise ShapeError(f"cv2.cvtColor: expected an image of three channels. Received: shape {img.shape}")
    if code == COLOR_BGR2RGB:
        return swap_red_and_blue(img[..., :3])
    if code in (COLOR_BGR2GRAY, COLOR_RGB2GRAY):
        rgb = img[..., :3] if code == COLOR_RGB2GRAY else img[..., 2::-1]
        if img.dtype != np.uint8:
            return (rgb @ np.array([0.299, 0.587, 0.114])).astype(img.dtype)
        return ((rgb.astype(int) @ [4899, 9617, 1868] + 8192) >> 14).astype(np.uint8)
    if code == COLOR_BGR2HSV and img.dtype == np.uint8:
        return convert_to_hsv(img[..., :3].astype(int))
    raise OptionError("cv2.cvtColor: expected COLOR_BGR2RGB, a conversion from or to gray, or COLOR_BGR2HSV for 8 bits")


def convert_to_hsv(bgr):
    """Return hue in 0 to 179, saturation and value, with the rounding of OpenCV's tables of integers."""
    (blue, green, red), value, spread = np.moveaxis(bgr, -1, 0), bgr.max(-1), np.ptp(bgr, -1)
    divide = lambda n, d: np.rint(np.divide(n << 12, d, out=np.zeros(d.shape), where=d > 0)).astype(int)
    rest = np.where(value == green, blue - red + 2 * spread, red - green + 4 * spread)
    hue = (np.where(value == red, green - blue, rest) * divide(180, 6 * spread) + 2048) >> 12
    saturation = (spread * divide(255, value) + 2048) >> 12
    return np.stack([np.where(hue < 0, hue + 180, hue), saturation, value], axis=-1).astype(np.uint8)


def calcHist(images, channels, mask, histSize, ranges):
    """Return the histogram of channels of one image as float32."""
    img, bounds = check_image("calcHist", images[0]), np.reshape(ranges, (-1, 2))
    samples = img.reshape(*img.shape[:2], -1)[..., list(channels)]
    samples = samples[np.ones(img.shape[:2], bool) if mask is None else np.asarray(mask, bool)]
    samples = samples[((samples >= bounds[:, 0]) & (samples < bounds[:, 1])).all(1)]
    counts = np.histogramdd(samples, list(histSize), bounds.tolist())[0].astype(np.float32)
    return counts.reshape(-1, 1) if counts.ndim == 1 else counts


def normalize(src, dst=None, alpha=1, beta=0, norm_type=NORM_L2):
    """Scale to a norm of ``alpha``, or to the range from ``alpha`` to ``beta``; an array ``dst`` is filled, too."""
    x, orders = np.asarray(src, np.float64), {NORM_INF: np.inf, NORM_L1: 1, NORM_L2: 2}
    if norm_type not in (*orders, NORM_MINMAX):
        raise OptionError("cv2.normalize: expected norm_type to be NORM_INF, NORM_L1, NORM_L2 or NORM_MINMAX")
    if norm_type == NORM_MINMAX:
        result = min(alpha, beta) + (x - x.min()) * (abs(beta - alpha) / (np.ptp(x) or 1))
    else:
        result = x * (alpha / (np.linalg.norm(x.ravel(), orders[norm_type]) or 1))
    result = (np.rint(result) if np.asarray(src).dtype.kind in "iu" else result).astype(np.asarray(src).dtype)
    if isinstance(dst, np.ndarray):
        dst[...] = result
    return result


@functools.cache
def warn_about_windows():
    text = "cv2: no window is shown here. cv2.imwrite(path, image) writes an image to a file"
    warnings.warn(text, TrainingWarning, stacklevel=get_user_stacklevel())


flip = lambda src, code: np.ascontiguousarray(np.flip(src, 0 if code == 0 else 1 if code > 0 else (0, 1)))
imshow = lambda winname, mat: warn_about_windows()
waitKey = lambda delay=0: -1  # as if no key was pressed
destroyAllWindows = lambda: None
add_missing_name_errors(globals(), "cv2")
