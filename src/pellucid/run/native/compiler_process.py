"""Runs of C compilers with a time limit, and their failures."""

from __future__ import annotations

import math
import os
import re
import shlex
import signal
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

from pellucid.graph.errors import OptionError
from pellucid.graph.source_location import get_user_stacklevel
from pellucid.run.native.errors import CompilerFailure
from pellucid.run.zig import is_zig

Command = tuple[str, ...]
"""Program and first arguments that run a C compiler: ``("/usr/bin/gcc",)``, or ``(".../ziglang/zig", "cc")``."""

TIMEOUT_VARIABLE = "PELLUCID_COMPILER_TIMEOUT"

DEFAULT_TIMEOUT = 120.0
"""Seconds that the compiler may take for one program. Large loops take some seconds on an idle machine."""

SHORT_TIMEOUT = 30.0
"""Seconds for the version and the check of the compiler, which take a fraction of a second."""

RETRY_SECONDS = (0.5, 2.0)
"""Delays before a compiler runs again that was killed or ran out of memory or disk space."""

TEMPORARY_FAILURE = re.compile(
    r"signal|out of memory|memory exhausted|cannot allocate|no space left|temporarily|"
    r"(loaded|program\.\w+): .*no such file",
    re.I,
)
"""Messages of failures that may not repeat. They are retried, because XLA's results differ in the last bits."""

LIBRARY_TIMEOUT = 600.0
"""Seconds for a program for which Zig builds its C library. It takes half a minute on an idle machine."""

failures: dict[Command, str] = {}
"""Compilers that cannot be used in this process, and why."""

warned: set[str] = set()
"""Warnings that this process has given."""


class Finished(NamedTuple):
    """Exit status and output of a compiler."""

    status: int
    stdout: str
    stderr: str

    @property
    def reason(self) -> str:
        """Why the compiler failed."""
        return f"killed by signal {-self.status}" if self.status < 0 else self.stderr.strip()[:2000]


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


def describe_command(command: Command) -> str:
    return shlex.join(command)


def run_compiler(
    command: Command,
    options: Sequence[str],
    timeout: float,
    folder: Path | None = None,
    report: Callable[[Command, str, str], Exception] | None = None,
) -> Finished:
    """Run a compiler, in a folder, and return its exit status and output.

    If it cannot be started or does not finish in time, raises what ``report`` returns for the command, the problem and
    a remedy. The default is `report_failure`.
    """
    report = report_failure if report is None else report
    environment = {**os.environ, "LC_ALL": "C"}
    if folder is not None:  # otherwise zig keeps every program in its global cache
        environment["ZIG_LOCAL_CACHE_DIR"] = str(folder / "zig")
    # Files, not pipes: a process of the compiler that hangs would keep a pipe open.
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        try:
            process = subprocess.Popen(
                [*command, *options],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env=environment,
                cwd=folder,
                start_new_session=True,
            )
        except OSError as error:
            raise report(command, f"cannot be run: {error.strerror or error}", "") from error
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            kill_group(process)
            limit = f"{TIMEOUT_VARIABLE}={timeout:g}" if timeout == get_timeout() else "the limit of its check"
            raise report(command, f"did not finish within {timeout:g} s ({limit})", "time") from None
        except BaseException:
            kill_group(process)
            raise
        return Finished(status, read_text(stdout), read_text(stderr))


def read_version(command: Command, report: Callable[[Command, str, str], Exception] | None = None) -> str:
    """Return the version that a compiler prints; for zig, both that of zig and that of its clang."""
    timeout = min(SHORT_TIMEOUT, get_timeout())
    text = run_compiler(command, ["--version"], timeout, report=report).stdout
    if not is_zig(command):
        return text
    return f"zig {run_compiler(command[:1], ['version'], timeout, report=report).stdout.strip()}, {text}"


def get_library_timeout(command: Command) -> float:
    """Return the time limit in seconds of a program for which Zig may have to build its C library."""
    is_default = is_zig(command) and not os.environ.get(TIMEOUT_VARIABLE)
    return LIBRARY_TIMEOUT if is_default else get_timeout()


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a compiler and the processes that it started."""
    if os.name == "posix":
        with suppress(ProcessLookupError):  # it ended just now
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def read_text(file: IO[bytes]) -> str:
    file.seek(0)
    text: str = file.read().decode("utf-8", "replace")
    return text


def report_failure(cc: Command, problem: str, remedy: str = "") -> CompilerFailure:
    """Remember that a compiler cannot be used, warn once, and return the error to raise."""
    raised = f", or a larger {TIMEOUT_VARIABLE}" if remedy else ""
    reason = f"the C compiler {describe_command(cc)} {problem}"
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
