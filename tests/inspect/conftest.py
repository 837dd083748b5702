"""Fixtures that make comparisons of implementations fast: without compilation, and without processes."""

from __future__ import annotations

import os
import threading
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

import pellucid as pel
from pellucid.inspect.equivalence import program_process, program_worker, runners
from pellucid.run.function_builder import function


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile nothing for a few steps of tiny networks."""
    quick = partial(function, mode="numpy")
    monkeypatch.setattr(runners, "function", quick)
    monkeypatch.setattr(pel, "function", quick)


class ThreadInsteadOfProcess:
    """Replacement for the process of a program: a thread that serves the same requests."""

    def __init__(self, command: Any, **options: Any) -> None:
        requests, self.stdin = open_pipe()
        self.stdout, answers = open_pipe()
        self.thread = threading.Thread(target=self.serve, args=(requests, answers), daemon=True)
        self.thread.start()

    def serve(self, requests: Any, answers: Any) -> None:
        with requests, answers:
            program_worker.serve(requests, answers)

    def kill(self) -> None:
        self.stdin.close()  # the end of the requests

    def wait(self) -> int:
        self.thread.join()
        return 0


def open_pipe() -> tuple[Any, Any]:
    reader, writer = os.pipe()
    return os.fdopen(reader, "rb"), os.fdopen(writer, "wb")


@pytest.fixture
def programs_in_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run programs in this process. Few tests need a separate one, which takes a fifth of a second to start."""
    subprocess = SimpleNamespace(Popen=ThreadInsteadOfProcess, PIPE=None)
    monkeypatch.setattr(program_process, "subprocess", subprocess)
