from pathlib import Path

import numpy as np
import pytest

from pellucid.byhand import moons as by_hand
from pellucid.data import moons as draw
from pellucid.experiments.moons import COMPARED, Network, agreement, loss_table, moons
from pellucid.experiments.runner import Run, perform


def test_both_runs_reach_the_losses_of_the_workshop(tmp_path: Path) -> None:
    record, error = perform(moons, {}, tmp_path)
    assert error is None
    for measured in (record.measures["loss_by_hand"], record.measures["loss_by_graph"]):
        assert measured["1"] == pytest.approx(0.432387, abs=5e-7)
        assert measured["1001"] == pytest.approx(0.068947, abs=5e-7)
        assert measured["20000"] == pytest.approx(0.0710, abs=4e-4)
    assert record.measures["gap_while_compared"] < 1e-10
    assert record.measures["largest_eigenvalue"] == pytest.approx(206.6, abs=0.1)
    assert record.measures["stable_below"] == 200
    assert record.measures["training_accuracy"] == 0.975
    assert record.result is not None
    assert record.baseline is not None
    assert record.result.value > 0.95 > record.baseline.value
    # Both stand on the two solutions in turn.
    for last in (record.measures["last_losses_by_hand"], record.measures["last_losses_by_graph"]):
        assert sorted(last) == pytest.approx([0.070758, 0.071316], abs=1e-5)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_short_run_works_in_either_dtype(dtype: str, tmp_path: Path) -> None:
    record, error = perform(moons, {"passes": 7, "hidden": 2, "dtype": dtype, "points": 50}, tmp_path, seed=3)
    assert error is None
    assert record.measures["gap_while_compared"] < (1e-12 if dtype == "float64" else 1e-4)
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
    assert "Checked on these values" in derivation


def test_a_single_pass_is_a_run(tmp_path: Path) -> None:
    record, error = perform(moons, {"passes": 1, "points": 20}, tmp_path)
    assert error is None
    assert list(record.measures["loss_by_graph"]) == ["1"]


def test_too_large_a_rate_is_explained(tmp_path: Path) -> None:
    record, error = perform(moons, {"rate": 1e200, "passes": 20}, tmp_path)
    assert isinstance(error, FloatingPointError)
    assert record.status == "failed"
    assert "take a smaller rate" in str(record.reason)


def test_the_curvature_is_that_of_finite_differences() -> None:
    X, y = draw(30, dtype="float64")
    network = Network(by_hand.initialize(hidden=2), rate=0.01, strength=0.01)
    start = np.concatenate([part.get_value().ravel() for part in network.parameters])

    def slope(values: np.ndarray) -> np.ndarray:
        ends = np.cumsum([part.get_value().size for part in network.parameters])[:-1]
        parts = by_hand.Parameters(
            *(piece.reshape(part.shape) for piece, part in zip(np.split(values, ends), network.parameters, strict=True))
        )
        return np.concatenate([g.ravel() for g in by_hand.gradient(parts, X, y, *by_hand.forward(parts, X))])

    small = 1e-6 * np.eye(len(start))
    hessian = np.stack([(slope(start + e) - slope(start - e)) / 2e-6 for e in small])
    assert network.curvature(X, y) == pytest.approx(np.linalg.eigvalsh(hessian).max(), rel=1e-5)


def test_the_table_names_what_the_workshop_calls_its_thousandth() -> None:
    losses = np.linspace(1, 0.1, 2001)
    assert [line.split("  ")[0] for line in loss_table(losses, losses, COMPARED)] == [
        "loss after the first pass",
        "loss after 1,001 passes (the workshop counts from 0: its 1,000)",
        "loss after 2,000 passes",
    ]
    assert len(loss_table(losses[:2], losses[:2], 1)) == 1


def test_the_reason_to_compare_no_further_is_given_only_where_there_is_one() -> None:
    gaps = np.full(2001, 1e-15)
    assert len(agreement(gaps[:1001], 1000, 100.0, 0.01)) == 1
    assert "multiplies a difference by -1.07" in agreement(gaps, COMPARED, 206.6, 0.01)[1]
    assert "differences shrink" in agreement(gaps, COMPARED, 100.0, 0.01)[1]


def test_progress_is_told_of_every_pass(tmp_path: Path) -> None:
    told: list[float] = []
    run = Run(tmp_path)
    network = Network(by_hand.initialize(), rate=0.01, strength=0.01)
    X, y = draw(20, dtype="float64")
    with run.following("training", 50) as follow:
        network.step.repeat(
            50, X, y, progress=lambda done, steps, latest: (follow(done, steps, latest), told.append(done))
        )
    assert told[-1] == 50
