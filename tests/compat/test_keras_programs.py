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


def test_a_folder_of_images(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    for kind, level in (("cat", 60), ("dog", 180)):
        for number in range(40):
            pixels = np.clip(rng.normal(level, 30, (20, 24, 3)), 0, 255).astype("uint8")
            Image.fromarray(pixels).save(tmp_path / f"{kind}.{number}.jpg")
    names, lines = run("keras_folder.py", "--dataset", str(tmp_path), "--epochs", "150")
    assert "Epoch 150/150" in lines[-2]
    assert lines[-1].endswith("accuracy: 100.0000%")
    model, data, labels = names["model"], names["train_data"], names["train_labels"]
    today = pel.Sequential([
        pel.nn.Input((3072,)),
        *(pel.nn.Dense(n, "relu") for n in (768, 384)),
        pel.nn.Dense(2, "softmax"),
    ])  # fmt: skip
    today.compile(pel.optimizers.SGD(0.01), "binary_crossentropy", metrics=["accuracy"])
    today.set_weights(model.get_weights())  # type: ignore[attr-defined]
    assert model.evaluate(data, labels, verbose=0) == pytest.approx(today.evaluate(data, labels), rel=1e-5)  # type: ignore[attr-defined]
    model.fit(data, labels, nb_epoch=1, batch_size=16, shuffle=False, verbose=0)  # type: ignore[attr-defined]
    today.fit(data, labels, epochs=1, batch_size=16, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.predict(data), today.predict(data), atol=1e-6)  # type: ignore[attr-defined]


def test_a_convolutional_network_on_digits(run) -> None:  # type: ignore[no-untyped-def]
    _, lines = run("keras_mnist_cnn.py", "300")
    assert lines[0].startswith("MNIST: the 60,000 training")
    assert "Epoch 1/1" in "".join(lines)
    assert float(lines[-1].split()[-1]) > 0


def test_callbacks_and_validation(run) -> None:  # type: ignore[no-untyped-def]
    names, lines = run("keras_mlp.py")
    assert lines[0] == "['acc', 'loss', 'val_acc', 'val_loss']"
    epochs = len(names["history"].epoch)  # type: ignore[attr-defined]
    assert lines[1] == f"batches {8 * epochs} epochs {epochs}"
    assert float(lines[2].split()[-1]) > 0.8
    assert Path("best.hdf5").exists()


def test_a_recurrent_network(run) -> None:  # type: ignore[no-untyped-def]
    _, lines = run("keras_add.py")
    before, after = (float(part) for part in lines[0].removeprefix("loss ").split(" -> "))
    assert after < 0.15 < before
    assert lines[1] == "(None, 3, 2)"


def test_a_functional_model(run) -> None:  # type: ignore[no-untyped-def]
    _, lines = run("keras_merge.py")
    assert lines == ["['kind_acc', 'kind_loss', 'loss', 'size_loss']", "loss fell: True", "(200, 1) 6"]
