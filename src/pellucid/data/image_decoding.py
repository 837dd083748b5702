"""From the bytes of an image file, which nobody vouches for, to pixels."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM")  # none of these runs a program, as EPS would
SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
)
MAXIMUM_PIXELS = 80_000_000  # below the size at which Pillow itself begins to warn


class Undecodable(ValueError):
    """Bytes that are no usable image; the message is the reason."""


def decode(content: bytes, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Decode an image file to red, green and blue, upright, stretched to one size.

    Turned as its EXIF orientation says; transparency is laid over white; 16-bit grey is reduced to 8.

    Parameters
    ----------
    content : bytes
        The whole file.
    size : tuple of int
        Height and width wanted, in pixels.

    Returns
    -------
    ndarray of shape (height, width, 3)
        Dtype uint8.

    Raises
    ------
    Undecodable
        Where the bytes are not an image, end too early, or promise more pixels than are allowed.

    Examples
    --------
    >>> decode(b"P3 1 1 255  7 8 9", (1, 1))
    array([[[7, 8, 9]]], dtype=uint8)
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > MAXIMUM_PIXELS:
                raise Undecodable(f"{image.width}x{image.height} pixels, more than the {MAXIMUM_PIXELS} allowed")
            # A JPEG can be decoded at a fraction of its size for a fraction of the time; twice the size wanted
            # keeps the quality. The larger side stands for both, since the image may be turned.
            image.draft("", (2 * max(size), 2 * max(size)))
            upright = ImageOps.exif_transpose(image)
            small = _rgb(upright).resize(size[::-1], Image.Resampling.BILINEAR, reducing_gap=2.0)
            return np.asarray(small)
    except Undecodable:
        raise
    except UnidentifiedImageError as error:
        raise Undecodable("not an image, whatever its name says" if content else "an empty file") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Undecodable(f"more pixels than the {MAXIMUM_PIXELS} allowed") from error
    except Exception as error:  # decoders of hostile bytes raise nearly anything
        raise Undecodable(f"a damaged image ({type(error).__name__}: {error})") from error


@contextmanager
def strict_about_bombs() -> Iterator[None]:
    """Make Pillow raise where it would warn of too many pixels, and keep its other warnings to itself.

    Filters of warnings belong to the whole process, so this is entered once, before threads decode.
    """
    from PIL import Image

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _rgb(image: Image.Image) -> Image.Image:
    """Convert an image of any mode to red, green and blue."""
    from PIL import Image

    if image.mode == "RGB":
        return image
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise Undecodable("32 bits a pixel, of no known range; save it with 8")
    if image.has_transparency_data:
        paper = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(paper, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")
