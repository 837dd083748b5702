"""A training beside the run: its losses, its result, its errors, and its end."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pellucid.experiments.runner import Run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are doubled on Linux alone")


def told(program: str, folder: Path) -> list[str]:
    """Run a program in a process of its own, for one that holds JAX is not to be doubled; return what it prints."""
    head = "import os, pathlib, signal, sys, time\nfrom pellucid.experiments.runner import Run\n"
    code = f"{head}run = Run(pathlib.Path())\n{textwrap.dedent(program)}"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_other_process_hands_over_its_losses_its_result_and_its_seconds(tmp_path: Path) -> None:
    program = """
    from pellucid.experiments.runner.subprocess import beside

    def work(follow):
        for done in range(1, 4):
            follow(done, 1 / done)
        time.sleep(0.1)
        return {"by": os.getpid()}

    with beside(work, 3) as other:
        print(other.arrives(0))
        while not other.arrives(0.05):
            pass
        print(other.result()["by"] != os.getpid(), other.losses.so_far(), 0.1 < other.seconds < 10)
    print(other.process.is_alive(), "jax" in sys.modules)
    """
    assert told(program, tmp_path) == ["False", f"True {[1.0, 1 / 2, 1 / 3]} True", "False False"]


def test_what_goes_wrong_there_is_raised_here_and_ctrl_c_keeps_the_curve(tmp_path: Path) -> None:
    program = """

    def fails(follow):
        raise FloatingPointError("take a smaller rate")

    def lasts(follow):
        follow(1, 0.5)
        time.sleep(60)

    def dies(follow):
        os._exit(3)

        beside.possible = lambda: True
    for work in (fails, dies):
        try:
            with run.beside("by hand", 1, work) as wait:
                wait()
        except (FloatingPointError, ChildProcessError) as error:
            print(error)
    try:
        with run.beside("by hand", 1, lasts) as wait:
            time.sleep(0.2)
            signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        print(run.curves["by hand"].values)
    """
    assert told(program, tmp_path) == ["take a smaller rate", "it was ended from outside, with 3", "[0.5]"]


def test_without_another_core_it_is_done_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.experiments.runner.subprocess.possible", lambda: False)
    run, order = Run(tmp_path), []
    with run.beside("by hand", 2, lambda follow: [follow(1, 0.5), follow(2, 0.25), order.append("there")]) as wait:
        order.append("here")
        assert wait()[1] == run.timings["by hand"]
    assert order == ["there", "here"]
    assert run.curves["by hand"].values == [0.5, 0.25]
