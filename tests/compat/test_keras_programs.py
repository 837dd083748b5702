"""Programs in the spelling of Keras 1, run unchanged with the old names in place."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pellucid as pel

import_hook = pytest.importorskip("pellucid.compat.import_hook")
FOLDER = Path(__file__).with_name("programs")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    def run_program(name: str, *arguments: str) -> tuple[dict[str, object], list[str]]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        with import_hook.use_old_libraries():
            names = runpy.run_path(str(FOLDER / name), run_name="__main__")
        return names, capsys.readouterr().out.splitlines()

    return run_program


def draw_pets(folder: Path, count: int) -> None:
    """Write images of two classes, of which one is darker."""
    rng = np.random.default_rng(0)
    for kind, level in (("cat", 60), ("dog", 180)):
        for number in range(count):
            pixels = np.clip(rng.normal(level, 30, (20, 24, 3)), 0, 255).astype("uint8")
            Image.fromarray(pixels).save(folder / f"{kind}.{number}.jpg")


def check_folder_program(run, folder: Path, size: int, units: int, rate: float) -> None:  # type: ignore[no-untyped-def]
    """Run the program of a folder of images, and compare its model with the same model of today's pellucid."""
    sizes = ["--size", str(size), "--units", str(units), "--rate", str(rate)]
    names, lines = run("keras_folder.py", "--dataset", str(folder), "--epochs", "150", *sizes)
    assert "Epoch 150/150" in lines[-2]
    assert lines[-1].endswith("accuracy: 100.0000%")
    model, data, labels = names["model"], names["train_data"], names["train_labels"]
    today = pel.Sequential([
        pel.nn.Input((3 * size**2,)),
        *(pel.nn.Dense(n, "relu") for n in (units, units // 2)),
        pel.nn.Dense(2, "softmax"),
    ])  # fmt: skip
    today.compile(pel.optimizers.SGD(rate), "binary_crossentropy", metrics=["accuracy"])
    today.set_weights(model.get_weights())
    assert model.evaluate(data, labels, verbose=0) == pytest.approx(today.evaluate(data, labels), rel=1e-5)
    model.fit(data, labels, nb_epoch=1, batch_size=16, shuffle=False, verbose=0)
    today.fit(data, labels, epochs=1, batch_size=16, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.predict(data), today.predict(data), atol=1e-6)


def test_a_folder_of_images(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    draw_pets(tmp_path, 10)
    check_folder_program(run, tmp_path, 8, 24, 0.2)


@pytest.mark.slow
@pytest.mark.usefixtures("compile_functions")
def test_a_folder_of_larger_images(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    draw_pets(tmp_path, 40)
    check_folder_program(run, tmp_path, 32, 768, 0.01)


def test_a_convolutional_network_on_digits(run) -> None:  # type: ignore[no-untyped-def]
    check_digits_program(run, 30)


@pytest.mark.slow
@pytest.mark.usefixtures("compile_functions")
def test_a_convolutional_network_on_more_digits(run) -> None:  # type: ignore[no-untyped-def]
    check_digits_program(run, 300)


def check_digits_program(run, count: int) -> None:  # type: ignore[no-untyped-def]
    _, lines = run("keras_mnist_cnn.py", str(count))
    assert lines[0].startswith("MNIST: the 60,000 training")
    assert "Epoch 1/1" in "".join(lines)
    assert float(lines[-1].split()[-1]) > 0


@pytest.mark.usefixtures("engine")
def test_callbacks_and_validation(run) -> None:  # type: ignore[no-untyped-def]
    names, lines = run("keras_mlp.py")
    assert lines[0] == "['acc', 'loss', 'val_acc', 'val_loss']"
    epochs = len(names["history"].epoch)  # type: ignore[attr-defined]
    assert lines[1] == f"batches {8 * epochs} epochs {epochs}"
    assert float(lines[2].split()[-1]) > 0.8
    assert Path("best.hdf5").exists()


def check_adding_program(run, *sizes: str) -> None:  # type: ignore[no-untyped-def]
    _, lines = run("keras_add.py", *sizes)
    before, after = (float(part) for part in lines[0].removeprefix("loss ").split(" -> "))
    assert after < 0.15 < before
    assert lines[1] == "(None, 3, 2)"


def test_a_recurrent_network(run) -> None:  # type: ignore[no-untyped-def]
    check_adding_program(run, "3", "60", "36")


@pytest.mark.slow
@pytest.mark.usefixtures("compile_functions")
def test_a_recurrent_network_of_more_steps(run) -> None:  # type: ignore[no-untyped-def]
    check_adding_program(run)


FUNCTIONAL = ["['kind_acc', 'kind_loss', 'loss', 'size_loss']", "loss fell: True", "(200, 1) 6"]


def test_a_functional_model(run) -> None:  # type: ignore[no-untyped-def]
    _, lines = run("keras_merge.py", "20")
    assert lines == FUNCTIONAL


@pytest.mark.slow
@pytest.mark.usefixtures("compile_functions")
def test_a_functional_model_of_more_epochs(run) -> None:  # type: ignore[no-untyped-def]
    _, lines = run("keras_merge.py")
    assert lines == FUNCTIONAL
