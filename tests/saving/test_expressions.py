"""Files of expressions: they load as they were saved, and damaged files are refused."""

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
from pellucid.graph.expr import Shared
from pellucid.graph.traversal import topological
from pellucid.saving import container


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of a network and its training step."""
    path = tmp_path_factory.mktemp("saved") / "network.pel"
    X, W = pel.matrix("X", shape=("n", 2)), pel.shared(np.eye(2, 3), "W")
    p = pel.softmax(pel.named("h", pel.tanh(X @ W)))
    pel.save(path, {"X": X, "p": p, "updates": pel.optimizers.SGD(0.1, momentum=0.9).updates((p**2).mean())})
    return path


def test_a_loaded_graph_computes_and_trains(saved: Path) -> None:
    found = pel.load(saved)
    assert str(found["p"]) == "softmax(h)"
    f = pel.function([found["X"]], found["p"], updates=found["updates"], mode="numpy")
    first, second = (f(np.ones((1, 2)))[0] for _ in range(2))
    e = np.exp([np.tanh(1.0), np.tanh(1.0), 0.0])
    np.testing.assert_allclose(first, e / e.sum(), rtol=1e-6)
    assert 0 < (first - second).max() < 0.1


@pytest.mark.slow
def test_a_graph_loads_without_the_code_that_built_it(saved: Path) -> None:
    program = (
        f"import numpy as np, pellucid as pel; found = pel.load({str(saved)!r}); print(found['p']);"
        "f = pel.function([found['X']], found['p'], updates=found['updates'], mode='numpy');"
        "print(f(np.ones((1, 2)))[0].tolist(), f(np.ones((1, 2)))[0].tolist())"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    found = pel.load(saved)
    f = pel.function([found["X"]], found["p"], updates=found["updates"], mode="numpy")
    numbers = [f(np.ones((1, 2)))[0].tolist() for _ in range(2)]
    assert output.split("\n")[:2] == ["softmax(h)", f"{numbers[0]} {numbers[1]}"]
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
        back.set_value(back.get_value())  # the array is writable
        np.testing.assert_array_equal(back.get_value(), variable.get_value())


def refused(path: Path, content: bytes) -> str:
    """Write other content and return the error message."""
    other = path.with_name("other.pel")
    other.write_bytes(content)
    with pytest.raises(pel.StorageError) as caught:
        pel.load(other)
    assert str(other) in str(caught.value)
    return str(caught.value)


@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_changed_byte_is_detected(saved: Path, data: Any) -> None:
    content = bytearray(saved.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    assert refused(saved, bytes(content))


@pytest.mark.parametrize("bits", [1, pytest.param(8, marks=pytest.mark.slow)])
def test_a_flipped_bit_in_header_or_checksum_is_detected(saved: Path, bits: int) -> None:
    content = saved.read_bytes()
    start = container.find_checksum_offset(content)
    for place in [*range(12), *range(start - 14, start + 66)]:
        for bit in range(place % 8, place % 8 + bits):
            refused(saved, content[:place] + bytes([content[place] ^ 1 << bit % 8]) + content[place + 1 :])


@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_truncation_is_detected(saved: Path, data: Any) -> None:
    content = saved.read_bytes()
    assert refused(saved, content[: data.draw(st.integers(0, len(content) - 1))])


def with_metadata(path: Path, **changes: Any) -> bytes:
    """Return the file with other metadata and a valid checksum."""
    data, arrays = container.read_container(path, "expressions")
    other = path.with_name("changed.pel")
    blank = {**data, "checksum": container.BLANK_CHECKSUM}
    container.write_container(other, blank.pop("kind"), {**blank, **changes}, arrays)
    return other.read_bytes()


def with_header(text: str) -> bytes:
    """Return a file without arrays that has this header."""
    return len(text).to_bytes(8, "little") + text.encode()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is not a .pel file"),
        (b"hello, world, I am a text", "it is not a .pel file"),
        (b"PK\x03\x04" + b"\0" * 99, "but a zip archive, such as a .keras or .npz file. Read it with"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 99, "but an HDF5 file"),
        (b"\x80\x04\x95\x10\0\0\0\0\0\0\0cos\nsystem\n", "possibly a pickle. pellucid reads no pickles"),
        (b"\xff" * 16, "it is not a .pel file"),
        (b"\x10\0\0\0\0\0\0\0{}", "the file is truncated, or not a .pel file"),
        (b"\x04\0\0\0\0\0\0\0{{{{", "its header is damaged"),
        (b"\x09\0\0\0\0\0\0\0{\"a\": 10}", "The offsets of the arrays are missing"),
        (b"\x02\0\0\0\0\0\0\0{}", "a safetensors file of another program. model.load_weights"),
        (with_header('{"a":' + "[" * 200_000), "its header is nested too deeply"),
        (
            with_header(
                r'{"__metadata__":{"pellucid":"{\"format\":1,\"kind\":\"expressions\"}"},'
                r'"a":{"pellucid":"{\"checksum\":\"' + container.BLANK_CHECKSUM + r'\"}","data_offsets":[0,0]}}'
            ),
            "Its checksum does not match its content",
        ),
    ],
)  # fmt: skip
def test_other_formats_are_named(saved: Path, content: bytes, reason: str) -> None:
    assert reason in refused(saved, content)


def test_reasons_to_refuse_a_file(saved: Path, tmp_path: Path) -> None:
    content = saved.read_bytes()
    assert "It has 1 unexpected bytes at its end" in refused(saved, content + b"x")
    assert "the file is truncated. 4 bytes are missing" in refused(saved, content[:-4])
    assert "checksum does not match" in refused(saved, content[:-1] + bytes([content[-1] ^ 1]))
    assert (
        "expected format 1, which pellucid 0.1.0 reads. Received: format 2, written by pellucid 9.0. Update"
        in refused(saved, with_metadata(saved, format=2, version="9.0"))
    )
    assert "It does not list the arrays" in refused(saved, with_metadata(saved, arrays=["W", 3]))
    assert "Entry 0 of the graph" in refused(saved, with_metadata(saved, graph={"format": 1, "nodes": [3]}))
    nested = json.loads("[" * 900 + "]" * 900)
    assert "Expected the outputs of a graph" in refused(
        saved, with_metadata(saved, graph={"format": 1, "nodes": [], "outputs": nested})
    )
    save_file({"a": np.ones(3)}, tmp_path / "a.safetensors")
    assert "of another program" in refused(saved, (tmp_path / "a.safetensors").read_bytes())
    container.write_container(tmp_path / "m.pel", "a model", {}, {})
    with pytest.raises(pel.StorageError, match=r"expected expressions. Received: a model. Read it with pel.load_model"):
        pel.load(tmp_path / "m.pel")
    with pytest.raises(pel.StorageError, match=r"expected a regular file\. Received: a folder"):
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


def test_an_update_of_unknown_size_is_loaded(tmp_path: Path) -> None:
    s, x = pel.shared(np.zeros(3, "float32"), "s"), pel.vector("x")
    s.default_update = 2 * x
    pel.save(tmp_path / "e.pel", s + 1)
    loaded = pel.load(tmp_path / "e.pel")
    [variable] = [e for e in topological([loaded]) if isinstance(e, Shared)]
    assert str(variable.default_update) == "2 * x"
