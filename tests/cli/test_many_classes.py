"""A data set with many classes, each with few images."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pellucid.cli import main
from pellucid.show.plots.prediction_plots import confusion_matrix
from pellucid.train import training_run

SECONDS = 10.0
"""Maximum CPU time of reading, evaluation and pictures together."""


@pytest.fixture(scope="module")
def blank_pictures() -> None:
    """Pictures are drawn."""


@pytest.mark.slow
def test_300_classes_with_4_images_each_take_seconds_beyond_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    for k in range(300):
        (tmp_path / "images" / f"class {k}").mkdir(parents=True)
        color = rng.integers(0, 200, 3)
        for i in range(4):
            pixels = (color + rng.integers(0, 50, (8, 8, 3))).astype("uint8")
            Image.fromarray(pixels).save(tmp_path / "images" / f"class {k}" / f"{i}.png")
    training = []
    fit_model = training_run.fit_model

    def measure(*given: Any) -> Any:
        start = time.process_time()
        history = fit_model(*given)
        training.append(time.process_time() - start)
        return history

    monkeypatch.setattr(training_run, "fit_model", measure)
    start = time.process_time()
    words = ["--model", "linear", "--size", "8", "--epochs", "1", "--out", str(tmp_path / "run")]
    assert main(["train", str(tmp_path / "images"), *words]) == 0
    assert time.process_time() - start - training[0] < SECONDS
    output = capsys.readouterr().out
    assert "logistic regression: skipped, 34,560,000 samples x inputs x outputs, more than 20,000,000" in output
    assert "gradient-boosted trees: skipped, 300 outputs, more than 20" in output
    assert "and 290 more with F1 0 or more" in output
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    assert len(record["measures"]["per_class"]) == 300
    [confusion] = [picture for picture in record["pictures"] if picture["file"] == "confusion.png"]
    assert "Of 300 samples in 300 classes" in confusion["reading"]
    assert (tmp_path / "run" / "confusion.png").exists()


def test_the_picture_of_many_classes_lists_the_most_frequent_errors() -> None:
    counts = np.diag(np.full(50, 9))
    counts[3, 7], counts[40, 2] = 4, 6
    figure = confusion_matrix(counts, [f"species {k}" for k in range(50)])
    matrix, errors = (part.axes[0] for part in figure.subfigs)
    assert matrix.get_yticklabels() == []
    assert [label.get_text() for label in errors.get_yticklabels()] == [
        "species 40 as species 2",
        "species 3 as species 7",
    ]
    assert [bar.get_width() for bar in errors.patches] == [6, 4]
