"""Runs that several tests of commands read."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.cli import main

QUICK = ["--learning-rate", "0.05", "--quiet"]


def write_flats(path: Path, count: int = 80) -> None:
    """Write a table of flats whose price is linear in rooms and age, and higher in town."""
    rng = np.random.default_rng(0)
    rooms, age = rng.integers(1, 7, count), rng.integers(0, 90, count)
    place = rng.choice(["land", "sea", "town"], count)
    price = 50 + 30 * rooms - 0.5 * age + 20 * (place == "town")
    rows = [f"{r},{p},{a},{y:g}" for r, p, a, y in zip(rooms, place, age, price, strict=True)]
    path.write_text("\n".join(["rooms,place,age,price", *rows]) + "\n")


def write_squares(folder: Path, count: int = 12) -> None:
    """Write dark images with a bright square in the upper left or the lower right corner."""
    rng = np.random.default_rng(1)
    for name, corner in (("lower", slice(7, 12)), ("upper", slice(1, 6))):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 40, (13, 13, 3), "uint8")
            pixels[corner, corner] += 180
            Image.fromarray(pixels).save(folder / name / f"{number}.png")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data and three runs: two linear networks of a table, and one of images."""
    place = tmp_path_factory.mktemp("trained")
    write_flats(place / "flats.csv")
    write_squares(place / "squares")
    table = ["train", "flats.csv", "--model", "linear", *QUICK]
    with pytest.MonkeyPatch.context() as here:
        here.chdir(place)
        assert main([*table, "--epochs", "6", "--out", "runs/1"]) == 0
        assert main([*table, "--epochs", "4", "--seed", "1", "--out", "runs/2"]) == 0
        squares = ["train", "squares", "--size", "13", "--model", "linear", "--epochs", "8", "--out", "runs/10"]
        assert main([*squares, *QUICK]) == 0
    return place
