"""A folder of handwritten digits as small color PNG images."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from pellucid.atomic_write import explain_write_errors
from pellucid.data.digits import Bytes, colorize, mnist
from pellucid.data.errors import DataError, format_names
from pellucid.optional_packages import require_packages
from pellucid.progress import track
from pellucid.typing import FilePath

Layout = Literal["one-folder", "folder-per-class"]
SEPARATORS = {"one-folder": ".", "folder-per-class": "/"}
CONFIG_FILE = ".pellucid-digits.json"  # marks a folder that pellucid wrote and may replace
GENERATED_NAME = re.compile(r"digit[0-9][./][0-9]+\.png")


@dataclass(frozen=True)
class DigitFolderConfig:
    """Everything that determines the content of a folder of digits."""

    digits: tuple[int, ...]
    per_class: int
    size: int
    seed: int
    layout: str

    def names(self, digit: int) -> list[str]:
        return [f"digit{digit}{SEPARATORS[self.layout]}{index}.png" for index in range(self.per_class)]


def write_digit_folder(
    path: FilePath,
    digits: Sequence[int] = (3, 8),
    per_class: int = 500,
    size: int = 32,
    seed: int = 0,
    layout: Layout = "one-folder",
    progress: bool | None = None,
) -> Path:
    """Write handwritten digits as a folder of PNG files, which `image_folder` reads.

    The folder is written in one step, by a rename. A folder with the same content is left as it is, one written with
    other arguments is replaced, and anything else at ``path`` is refused.

    Parameters
    ----------
    path : str or Path
        The folder.
    digits : sequence of int
        The digits; each is a class, named ``digit3`` and so on.
    per_class : int
        Number of images of each digit, drawn at random from MNIST's training set.
    size : int
        Height and width in pixels.
    seed : int
        Seed of the selection and the colors.
    layout : {"one-folder", "folder-per-class"}
        ``digit3.0.png`` in one folder, or ``0.png`` in a folder named ``digit3``.
    progress : bool or None
        Whether to show a progress bar; None shows it if standard error is a terminal.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DataError
        If an argument is out of range, or ``path`` holds anything else.

    Examples
    --------
    >>> folder = write_digit_folder("digits", per_class=2)
    >>> sorted(file.name for file in folder.glob("*.png"))
    ['digit3.0.png', 'digit3.1.png', 'digit8.0.png', 'digit8.1.png']
    """
    path = Path(path)
    config = DigitFolderConfig(tuple(digits), per_class, size, seed, layout)
    images = _draw_images(config)
    if _is_up_to_date(path, config):
        return path
    # On the same disk, so that a rename can move its content.
    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_new(path, config, images, progress)
    return path


def write_new(path: Path, config: DigitFolderConfig, images: dict[int, Bytes], progress: bool | None) -> None:
    """Write the folder beside its place, and move it there when it is complete."""
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent, ignore_cleanup_errors=True) as folder:
        new = Path(folder, "new")
        new.mkdir()
        _write_images(new, config, images, progress)
        if path.exists():
            path.rename(Path(folder, "old"))
        new.rename(path)


def _draw_images(config: DigitFolderConfig) -> dict[int, Bytes]:
    """Check the configuration and draw images of shape (per_class, 32, 32, 3) for each digit."""
    digits, per_class, size, seed, layout = config.digits, config.per_class, config.size, config.seed, config.layout
    if len(digits) < 2 or len(set(digits)) < len(digits) or not set(digits) <= set(range(10)):
        raise DataError(f"Expected two or more different digits from 0 to 9, received {digits}.")
    if layout not in SEPARATORS:
        raise DataError(f"Expected layout to be 'one-folder' or 'folder-per-class', received {layout!r}.")
    if not 1 <= size <= 1024:
        raise DataError(f"Expected a size from 1 to 1024 pixels, received {size}.")
    images, labels = mnist("train")
    maximum = min(int((labels == digit).sum()) for digit in digits)
    if not 1 <= per_class <= maximum:
        raise DataError(f"Expected per_class from 1 to {maximum} for the digits {digits}, received {per_class}.")
    rng = np.random.default_rng(seed)
    return {
        digit: colorize(images[rng.choice(np.flatnonzero(labels == digit), per_class, replace=False)], rng)
        for digit in digits
    }


def _is_up_to_date(path: Path, config: DigitFolderConfig) -> bool:
    """Tell whether the folder exists with this content; raise if it has files that pellucid did not write."""
    if not path.exists() and not path.is_symlink():
        return False
    advice = "choose another path or move it away."
    if path.is_symlink() or not path.is_dir():
        raise DataError(f"{path}: expected a folder or no file, received a file or a link; {advice}")
    found = {file.relative_to(path).as_posix() for file in path.rglob("*") if not file.is_dir()}
    if not found:
        return False
    try:
        written = json.loads((path / CONFIG_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: has files that pellucid did not write, so it is not replaced; {advice}") from error
    if foreign := tuple(sorted(name for name in found - {CONFIG_FILE} if not GENERATED_NAME.fullmatch(name))):
        raise DataError(
            f"{path}: has files that pellucid did not write ({format_names(foreign)}), so it is not replaced; {advice}"
        )
    expected = {CONFIG_FILE, *(name for digit in config.digits for name in config.names(digit))}
    return found == expected and written == {**asdict(config), "digits": list(config.digits)}


def _write_images(folder: Path, config: DigitFolderConfig, images: dict[int, Bytes], progress: bool | None) -> None:
    with require_packages("Writing images"):
        from PIL import Image

    pairs = [pair for digit in config.digits for pair in zip(config.names(digit), images[digit], strict=True)]
    for name, pixels in track(pairs, total=len(pairs), description="writing digits", progress=progress):
        image = Image.fromarray(pixels).resize((config.size, config.size))
        (folder / name).parent.mkdir(exist_ok=True)
        image.save(folder / name)
    (folder / CONFIG_FILE).write_text(json.dumps(asdict(config), default=int), encoding="utf-8")
