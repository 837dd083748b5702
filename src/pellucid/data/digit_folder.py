"""A folder of small images to practise on: handwritten digits, coloured, written as PNG files."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from pellucid.data.atomic_write import sibling_folder
from pellucid.data.digits import Bytes, coloured, mnist
from pellucid.data.errors import DataError, shown
from pellucid.data.progress import track

Habit = Literal["one-folder", "folder-per-class"]
SEPARATORS = {"one-folder": ".", "folder-per-class": "/"}
RECIPE = ".pellucid-digits.json"  # tells a folder of ours from anybody else's
OURS = re.compile(r"digit[0-9][./][0-9]+\.png")


@dataclass(frozen=True)
class Recipe:
    """All that decides what a folder of digits holds."""

    digits: tuple[int, ...]
    per_class: int
    size: int
    seed: int
    habit: str

    def names(self, digit: int) -> list[str]:
        """The files of one digit, relative to the folder."""
        return [f"digit{digit}{SEPARATORS[self.habit]}{index}.png" for index in range(self.per_class)]


def write_digit_folder(
    path: str | Path,
    digits: Sequence[int] = (3, 8),
    per_class: int = 500,
    size: int = 32,
    seed: int = 0,
    habit: Habit = "one-folder",
    progress: bool | None = None,
) -> Path:
    """Write handwritten digits as a folder of PNG files, as `image_folder` reads them.

    The folder appears whole or not at all. Where the same folder is there already it is left as it is, and one
    written with other arguments is replaced; anything else at that place is never touched.

    Parameters
    ----------
    path : str or Path
        The folder.
    digits : sequence of int
        The digits; each is a class, named ``digit3`` and so on.
    per_class : int
        How many images of each, drawn at random from MNIST's 60,000.
    size : int
        Height and width in pixels.
    seed : int
        Which images are drawn and in what colours.
    habit : {"one-folder", "folder-per-class"}
        ``digit3.0.png`` in one folder, or ``0.png`` in a folder named ``digit3``.
    progress : bool or None
        Whether to show a bar; None shows it where standard error is a terminal.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DataError
        For arguments out of range, or where something else is in the place of the folder.

    Examples
    --------
    >>> folder = write_digit_folder("digits", per_class=2)
    >>> sorted(file.name for file in folder.glob("*.png"))
    ['digit3.0.png', 'digit3.1.png', 'digit8.0.png', 'digit8.1.png']
    """
    path = Path(path)
    recipe = Recipe(tuple(digits), per_class, size, seed, habit)
    images = _drawn(recipe)
    if _is_there(path, recipe):
        return path
    with sibling_folder(path) as folder:
        whole = folder / "whole"
        whole.mkdir()
        _write(whole, recipe, images, progress)
        if path.exists():
            path.rename(folder / "old")
        whole.rename(path)
    return path


def _drawn(recipe: Recipe) -> dict[int, Bytes]:
    """Check the recipe and draw its images, of shape (per_class, 32, 32, 3), for each of the digits."""
    digits, per_class, size, seed, habit = recipe.digits, recipe.per_class, recipe.size, recipe.seed, recipe.habit
    if len(digits) < 2 or len(set(digits)) < len(digits) or not set(digits) <= set(range(10)):
        raise DataError(f"Expected two or more different digits from 0 to 9, received {digits}.")
    if habit not in SEPARATORS:
        raise DataError(f"Expected the habit 'one-folder' or 'folder-per-class', received {habit!r}.")
    if not 1 <= size <= 1024:
        raise DataError(f"Expected a size from 1 to 1024 pixels, received {size}.")
    images, labels = mnist("train")
    most = min(int((labels == digit).sum()) for digit in digits)
    if not 1 <= per_class <= most:
        raise DataError(f"Expected per_class from 1 to {most} for the digits {digits}, received {per_class}.")
    rng = np.random.default_rng(seed)
    return {
        digit: coloured(images[rng.choice(np.flatnonzero(labels == digit), per_class, replace=False)], rng)
        for digit in digits
    }


def _is_there(path: Path, recipe: Recipe) -> bool:
    """Whether the very folder is there already; refuses where what is there is not ours to replace."""
    if not path.exists() and not path.is_symlink():
        return False
    advice = "choose another place or move it away."
    if path.is_symlink() or not path.is_dir():
        raise DataError(f"{path}: expected a folder or nothing there, received a file or a link; {advice}")
    found = {file.relative_to(path).as_posix() for file in path.rglob("*") if not file.is_dir()}
    if not found:
        return False
    try:
        there = json.loads((path / RECIPE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: holds files that pellucid did not write, so it is kept; {advice}") from error
    if strangers := tuple(sorted(name for name in found - {RECIPE} if not OURS.fullmatch(name))):
        raise DataError(
            f"{path}: holds files that pellucid did not write ({shown(strangers)}), so it is kept; {advice}"
        )
    expected = {RECIPE, *(name for digit in recipe.digits for name in recipe.names(digit))}
    return found == expected and there == {**asdict(recipe), "digits": list(recipe.digits)}


def _write(folder: Path, recipe: Recipe, images: dict[int, Bytes], progress: bool | None) -> None:
    """Write the images and the recipe."""
    from PIL import Image

    pairs = [pair for digit in recipe.digits for pair in zip(recipe.names(digit), images[digit], strict=True)]
    for name, pixels in track(pairs, total=len(pairs), what="writing digits", progress=progress):
        image = Image.fromarray(pixels).resize((recipe.size, recipe.size))
        (folder / name).parent.mkdir(exist_ok=True)
        image.save(folder / name)
    (folder / RECIPE).write_text(json.dumps(asdict(recipe)), encoding="utf-8")
