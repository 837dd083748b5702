"""Commands in terminals and pipes: colors, closed pipes, and completion."""

import io
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path

import pytest

from pellucid.cli import main
from pellucid.cli.app import app
from pellucid.cli.output import ERRORS, OUTPUT
from pellucid.cli.tour import _print_table as print_table
from pellucid.tracking import Record

ESCAPE = "\x1b["
COLOR = re.compile(r"\x1b\[(?:[0-9]+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")
CLOSED_PIPE = 141


def run(words: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pellucid", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=os.environ | environment, check=True)


def run_in_terminal(words: list[str], monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    """Return the output of a command on a terminal."""
    ours, theirs = pty.openpty()
    reader = Reader(ours)
    with monkeypatch.context() as here, os.fdopen(theirs, "w") as terminal:
        for name in ("NO_COLOR", "FORCE_COLOR"):
            here.delenv(name, raising=False)
        for name, value in {"TERM": "xterm-256color", "COLUMNS": "100", **environment}.items():
            here.setenv(name, value)
        here.setattr(sys, "stdout", terminal)
        here.setattr(sys, "stderr", terminal)
        forget_consoles()
        assert main(words) == 0
    return reader.finish()


@pytest.fixture(autouse=True)
def _consoles_are_new() -> Iterator[None]:
    """As in a process of its own: the console of help pages remembers colors, and whether its pipe was closed."""
    forget_consoles()
    yield
    forget_consoles()


def forget_consoles() -> None:
    for command in (app, *(app[name] for name in app if not name.startswith("-"))):
        command._fallback_console = command._fallback_error_console = None


class Reader(threading.Thread):
    """A thread that reads everything from a terminal, which itself holds only a few kilobytes."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.descriptor, self.content = descriptor, b""
        self.start()

    def run(self) -> None:
        with suppress(OSError):  # Linux reports the end of a terminal as an error
            while part := os.read(self.descriptor, 4096):
                self.content += part
        os.close(self.descriptor)

    def finish(self) -> str:
        self.join(20)
        assert not self.is_alive()
        return self.content.decode()


@contextmanager
def without_reader(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make standard output or standard error a pipe that has no reader."""
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w")
    with monkeypatch.context() as here:
        here.setattr(OUTPUT if name == "stdout" else ERRORS, "is_closed", False)
        here.setattr(sys, name, stream)
        yield
    with suppress(BrokenPipeError):
        stream.close()


CLOSED = """
import os, sys
from pellucid.cli import main

reading, writing = os.pipe()
os.dup2(writing, {descriptor})
os.close(reading)
sys.exit(main({words}))
"""


def close_pipe(words: list[str], descriptor: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command whose standard output (1) or standard error (2) has no reader."""
    code = CLOSED.format(words=words, descriptor=descriptor)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, check=False)


WORDS = [["run", "--list"], ["--help"], ["run", "moons", "--list"], ["reference", "softmax"]]


@pytest.mark.parametrize("words", WORDS)
def test_a_closed_pipe_ends_a_command_quietly(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with without_reader("stdout", monkeypatch):
        assert main(words) == CLOSED_PIPE
    assert capsys.readouterr().err == ""


@pytest.mark.slow
@pytest.mark.parametrize("words", WORDS)
def test_a_closed_pipe_ends_a_process_quietly(words: list[str], tmp_path: Path) -> None:
    ended = close_pipe(words, 1, tmp_path)
    assert (ended.returncode, ended.stderr) == (CLOSED_PIPE, "")


def test_a_run_is_saved_although_its_output_has_no_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with without_reader("stdout", monkeypatch):
        assert main(["run", "logistic", "--out", "out"]) == CLOSED_PIPE
    assert json.loads(Path("out/record.json").read_text())["status"] == "finished"
    assert list(Path("out").glob("*.png"))


def test_errors_without_a_reader_keep_their_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words, status in ((["nonsense"], 2), (["run", "images", "--data", "nowhere"], 1)):
        with without_reader("stderr", monkeypatch):
            assert main(words) == status


@pytest.mark.slow
def test_processes_without_a_reader_keep_runs_and_statuses(tmp_path: Path) -> None:
    ended = close_pipe(["run", "logistic", "--out", "out"], 1, tmp_path)
    assert (ended.returncode, ended.stderr) == (CLOSED_PIPE, "")
    assert json.loads((tmp_path / "out" / "record.json").read_text())["status"] == "finished"
    assert close_pipe(["nonsense"], 2, tmp_path).returncode == 2
    assert close_pipe(["run", "images", "--data", "nowhere"], 2, tmp_path).returncode == 1


@pytest.mark.slow
def test_head_gets_the_first_line(tmp_path: Path) -> None:
    command = f'"{sys.executable}" -m pellucid reference --json | head -n 1; echo "${{PIPESTATUS[0]}}"'
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert ended.stdout.splitlines() == ["[", str(CLOSED_PIPE)]
    assert ended.stderr == ""


def test_colors_on_a_terminal_unless_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert COLOR.search(run_in_terminal(["--help"], monkeypatch))
    shown = run_in_terminal(["--help"], monkeypatch, NO_COLOR="1")
    assert "pellucid run moons" in shown
    assert not COLOR.search(shown)


def test_pipes_have_colors_only_on_request(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert main(["--help"]) == 0
    assert ESCAPE not in capsys.readouterr().out
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    forget_consoles()
    assert main(["--help"]) == 0
    assert COLOR.search(capsys.readouterr().out)


@pytest.mark.slow
def test_colors_of_a_process_follow_its_environment(tmp_path: Path) -> None:
    assert ESCAPE not in run(["--help"], tmp_path).stdout
    assert COLOR.search(run(["--help"], tmp_path, FORCE_COLOR="1").stdout)


def test_the_table_of_a_tour_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = Record("moons", "", "failed", "", 0, {}, None, None, {}, (), 1.0, {}, (), (), {}, {})
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_table([failed])
    assert COLOR.search(capsys.readouterr().out)
    monkeypatch.setenv("NO_COLOR", "1")
    print_table([failed])
    assert not COLOR.search(capsys.readouterr().out)


@pytest.mark.parametrize("words", [["run", "--list"], ["run", "logistic", "--out", "out"], ["reference", "softmax"]])
def test_json_never_has_escape_codes(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    assert main([*words, "--json"]) == 0
    output, errors = capsys.readouterr()
    assert "\x1b" not in output + errors
    json.loads(output)


def test_json_on_a_terminal_has_no_escape_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    output = run_in_terminal(["run", "--list", "--json"], monkeypatch, FORCE_COLOR="1")
    assert "\x1b" not in output
    assert json.loads(output)


@pytest.mark.parametrize(
    ("shell", "script", "startup"),
    [
        ("bash", ".local/share/bash-completion/completions/pellucid", ".bashrc"),
        ("zsh", ".zsh/completions/_cyclopts_pellucid", ".zshrc"),
        ("fish", ".config/fish/completions/pellucid.fish", None),
    ],
)
def test_completion_is_installed(
    shell: str,
    script: str,
    startup: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in {"ZSH": "", "ZSH_CUSTOM": "", "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    assert main(["--install-completion", "--shell", shell]) == 0
    assert str(tmp_path / script) in capsys.readouterr().out
    text = (tmp_path / script).read_text()
    assert all(word in text for word in ("predict", "train", "--learning-rate" if shell != "fish" else "learning-rate"))
    if startup is not None:
        assert "pellucid" in (tmp_path / startup).read_text()
    if shutil.which(shell):
        subprocess.run([shell, "-n", tmp_path / script], check=True)


@pytest.fixture(scope="module")
def completion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The completion script of bash."""
    folder = tmp_path_factory.mktemp("completion")
    with pytest.MonkeyPatch.context() as here, redirect_stdout(io.StringIO()):
        here.setenv("HOME", str(folder))
        assert main(["--install-completion", "--shell", "bash", "--output", str(folder / "completion")]) == 0
    return folder / "completion"


@pytest.mark.parametrize(
    ("typed", "completed"),
    [("pre", "predict"), ("", "train"), ("train --lear", "--learning-rate"), ("run --js", "--json")],
)
def test_bash_completes_commands_and_options(typed: str, completed: str, completion: Path) -> None:
    words = ["pellucid", *typed.split(" ")]
    listed = " ".join(f'"{word}"' for word in words)
    code = f'. {completion}; COMP_WORDS=({listed}); COMP_CWORD={len(words) - 1}; _pellucid; echo "${{COMPREPLY[@]}}"'
    ended = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    assert completed in ended.stdout.split()
