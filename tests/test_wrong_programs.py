"""Programs that a learner gets wrong, and everything that each is told: the table is `wrong_programs.md`, beside this.

A program runs as a file ``program.py`` of its own. What it raises is held against the table word for word, the places
in that file included; a warning counts as raised. ``python tests/test_wrong_programs.py`` writes the table anew from
what the programs say now: read the difference before it is committed.
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

TABLE = Path(__file__).with_name("wrong_programs.md")
ROW = re.compile(
    r"^### (?P<title>[^\n]+)\n\n```python\n(?P<program>.*?)```\n\n```text\n(?P<told>.*?)```\n", re.M | re.S
)
PROGRAMS = {row["title"]: (row["program"], row["told"]) for row in ROW.finditer(TABLE.read_text())}


def told_by(program: str) -> str:
    """Run a program in the current folder and return what its user is told: the error or warning with its notes."""
    file = str(Path("program.py").absolute())
    Path(file).write_text(program)
    linecache.checkcache(file)
    with warnings.catch_warnings(), first_names():
        warnings.simplefilter("error")
        warnings.simplefilter("always", pel.PrecisionWarning)
        warnings.showwarning = raised
        try:
            exec(compile(program, file, "exec"), {"np": np, "pel": pel, "__name__": "__main__"})
        except Exception as error:
            return "".join(traceback.format_exception_only(error))
    return "no error\n"


@contextlib.contextmanager
def first_names() -> Iterator[None]:
    """Have layers and loops named as in a process of their own, whatever ran before."""
    counters = mock.patch.object(registry, "_counters", defaultdict(itertools.count))
    with counters, mock.patch.object(scan, "_loop_numbers", itertools.count()):
        yield


def raised(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object) -> None:
    """Raise a warning with its place, as Python would print it."""
    error = category(str(message))
    error.add_note(f"  at {Path(filename).name}:{lineno}")
    raise error


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("title", PROGRAMS)
def test_what_a_wrong_program_is_told(title: str, folder: Path) -> None:
    program, expected = PROGRAMS[title]
    assert told_by(program) == expected


def test_the_table_is_long_and_each_row_names_a_place() -> None:
    assert len(PROGRAMS) >= 160
    assert len(ROW.findall(TABLE.read_text())) == TABLE.read_text().count("\n### ")
    for title, (_, told) in PROGRAMS.items():
        assert re.search(r"program\.py:\d+", told), title
        assert max(map(len, told.splitlines())) < 400, title


def renewed(row: re.Match[str]) -> str:
    """Return a row of the table with what its program says now."""
    return f"### {row['title']}\n\n```python\n{row['program']}```\n\n```text\n{told_by(row['program'])}```\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as elsewhere, contextlib.chdir(elsewhere):
        TABLE.write_text(ROW.sub(renewed, TABLE.read_text()))
