"""The cache of compiled programs: hits, misses, damaged files, and folders that cannot be used."""

import os
import re
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

import pellucid as pel
from pellucid.run import compilation_cache


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache folder that keeps all programs, however fast they compile."""
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(compilation_cache, "MIN_COMPILE_SECONDS", 0.0)
    return tmp_path / "cache"


def run(start=1.0):
    """Run a new function of the same graph, whose state is donated."""
    x, w = pel.vector("x"), pel.shared(np.full(3, start, "float32"), "w")
    f = pel.function([x], (w * x).sum(), updates={w: w + pel.tanh(x)}, mode="xla")
    first = f(np.ones(3, "float32"))
    old = w.storage
    again = f.repeat(2, np.zeros(3, "float32"))
    assert old.is_deleted()
    return [float(first), again.tolist(), w.get_value().tolist()]


def list_programs(folder):
    return sorted(folder.glob("*.xla"))


def test_the_same_graph_is_loaded_from_the_cache(folder, monkeypatch):
    expected = run()
    files = list_programs(folder)
    assert len(files) == 2  # the call and the loop
    for path in files:
        os.utime(path, (1e9, 1e9))
    monkeypatch.setattr(compilation_cache, "save_program", lambda *args: pytest.fail("compiled again"))
    assert run() == expected
    assert all(path.stat().st_mtime > 1e9 for path in files)  # they were used, so others are deleted first
    assert run(2.0) != expected  # the state is not part of the program
    assert list_programs(folder) == files


def test_the_key_depends_on_the_graph(folder):
    x = pel.scalar("x")
    assert pel.function([x], x + 1)(1.0) == 2
    assert pel.function([x], x + 2)(1.0) == 3
    assert len(list_programs(folder)) == 2


def test_the_key_depends_on_the_arguments_that_are_read(folder):
    a, b, c = pel.vector("a", shape=(3,)), pel.vector("b", shape=(3,)), pel.vector("c", shape=(2,))
    one, two, few = np.ones(3, "float32"), np.full(3, 2, "float32"), np.zeros(2, "float32")
    for inputs, args, read, expected in (
        ([a, b], [one, two], a, 10),
        ([a, b], [one, two], b, 20),
        ([a, c], [one, few], a, 10),
        ([c, a], [few, one], a, 10),
    ):
        f = pel.function(inputs, 10 * read, on_unused_input="ignore", mode="xla")
        assert f(*args).tolist() == [expected] * 3


def test_the_key_depends_on_the_flags(folder, monkeypatch):
    x = pel.scalar("x")
    pel.function([x], x + 1)(1.0)
    monkeypatch.setattr(compilation_cache, "start_jax", lambda: (None, "--xla_something_else=1"))
    pel.function([x], x + 1)(1.0)
    assert len(list_programs(folder)) == 2


def test_a_damaged_file_is_compiled_again_and_replaced(folder):
    w = pel.shared(3.0, "w")

    def double():
        return pel.function([], 2 * w, mode="xla")()

    assert double() == 6
    [path] = list_programs(folder)
    content = path.read_bytes()
    for damaged in (b"", b"short", content[:-1] + bytes([content[-1] ^ 1])):
        path.write_bytes(damaged)
        assert double() == 6
        assert len(path.read_bytes()) > 1000


def test_a_program_is_bound_to_its_key(folder):
    """The intact file of another program, under the name of this one, is a miss."""
    w = pel.shared(1.0, "w")

    def double_and_triple():
        return [float(pel.function([], factor * w, mode="xla")()) for factor in (2, 3)]

    assert double_and_triple() == [2, 3]
    first, second = list_programs(folder)
    contents = first.read_bytes(), second.read_bytes()
    first.write_bytes(contents[1])
    second.write_bytes(contents[0])
    assert double_and_triple() == [2, 3]
    assert first.read_bytes().startswith(f"pellucid-entry-2 {first.stem} ".encode())
    assert second.read_bytes().startswith(f"pellucid-entry-2 {second.stem} ".encode())


def test_fast_compilations_are_not_stored(folder, monkeypatch):
    monkeypatch.setattr(compilation_cache, "MIN_COMPILE_SECONDS", 60.0)
    run()
    assert list_programs(folder) == []


def test_a_folder_that_cannot_be_written_is_reported_once(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "file" / "cache"))
    x = pel.scalar("x")
    with pytest.warns(
        RuntimeWarning, match=r"cannot be stored in .*file.cache, .*Set PELLUCID_CACHE to another folder"
    ):
        assert pel.function([x], x + 1)(1.0) == 2
    assert pel.function([x], x + 3)(1.0) == 4


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX permissions")
def test_a_folder_that_every_user_can_write_is_not_used(folder):
    folder.mkdir()
    folder.chmod(0o777)
    x = pel.scalar("x")
    with pytest.warns(RuntimeWarning, match="every user can write to it, and its files are executed"):
        assert pel.function([x], x + 1)(1.0) == 2
    assert list_programs(folder) == []


def test_programs_with_a_default_device_are_not_stored(folder):
    import jax

    x = pel.scalar("x")
    with jax.default_device(jax.devices()[0]):
        assert pel.function([x], x + 1)(1.0) == 2
    assert list_programs(folder) == []


def test_a_full_disk_is_reported_and_the_program_runs(folder, monkeypatch):
    def fail(path, content, **options):
        raise OSError("No space left on device")

    x = pel.scalar("x")
    pel.function([x], x + 1)(1.0)
    monkeypatch.setattr(compilation_cache, "atomic_write", fail)
    with pytest.warns(RuntimeWarning, match="No space left on device"):
        assert pel.function([x], x + 5)(1.0) == 6


def test_the_least_recently_used_files_are_deleted(folder, monkeypatch):
    folder.mkdir()
    for age in (3, 2, 1):
        path = folder / f"{age}.xla"
        path.write_bytes(bytes(100))
        os.utime(path, (1e9 - age, 1e9 - age))
    (folder / "killed.part").write_bytes(bytes(100))
    os.utime(folder / "killed.part", (1e9, 1e9))
    (folder / "note.txt").write_bytes(bytes(100))
    monkeypatch.setattr(compilation_cache, "MAX_CACHE_BYTES", 250)
    compilation_cache.prune(folder)
    assert sorted(p.name for p in folder.iterdir()) == ["1.xla", "2.xla", "note.txt"]


def test_the_folder_is_private(folder):
    run()
    assert os.name == "nt" or folder.stat().st_mode & 0o077 == 0


def test_programs_that_call_python_are_not_stored(folder):
    import jax

    from pellucid.run.compilation_cache import compile_or_load

    def add_one(x):
        return jax.pure_callback(lambda v: v + 1, x, x)

    x = np.float32(1)
    for _ in range(2):
        assert compile_or_load(jax.jit(add_one).lower(x))(x) == 2
    assert list_programs(folder) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the folder of Linux")
def test_the_environment_chooses_the_folder(monkeypatch):
    monkeypatch.setenv("PELLUCID_CACHE", "~/mine")
    assert compilation_cache.cache_directory() == Path.home() / "mine"
    monkeypatch.setenv("PELLUCID_CACHE", ".")  # ctypes would search system folders for a relative path
    assert compilation_cache.cache_directory() == Path.cwd()
    monkeypatch.setenv("PELLUCID_CACHE", "0")
    assert compilation_cache.cache_directory() is None
    monkeypatch.delenv("PELLUCID_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert compilation_cache.cache_directory() == Path("/somewhere/pellucid")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # the XDG specification ignores relative paths
    assert compilation_cache.cache_directory() == Path.home() / ".cache" / "pellucid"
    monkeypatch.setattr(
        os.path, "expanduser", lambda path: path
    )  # like a user without a home folder, in some containers
    assert compilation_cache.cache_directory() is None


LOOP = """
import pellucid as pel
from pellucid.run import compilation_cache
compilation_cache.MIN_COMPILE_SECONDS = 0.0
w = pel.shared(1.0, "w")
print(pel.function([], w, updates={w: 2 * w}, mode="xla").repeat(3).tolist())
"""


@pytest.mark.slow
def test_the_next_process_loads_the_program_without_warnings(folder, python):
    first = python(LOOP, PELLUCID_CACHE=str(folder))
    times = [p.stat().st_mtime_ns for p in list_programs(folder)]
    assert len(times) == 1
    assert python(LOOP, PELLUCID_CACHE=str(folder)) == first == ["[1.0, 2.0, 4.0]"]
    assert [p.stat().st_mtime_ns for p in list_programs(folder)] > times


def test_warnings_about_features_of_the_machine_are_not_shown(folder, capfd):
    """Some versions of XLA write kilobytes on each program; here the file names a feature that does not exist."""
    expected = run()
    for file in list_programs(folder):
        content = zlib.decompress(compilation_cache.unpack_entry(file.read_bytes(), file.stem))
        feature = re.search(rb"\+(sse2|neon|fp-armv8)\b", content)
        assert feature is not None
        changed = content.replace(feature[0], b"+" + b"z" * (len(feature[0]) - 1))
        file.write_bytes(compilation_cache.pack_entry(zlib.compress(changed), file.stem))
    assert run() == expected
    assert capfd.readouterr().err == ""


def test_other_lines_of_compiled_code_are_passed_on(capfd):
    with compilation_cache.drop_log_lines(b"unwanted"):
        os.write(2, b"first\nan unwanted line\nlast\n")
    assert capfd.readouterr().err == "first\nlast\n"


def test_lines_before_an_exception_are_passed_on(capfd):
    def fail():
        with compilation_cache.drop_log_lines(b"unwanted"):
            os.write(2, b"before\n")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert capfd.readouterr().err == "before\n"
