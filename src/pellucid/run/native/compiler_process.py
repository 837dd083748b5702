"""Runs of the C compiler with a time limit, and its failures."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import tempfile
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from pellucid.graph.errors import OptionError
from pellucid.graph.source_location import get_user_stacklevel
from pellucid.run.native.errors import CompilerFailure

TIMEOUT_VARIABLE = "PELLUCID_COMPILER_TIMEOUT"

DEFAULT_TIMEOUT = 120.0
"""Seconds that the compiler may take for one program. Large loops take some seconds on an idle machine."""

SHORT_TIMEOUT = 30.0
"""Seconds for the version and the check of the compiler, which take a fraction of a second."""

failures: dict[str, str] = {}
"""Compilers that cannot be used in this process, and why."""

warned: set[str] = set()
"""Warnings that this process has given."""


class Finished(NamedTuple):
    """Exit status and output of a compiler."""

    status: int
    stdout: str
    stderr: str


def get_timeout() -> float:
    """Return the time limit of the compiler in seconds, from its environment variable."""
    text = os.environ.get(TIMEOUT_VARIABLE, "")
    if not text:
        return DEFAULT_TIMEOUT
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise OptionError(f"Environment variable {TIMEOUT_VARIABLE}: expected seconds above 0. Received: {text!r}")
    return seconds


def run_compiler(command: Sequence[str], timeout: float) -> Finished:
    """Run a compiler and return its exit status and output.

    Raises `CompilerFailure`, after a warning, if it cannot be started or does not finish in time.
    """
    # Files, not pipes: a process of the compiler that hangs would keep a pipe open.
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env={**os.environ, "LC_ALL": "C"},
                start_new_session=True,
            )
        except OSError as error:
            raise report_failure(command[0], f"cannot be run: {error.strerror or error}") from error
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            kill_group(process)
            limit = f"{TIMEOUT_VARIABLE}={timeout:g}" if timeout == get_timeout() else "the limit of its check"
            raise report_failure(command[0], f"did not finish within {timeout:g} s ({limit})", "time") from None
        except BaseException:
            kill_group(process)
            raise
        return Finished(status, read_text(stdout), read_text(stderr))


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a compiler and the processes that it started."""
    if os.name == "posix":
        with suppress(ProcessLookupError):  # it ended just now
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def read_text(file: Any) -> str:
    file.seek(0)
    text: str = file.read().decode("utf-8", "replace")
    return text


def report_failure(cc: str, problem: str, remedy: str = "") -> CompilerFailure:
    """Remember that a compiler cannot be used, warn once, and return the error to raise."""
    raised = f", or a larger {TIMEOUT_VARIABLE}" if remedy else ""
    reason = f"the C compiler {cc} {problem}"
    failures[cc] = reason
    warn_once(
        f"T{reason[1:]}. XLA computes all programs of this process instead, some of them more slowly, and its results "
        f"differ in the last bits. Repair the compiler, set CC to another one{raised}, or set PELLUCID_NATIVE=0 and "
        "PELLUCID_KERNELS=0 to use XLA without this warning"
    )
    return CompilerFailure(reason)


def warn_once(message: str) -> None:
    """Give a warning once in this process."""
    if message not in warned:
        warned.add(message)
        warnings.warn(message, RuntimeWarning, stacklevel=get_user_stacklevel() + 1)
