from pathlib import Path

import numpy as np
import pytest

from pellucid.byhand import moons as by_hand
from pellucid.course.networks.moons import (
    COMPARED,
    MoonsNetwork,
    format_agreement,
    format_losses,
    moons,
    train_by_graph,
)
from pellucid.data import moons as draw
from pellucid.progress import ProgressDisplay
from pellucid.tracking import RunContext, run_experiment


@pytest.mark.slow
def test_both_runs_reach_the_losses_of_the_workshop(tmp_path: Path, drawn_pictures: None) -> None:
    record, error = run_experiment(moons, {}, tmp_path)
    assert error is None
    for measured in (record.measures["loss_by_hand"], record.measures["loss_by_graph"]):
        assert measured["20000"] == pytest.approx(0.0710, abs=4e-4)
    # Both alternate between the same two solutions.
    for losses in (record.measures["last_losses_by_hand"], record.measures["last_losses_by_graph"]):
        assert sorted(losses) == pytest.approx([0.070758, 0.071316], abs=1e-5)
    assert record.measures["training_accuracy"] == 0.975


def test_both_runs_reach_the_losses_of_the_workshop_after_1_and_1001_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pellucid.course.networks.moons.draw_pictures", lambda *_: None)
    record, error = run_experiment(moons, {"passes": 1001}, tmp_path)
    assert error is None
    for measured in (record.measures["loss_by_hand"], record.measures["loss_by_graph"]):
        assert measured["1"] == pytest.approx(0.432387, abs=5e-7)
        assert measured["1001"] == pytest.approx(0.068947, abs=5e-7)
    assert record.measures["difference_while_compared"] < 1e-10
    assert record.measures["largest_eigenvalue"] == pytest.approx(206.6, abs=0.1)
    assert record.measures["stable_below"] == 200
    assert record.measures["training_accuracy"] == 0.975
    assert record.result is not None
    assert record.baseline is not None
    assert record.result.value > 0.95 > record.baseline.value


@pytest.mark.parametrize("dtype", [pytest.param("float64", marks=pytest.mark.slow), "float32"])
def test_a_short_run_works_in_either_dtype(dtype: str, tmp_path: Path) -> None:
    record, error = run_experiment(moons, {"passes": 7, "hidden": 2, "dtype": dtype, "points": 50}, tmp_path, seed=3)
    assert error is None
    assert record.measures["difference_while_compared"] < (1e-12 if dtype == "float64" else 1e-4)
    assert list(record.measures["loss_by_hand"]) == ["1", "7"]
    assert [line for line in record.lines if line.startswith("loss after 7 passes")]
    assert {picture.file for picture in record.pictures} == {
        "boundary.png",
        "loss.png",
        "difference.png",
        "last-passes.png",
    }
    assert "softmax(tanh(X @ W1 + b1) @ W2 + b2) - one_hot(y" in (tmp_path / "program.txt").read_text()
    derivation = (tmp_path / "derivation.html").read_text(encoding="utf-8")
    assert derivation.count("<li>") == 7
    assert "equal those of pel.grad" in derivation


def test_progress_and_curve_go_on_after_the_pause_for_the_curvature(tmp_path: Path) -> None:
    X, y = draw(30, dtype="float64")
    display = ProgressDisplay()
    run = RunContext(tmp_path, display=display)
    done: list[float] = []
    display.advance = lambda task, steps: done.append(steps)  # type: ignore[method-assign,misc,assignment]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pellucid.tracking.context.SECONDS_BETWEEN_DRAWINGS", 0)
        train_by_graph(run, MoonsNetwork(by_hand.initialize(), rate=0.01, strength=0.01), X, y, COMPARED + 199)
    assert sum(done) == len(run.curves["by graph"].values) == COMPARED + 199


@pytest.mark.slow
def test_a_single_pass_is_a_run(tmp_path: Path) -> None:
    record, error = run_experiment(moons, {"passes": 1, "points": 20}, tmp_path)
    assert error is None
    assert list(record.measures["loss_by_graph"]) == ["1"]


def test_too_large_a_rate_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.tracking.child_process.is_supported", lambda: False)
    record, error = run_experiment(moons, {"rate": 1e200, "passes": 20}, tmp_path)
    assert isinstance(error, FloatingPointError)
    assert record.status == "failed"
    assert str(record.reason).endswith(" in epoch 1; use a smaller learning rate than 1e+200")
    X, y = draw(30, dtype="float64")
    network = MoonsNetwork(by_hand.initialize(hidden=2), rate=1e200, strength=0.01)
    with pytest.raises(FloatingPointError, match="the loss is nan after 20 passes; use a smaller rate"):
        train_by_graph(RunContext(tmp_path), network, X, y, 20)


def test_the_curvature_is_that_of_finite_differences() -> None:
    X, y = draw(30, dtype="float64")
    network = MoonsNetwork(by_hand.initialize(hidden=2), rate=0.01, strength=0.01)
    start = np.concatenate([part.get_value().ravel() for part in network.parameters])

    def gradient(values: np.ndarray) -> np.ndarray:
        ends = np.cumsum([part.get_value().size for part in network.parameters])[:-1]
        parts = by_hand.MoonsParameters(
            *(piece.reshape(part.shape) for piece, part in zip(np.split(values, ends), network.parameters, strict=True))
        )
        return np.concatenate([g.ravel() for g in by_hand.gradient(parts, X, y, *by_hand.forward(parts, X))])

    small = 1e-6 * np.eye(len(start))
    hessian = np.stack([(gradient(start + e) - gradient(start - e)) / 2e-6 for e in small])
    assert network.compute_curvature(X, y) == pytest.approx(np.linalg.eigvalsh(hessian).max(), rel=1e-5)


def test_the_loss_table_names_the_workshops_iteration_1000() -> None:
    losses = np.linspace(1, 0.1, 2001)
    assert [line.split("  ")[0] for line in format_losses(losses, losses, COMPARED)] == [
        "loss after the first pass",
        "loss after 1,001 passes (the workshop counts from 0: its 1,000)",
        "loss after 2,000 passes",
    ]
    assert len(format_losses(losses[:2], losses[:2], 1)) == 1


def test_the_reason_to_compare_no_further_depends_on_the_curvature() -> None:
    gaps = np.full(2001, 1e-15)
    assert len(format_agreement(gaps[:1001], 1000, 100.0, 0.01)) == 1
    assert "multiplies a difference by -1.07" in format_agreement(gaps, COMPARED, 206.6, 0.01)[2]
    assert "differences shrink" in format_agreement(gaps, COMPARED, 100.0, 0.01)[2]


def test_progress_is_reported_for_every_pass(tmp_path: Path) -> None:
    reported: list[float] = []
    run = RunContext(tmp_path)
    network = MoonsNetwork(by_hand.initialize(), rate=0.01, strength=0.01)
    X, y = draw(20, dtype="float64")
    with run.loop_progress("training", 50) as progress:
        network.step.repeat(
            50, X, y, progress=lambda done, steps, latest: (progress(done, steps, latest), reported.append(done))
        )
    assert reported[-1] == 50
