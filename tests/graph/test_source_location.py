"""Tests of source locations, and of errors that report them."""

from __future__ import annotations

import pickle
import sys
import sysconfig
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.source_location import (
    MAX_LINE,
    find_user_location,
    format_filename,
    format_location,
    get_user_stacklevel,
    is_user_file,
)


def run_as_file(filename: str, program: str, **names: Any) -> dict[str, Any]:
    """Run a program under a file name, and return its variables."""
    found: dict[str, Any] = {"pel": pel, "np": np, **names}
    exec(compile(program, filename, "exec"), found)
    return found


def test_origin_is_the_line_of_user_code() -> None:
    x = run_as_file("course.py", "\nx = pel.vector('x')\ny = np.tanh(x)\nz = y.sum() + 1")
    assert x["x"].origin == ("course.py", 2)
    assert x["y"].origin == ("course.py", 3)
    assert x["z"].inputs[0].origin == ("course.py", 4)


def test_frames_of_libraries_are_skipped() -> None:
    installed = str(Path(sysconfig.get_path("purelib")) / "library" / "layers.py")
    library = run_as_file(installed, "def double(x):\n    return 2 * x")
    mine = run_as_file("course.py", "\n\nx = pel.scalar('x')\ny = double(x)", double=library["double"])
    assert mine["y"].origin == ("course.py", 4)
    assert not is_user_file(pel.graph.__file__)
    assert not is_user_file(np.__file__)
    assert not is_user_file("<frozen importlib._bootstrap>")
    assert not is_user_file(str(Path(sysconfig.get_path("scripts")) / "pellucid"))
    assert is_user_file("<stdin>")


def test_no_location_without_user_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.graph.source_location._is_user_file", {})
    monkeypatch.setattr("pellucid.graph.source_location.is_user_file", lambda filename: False)
    assert find_user_location() is None
    error = pel.ShapeError("message")
    assert str(error) == "message"
    assert not hasattr(error, "__notes__")


def test_warnings_name_the_line_of_user_code() -> None:
    f = pel.function([x := pel.vector("x")], x.sum())
    with pytest.warns(pel.PrecisionWarning) as caught:
        f(np.array([0.1]))
    assert caught[0].filename == __file__
    assert get_user_stacklevel() == 1


def test_locations_are_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes").mkdir()
    file = tmp_path / "notes" / "long.py"
    file.write_text("x = 1\ny = [" + "1, " * 100 + "]\n")
    assert format_location((str(file), 1)) == "notes/long.py:1: x = 1"
    written = format_location((str(file), 2))
    assert written.endswith("…")
    assert len(written) == len("notes/long.py:2: ") + MAX_LINE
    assert format_location(("/elsewhere/a.py", 3)) == "/elsewhere/a.py:3"
    assert format_filename("/tmp/marimo_3051/__marimo__cell_Hbol_.py") == "cell Hbol"


def test_notebook_cells_have_the_name_of_the_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = {"/tmp/ipykernel_1/2.py": ("Cell", "In[3]")}
    shell = types.SimpleNamespace(compile=types.SimpleNamespace(format_code_name=cells.get))
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    assert format_location(("/tmp/ipykernel_1/2.py", 4)) == "Cell In[3]:4"
    assert format_location(("moons.py", 4)) == "moons.py:4"


def test_notes_abbreviate_operands() -> None:
    x = pel.vector("x", shape=(3,))
    deep = sum((x**i for i in range(2, 40)), x)
    with pytest.raises(pel.ShapeError) as caught:
        pel.concatenate([deep, pel.zeros((2, 2)), *[x + i for i in range(1, 9)], np.ones((2, 2), "float32")])
    notes = caught.value.__notes__
    assert len(notes) == 5
    assert notes[1].split(" is float32")[0].endswith("…")
    assert max(map(len, notes)) < 300


def test_messages_abbreviate_long_expressions() -> None:
    X = pel.matrix("X", shape=(3, 3))
    deep = sum((X**i for i in range(2, 80)), X)
    with pytest.raises(pel.ShapeError, match=r"…, of shape \(3, 3\), and W, of shape \(2, 2\)") as caught:
        deep @ pel.matrix("W", shape=(2, 2))
    assert len(str(caught.value)) < 400


def test_locations_are_in_the_notes_of_an_error() -> None:
    with pytest.raises(pel.DtypeError) as caught:
        pel.where(pel.vector("x"), 1, 0)
    assert "\n" not in str(caught.value)
    assert "test_source_location.py" not in str(caught.value)
    assert "test_source_location.py" in caught.value.__notes__[0]


def test_errors_have_public_names_and_can_be_pickled() -> None:
    error = pickle.loads(pickle.dumps(pel.UseError("message")))
    assert type(error) is pel.UseError
    assert type(error).__module__ == "pellucid"
    assert issubclass(pel.UseError, TypeError)
    assert issubclass(pel.OptionError, ValueError)
    assert issubclass(pel.NoSuchNameError, AttributeError)


def test_missing_attributes_can_be_queried() -> None:
    x = pel.scalar("x")
    assert not hasattr(x, "_repr_png_")
    assert not hasattr(x, "summ")
    assert getattr(x, "grad", None) is None


def test_optimizers_and_losses_can_be_imported_as_submodules() -> None:
    found = run_as_file(
        "course.py", "from pellucid.optimizers import SGD\nfrom pellucid.losses import mean_squared_error"
    )
    assert found["SGD"] is pel.nn.optimizers.SGD
    assert found["mean_squared_error"] is pel.nn.losses.mean_squared_error
    assert sys.modules["pellucid.optimizers"] is pel.nn.optimizers
