"""The dense classifier beats the majority class on the built-in folder, and reads other folders."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pellucid.course.networks.common.image_data import load_image_folder
from pellucid.course.networks.images import build_model, images
from pellucid.data import DataError
from pellucid.tracking import run_experiment


@pytest.mark.slow
def test_it_beats_the_majority_on_the_built_in_folder(tmp_path: Path) -> None:
    record, error = run_experiment(images, {"epochs": 25}, tmp_path)
    assert error is None
    assert record.measures["test_accuracy"] > 0.8 > record.measures["majority_accuracy"] + 0.2
    assert record.measures["classes"] == ["digit3", "digit8"]
    assert record.measures["images"] == 750
    assert sorted(path.name for path in tmp_path.iterdir()) == ["accuracy.png", "answers.png", "record.json"]


@pytest.mark.usefixtures("small_dense_networks", "small_grids")
def test_it_reads_a_folder_of_three_classes(three_digits: Path, tmp_path: Path) -> None:
    # Training and test set have the same size, so the network predicts both with one program.
    settings = {"data": three_digits, "epochs": 20, "rate": 0.03, "test_size": 0.5}
    record, error = run_experiment(images, settings, tmp_path)
    assert error is None
    assert record.measures["classes"] == ["digit0", "digit1", "digit7"]
    assert record.measures["images"] == 24
    assert record.measures["test_accuracy"] > 0.6 > record.measures["majority_accuracy"]


def test_the_network_is_that_of_the_workshop() -> None:
    model = build_model(2, 0.01, seed=0)
    layers: list[Any] = list(model.layers)
    assert [layer.activation.__name__ for layer in layers] == ["relu", "relu", "softmax"]
    assert [weights.shape for weights in model.get_weights()[::2]] == [(3072, 768), (768, 384), (384, 2)]
    assert 0.049 < np.abs(model.get_weights()[0]).max() < 0.05  # Keras's uniform distribution
    assert (type(model.optimizer).__name__, model.optimizer.learning_rate) == ("SGD", 0.01)


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
