"""Files of expressions: what was saved comes back, and a file that is not as it was written is refused."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import pellucid as pel
from pellucid.saving import container


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of a network from formulas with its training step."""
    path = tmp_path_factory.mktemp("saved") / "network.pel"
    X, W = pel.matrix("X", shape=("n", 2)), pel.shared(np.eye(2, 3), "W")
    p = pel.softmax(pel.named("h", pel.tanh(X @ W)))
    pel.save(path, {"X": X, "p": p, "updates": pel.optimizers.SGD(0.1, momentum=0.9).updates((p**2).mean())})
    return path


def test_a_graph_loads_without_the_code_that_built_it(saved: Path) -> None:
    program = (
        f"import numpy as np, pellucid as pel; found = pel.load({str(saved)!r}); print(found['p']);"
        "f = pel.function([found['X']], found['p'], updates=found['updates'], mode='numpy');"
        "print(f(np.ones((1, 2)))[0].tolist(), f(np.ones((1, 2)))[0].tolist())"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    found = pel.load(saved)
    f = pel.function([found["X"]], found["p"], updates=found["updates"], mode="numpy")
    numbers = [f(np.ones((1, 2)))[0].tolist() for _ in range(2)]
    assert told.split("\n")[:2] == ["softmax(h)", f"{numbers[0]} {numbers[1]}"]
    assert numbers[0] != numbers[1]


def test_other_programs_read_the_values(saved: Path) -> None:
    arrays = load_file(saved)
    assert set(arrays) == {"W", "W/momentum"}
    np.testing.assert_array_equal(arrays["W"], np.eye(2, 3))


def test_every_dtype_is_kept(tmp_path: Path) -> None:
    for dtype in container.DTYPES.values():
        variable = pel.shared(np.ones((2, 1)), dtype=dtype)
        pel.save(tmp_path / "v.pel", variable)
        back = pel.load(tmp_path / "v.pel")
        assert back.dtype == variable.dtype
        back.set_value(back.get_value())  # it can be written to
        np.testing.assert_array_equal(back.get_value(), variable.get_value())


def refused(path: Path, content: bytes) -> str:
    """Put something in the place of a file and return why it is not read."""
    other = path.with_name("other.pel")
    other.write_bytes(content)
    with pytest.raises(pel.StorageError) as caught:
        pel.load(other)
    assert str(other) in str(caught.value)
    return str(caught.value)


@settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_whatever_byte_is_changed_the_file_is_refused(saved: Path, data: Any) -> None:
    content = bytearray(saved.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    assert refused(saved, bytes(content))


def test_whatever_bit_of_header_and_checksum_is_flipped_the_file_is_refused(saved: Path) -> None:
    content = saved.read_bytes()
    start = container.place_of_checksum(content)
    for place in [*range(12), *range(start - 14, start + 66)]:
        for bit in range(8):
            refused(saved, content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :])


@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_wherever_it_is_cut_the_file_is_refused(saved: Path, data: Any) -> None:
    content = saved.read_bytes()
    assert refused(saved, content[: data.draw(st.integers(0, len(content) - 1))])


def with_metadata(path: Path, **changes: Any) -> bytes:
    """Return a file as it is, except for parts of its metadata, with the right checksum."""
    data, arrays = container.read(path, "expressions")
    other = path.with_name("changed.pel")
    container.write(other, data.pop("kind"), {**data, "checksum": container.NOTHING, **changes}, arrays)
    return other.read_bytes()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is no .pel file; it does not begin as one does"),
        (b"hello, world, I am a text", "it is no .pel file; it does not begin as one does"),
        (b"PK\x03\x04" + b"\0" * 99, "but a zip archive, as .keras and .npz files are; model.load_weights reads those"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 99, "but an HDF5 file"),
        (b"\x80\x04\x95\x10\0\0\0\0\0\0\0cos\nsystem\n", "perhaps a pickle, which pellucid never reads"),
        (b"\xff" * 16, "it is no .pel file"),
        (b"\x10\0\0\0\0\0\0\0{}", "it is cut off, or no .pel file"),
        (b"\x04\0\0\0\0\0\0\0{{{{", "its header is damaged"),
        (b"\x09\0\0\0\0\0\0\0{\"a\": 10}", "it does not say where its arrays are"),
        (b"\x02\0\0\0\0\0\0\0{}", "a safetensors file of some other program; model.load_weights"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_pellucid_is_named(saved: Path, content: bytes, reason: str) -> None:
    assert reason in refused(saved, content)


def test_reasons_to_refuse_a_file(saved: Path, tmp_path: Path) -> None:
    content = saved.read_bytes()
    assert "there is something behind its end: 1 bytes" in refused(saved, content + b"x")
    assert "it is cut off: it lacks 4 bytes" in refused(saved, content[:-4])
    assert "does not have the checksum" in refused(saved, content[:-1] + bytes([content[-1] ^ 1]))
    assert "it has format 2, written by pellucid 9.0. This is pellucid 0.1.0, which reads format 1; update" in refused(
        saved, with_metadata(saved, format=2, version="9.0")
    )
    assert "Entry 0 of the graph" in refused(saved, with_metadata(saved, graph={"format": 1, "nodes": [3]}))
    nested = json.loads("[" * 900 + "]" * 900)
    assert "Expected the outputs of a graph" in refused(
        saved, with_metadata(saved, graph={"format": 1, "nodes": [], "outputs": nested})
    )
    save_file({"a": np.ones(3)}, tmp_path / "a.safetensors")
    assert "of some other program" in refused(saved, (tmp_path / "a.safetensors").read_bytes())
    container.write(tmp_path / "m.pel", "a model", {}, {})
    with pytest.raises(
        pel.StorageError, match=r"holds a model. Received: a call for expressions; pel.load_model reads"
    ):
        pel.load(tmp_path / "m.pel")
    with pytest.raises(pel.StorageError, match="it is no file"):
        pel.load(tmp_path)
    with pytest.raises(FileNotFoundError):
        pel.load(tmp_path / "nowhere.pel")


def test_a_write_that_fails_leaves_the_older_file(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pel"
    pel.save(path, pel.tanh(pel.vector("x")))
    before = path.read_bytes()

    def no_room(descriptor: int) -> None:
        raise OSError("no space left on the device")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(OSError, match="no space"):
        pel.save(path, pel.exp(pel.vector("x")))
    monkeypatch.undo()
    with pytest.raises(pel.StorageError, match="Received: 3"):
        pel.save(path, [3])
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["x.pel"]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_the_same_graph_is_the_same_file(saved: Path) -> None:
    again = saved.with_name("again.pel")
    pel.save(again, pel.load(saved))
    assert again.read_bytes() == saved.read_bytes()
