import signal
import subprocess
import sys
import textwrap
import time
import weakref
from pathlib import Path
from types import SimpleNamespace

import pytest

from pellucid.cli import main
from pellucid.run import jax_runtime
from pellucid.tracking.interrupt import (
    acknowledge_interrupt,
    receive_snapshot_requests,
    repeat_interrupts,
    take_snapshot_request,
)


def press_and_drop() -> None:
    """Press Ctrl-C where the exception is dropped, as in a callback of the garbage collector."""
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt as stop:
        stop.__traceback__ = None


def test_ctrl_c_is_repeated_until_it_is_acknowledged() -> None:
    earlier = signal.getsignal(signal.SIGALRM)
    with repeat_interrupts():
        press_and_drop()
        with pytest.raises(KeyboardInterrupt):
            time.sleep(5)
        with pytest.raises(KeyboardInterrupt):
            time.sleep(5)
        acknowledge_interrupt()
        time.sleep(0.3)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGALRM) is earlier


def test_cleanup_code_is_not_interrupted_by_the_repetition() -> None:
    done = []
    with repeat_interrupts():
        try:
            try:
                signal.raise_signal(signal.SIGINT)
            finally:
                time.sleep(0.5)
                done.append("cleaned up")
        except KeyboardInterrupt:
            time.sleep(0.3)
            acknowledge_interrupt()
    assert done == ["cleaned up"]


def test_ctrl_c_dropped_by_a_weak_reference_still_ends_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Held: ...

    def draw_endlessly(*_: object, **__: object) -> None:
        held = Held()
        watch = weakref.ref(held, lambda _: signal.raise_signal(signal.SIGINT))
        del held
        assert watch() is None
        continued.append(True)
        time.sleep(20)

    continued: list[bool] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pellucid.data.moons", draw_endlessly)
    assert main(["run", "logistic", "--out", "out"]) == 130
    assert continued == [True]
    assert capsys.readouterr().err == "interrupted; the results so far are in out\n"
    assert (tmp_path / "out" / "record.json").exists()


@pytest.mark.slow
def test_ctrl_c_dropped_in_a_process_still_ends_it(tmp_path: Path) -> None:
    program = """
    import signal, sys, time, weakref
    import pellucid.data
    from pellucid.cli import main

    class Held: ...

    def endless(*_, **__):
        held = Held()
        watch = weakref.ref(held, lambda _: signal.raise_signal(signal.SIGINT))
        del held
        print("continues", flush=True)
        time.sleep(60)

    pellucid.data.moons = endless
    sys.exit(main(["run", "logistic", "--out", "out"]))
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 130, ended.stderr
    assert "continues" in ended.stdout
    assert "ignored" not in ended.stderr
    assert (tmp_path / "out" / "record.json").exists()


def test_ctrl_c_during_the_import_of_the_command_prints_no_traceback() -> None:
    program = """
    import signal, sys
    from pellucid.cli import main

    class Presser:
        def find_spec(self, name, path=None, target=None):
            if name == "cyclopts":
                signal.raise_signal(signal.SIGINT)

    sys.meta_path.insert(0, Presser())
    sys.exit(main(["run", "--list"]))
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stderr) == (130, "interrupted\n")


def test_a_hangup_requests_one_snapshot() -> None:
    lines: list[str] = []
    for first in (signal.SIG_DFL, signal.SIG_IGN):  # as after nohup
        earlier = signal.signal(signal.SIGHUP, first)
        with receive_snapshot_requests(lines.extend):
            assert take_snapshot_request() is None
            signal.raise_signal(signal.SIGHUP)
            request = take_snapshot_request()
            assert request is not None
            request.report(["saved"])
            assert take_snapshot_request() is None
        assert signal.signal(signal.SIGHUP, earlier) is first
    assert lines == ["saved", "saved"]


def test_a_handler_of_hangups_that_a_program_has_is_kept() -> None:
    received: list[int] = []
    earlier = signal.signal(signal.SIGHUP, lambda number, frame: received.append(number))
    try:
        with receive_snapshot_requests(lambda lines: None):
            signal.raise_signal(signal.SIGHUP)
            assert take_snapshot_request() is None
    finally:
        signal.signal(signal.SIGHUP, earlier)
    assert received == [signal.SIGHUP]


def test_ctrl_c_during_the_start_of_jax_waits_for_the_end_of_its_import(monkeypatch: pytest.MonkeyPatch) -> None:
    imported: list[str] = []

    def import_slowly(name: str) -> object:
        signal.raise_signal(signal.SIGINT)
        imported.append(name)
        return SimpleNamespace(devices=lambda: imported.append("devices"))

    monkeypatch.setattr(jax_runtime, "import_without_draws", import_slowly)
    with pytest.raises(KeyboardInterrupt):
        jax_runtime.start_jax.__wrapped__()
    assert imported == ["jax"]


@pytest.mark.slow
def test_ctrl_c_during_the_import_of_jax_waits_for_its_end() -> None:
    """The import of an extension module that is interrupted crashes jaxlib."""
    program = """
    import signal, sys
    from pellucid.run.jax_runtime import jax

    class Presser:
        def find_spec(self, name, path=None, target=None):
            if name == "jaxlib.xla_client":
                signal.raise_signal(signal.SIGINT)

    sys.meta_path.insert(0, Presser())
    try:
        jax()
    except KeyboardInterrupt:
        print(hasattr(sys.modules["jax"], "jit"))
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "True\n", "")
