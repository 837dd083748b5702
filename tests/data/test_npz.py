import contextlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pellucid.data import DataError, read_npz


def with_member(path: Path, content: bytes, name: str = "x.npy") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, content)
    return path


def npy_content(path: Path) -> bytes:
    np.save(path.with_suffix(".npy"), np.arange(6.0).reshape(2, 3))
    return path.with_suffix(".npy").read_bytes()


def test_arrays_round_trip_compressed_or_not(tmp_path):
    arrays = {"x": np.arange(6.0).reshape(2, 3), "y": np.array(["a", "b"]), "z": np.asfortranarray(np.eye(2, 3))}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **arrays)
        found = read_npz(tmp_path / "a.npz")
        assert {name: (a.dtype, a.tolist()) for name, a in found.items()} == {
            name: (a.dtype, a.tolist()) for name, a in arrays.items()
        }


def test_a_header_of_the_second_version_is_read(tmp_path):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.arange(6.0).reshape(2, 3), version=(2, 0))
    assert read_npz(with_member(tmp_path / "a.npz", stream.getvalue()))["x"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_all_arrays_together_must_fit_into_the_budget(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", x=np.ones(600), y=np.ones(400))
    assert list(read_npz(tmp_path / "a.npz", max_bytes=8000)) == ["x", "y"]
    with pytest.raises(DataError, match="the array 'y' takes 3,200 bytes, and 3,199 of the budget of 7,999 are left"):
        read_npz(tmp_path / "a.npz", max_bytes=7999)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((b"(2, 3)", b"(2, 3 "), "'x' is not a NumPy array"),
        ((b"(2, 3)", b"(9, 9)"), "the header of 'x' declares 648 bytes and the file has 176; expected equal"),
        ((b"(2, 3)", b"(2, 2)"), "'x' has fewer or more bytes than its header declares"),
        ((b"NUMPY", b"NUMPI"), "'x' is not a NumPy array"),
        ((b"'<f8'", b"'|O8'"), "'x' has Python objects, which can run code when they are loaded"),
        ((b"'<f8'", b"'<M8'"), "expected numbers or strings in 'x', received dtype datetime64"),
    ],
)
def test_an_invalid_header_is_refused_before_the_array_is_read(change, message, tmp_path):
    path = with_member(tmp_path / "a.npz", npy_content(tmp_path / "a.npz").replace(*change))
    with pytest.raises(DataError, match=message):
        read_npz(path)


def test_a_damaged_or_missing_file_is_a_data_error(tmp_path):
    path = with_member(tmp_path / "a.npz", npy_content(tmp_path / "a.npz"))
    content = bytearray(path.read_bytes())
    content[180] ^= 255
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a.npz: 'x': it is damaged .*Bad CRC-32"):
        read_npz(path)
    with pytest.raises(DataError, match=r"b.npz: no such file"):
        read_npz(tmp_path / "b.npz")


def test_damaged_headers_raise_only_data_errors(tmp_path):
    rng = np.random.default_rng(0)
    good = npy_content(tmp_path / "a.npz")
    for _ in range(200):
        content = bytearray(good)
        content[rng.integers(120)] = rng.integers(256)
        path = with_member(tmp_path / "a.npz", bytes(content))
        with contextlib.suppress(DataError):  # nothing else is raised
            assert list(read_npz(path)) == ["x"]
