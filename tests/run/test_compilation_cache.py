"""Compiled programs on disk: found again, never half written, never in the way."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

import pellucid as pel
from pellucid.run import compilation_cache


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder in which every program is kept, however short its compilation."""
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(compilation_cache, "SHORTEST_SECONDS", 0.0)
    return tmp_path / "cache"


def run(start=1.0):
    """Run a new function of the same graph, with state that is donated."""
    x, w = pel.vector("x"), pel.shared(np.full(3, start, "float32"), "w")
    f = pel.function([x], (w * x).sum(), updates={w: w + pel.tanh(x)}, mode="xla")
    first = f(np.ones(3, "float32"))
    old = w.storage
    again = f.repeat(2, np.zeros(3, "float32"))
    assert old.is_deleted()
    return [float(first), again.tolist(), w.get_value().tolist()]


def programs(folder):
    return sorted(folder.glob("*.xla"))


def test_the_same_graph_is_loaded_and_gives_the_same(folder, monkeypatch):
    made = run()
    files = programs(folder)
    assert len(files) == 2  # the call and the loop
    monkeypatch.setattr(compilation_cache, "save", lambda *given: pytest.fail("compiled again"))
    assert run() == made
    assert run(2.0) != made  # the state is no part of the program
    assert programs(folder) == files


def test_another_graph_is_another_program(folder):
    x = pel.scalar("x")
    assert pel.function([x], x + 1)(1.0) == 2
    assert pel.function([x], x + 2)(1.0) == 3
    assert len(programs(folder)) == 2


def test_programs_that_read_other_arguments_are_others(folder):
    a, b, c = pel.vector("a", shape=(3,)), pel.vector("b", shape=(3,)), pel.vector("c", shape=(2,))
    one, two, few = np.ones(3, "float32"), np.full(3, 2, "float32"), np.zeros(2, "float32")
    for inputs, given, read, wanted in (
        ([a, b], [one, two], a, 10),
        ([a, b], [one, two], b, 20),
        ([a, c], [one, few], a, 10),
        ([c, a], [few, one], a, 10),
    ):
        f = pel.function(inputs, 10 * read, on_unused_input="ignore", mode="xla")
        assert f(*given).tolist() == [wanted] * 3


def test_other_settings_of_the_compiler_are_another_program(folder, monkeypatch):
    x = pel.scalar("x")
    pel.function([x], x + 1)(1.0)
    monkeypatch.setattr(compilation_cache, "started", lambda: (None, "--xla_something_else=1"))
    pel.function([x], x + 1)(1.0)
    assert len(programs(folder)) == 2


@pytest.mark.parametrize("damage", [b"", b"short", None])
def test_a_damaged_file_is_compiled_anew_and_replaced(folder, damage):
    made = run()
    for path in programs(folder):
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]) if damage is None else damage)
    assert run() == made
    for path in programs(folder):
        assert len(path.read_bytes()) > 1000


def test_quick_compilations_are_not_kept(folder, monkeypatch):
    monkeypatch.setattr(compilation_cache, "SHORTEST_SECONDS", 60.0)
    run()
    assert programs(folder) == []


def test_a_folder_that_cannot_be_written_is_reported_once_and_nothing_else_happens(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "file" / "cache"))
    x = pel.scalar("x")
    with pytest.warns(RuntimeWarning, match=r"cannot be kept in .*file.cache .*Name another folder with PELLUCID_CA"):
        assert pel.function([x], x + 1)(1.0) == 2
    assert pel.function([x], x + 3)(1.0) == 4


@pytest.mark.skipif(os.name == "nt", reason="POSIX's permissions")
def test_a_folder_that_everybody_may_write_into_is_not_trusted(folder):
    folder.mkdir()
    folder.chmod(0o777)
    x = pel.scalar("x")
    with pytest.warns(RuntimeWarning, match="everybody may write into it, and what lies there is run"):
        assert pel.function([x], x + 1)(1.0) == 2
    assert programs(folder) == []


def test_a_program_for_another_device_is_not_kept(folder):
    import jax

    x = pel.scalar("x")
    with jax.default_device(jax.devices()[0]):
        assert pel.function([x], x + 1)(1.0) == 2
    assert programs(folder) == []


def test_a_full_disk_is_reported_and_the_program_runs(folder, monkeypatch):
    def full(**given):
        raise OSError("No space left on device")

    x = pel.scalar("x")
    pel.function([x], x + 1)(1.0)
    monkeypatch.setattr(compilation_cache.tempfile, "TemporaryDirectory", full)
    with pytest.warns(RuntimeWarning, match="No space left on device"):
        assert pel.function([x], x + 5)(1.0) == 6


def test_what_was_used_least_recently_goes(folder, monkeypatch):
    folder.mkdir()
    for age in (3, 2, 1):
        path = folder / f"{age}.xla"
        path.write_bytes(bytes(100))
        os.utime(path, (1e9 - age, 1e9 - age))
    (folder / "killed.part").write_bytes(bytes(100))
    os.utime(folder / "killed.part", (1e9, 1e9))
    (folder / "note.txt").write_bytes(bytes(100))
    monkeypatch.setattr(compilation_cache, "MOST_BYTES", 250)
    compilation_cache.prune(folder)
    assert sorted(p.name for p in folder.iterdir()) == ["1.xla", "2.xla", "note.txt"]


def test_the_folder_is_private(folder):
    run()
    assert os.name == "nt" or folder.stat().st_mode & 0o077 == 0


def test_a_program_that_calls_back_into_python_is_not_kept(folder):
    import jax

    from pellucid.run.compilation_cache import compile_or_load

    def ask(x):
        return jax.pure_callback(lambda v: v + 1, x, x)

    x = np.float32(1)
    for _ in range(2):
        assert compile_or_load(jax.jit(ask).lower(x))(x) == 2
    assert programs(folder) == []


@pytest.mark.skipif(sys.platform != "linux", reason="XDG's folder")
def test_where_the_folder_is(monkeypatch):
    monkeypatch.setenv("PELLUCID_CACHE", "~/mine")
    assert compilation_cache.cache_directory() == Path.home() / "mine"
    monkeypatch.setenv("PELLUCID_CACHE", ".")  # where the system would look for a library elsewhere
    assert compilation_cache.cache_directory() == Path.cwd()
    monkeypatch.setenv("PELLUCID_CACHE", "0")
    assert compilation_cache.cache_directory() is None
    monkeypatch.delenv("PELLUCID_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert compilation_cache.cache_directory() == Path("/somewhere/pellucid")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # which XDG says to ignore
    assert compilation_cache.cache_directory() == Path.home() / ".cache" / "pellucid"
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as for a user without a home, in some containers
    assert compilation_cache.cache_directory() is None


LOOP = """
import pellucid as pel
from pellucid.run import cache
cache.SHORTEST_SECONDS = 0.0
w = pel.shared(1.0, "w")
print(pel.function([], w, updates={w: 2 * w}, mode="xla").repeat(3).tolist())
"""


def test_the_next_process_loads_silently(folder, python):
    first = python(LOOP, PELLUCID_CACHE=str(folder))
    times = [p.stat().st_mtime_ns for p in programs(folder)]
    assert len(times) == 1
    assert python(LOOP, PELLUCID_CACHE=str(folder)) == first == ["[1.0, 2.0, 4.0]"]
    assert [p.stat().st_mtime_ns for p in programs(folder)] > times
