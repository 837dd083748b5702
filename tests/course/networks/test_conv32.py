"""The Lasagne network learns the built-in digits, and a data set of one folder a class."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.course.networks.conv32 import conv32
from pellucid.tracking import run_experiment


@pytest.mark.slow
def test_it_learns_the_built_in_digits(tmp_path: Path) -> None:
    record, error = run_experiment(conv32, {"images": 1000, "test": 300, "epochs": 2, "batch": 25}, tmp_path)
    assert error is None
    assert record.measures["test_accuracy"] > 0.4
    assert 0.08 < record.measures["majority_accuracy"] < 0.15
    assert {picture.file for picture in record.pictures} == {"loss.png", "feature-maps.png", "answers.png"}


@pytest.mark.slow
def test_it_learns_a_folder_of_two_classes(tmp_path: Path, rng: np.random.Generator) -> None:
    for name, bright in (("dark", 60), ("light", 190)):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        for number in range(40):
            pixels = rng.integers(bright - 50, bright + 50, (32, 32, 3)).astype("uint8")
            Image.fromarray(pixels).save(folder / f"{number}.png")
    out = tmp_path / "out"
    out.mkdir()
    settings = {"data": tmp_path / "data", "images": 200, "epochs": 4, "batch": 10}
    record, error = run_experiment(conv32, settings, out)
    assert error is None
    assert record.measures["classes"] == ["dark", "light"]
    assert record.measures["test_accuracy"] > 0.9


@pytest.mark.slow
def test_defaults(tmp_path: Path) -> None:
    record, error = run_experiment(conv32, {}, tmp_path)
    assert error is None
    assert record.measures["test_accuracy"] > 0.85
    assert record.findings[0].endswith("the convolutional network is better.")
