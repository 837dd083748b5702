"""Cross-validation through the commands: scores, saved predictions, resuming."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.cli import main
from pellucid.tracking import RunContext
from pellucid.tracking.record import to_json
from pellucid.train import Settings
from pellucid.train.evaluate.intervals import compute_fold_interval
from pellucid.train.fit import cross_validation
from pellucid.train.fit.cross_validation import cross_validate, prepare_folds
from pellucid.train.prepare.prepared_run import prepare
from pellucid.train.training_run import fit_model
from pellucid.training.callbacks import TerminateOnNaN
from pellucid.training.callbacks.history import History

Output = pytest.CaptureFixture[str]
WORDS = ["train", "signs.npz", "--model", "linear", "--folds", "3", "--epochs", "2", "--learning-rate", "0.05"]


@pytest.fixture(scope="module")
def place(interpret_functions: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two data sets, and an uninterrupted run on the first."""
    place = tmp_path_factory.mktemp("folds")
    rng = np.random.default_rng(0)
    x = rng.normal(5, 2, size=(70, 3))
    np.savez(place / "signs.npz", x=x, y=np.where(x[:, 0] + rng.normal(size=70) > 5, "up", "down"))
    np.savez(place / "line.npz", x_train=x[:50], y_train=3 * x[:50, 0], x_test=x[50:], y_test=3 * x[50:, 0])
    with pytest.MonkeyPatch.context() as here:
        here.chdir(place)
        assert main([*WORDS, "--out", "run", "--quiet"]) == 0
    return place


@pytest.fixture(autouse=True)
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


def read_record(folder: str | Path) -> Any:
    return json.loads(Path(folder, "record.json").read_text())


def read_rows(folder: str | Path) -> list[dict[str, str]]:
    return list(csv.DictReader(Path(folder, "out-of-fold.csv").read_text().splitlines()))


def test_every_sample_is_predicted_once_by_a_network_trained_without_it(place: Path) -> None:
    from sklearn.model_selection import StratifiedKFold

    rows = read_rows("run")
    arrays = np.load("signs.npz")
    assert [int(row["sample"]) for row in rows] == list(range(70))
    assert [row["true class"] for row in rows] == arrays["y"].tolist()
    labels = (arrays["y"] == "up").astype(int)
    folds = StratifiedKFold(3, shuffle=True, random_state=0).split(labels, labels)
    for number, (training, test) in enumerate(folds, start=1):
        assert [k for k, row in enumerate(rows) if row["fold"] == str(number)] == test.tolist()
        model = pel.load_model(f"run/folds/{number}/model.pel")
        outputs = model.predict(arrays["x"][test].astype("float32"))
        assert [float(rows[k]["probability of up"]) for k in test] == pytest.approx(outputs[:, 1].tolist(), abs=1e-6)
        # The means of the inputs are those of a part of the training samples, without the validation samples.
        [prepared] = [prepare_folds(prepare(Settings("signs.npz", folds=3)))[number - 1]()]
        assert set(prepared.parts["training"]) | set(prepared.parts["validation"]) == set(training)
        mean = arrays["x"][prepared.parts["training"]].mean(axis=0)
        assert model.get_layer("standardized").get_weights()[0] == pytest.approx(mean, rel=1e-5)


def test_the_score_is_the_mean_over_the_folds_with_deviation_and_interval(place: Path) -> None:
    from sklearn.metrics import accuracy_score

    record, rows = read_record("run"), read_rows("run")
    found = record["measures"]["cross_validation"]
    scores = []
    for number in "123":
        fold = [row for row in rows if row["fold"] == number]
        scores.append(accuracy_score([r["true class"] for r in fold], [r["predicted class"] for r in fold]))
    assert [fold["accuracy"] for fold in found["scores"]] == pytest.approx(scores)
    assert found["mean"]["accuracy"] == pytest.approx(np.mean(scores))
    assert found["standard_deviation"]["accuracy"] == pytest.approx(np.std(scores, ddof=1))
    assert found["intervals"]["accuracy"] == pytest.approx(compute_fold_interval(scores, (0, 1)))
    assert (found["folds"], found["samples"]) == (3, 70)
    assert set(found["baselines"]) == {"most frequent class", "logistic regression", "gradient-boosted trees"}
    assert record["result"]["label"] == "cross-validated accuracy"
    assert record["result"]["value"] == found["mean"]["accuracy"]
    assert {each["baseline_value"] for each in record["measures"]["comparisons"]} == {
        each["accuracy"] for each in found["baselines"].values()
    }


SIGNS = Settings("signs.npz", model="linear", folds=3, epochs=2, learning_rate=0.05)


def test_the_report_shows_the_cross_validation_before_the_test_set(place: Path) -> None:
    validation = read_record("run")["measures"]["cross_validation"]
    text = Path("run/report.html").read_text("utf-8")
    assert text.index("Cross-validation, 3 folds, 70 samples") < text.index("Test set, ")
    for value in (validation["mean"]["accuracy"], validation["standard_deviation"]["accuracy"]):
        assert f"{value:.4g}" in text


def test_the_network_of_the_run_is_that_of_a_run_without_folds(place: Path, tmp_path: Path) -> None:
    alone = prepare(replace(SIGNS, folds=None))
    fit_model(alone, tmp_path, 0)
    for a, b in zip(pel.load_model("run/model.pel").get_weights(), alone.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def stop_in_training(number: int, patch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C in the second step of the training of a number, from 1."""
    seen: list[object] = []

    def stop(self: TerminateOnNaN, batch: int, logs: Any = None) -> None:
        if self.model not in seen:
            seen.append(self.model)
        if len(seen) == number and self.model.run.step == 2:
            raise KeyboardInterrupt

    patch.setattr(TerminateOnNaN, "batch_interval", 1)
    patch.setattr(TerminateOnNaN, "on_train_batch_end", stop)


@pytest.mark.slow
def test_folds_continued_after_ctrl_c_are_bit_identical(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared, lines = prepare(SIGNS), list[str]()
    folds, run = prepare_folds(prepared), RunContext(tmp_path)
    monkeypatch.setattr(cross_validation, "fit_baselines", lambda _: ({}, {}))
    with monkeypatch.context() as patch:
        stop_in_training(2, patch)
        with pytest.raises(KeyboardInterrupt, match="interrupted in fold 2 of 3; the network of all training samples"):
            cross_validate(run, prepared, folds, 0, lines.extend)
    assert lines[0] == "fold 1 of 3: training"
    assert lines[1].startswith("fold 1 of 3: accuracy")
    assert (tmp_path / "folds" / "1" / "predictions.npz").exists()
    assert not (tmp_path / "folds" / "2" / "predictions.npz").exists()
    lines.clear()
    found = cross_validate(run, prepared, folds, 0, lines.extend)
    assert "fold 1 of 3: training" not in lines
    assert lines[0].endswith(" (finished earlier)")
    expected = read_record("run")["measures"]["cross_validation"]
    described = json.loads(to_json(found.describe(prepared.dataset.targets, True)))
    assert described == {**expected, "baselines": {}}
    assert (tmp_path / "out-of-fold.csv").read_bytes() == Path("run/out-of-fold.csv").read_bytes()
    assert not list(tmp_path.rglob("checkpoint"))


@pytest.mark.slow
def test_a_cross_validation_resumed_after_ctrl_c_is_bit_identical(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    with monkeypatch.context() as patch:
        stop_in_training(3, patch)  # the networks of the run and of fold 1 are finished
        assert main([*WORDS, "--out", "stopped"]) == 130
    output, errors = capsys.readouterr()
    assert "fold 1 of 3: accuracy" in output
    assert "interrupted in fold 2 of 3; the network of all training samples is in stopped. To resume: pell" in errors
    assert pel.load_model("stopped/model.pel").built
    assert main(["resume", "stopped"]) == 0
    output = capsys.readouterr().out
    assert "fold 1 of 3: training" not in output
    assert "(finished earlier)" in output
    assert read_record("stopped")["measures"] == read_record("run")["measures"]
    assert Path("stopped/out-of-fold.csv").read_bytes() == Path("run/out-of-fold.csv").read_bytes()


@pytest.mark.slow
def test_a_cross_validation_is_repeated_bit_by_bit_from_its_file(place: Path) -> None:
    assert main(["train", "run/experiment.toml", "--out", "again", "--quiet"]) == 0
    assert read_record("again")["measures"] == read_record("run")["measures"]


def cross_validate_untrained(settings: Settings, folder: Path, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the scores of networks that are not trained, without baselines."""
    patch.setattr(cross_validation, "fit_model", lambda *_: History())
    patch.setattr(cross_validation, "fit_baselines", lambda _: ({}, {}))
    prepared = prepare(settings)
    found = cross_validate(RunContext(folder), prepared, prepare_folds(prepared), 0, lambda lines: None)
    return found.describe(prepared.dataset.targets, bool(prepared.dataset.class_names))


def test_folds_of_a_regression_leave_the_test_part_out(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sklearn.metrics import mean_absolute_error

    found = cross_validate_untrained(Settings("line.npz", model="linear", folds=2), tmp_path, monkeypatch)
    assert found["samples"] == 50
    rows = read_rows(tmp_path)
    errors = [
        mean_absolute_error(
            *([float(r[f"{kind} target"]) for r in rows if r["fold"] == fold] for kind in ("true", "predicted"))
        )
        for fold in "12"
    ]
    assert found["mean"]["mae"] == pytest.approx(np.mean(errors), rel=1e-5)


def test_every_target_has_a_column_of_predictions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(size=(20, 3))
    rows = [f"{a:.4f},{b:.4f},{c:.4f}" for a, b, c in x]
    (tmp_path / "two.csv").write_text("\n".join(["a,price,size", *rows]) + "\n")
    settings = Settings(str(tmp_path / "two.csv"), model="linear", folds=2, options={"target": "price,size"})
    cross_validate_untrained(settings, tmp_path, monkeypatch)
    header, first, *_ = (tmp_path / "out-of-fold.csv").read_text().splitlines()
    assert header == "sample,fold,true price,true size,predicted price,predicted size"
    assert [float(cell) for cell in first.split(",")[2:4]] == pytest.approx(x[0, 1:], abs=1e-4)


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        ("1", "folds: expected an integer, from 2 to 100; received 1"),
        ("50", "signs.npz: expected a class with at least 50 samples for 50 folds; received at most "),
    ],
)
def test_too_few_or_too_many_folds_are_refused(folds: str, message: str, capsys: Output) -> None:
    assert main(["train", "signs.npz", "--folds", folds, "--out", "refused"]) in (1, 2)
    assert message in capsys.readouterr().err
    assert not Path("refused").exists()


def test_few_samples_and_several_processes_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    np.savez(tmp_path / "few.npz", x=np.arange(12.0).reshape(6, 2), y=np.arange(6) / 7)
    assert main(["train", str(tmp_path / "few.npz"), "--folds", "9", "--out", "refused"]) == 1
    assert "few.npz: expected at least 9 samples for 9 folds; received 6." in capsys.readouterr().err
    monkeypatch.setattr("pellucid.run.distributed.process_group.num_processes", lambda: 2)
    assert main([*WORDS, "--out", "refused"]) == 2
    assert "folds: not available with --distributed. Omit one of them" in capsys.readouterr().err
    assert not Path("refused").exists()


def test_a_fold_that_diverges_is_named(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    def fail(*given: Any) -> None:
        raise pel.NonFiniteError("The loss was never finite")

    monkeypatch.setattr("pellucid.train.fit.cross_validation.fit_model", fail)
    assert main([*WORDS, "--out", "diverged"]) == 1
    assert "fold 1 of 3: The loss was never finite" in capsys.readouterr().err
    assert Path("diverged/model.pel").exists()


def test_damaged_predictions_of_a_fold_name_the_file(place: Path, tmp_path: Path) -> None:
    from pellucid.train.fit.cross_validation import read_predictions

    np.savez(tmp_path / "predictions.npz", rows=np.arange(3))
    with pytest.raises(pel.data.DataError, match=r"predictions\.npz: expected the predictions of a fold; remove the"):
        read_predictions(tmp_path / "predictions.npz")


def test_the_interval_over_folds_covers_the_true_error() -> None:
    """Mean squared error of predicting the mean of 48 numbers: the variance times 1 + 1/48."""
    rng, covered = np.random.default_rng(0), []
    for _ in range(300):
        parts = rng.normal(size=(5, 12))
        others = (parts.sum() - parts.sum(axis=1)) / 48
        interval = compute_fold_interval(((parts - others[:, None]) ** 2).mean(axis=1).tolist(), (0, np.inf))
        assert interval is not None
        covered.append(interval[0] <= 1 + 1 / 48 <= interval[1])
    assert 0.92 <= np.mean(covered) <= 1
