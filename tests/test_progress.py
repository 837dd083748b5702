"""Progress displays: bars on a terminal, one output in a notebook, plain lines in logs."""

import sys
from itertools import count
from typing import Any

import pytest

import pellucid as pel
from pellucid import progress
from pellucid.progress import LineDisplay, NotebookDisplay, Task, TerminalDisplay, create_progress_display, track

Output = pytest.CaptureFixture[str]


def use_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")


def test_it_is_hidden_if_standard_error_is_not_a_terminal(capsys: Output) -> None:
    assert list(track(range(3), total=3, description="counting")) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


def test_logs_get_plain_lines_on_request(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # would make Rich write escape codes
    assert list(track(range(3), total=3, description="counting", progress=True)) == [0, 1, 2]
    assert capsys.readouterr() == ("", "counting  3/3\n")


def test_logs_get_a_line_every_ten_seconds(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = count(0.0, 4.0)
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(clock))
    display = LineDisplay()
    task = Task("reading", 8, {}, clock=lambda: 0.0)
    for done in range(1, 9):
        display.update(task, completed=done)
    assert capsys.readouterr().err.splitlines() == ["reading  4/8", "reading  7/8", "reading  8/8"]


def test_a_loop_shows_progress_on_request(capsys: Output) -> None:
    w = pel.shared(1.0, "w")
    halve = pel.function([], w, updates={w: w / 2})
    assert halve.repeat(3, progress=True).tolist() == [1.0, 0.5, 0.25]
    assert capsys.readouterr() == ("", "repeat  3/3\n")
    halve.repeat(3, progress=False)
    assert capsys.readouterr() == ("", "")


def test_it_is_shown_on_a_terminal(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    use_terminal(monkeypatch)
    list(track(range(3), total=3, description="[b]counting"))
    error = capsys.readouterr().err
    assert "3/3" in error
    assert "[b]counting" in error


def test_a_terminal_without_cursor_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    use_terminal(monkeypatch)
    assert isinstance(create_progress_display(), TerminalDisplay)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(create_progress_display(True), LineDisplay)
    assert not progress.is_interactive()


def test_tasks_can_be_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    use_terminal(monkeypatch)
    for display in (create_progress_display(), progress.ProgressDisplay()):
        task = display.add_task("part", 3)
        display.advance(task, 2)
        assert task.completed == 2
        display.remove_task(task)
        assert display.tasks == []


def test_the_speed_is_that_of_the_last_half_minute() -> None:
    now = 0.0
    task = Task("reading", 1000, {}, clock=lambda: now)
    assert task.speed is task.seconds_left is None
    for completed in (0, 10, 20, 100):
        task.move(completed)
        now += 10.0
    assert task.speed == pytest.approx(100 / 30)
    for completed in (200, 300, 400):
        task.move(completed)
        now += 10.0
    assert task.speed == pytest.approx((400 - 20) / 40)
    assert task.seconds_left == pytest.approx(600 / 9.5)


class NotebookRecorder:
    """Replaces the output of a cell: records the HTML that is written to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened: list[str] = []
        self.written: list[str] = []
        monkeypatch.setattr(progress, "open_notebook_output", self.open)

    def open(self, html: str, text: str) -> Any:
        self.opened.append(html)
        return lambda html, text: self.written.append(html)


def test_an_output_of_a_notebook_is_not_updated_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = NotebookRecorder(monkeypatch)
    with NotebookDisplay() as display:
        task = display.add_task("reading", 5000)
        for _ in range(5000):
            display.advance(task)
    assert len(recorder.opened) == 1
    assert 1 <= len(recorder.written) < 20
    assert 'value="5000" max="5000"' in recorder.written[-1]


def test_the_last_task_stays_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = NotebookRecorder(monkeypatch)
    with NotebookDisplay() as display:
        task = display.add_task("training", 2)
        display.advance(task, 2)
        display.remove_task(task)
    assert "training" in recorder.written[-1]


def test_a_finished_task_of_unknown_length_has_no_moving_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = NotebookRecorder(monkeypatch)
    with NotebookDisplay() as display:
        display.add_task("reading")
    assert "<progress" in recorder.opened[0]
    assert "<progress" not in recorder.written[-1]
