"""Wrong programs of beginners and the messages they get; the table is `wrong_programs.md` in this folder.

Each program runs as a separate file ``program.py``. Its error or warning, source locations included, is compared with
the table word for word. ``python tests/test_wrong_programs.py`` writes the current messages into the table; read the
diff before you commit it.
"""

from __future__ import annotations

import contextlib
import itertools
import linecache
import re
import tempfile
import traceback
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.ops import scan
from pellucid.nn import registry

pytestmark = pytest.mark.quotes_source

TABLE = Path(__file__).with_name("wrong_programs.md")
ROW = re.compile(
    r"^### (?P<title>[^\n]+)\n\n```python\n(?P<program>.*?)```\n\n```text\n(?P<output>.*?)```\n", re.M | re.S
)
PROGRAMS = {row["title"]: (row["program"], row["output"]) for row in ROW.finditer(TABLE.read_text())}


def run_program(program: str) -> str:
    """Run a program in the current folder and return its error or warning, with notes."""
    file = str(Path("program.py").absolute())
    Path(file).write_text(program)
    linecache.checkcache(file)
    with warnings.catch_warnings(), reset_automatic_names():
        warnings.simplefilter("error")
        for kind in (pel.PrecisionWarning, pel.TrainingWarning):
            warnings.simplefilter("always", kind)
        warnings.showwarning = raise_warning
        try:
            exec(compile(program, file, "exec"), {"np": np, "pel": pel, "__name__": "__main__"})
        except Exception as error:
            return "".join(traceback.format_exception_only(error))
    return "no error\n"


@contextlib.contextmanager
def reset_automatic_names() -> Iterator[None]:
    """Number automatic names of layers and loops from the start, as in a new process."""
    counters = mock.patch.object(registry, "_counters", defaultdict(itertools.count))
    with counters, mock.patch.object(scan, "_loop_numbers", itertools.count()):
        yield


def raise_warning(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object) -> None:
    """Raise a warning with its source location, as Python prints it."""
    error = category(str(message))
    error.add_note(f"  at {Path(filename).name}:{lineno}")
    raise error


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("title", PROGRAMS)
def test_messages_of_wrong_programs(title: str, folder: Path) -> None:
    program, expected = PROGRAMS[title]
    assert run_program(program) == expected


def test_every_message_has_a_source_location() -> None:
    assert len(PROGRAMS) >= 270
    assert len(ROW.findall(TABLE.read_text())) == TABLE.read_text().count("\n### ")
    for title, (_, output) in PROGRAMS.items():
        assert re.search(r"program\.py:\d+", output), title
        assert max(map(len, output.splitlines())) < 400, title


def update_row(row: re.Match[str]) -> str:
    """Return a row of the table with the current message of its program."""
    return f"### {row['title']}\n\n```python\n{row['program']}```\n\n```text\n{run_program(row['program'])}```\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        TABLE.write_text(ROW.sub(update_row, TABLE.read_text()))
