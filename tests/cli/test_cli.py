import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from pathlib import Path

import pytest

from pellucid.cli import main
from pellucid.data import DataWarning, write_digit_folder


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PELLUCID_DEBUG", raising=False)
    return tmp_path


Output = pytest.CaptureFixture[str]


def test_run_prints_the_result_with_the_baseline_and_saves_everything(folder: Path, capsys: Output) -> None:
    assert main(["run", "logistic"]) == 0
    output, errors = capsys.readouterr()
    assert "training accuracy 0.850" in output
    assert "held-out accuracy" in output
    assert "(baseline: majority class 0.5)" in output
    assert errors == ""
    saved = sorted(file.name for file in (folder / "runs" / "logistic-1").iterdir())
    assert saved == ["boundary.png", "record.json"]


def test_json_is_only_the_record(folder: Path, capsys: Output) -> None:
    assert main(["run", "logistic", "--json", "--seed", "3", "--set", "points=60", "--out", "here"]) == 0
    output, errors = capsys.readouterr()
    record = json.loads(output)
    assert record.pop("folder") == "here"
    assert record == json.loads((folder / "here" / "record.json").read_text())
    assert (record["seed"], record["parameters"]["points"]) == (3, 60)
    assert errors == ""


def test_the_same_seed_gives_the_same_measures(capsys: Output) -> None:
    main(["run", "logistic", "--json", "--seed", "5"])
    first = json.loads(capsys.readouterr().out)
    main(["run", "logistic", "--json", "--seed", "5"])
    assert json.loads(capsys.readouterr().out)["measures"] == first["measures"]


def test_list_names_every_experiment(capsys: Output) -> None:
    assert main(["run", "--list"]) == 0
    assert "logistic  " in capsys.readouterr().out
    assert main(["run", "--list", "--json"]) == 0
    assert "logistic" in [each["name"] for each in json.loads(capsys.readouterr().out)]


def test_list_after_a_name_shows_the_parameters(capsys: Output) -> None:
    assert main(["run", "logistic", "--list"]) == 0
    assert "--set points=200  training points (an integer, 20 or more)" in capsys.readouterr().out
    assert main(["run", "logistic", "--list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parameters"][0]["default"] == 200


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["tour", "--help"]])
def test_help_has_examples(words: list[str], capsys: Output) -> None:
    assert main(words) == 0
    assert "    pellucid " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run"], "run: expected the name of an experiment: "),
        (["run", "logstic"], "no experiment 'logstic'. Did you mean 'logistic'?"),
        (["run", "logistic", "--set", "point=3"], "no parameter 'point'. Did you mean 'points'?"),
        (["run", "logistic", "--set", "points=many"], "expected an integer, 20 or more; received 'many'"),
        (["run", "logistic", "--set", "points=1"], "expected an integer, 20 or more; received '1'"),
        (["run", "logistic", "--set", "points"], "--set: expected KEY=VALUE; received 'points'"),
        (["run", "logistic", "--data", "photos"], "--data: logistic reads no data. Omit --data"),
        (["run", "logistic", "--seed", "-1"], "--seed: expected an integer, from 0 to 4294967295; received -1"),
        (["run", "logistic", "--seed", "x"], 'Invalid value for --seed: unable to convert "x" into int.'),
        (["run", "logistic", "--sed", "1"], "Unknown option: --sed. Did you mean --seed?"),
        (["rnu"], 'Unknown command "rnu". Did you mean "run"?'),
        (["tour", "logstic"], "no experiment 'logstic'. Did you mean 'logistic'?"),
    ],
)
def test_a_usage_error_is_one_line_and_status_2(words: list[str], message: str, folder: Path, capsys: Output) -> None:
    assert main(words) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("error: ")
    assert message in errors
    assert errors.count("\n") == 1
    assert not any(folder.iterdir())


def test_a_folder_that_is_not_empty_is_left_unchanged(folder: Path, capsys: Output) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "mine.txt").write_text("precious")
    assert main(["run", "logistic", "--out", "out"]) == 2
    assert "error: --out: expected a new or empty folder; out is not empty" in capsys.readouterr().err
    assert [file.name for file in (folder / "out").iterdir()] == ["mine.txt"]


def test_a_run_that_cannot_start_leaves_no_folder(folder: Path, capsys: Output) -> None:
    assert main(["run", "moons-sizes", "--set", "sizes=2,2"]) == 2
    errors = capsys.readouterr().err
    assert errors == "error: sizes: expected each size once; received 2 more than once. Keep one of them\n"
    assert main(["run", "images", "--data", "nowhere", "--out", "a/b"]) == 1
    errors = capsys.readouterr().err
    assert errors == "error: nowhere: no such file or folder; expected a folder or a zip archive of images.\n"
    assert not any(folder.iterdir())


def test_a_given_empty_folder_is_kept_if_a_run_cannot_start(folder: Path) -> None:
    (folder / "out").mkdir()
    assert main(["run", "images", "--data", "nowhere", "--out", "out"]) == 1
    assert main(["run", "logistic", "--out", "out"]) == 0


def test_a_folder_that_cannot_be_written_is_a_usage_error(folder: Path, capsys: Output) -> None:
    (folder / "file").write_text("no folder")
    assert main(["run", "logistic", "--out", "file/out"]) == 2
    assert "error: --out: cannot write to file/out (Not a directory). Choose another" in capsys.readouterr().err
    assert main(["tour", "logistic", "--out", "file/out"]) == 2
    assert "error: --out: cannot write to file/out (Not a directory). Choose another" in capsys.readouterr().err


def test_a_warning_is_one_line_without_source_code(folder: Path, capsys: Output) -> None:
    pictures = write_digit_folder(folder / "digits", digits=(3, 8), per_class=4)
    (pictures / "digit3.bad.png").write_bytes(b"no picture")
    with warnings.catch_warnings():
        warnings.simplefilter("always", DataWarning)
        assert main(["data", str(pictures)]) == 0
    assert re.fullmatch(r"warning: .*digits: skipped 1 of 9 files: .*\n", capsys.readouterr().err)


def test_a_failed_run_prints_the_reason_and_with_debug_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr("pellucid.data.moons", _no_moons)
    assert main(["run", "logistic"]) == 1
    assert "error: no moons today\n" in capsys.readouterr().err
    assert main(["run", "logistic", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def _no_moons(*_: object, **__: object) -> None:
    raise ValueError("no moons today")


def test_tour_prints_a_table_and_the_url_of_the_page(folder: Path, capsys: Output) -> None:
    assert main(["tour", "logistic", "--out", "page"]) == 0
    output = capsys.readouterr().out
    page = folder / "page" / "index.html"
    assert "baseline" in output
    assert page.as_uri() in output
    assert "Where to go next:\n  pellucid course         open the course" in output
    assert "pellucid train photos/" in output
    assert "One straight line between two moons" in page.read_text()


def test_a_tour_with_a_failure_ends_with_status_1(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setattr("pellucid.data.moons", _no_moons)
    assert main(["tour", "logistic"]) == 1
    assert "failed" in capsys.readouterr().out


def test_the_module_runs_as_the_command_does() -> None:
    command = [sys.executable, "-m", "pellucid", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "pellucid run moons" in shown.stdout


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["run", "logistic", "--json", "--out", "out"], "interrupted; the results so far are in out"),
        (["tour", "logistic", "--out", "out"], "interrupted with 1 of 1 experiments left"),
    ],
)
def test_ctrl_c_has_status_130_and_keeps_finished_results(
    words: list[str], status: str, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr("pellucid.data.moons", lambda *_, **__: signal.raise_signal(signal.SIGINT))
    assert main(words) == 130
    output, errors = capsys.readouterr()
    assert status in errors
    if words[0] == "run":
        assert json.loads(output)["status"] == "interrupted"
        assert json.loads(Path("out/record.json").read_text())["status"] == "interrupted"


@pytest.mark.slow
@pytest.mark.parametrize("words", [["run", "logistic", "--json", "--out", "out"], ["tour", "logistic"]])
def test_ctrl_c_ends_a_process_at_once_with_130_and_keeps_finished_results(words: list[str], folder: Path) -> None:
    program = f"""
    import sys, time
    import pellucid.data
    from pellucid.cli import main

    def endless(*_, **__):
        print("started", file=sys.stderr, flush=True)
        time.sleep(60)

    pellucid.data.moons = endless
    sys.exit(main({words}))
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "started\n"
    start = time.perf_counter()
    os.kill(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert time.perf_counter() - start < 5
    assert "interrupted" in errors
    assert "Traceback" not in errors
    if words[0] == "run":
        assert json.loads(output)["status"] == "interrupted"
        assert json.loads((folder / "out" / "record.json").read_text())["status"] == "interrupted"
    else:
        assert "interrupted with 1 of 1 experiments left" in errors
