"""Decoding of untrusted image files."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pellucid.optional_packages import require_packages
from pellucid.untrusted_files.budget import DEFAULT_WORKING_BYTES, REMEDY, MemoryBudget
from pellucid.untrusted_files.reading import shorten

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM")  # none of these can run code, as EPS can
SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
)
UNSUPPORTED_SUFFIXES = frozenset(
    (".heic", ".heif", ".avif", ".jp2", ".jxl", ".svg", ".psd", ".eps", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raw")
)
"""Suffixes of images that are not read."""
ORIENTATION_TAG, TURNED = 0x0112, 5  # EXIF orientations from 5 on exchange width and height
MAXIMUM_PIXELS = 80_000_000  # below the size at which Pillow starts to warn


class ImageDecodeError(ValueError):
    """Bytes that are no usable image; the message is the reason."""


def make_image_budget(max_bytes: int) -> MemoryBudget:
    """Return the budget of the images that are decoded at one time."""
    return MemoryBudget(max_bytes, ImageDecodeError, "", f"{REMEDY} or make the image smaller")


def decode_image(content: bytes, size: tuple[int, int], budget: MemoryBudget | None = None) -> npt.NDArray[np.uint8]:
    """Decode an image file to RGB pixels of shape (height, width, 3), upright and resized to ``size``.

    The EXIF orientation is applied, transparency is blended with white, and 16-bit gray is reduced to 8 bits. Raises
    `ImageDecodeError` if the bytes are no image, are truncated, have more than `MAXIMUM_PIXELS` pixels, or take more
    memory than the budget.

    Examples
    --------
    >>> decode_image(b"P3 1 1 255  7 8 9", (1, 1))
    array([[[7, 8, 9]]], dtype=uint8)
    """
    with require_packages("Reading images"):
        from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > MAXIMUM_PIXELS:
                raise ImageDecodeError(f"{image.width}x{image.height} pixels, more than the {MAXIMUM_PIXELS} allowed")
            # A JPEG decodes faster at a fraction of its size; twice the requested size keeps the quality.
            # Both sides get the larger one, because the image may be rotated.
            image.draft("", (2 * max(size), 2 * max(size)))
            budget = budget or make_image_budget(DEFAULT_WORKING_BYTES)
            with budget.reserve(_count_bytes(image), f"the image of {image.width}x{image.height} pixels"):
                upright = ImageOps.exif_transpose(image)
                small = _convert_to_rgb(upright).resize(size[::-1], Image.Resampling.BILINEAR, reducing_gap=2.0)
                return np.asarray(small)
    except ImageDecodeError:
        raise
    except UnidentifiedImageError as error:
        raise ImageDecodeError("not an image" if content else "an empty file") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageDecodeError(f"more pixels than the {MAXIMUM_PIXELS} allowed") from error
    except Exception as error:  # decoders raise any kind of error for malformed bytes
        raise ImageDecodeError(f"a damaged image ({type(error).__name__}: {shorten(str(error))})") from error


def read_image_size(content: bytes) -> tuple[int, int]:
    """Return height and width of an image file that `decode_image` accepts, without decoding it.

    Examples
    --------
    >>> read_image_size(b"P3 2 1 255  7 8 9  7 8 9")
    (1, 2)
    """
    from PIL import Image

    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        # Pillow decodes the whole of a PNG file to look for EXIF.
        is_turned = image.format != "PNG" and image.getexif().get(ORIENTATION_TAG, 1) >= TURNED
        return (image.width, image.height) if is_turned else (image.height, image.width)


@contextmanager
def raise_on_decompression_bombs() -> Iterator[None]:
    """Turn Pillow's warnings about too many pixels into errors, and silence its other warnings.

    Warning filters are global to the process, so enter this once, before threads decode.
    """
    with require_packages("Reading images"):
        from PIL import Image

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _count_bytes(image: Image.Image) -> int:
    """Return the memory that decoding takes: pixels, a rotated copy, RGB, and three copies for transparency."""
    stored = {"1": 1, "L": 1, "P": 1}.get(image.mode, 2 if image.mode.startswith("I;16") else 4)
    return image.width * image.height * (2 * stored + 4 + 12 * image.has_transparency_data)


def _convert_to_rgb(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode == "RGB":
        return image
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ImageDecodeError("32 bits per pixel without a known range; save it with 8")
    if image.has_transparency_data:
        paper = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(paper, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")
