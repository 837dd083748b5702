import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from pellucid.experiments.common.interrupt import heard, insisting


def swallowed() -> None:
    """Press Ctrl-C where the exception is lost, as in a callback of the garbage collector."""
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt as stop:
        stop.__traceback__ = None


def test_ctrl_c_is_raised_again_until_it_is_heard() -> None:
    earlier = signal.getsignal(signal.SIGALRM)
    with insisting():
        swallowed()
        with pytest.raises(KeyboardInterrupt):
            time.sleep(5)
        with pytest.raises(KeyboardInterrupt):
            time.sleep(5)
        heard()
        time.sleep(0.3)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGALRM) is earlier


def test_what_tidies_up_after_ctrl_c_is_not_interrupted_by_its_repetition() -> None:
    done = []
    with insisting():
        try:
            try:
                signal.raise_signal(signal.SIGINT)
            finally:
                time.sleep(0.5)
                done.append("tidied")
        except KeyboardInterrupt:
            time.sleep(0.3)
            heard()
    assert done == ["tidied"]


def test_ctrl_c_that_a_weak_reference_swallows_still_ends_the_command(tmp_path: Path) -> None:
    program = """
    import signal, sys, time, weakref
    import pellucid.data
    from pellucid.cli import main

    class Held: ...

    def endless(*_, **__):
        held = Held()
        watch = weakref.ref(held, lambda _: signal.raise_signal(signal.SIGINT))
        del held
        print("goes on", flush=True)
        time.sleep(60)

    pellucid.data.moons = endless
    sys.exit(main(["run", "logistic", "--out", "out"]))
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 130, ended.stderr
    assert "goes on" in ended.stdout
    assert "ignored" not in ended.stderr
    assert (tmp_path / "out" / "record.json").exists()


def test_ctrl_c_while_the_command_is_being_imported_leaves_no_traceback() -> None:
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
