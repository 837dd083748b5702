"""Programs in the spelling of TensorFlow 0.x and 1.x run unchanged, and give today's numbers."""

from __future__ import annotations

import runpy
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pellucid.compat.tensorflow.examples.tutorials.mnist import input_data

import pellucid as pel
import pellucid.compat.tensorflow as tf

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Function that runs a program with the modules under their old names, and returns its variables."""
    prefix = tf.__name__.removesuffix("tensorflow")
    for name in [n for n in sys.modules if n.startswith(tf.__name__)]:
        monkeypatch.setitem(sys.modules, name.removeprefix(prefix), sys.modules[name])
    monkeypatch.chdir(tmp_path)
    tf.reset_default_graph()

    def run_program(name: str, *arguments: str) -> dict[str, Any]:
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments])
        return runpy.run_path(str(PROGRAMS / f"{name}.py"), run_name="__main__")

    return run_program


@pytest.fixture(scope="module")
def digits_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with some of the digits as IDX files: reading all of them takes a second."""
    folder = tmp_path_factory.mktemp("digits")
    (x, y), (x_test, y_test) = pel.data.mnist()
    for name, array in zip(input_data.NAMES, (x[:5600], y[:5600], x_test[:1000], y_test[:1000]), strict=True):
        sizes = (array.size // 784, 28, 28) if "images" in name else array.shape
        header = struct.pack(f">I{len(sizes)}I", 0x800 + len(sizes), *sizes)
        (folder / name).write_bytes(header + array.astype("uint8").tobytes())
    return folder


def check_softmax_regression(run: Any, folder: str, steps: int, accuracy: float) -> None:
    """Run the program, and compare its weights with those of the same steps in pellucid."""
    found = run("tensorflow_softmax_digits", folder, str(steps))
    assert found["result"] > accuracy
    train = input_data.DataSet(found["digits"].train.images, found["digits"].train.labels, seed=1)
    x, t = pel.matrix("x", shape=("n", 784)), pel.matrix("t", shape=("n", 10))
    w, b = pel.shared(np.zeros((784, 10)), "W"), pel.shared(np.zeros(10), "b")
    loss = -(t * pel.log(pel.softmax(x @ w + b))).sum(axis=1).mean()
    dw, db = pel.grad(loss, [w, b])
    step = pel.function([x, t], updates={w: w - 0.5 * dw, b: b - 0.5 * db})
    for _ in range(steps):
        images, labels = train.next_batch(100)
        step(images, labels.astype("float32"))
    np.testing.assert_allclose(found["weights"], w.get_value(), 1e-4, 1e-6)


def test_softmax_regression_is_that_of_pellucid(run: Any, digits_folder: Path) -> None:
    check_softmax_regression(run, str(digits_folder), 12, 0.7)


@pytest.mark.slow
@pytest.mark.usefixtures("compile_functions")
def test_softmax_regression_of_all_digits_is_that_of_pellucid(run: Any) -> None:
    check_softmax_regression(run, "", 300, 0.89)


def test_convolutional_network_runs(run: Any, digits_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its numbers are those of `train_convolutional_network` in test_tensorflow_values.py."""
    Path("MNIST_data").symlink_to(digits_folder)
    found = run("tensorflow_convolutional_digits", "2", "4", "20")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Using the IDX files in MNIST_data: 5600 training images and 1000 test images"
    assert lines[-1] == f"test accuracy {found['result']:g}"
    assert found["result"] * 20 == pytest.approx(round(found["result"] * 20))


@pytest.mark.slow
@pytest.mark.usefixtures("compile_functions")
def test_convolutional_network_learns(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("tensorflow_convolutional_digits")["result"] > 0.85
    assert "the MNIST digits that pellucid has: 60000 training images" in capsys.readouterr().out


def test_linear_regression_saves_and_restores(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run("tensorflow_linear_regression", "--learning_rate=0.2", "--noverbose")
    assert not caught.value.code
    assert capsys.readouterr().out == "W=3.000 b=-1.000\n"


def test_order_of_assignments(run: Any) -> None:
    found = run("tensorflow_control_dependencies")
    np.testing.assert_allclose(found["averages"], [0.1, 0.29, 0.561], 1e-6)
    np.testing.assert_allclose(found["final"], [1.5049, 1], 1e-6)


LSTM_NAMES = [
    "rnn/multi_rnn_cell/cell_0/basic_lstm_cell/kernel:0",
    "rnn/multi_rnn_cell/cell_0/basic_lstm_cell/bias:0",
    "rnn/multi_rnn_cell/cell_1/gru_cell/gates/kernel:0",
    "rnn/multi_rnn_cell/cell_1/gru_cell/gates/bias:0",
    "rnn/multi_rnn_cell/cell_1/gru_cell/candidate/kernel:0",
    "rnn/multi_rnn_cell/cell_1/gru_cell/candidate/bias:0",
    "output/W:0",
    "output/b:0",
]


def test_lstm_learns(run: Any) -> None:
    found = run("tensorflow_lstm", "25", "4")
    assert found["test_loss"] < 0.5 * found["losses"][0]
    assert found["names"] == LSTM_NAMES


@pytest.mark.slow
@pytest.mark.usefixtures("compile_functions")
def test_lstm_learns_to_add(run: Any) -> None:
    found = run("tensorflow_lstm")
    assert found["test_loss"] < 0.06 < found["losses"][0]
    assert found["names"] == LSTM_NAMES
