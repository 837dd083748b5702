"""Runner of a program in a separate process: a fresh interpreter with a time limit.

A program may be generated from a model from another source, so it does not run in the user's process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.config import config
from pellucid.inspect.equivalence import program_worker
from pellucid.inspect.equivalence.program_worker import MessageError, Tensors, read_message, write_message
from pellucid.model.errors import ModelError
from pellucid.typing import Array
from pellucid.untrusted_files.reading import report_damage

if TYPE_CHECKING:
    from subprocess import Popen

START = "import json, runpy, sys; sys.path[:] = json.loads(sys.argv[1]); runpy.run_path(sys.argv[2], {}, '__main__')"
"""Code of the new interpreter, which ignores environment variables and the folder it is started in."""

MAX_ANSWER_BYTES = 16 * 2**30
"""Maximum number of bytes of the arrays in an answer."""

MAX_STDERR = 200
"""Number of characters of the standard error of a process that ended, in a message."""


def read_answer(stream: IO[bytes], title: str) -> tuple[dict[str, Any], dict[str, Tensors]]:
    """Return the data and the arrays of an answer, which the program may have forged."""
    with report_damage(ModelError, f"The answer of {title}", passing=(EOFError,)):
        answer, found = read_message(stream, MAX_ANSWER_BYTES)
        if not isinstance(answer, dict) or not all(isinstance(value, str) for value in answer.values()):
            raise MessageError("expected texts")
        return answer, found


class ProgramRunner:
    """A program that runs in a separate process. Its tensors are those of its model, function or namespace.

    Parameters
    ----------
    code : str
        The program.
    title, file : str
        Its name in messages, and its ``__file__``.
    y : array or None
        Targets, from which the loss of a model may need the dtype.
    time_limit : float
        Seconds for the start, and for each step. A process that takes longer is killed.
    """

    time_limit: float
    title: str

    def __init__(self, code: str, title: str, file: str, y: Array | None, time_limit: float) -> None:
        self.title, self.time_limit = title, time_limit
        self.stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        path = json.dumps([os.path.abspath(part) for part in sys.path])  # noqa: PTH100 - "" is the current folder
        self.process: Popen[bytes] = subprocess.Popen(
            [sys.executable, "-I", "-c", START, path, str(Path(program_worker.__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.stderr,
        )
        settings = {name: value for name, value in vars(config).items() if isinstance(value, (bool, int, float, str))}
        data = {"code": code, "title": title, "file": file, "config": settings}
        try:
            _, arrays = self.ask(data, target={} if y is None else {"y": np.asarray(y)})
        except BaseException:
            self.close()
            raise
        self.tensors: Tensors = arrays.get("tensors", {})

    def get_tensors(self) -> Tensors:
        return {name: value.copy() for name, value in self.tensors.items()}

    def run_step(self, tensors: Tensors, batch: Sequence[Array]) -> tuple[Tensors, Tensors]:
        _, arrays = self.ask({}, tensors=tensors, batch={str(i): np.asarray(part) for i, part in enumerate(batch)})
        return arrays.get("outputs", {}), arrays.get("tensors", {})

    def ask(self, data: dict[str, Any], **arrays: Tensors) -> tuple[dict[str, Any], dict[str, Tensors]]:
        """Send a request and return the answer, or raise the error in it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        is_late = threading.Event()

        def stop() -> None:
            is_late.set()
            self.process.kill()

        timer = threading.Timer(self.time_limit, stop)
        timer.daemon = True
        timer.start()
        try:
            write_message(self.process.stdin, data, **arrays)
            answer, found = read_answer(self.process.stdout, self.title)
        except (EOFError, BrokenPipeError, ConnectionError) as error:
            if is_late.is_set():
                raise ModelError(
                    f"{self.title} was stopped after {self.time_limit:g} seconds, the time limit of its start and of "
                    "each step. Pass a larger time_limit if it needs longer"
                ) from error
            raise ModelError(f"The process of {self.title} ended {self.describe_end()}") from error
        except MessageError as error:
            raise ModelError(f"{self.title} cannot be trained on these data: {error}") from error
        finally:
            timer.cancel()
        if "error" in answer:
            own = answer["error"] in ("ModelError", "UseError")
            text = answer.get("text", "")
            raise ModelError(text if own else f"{self.title} raises {answer['error']}: {text}")
        return answer, found

    def describe_end(self) -> str:
        """Return the exit code of the process and the end of its standard error."""
        status = self.process.wait()
        self.stderr.seek(0)
        last = self.stderr.read().decode("utf-8", "replace").strip()[-MAX_STDERR:]
        return f"with exit code {status}{f': {last}' if last else ''}"

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.stderr):
            try:
                if stream is not None:
                    stream.close()
            except BrokenPipeError:  # an unsent request
                pass
