"""Training in a subprocess: losses, result, errors, and termination."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pellucid.tracking import RunContext

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")


def run_program(program: str, folder: Path) -> list[str]:
    """Run a program in a new process, because one with JAX must not be forked; return its output lines."""
    head = "import os, pathlib, signal, sys, time\nfrom pellucid.tracking import RunContext\n"
    code = f"{head}run = RunContext(pathlib.Path())\n{textwrap.dedent(program)}"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_losses_result_and_duration_are_received(tmp_path: Path) -> None:
    program = """
    from contextlib import closing
    from pellucid.tracking.child_process import SubprocessTask

    def work(progress):
        for done in range(1, 4):
            progress(done, 1 / done)
        time.sleep(0.1)
        return {"by": os.getpid()}

    with closing(SubprocessTask(work, 3)) as task:
        print(task.wait(0))
        while not task.wait(0.05):
            pass
        print(task.get_result()["by"] != os.getpid(), list(task.losses), 0.1 < task.seconds < 10)
    print(task.process.is_alive(), "jax" in sys.modules)
    """
    assert run_program(program, tmp_path) == ["False", f"True {[1.0, 1 / 2, 1 / 3]} True", "False False"]


def test_errors_are_raised_here_and_ctrl_c_keeps_the_curve(tmp_path: Path) -> None:
    program = """

    def fails(progress):
        raise FloatingPointError("use a smaller rate")

    def lasts(progress):
        progress(1, 0.5)
        time.sleep(60)

    def dies(progress):
        os._exit(3)

    for work in (fails, dies):
        try:
            with run.run_in_subprocess("by hand", 1, work) as wait:
                wait()
        except (FloatingPointError, ChildProcessError) as error:
            print(error)
    try:
        with run.run_in_subprocess("by hand", 1, lasts) as wait:
            time.sleep(0.2)
            signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        print(run.curves["by hand"].values)
    """
    assert run_program(program, tmp_path) == [
        "use a smaller rate",
        "the training process ended without a result, exit code 3",
        "[0.5]",
    ]


def test_without_another_core_the_work_is_done_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.tracking.child_process.is_supported", lambda: False)
    run, order = RunContext(tmp_path), []
    with run.run_in_subprocess(
        "by hand", 2, lambda progress: [progress(1, 0.5), progress(2, 0.25), order.append("there")]
    ) as wait:
        order.append("here")
        assert wait()[1] == run.timings["by hand"]
    assert order == ["there", "here"]
    assert run.curves["by hand"].values == [0.5, 0.25]


def test_the_process_ends_with_a_killed_parent(tmp_path: Path) -> None:
    """It holds standard output open, so this test would otherwise wait for it."""
    program = (
        "import os, signal, time\nfrom pellucid.tracking.child_process import SubprocessTask\n"
        "def work(progress):\n    progress(1, 0.5)\n    time.sleep(60)\n"
        "task = SubprocessTask(work, 1)\nwhile not len(task.losses):\n    time.sleep(0.01)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, timeout=40, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
