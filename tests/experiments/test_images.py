"""The dense classifier beats the majority class on the built-in folder, and reads other folders."""

from pathlib import Path

import pytest
from PIL import Image

from pellucid.data import DataError, write_digit_folder
from pellucid.experiments.common.image_data import load_image_folder
from pellucid.experiments.images import images
from pellucid.experiments.runner import run_experiment


@pytest.mark.slow
def test_it_beats_the_majority_on_the_built_in_folder(tmp_path: Path) -> None:
    record, error = run_experiment(images, {"epochs": 25}, tmp_path)
    assert error is None
    assert record.measures["test_accuracy"] > 0.8 > record.measures["majority_accuracy"] + 0.2
    assert record.measures["classes"] == ["digit3", "digit8"]
    assert record.measures["images"] == 750
    assert sorted(path.name for path in tmp_path.iterdir()) == ["accuracy.png", "answers.png", "record.json"]


def test_it_reads_a_folder_of_three_classes(tmp_path: Path) -> None:
    folder = write_digit_folder(tmp_path / "digits", digits=(0, 1, 7), per_class=40, layout="folder-per-class")
    out = tmp_path / "out"
    out.mkdir()
    record, error = run_experiment(images, {"data": folder, "epochs": 10}, out)
    assert error is None
    assert record.measures["classes"] == ["digit0", "digit1", "digit7"]
    assert record.measures["test_accuracy"] > 0.4


def write_pets(folder: Path, cats: int, dogs: int) -> Path:
    for kind, count in {"cat": cats, "dog": dogs}.items():
        (folder / "pets" / kind).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (32, 32)).save(folder / "pets" / kind / f"{number}.png")
    return folder / "pets"


def test_training_and_test_set_have_an_image_of_every_class(tmp_path: Path) -> None:
    data = load_image_folder(write_pets(tmp_path, cats=2, dogs=2), None, None, seed=0)
    assert sorted(data.y_train) == sorted(data.y_test) == [0, 1]


def test_a_class_with_too_few_images_is_named(tmp_path: Path) -> None:
    folder = write_pets(tmp_path, cats=1, dogs=2)
    message = (
        r"pets: expected at least 2 samples of class 'cat' \(training, test\); received 1 sample\. Add samples, or"
    )
    with pytest.raises(DataError, match=message):
        load_image_folder(folder, None, None, seed=0)


def test_an_empty_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    empty, out = tmp_path / "empty", tmp_path / "out"
    empty.mkdir()
    out.mkdir()
    record, error = run_experiment(images, {"data": empty}, out)
    assert error is not None
    assert "empty" in str(error)
    assert record.status == "failed"
