import json
import os
from pathlib import Path

import numpy as np
import pytest

from pellucid.data.atomic_write import write_atomically
from pellucid.experiments.runner import Experiment, Outcome, Run, Score, UsageError, experiment, new_folder, perform
from pellucid.experiments.runner.record import as_json
from pellucid.show.plots import learning_curves


def test_a_finished_run_leaves_a_record_of_everything(experiments: dict[str, Experiment], tmp_path: Path) -> None:
    record, error = perform(experiments["sample"], {"passes": 7}, tmp_path, seed=3)
    written = json.loads((tmp_path / "record.json").read_text())
    assert error is None
    assert written == json.loads(record.as_json())
    assert (written["name"], written["status"], written["reason"], written["seed"]) == ("sample", "finished", None, 3)
    assert written["parameters"]["passes"] == 7
    assert written["parameters"]["sizes"] == [1, 2, 50]
    assert written["measures"] == {"total": 7, "worst": "nan"}
    assert written["result"] == {"label": "share", "value": 0.75}
    assert written["baseline"] == {"label": "chance", "value": 0.5}
    assert written["pictures"] == [{"file": "curve.png", "caption": "A curve", "reading": "A line that falls & falls."}]
    assert 0 <= written["timings"]["adding"] <= written["seconds"]
    assert written["versions"]["numpy"] == np.__version__
    assert written["machine"]["cores"] >= 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["curve.png", "proof.html", "record.json", "words.txt"]
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "words.txt").read_text() == "a < b\n"


def test_a_failed_run_keeps_what_it_saved(experiments: dict[str, Experiment], tmp_path: Path) -> None:
    record, error = perform(experiments["broken"], {}, tmp_path)
    assert isinstance(error, ValueError)
    assert (record.status, record.reason) == ("failed", "photos/: expected two classes; received one")
    assert json.loads((tmp_path / "record.json").read_text())["texts"][0]["file"] == "before.txt"


def test_an_interrupted_run_keeps_what_it_saved(experiments: dict[str, Experiment], tmp_path: Path) -> None:
    record, error = perform(experiments["stopped"], {}, tmp_path)
    assert isinstance(error, KeyboardInterrupt)
    assert (record.status, record.reason) == ("interrupted", None)
    assert json.loads((tmp_path / "record.json").read_text())["status"] == "interrupted"
    assert (tmp_path / "before.txt").exists()


class LoopStopped(KeyboardInterrupt):
    history = (np.float32(4.0), np.float32(2.0))


def test_an_interrupted_training_leaves_its_learning_curve_and_how_far_it_was(tmp_path: Path) -> None:
    @experiment("learner", "It learns by hand and by graph, until someone presses Ctrl-C")
    def learner(run: Run) -> Outcome:
        """It learns. Then it stops."""
        with run.learning("by hand") as losses:
            losses.extend([3.0, 2.0, 1.5])
        with run.learning("by graph", values_of=lambda totals: np.divide(totals, 2)):
            raise LoopStopped
        raise AssertionError

    record, error = perform(learner, {}, tmp_path)
    written = json.loads((tmp_path / "record.json").read_text())
    assert (type(error), record.status) == (LoopStopped, "interrupted")
    assert written["measures"] == {
        "passes_finished": {"by hand": 3, "by graph": 2},
        "last_loss": {"by hand": 1.5, "by graph": 1.0},
    }
    assert [picture["file"] for picture in written["pictures"]] == ["loss-so-far.png"]
    assert "by graph: stopped; passes finished: 2, the last loss 1" in written["lines"]
    assert (tmp_path / "loss-so-far.png").exists()


def test_ctrl_c_before_the_first_step_keeps_no_curve(tmp_path: Path) -> None:
    @experiment("early", "It is interrupted at once")
    def early(run: Run) -> Outcome:
        """It compiles. Then it stops."""
        with run.learning("training"):
            raise KeyboardInterrupt
        raise AssertionError

    record, _ = perform(early, {}, tmp_path)
    assert (record.status, record.measures, record.pictures) == ("interrupted", {}, [])


def test_a_result_is_told_before_its_pictures_are_drawn(tmp_path: Path) -> None:
    order: list[str] = []

    @experiment("draws", "What is drawn last", "x")
    def draws(run: Run) -> Outcome:
        """A result need not wait for its pictures. They are drawn once it is told."""

        def pictures() -> None:
            order.append("drawn")
            run.figure("line", "A line", learning_curves({"a": [1.0, 2.0]}, "steps", "loss"), reading="It rises.")
            raise KeyboardInterrupt

        return Outcome(Score("score", 1.0), Score("baseline", 0.5), lines=["a line"], pictures=pictures)

    record, error = perform(draws, {}, tmp_path, tell=lambda outcome: order.append(str(outcome.result)))
    assert order == ["score 1", "drawn"]
    assert isinstance(error, KeyboardInterrupt)
    assert (str(record.result), record.lines, record.pictures[0].file) == ("score 1", ["a line"], "line.png")


def test_a_wrong_setting_is_found_before_anything_is_run_or_written(
    experiments: dict[str, Experiment], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"no parameter 'pases'\. Did you mean 'passes'\?"):
        perform(experiments["sample"], {"pases": 1}, tmp_path)
    assert not any(tmp_path.iterdir())


def test_an_experiment_without_an_idea_is_refused() -> None:
    def silent(run: Run) -> Outcome: ...

    with pytest.raises(TypeError, match="silent: expected a docstring that tells the idea"):
        experiment("silent", "No idea")(silent)


def test_a_picture_is_never_written_over(tmp_path: Path) -> None:
    run = Run(tmp_path)
    figure = learning_curves({"line": [1.0, 0.5]})
    run.figure("curve", "A curve", figure, reading="It falls.")
    with pytest.raises(ValueError, match=r"name: curve.png is saved already in this run; choose another name"):
        run.figure("curve", "Another", figure, reading="It falls.")


@pytest.mark.parametrize("name", ["", "../up", "A", "a b", "-a", "a/b"])
def test_a_picture_has_a_plain_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="name: expected lower-case letters, digits and hyphens; received"):
        Run(tmp_path).text(name, "A text", "words")


def test_progress_advances_and_goes_away_when_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.progress import Progress

    monkeypatch.setattr("pellucid.experiments.runner.context.SECONDS_BETWEEN_DRAWINGS", 0)
    display = Progress(disable=True)
    run = Run(tmp_path, display=display)
    with run.progress("training", total=10) as advance:
        advance()
        advance(4)
        assert [task.completed for task in display.tasks] == [5]
        with run.progress("inner", total=2):
            assert len(display.tasks) == 2
    assert not display.tasks
    assert list(run.track("abc", "letters")) == ["a", "b", "c"]
    assert list(run.track(iter("abc"), "letters", total=3)) == ["a", "b", "c"]


def test_progress_is_drawn_now_and_then_only(tmp_path: Path) -> None:
    from rich.progress import Progress

    display = Progress(disable=True)
    with Run(tmp_path, display=display).progress("training", total=1e6) as advance:
        for _ in range(100_000):
            advance()
        assert 0 < display.tasks[0].completed < 100_000


def test_clocks_of_one_name_add_up(tmp_path: Path) -> None:
    run = Run(tmp_path)
    with run.clock("part") as first:
        pass
    with run.clock("part") as second:
        pass
    assert run.timings == {"part": first.seconds + second.seconds}


def test_folders_are_numbered_from_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [new_folder(None, "moons") for _ in range(2)] == [Path("runs/moons-1"), Path("runs/moons-2")]
    assert new_folder(None, "adder") == Path("runs/adder-1")


def test_an_own_folder_may_be_new_or_empty(tmp_path: Path) -> None:
    assert new_folder(tmp_path / "a" / "b", "moons").is_dir()
    assert new_folder(tmp_path / "a" / "b", "moons") == tmp_path / "a" / "b"


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(UsageError, match=r"--out: expected a new or empty folder; .* holds files already"):
        new_folder(tmp_path, "moons")
    with pytest.raises(UsageError, match=r"--out: expected a folder; .*mine.txt is a file"):
        new_folder(tmp_path / "mine.txt", "moons")
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_json_takes_numpy_and_paths_and_stays_strict() -> None:
    value = {"loss": np.float32(np.inf), "weights": np.eye(2), "seed": np.int64(3), "path": Path("a/b"), 1: True}
    expected = {"loss": "inf", "weights": [[1.0, 0.0], [0.0, 1.0]], "seed": 3, "path": str(Path("a/b")), "1": True}
    assert json.loads(as_json(value)) == expected


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record.json"
    write_atomically(path, "old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fdopen", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, "new")
    assert [file.name for file in tmp_path.iterdir()] == ["record.json"]
    assert path.read_text() == "old"
