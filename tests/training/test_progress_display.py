"""Progress displays, histories as text and tables, and interruption with Ctrl-C."""

import io
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

import pellucid as pel
from pellucid import progress
from pellucid.run import compilation_notice
from pellucid.run.compilation_notice import listen_to_compilations
from pellucid.training import progress_display
from pellucid.training.callbacks.history import History

Data = tuple[np.ndarray, np.ndarray]
Make = Callable[..., pel.Sequential]


def test_nothing_is_shown_without_a_terminal(data: Data, make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    model = make()
    model.fit(*data)
    model.fit(*data, verbose=0)
    assert capfd.readouterr() == ("", "")


def test_an_application_that_runs_is_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ipykernel.kernelapp", raising=False)
    monkeypatch.setitem(sys.modules, "marimo", None)
    assert not progress.is_jupyter_kernel()
    for initialized in (False, True):
        application = SimpleNamespace(initialized=lambda initialized=initialized: initialized)
        monkeypatch.setitem(sys.modules, "ipykernel.kernelapp", SimpleNamespace(IPKernelApp=application))
        assert progress.is_jupyter_kernel() is initialized


@pytest.mark.slow
def test_only_a_running_kernel_is_a_notebook() -> None:
    code = "import ipykernel.kernelapp as k; from pellucid import progress as d; "
    code += "print(d.is_jupyter_kernel()); k.IPKernelApp.instance(); print(d.is_jupyter_kernel())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_one_line_an_epoch(data: Data, make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    model = make()
    for verbose in (1, 2):
        history = model.fit(*data, epochs=2, validation_split=0.2, verbose=verbose).history
        lines = capsys.readouterr().out.splitlines()
        if verbose == 2:
            assert lines.pop().startswith("Training steps: ")
        assert [line.split("  ")[0] for line in lines] == ["Epoch 1/2", "Epoch 2/2"]
        assert lines[1].endswith("  ".join(f"{name} {values[1]:.4f}" for name, values in history.items()))


def test_a_bar_on_a_terminal(
    data: Data, make: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    history = make().fit(*data, epochs=3).history
    out, err = capsys.readouterr()
    assert out == ""
    assert "Epoch 3/3" in err
    assert f"loss {history['loss'][-1]:.4f}" in err


def test_small_numbers_keep_their_digits() -> None:
    assert progress_display.format_metrics({"loss": 0.000012, "accuracy": 0.5}) == "loss 1.20e-05  accuracy 0.5000"
    assert progress_display.format_metrics({"loss": 0.0, "gain": -2.5}) == "loss 0.0000  gain -2.5000"
    assert progress_display.format_metrics({"loss": float("nan")}) == "loss nan"


def test_a_history_as_text(data: Data, make: Make) -> None:
    model = make()
    history = model.fit(*data, epochs=2, seed=0)
    assert model.history is history
    assert history.epoch == [0, 1]
    assert len(history.seconds) == 2
    first, last = history.history["loss"]
    assert f"loss      {first:.4g} -> {last:.4g}" in str(history)


def test_empty_histories() -> None:
    history = History()
    assert str(history) == "no finished epoch"
    history.append({"loss": float("nan")}, 0.5)
    assert str(history) == "1 epoch in 0.5 s\n  loss  nan -> nan"


def test_a_history_as_a_table(tmp_path: Path) -> None:
    history = History()
    for epoch in range(30):
        validated = {"val_loss": 1 / (epoch + 2)} if epoch % 2 else {}
        history.append({"loss": 1 / (epoch + 1), **validated}, 0.5)
    assert history.rows[3] == {"loss": 0.25, "val_loss": 0.2}
    assert history.rows[2] == {"loss": 1 / 3}
    lines = history.table(most=4).splitlines()
    assert [line.split() for line in lines] == [
        ["epoch", "seconds", "loss", "val_loss"],
        ["1", "0.50", "1.0000"],
        ["2", "0.50", "0.5000", "0.3333"],
        ["..."],
        ["29", "0.50", "0.0345"],
        ["30", "0.50", "0.0333", "0.0323"],
    ]
    assert history.to_csv(tmp_path / "history.csv") == (tmp_path / "history.csv").read_text()
    assert history.to_csv().splitlines()[:3] == ["epoch,seconds,loss,val_loss", "0,0.5,1.0,", f"1,0.5,0.5,{1 / 3}"]
    console = Console(width=60, file=io.StringIO())
    console.print(history)
    assert "val_loss" in console.file.getvalue()  # type: ignore[attr-defined]


def test_the_bar_shows_speed_and_remaining_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for steps in (4, None):
        bar = progress_display.BarProgress(2, steps)
        for epoch in range(2):
            for done in (2, 4):
                bar.step(epoch, done, {"loss": 0.5})
            bar.epoch(epoch, {"loss": 0.5}, 0.1)
        (task,) = bar.progress.tasks
        assert (task.completed, task.total) == (8, None if steps is None else 8)
        assert task.fields["metrics"] == "loss 0.5000"
        assert task.description == "Epoch 2/2"
        assert task.fields["rate"].endswith("steps/s")


def test_the_bar_of_a_sweep_counts_programs_and_epochs() -> None:
    bar = progress_display.BarProgress(3, 4, ("Program", "epoch"))
    for done in (2, 4):
        bar.step(1, done, {})
    (task,) = bar.progress.tasks
    assert (task.description, task.completed, task.total) == ("Program 2/3", 8, 12)
    assert task.fields["rate"].endswith("epochs/s")


def test_a_history_with_missing_epochs_and_vector_metrics() -> None:
    history = History()
    for epoch, loss in ((4, 0.5), (5, 0.25), (6, 0.75)):
        validated = {"val_loss": loss} if epoch == 6 else {}
        history.append({"loss": loss, "f1_score": np.array([0.5, 1.0]), **validated}, 0.5, epoch)
    assert str(history).splitlines()[1:] == [
        "  loss      0.5 -> 0.75  (minimum 0.25 in epoch 6)",
        "  f1_score  [0.5000 1.0000] -> [0.5000 1.0000]",
        "  val_loss  0.75 -> 0.75  (minimum 0.75 in epoch 7)",
    ]


STOPPED = """
import numpy as np, pellucid as pel
from pellucid import nn

rng = np.random.default_rng(0)
x, y = rng.random((1984, 50), dtype="float32"), rng.integers(0, 2, 1984)
model = pel.Sequential([nn.Input((50,)), nn.Dense(20, activation="tanh"), nn.Dense(2, activation="softmax")])
model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
before = model.get_weights()
try:
    model.fit(x, y, epochs=10**6, verbose=2)
except KeyboardInterrupt as stop:
    assert isinstance(stop, pel.Interrupted)
    assert stop.history is model.history
    epochs = len(model.history.epoch)
    assert epochs and len(model.history.history["loss"]) == epochs
    assert epochs * 62 <= stop.steps < (epochs + 1) * 62, (epochs, stop.steps)
    assert all(np.isfinite(w).all() for w in model.get_weights())
    assert not np.array_equal(before[0], model.get_weights()[0])
    model.fit(x, y, epochs=1)
    print("kept")
"""


def test_ctrl_c_keeps_finished_epochs(data: Data, make: Make) -> None:
    model = make()
    before = model.get_weights()
    steps: list[int] = []

    def end(batch: int, logs: object) -> None:
        steps.append(batch)
        if len(steps) == 13:  # an epoch has five steps
            signal.raise_signal(signal.SIGINT)

    interrupt = pel.callbacks.LambdaCallback(on_train_batch_end=end)
    with pytest.raises(pel.Interrupted) as stop:
        model.fit(*data, epochs=10**6, callbacks=[interrupt], verbose=0)
    assert stop.value.history is model.history
    assert model.history.epoch == [0, 1]
    assert len(model.history.history["loss"]) == 2
    assert 12 <= stop.value.steps <= 13
    assert not np.array_equal(before[0], model.get_weights()[0])
    assert model.fit(*data, epochs=1, verbose=0).epoch == [0]


@pytest.mark.slow
def test_ctrl_c_ends_training_and_keeps_finished_epochs() -> None:
    process = subprocess.Popen([sys.executable, "-c", STOPPED], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(3):
        assert process.stdout.readline().startswith("Epoch")
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert rest.splitlines()[-1] == "kept"


def test_long_compilations_are_announced(
    data: Data, make: Make, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compilation_notice, "NOTICE_SECONDS", 0.0)
    monkeypatch.setenv("PELLUCID_CACHE", "0")
    model = make()
    model.fit(*data, epochs=1, verbose=2)
    out, err = capfd.readouterr()
    assert re.search(r"^Compiling a step of \d+ expressions with (XLA|the C compiler) \.\.\.$", err, re.M)
    assert "Compiling" not in out
    model.fit(*data, epochs=1, verbose=2)  # it is compiled
    assert capfd.readouterr().err == ""


def test_the_progress_bar_shows_compilations(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_display.BarProgress(1, 10) as bar:
        assert bar.task.fields["metrics"] == "compiling"
        bar.compilation("Compiling a step of 12 expressions with XLA")
        assert bar.task.fields["metrics"] == "compiling a step of 12 expressions with XLA"


def test_short_compilations_and_other_code_are_not_announced() -> None:
    notices: list[str] = []
    with listen_to_compilations(notices.append):
        pel.function([], pel.shared(1.0, "x") + 1)()
    assert notices == []
