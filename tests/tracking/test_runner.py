import json
from pathlib import Path

import numpy as np
import pytest

from pellucid.data import DataError
from pellucid.show.plots.plots import learning_curves
from pellucid.tracking import (
    Experiment,
    ExperimentResult,
    RunContext,
    Score,
    UsageError,
    experiment,
    run_experiment,
)
from pellucid.tracking.record import to_json
from pellucid.tracking.run_folder import create_run_folder, open_run_folder


def test_a_finished_run_leaves_a_record_of_everything(experiments: dict[str, Experiment], tmp_path: Path) -> None:
    record, error = run_experiment(experiments["sample"], {"passes": 7}, tmp_path, seed=3)
    written = json.loads((tmp_path / "record.json").read_text())
    assert error is None
    assert written == json.loads(record.to_json())
    assert (written["name"], written["status"], written["reason"], written["seed"]) == ("sample", "finished", None, 3)
    assert written["parameters"]["passes"] == 7
    assert written["parameters"]["sizes"] == [1, 2, 50]
    assert written["measures"] == {"total": 7, "worst": "nan"}
    assert written["result"] == {"label": "share", "value": 0.75, "interval": None}
    assert written["baseline"] == {"label": "chance", "value": 0.5, "interval": None}
    assert written["pictures"] == [{"file": "curve.png", "caption": "A curve", "reading": "A line that falls & falls."}]
    assert 0 <= written["timings"]["adding"] <= written["seconds"]
    assert written["versions"]["numpy"] == np.__version__
    assert written["machine"]["cores"] >= 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["curve.png", "proof.html", "record.json", "words.txt"]
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "words.txt").read_text() == "a < b\n"


def test_a_failed_run_keeps_its_files(experiments: dict[str, Experiment], tmp_path: Path) -> None:
    record, error = run_experiment(experiments["broken"], {}, tmp_path)
    assert isinstance(error, ValueError)
    assert (record.status, record.reason) == ("failed", "photos/: expected two classes; received one")
    assert json.loads((tmp_path / "record.json").read_text())["texts"][0]["file"] == "before.txt"


def test_an_interrupted_run_keeps_its_files(experiments: dict[str, Experiment], tmp_path: Path) -> None:
    record, error = run_experiment(experiments["stopped"], {}, tmp_path)
    assert isinstance(error, KeyboardInterrupt)
    assert (record.status, record.reason) == ("interrupted", None)
    assert json.loads((tmp_path / "record.json").read_text())["status"] == "interrupted"
    assert (tmp_path / "before.txt").exists()


class LoopStopped(KeyboardInterrupt):
    history = (np.float32(4.0), np.float32(2.0))


def test_an_interrupted_training_saves_its_learning_curve_and_progress(tmp_path: Path) -> None:
    @experiment("learner", "It learns by hand and by graph, until Ctrl-C is pressed")
    def learner(run: RunContext) -> ExperimentResult:
        """It learns. Then it stops."""
        with run.learning_curve("by hand") as losses:
            losses.extend([3.0, 2.0, 1.5])
        with run.learning_curve("by graph", get_values=lambda totals: np.divide(totals, 2)):
            raise LoopStopped
        raise AssertionError

    record, error = run_experiment(learner, {}, tmp_path)
    written = json.loads((tmp_path / "record.json").read_text())
    assert (type(error), record.status) == (LoopStopped, "interrupted")
    assert written["measures"] == {
        "passes_finished": {"by hand": 3, "by graph": 2},
        "last_loss": {"by hand": 1.5, "by graph": 1.0},
    }
    assert [picture["file"] for picture in written["pictures"]] == ["loss-so-far.png"]
    assert "by graph: stopped; passes finished: 2, last loss 1" in written["lines"]
    assert (tmp_path / "loss-so-far.png").exists()


def test_ctrl_c_before_the_first_step_saves_no_curve(tmp_path: Path) -> None:
    @experiment("early", "It is interrupted at once")
    def early(run: RunContext) -> ExperimentResult:
        """It compiles. Then it stops."""
        with run.learning_curve("training"):
            raise KeyboardInterrupt
        raise AssertionError

    record, _ = run_experiment(early, {}, tmp_path)
    assert (record.status, record.measures, record.pictures) == ("interrupted", {}, [])


def test_a_result_is_reported_before_its_pictures_are_drawn(tmp_path: Path) -> None:
    order: list[str] = []

    @experiment("draws", "Pictures last", "x")
    def draws(run: RunContext) -> ExperimentResult:
        """A result need not wait for its pictures. They are drawn after it is reported."""

        def draw() -> None:
            order.append("drawn")
            run.save_figure("line", "A line", learning_curves({"a": [1.0, 2.0]}, "steps", "loss"), reading="It rises.")
            raise KeyboardInterrupt

        return ExperimentResult(Score("score", 1.0), Score("baseline", 0.5), lines=["a line"], draw=draw)

    record, error = run_experiment(draws, {}, tmp_path, on_result=lambda result: order.append(str(result.result)))
    assert order == ["score 1", "drawn"]
    assert isinstance(error, KeyboardInterrupt)
    assert (str(record.result), record.lines, record.pictures[0].file) == ("score 1", ["a line"], "line.png")


def test_an_invalid_setting_is_an_error_before_anything_is_run_or_written(
    experiments: dict[str, Experiment], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"no parameter 'pases'\. Did you mean 'passes'\?"):
        run_experiment(experiments["sample"], {"pases": 1}, tmp_path)
    assert not any(tmp_path.iterdir())


def test_an_experiment_without_an_idea_is_refused() -> None:
    def silent(run: RunContext) -> ExperimentResult: ...

    with pytest.raises(TypeError, match="silent: expected a docstring with the idea"):
        experiment("silent", "No idea")(silent)


def test_a_picture_is_never_overwritten(tmp_path: Path) -> None:
    run = RunContext(tmp_path)
    figure = learning_curves({"line": [1.0, 0.5]})
    run.save_figure("curve", "A curve", figure, reading="It falls.")
    with pytest.raises(ValueError, match=r"name: this run has saved curve.png already; choose another name"):
        run.save_figure("curve", "Another", figure, reading="It falls.")


@pytest.mark.parametrize("name", ["", "../up", "A", "a b", "-a", "a/b"])
def test_file_names_are_checked(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="name: expected lower-case letters, digits and hyphens; received"):
        RunContext(tmp_path).save_text(name, "A text", "words")


def test_progress_advances_and_disappears_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pellucid.progress import ProgressDisplay

    monkeypatch.setattr("pellucid.tracking.context.SECONDS_BETWEEN_DRAWINGS", 0)
    display = ProgressDisplay()
    run = RunContext(tmp_path, display=display)
    with run.progress("training", total=10) as advance:
        advance()
        advance(4)
        assert [task.completed for task in display.tasks] == [5]
        with run.progress("inner", total=2):
            assert len(display.tasks) == 2
    assert not display.tasks


def test_progress_is_not_drawn_at_every_step(tmp_path: Path) -> None:
    from pellucid.progress import ProgressDisplay

    display = ProgressDisplay()
    with RunContext(tmp_path, display=display).progress("training", total=1e6) as advance:
        for _ in range(100_000):
            advance()
        assert 0 < display.tasks[0].completed < 100_000


def test_clocks_of_one_name_add_up(tmp_path: Path) -> None:
    run = RunContext(tmp_path)
    with run.clock("part") as first:
        pass
    with run.clock("part") as second:
        pass
    assert run.timings == {"part": first.seconds + second.seconds}


def test_folders_are_numbered_from_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [create_run_folder(None, "moons") for _ in range(2)] == [Path("runs/moons-1"), Path("runs/moons-2")]
    assert create_run_folder(None, "adder") == Path("runs/adder-1")


def test_a_given_folder_may_be_new_or_empty(tmp_path: Path) -> None:
    assert create_run_folder(tmp_path / "a" / "b", "moons").is_dir()
    assert create_run_folder(tmp_path / "a" / "b", "moons") == tmp_path / "a" / "b"


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(UsageError, match=r"--out: expected a new or empty folder; .* is not empty"):
        create_run_folder(tmp_path, "moons")
    with pytest.raises(UsageError, match=r"--out: expected a folder; .*mine.txt is a file"):
        create_run_folder(tmp_path / "mine.txt", "moons")
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_json_of_numpy_values_and_paths_is_strict() -> None:
    value = {"loss": np.float32(np.inf), "weights": np.eye(2), "seed": np.int64(3), "path": Path("a/b"), 1: True}
    expected = {"loss": "inf", "weights": [[1.0, 0.0], [0.0, 1.0]], "seed": 3, "path": str(Path("a/b")), "1": True}
    assert json.loads(to_json(value)) == expected


def test_a_run_that_fails_on_bad_data_before_it_saves_results_leaves_nothing(tmp_path: Path) -> None:
    @experiment("unusable", "Its data are unusable")
    def unusable(run: RunContext) -> ExperimentResult:
        """It describes itself. Then it cannot read its data."""
        run.save_config("config.toml", "seed = 0")
        raise DataError("photos: no such file or folder.")

    record, error = run_experiment(unusable, {}, tmp_path)
    assert (type(error), record.status) == (DataError, "failed")
    assert not any(tmp_path.iterdir())
    (tmp_path / "results.txt").write_text("of an earlier process")
    run_experiment(unusable, {}, tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["config.toml", "record.json", "results.txt"]


def test_a_run_folder_that_stays_empty_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with open_run_folder(None, "moons") as folder:
        assert folder.is_dir()
    with open_run_folder(Path("a/b")):
        pass
    assert not any(tmp_path.iterdir())
    with open_run_folder(Path("a/b")) as folder:
        (folder / "record.json").touch()
    with pytest.raises(UsageError, match="a/b is not empty"), open_run_folder(Path("a/b")):
        pass
    assert Path("a/b/record.json").exists()
