import contextlib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pellucid.data import DataError, read_npz


def with_member(path: Path, content: bytes, name: str = "x.npy") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, content)
    return path


def whole(path: Path) -> bytes:
    np.save(path.with_suffix(".npy"), np.arange(6.0).reshape(2, 3))
    return path.with_suffix(".npy").read_bytes()


def test_arrays_come_back_compressed_or_not(tmp_path):
    held = {"x": np.arange(6.0).reshape(2, 3), "y": np.array(["a", "b"]), "z": np.asfortranarray(np.eye(2, 3))}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **held)
        found = read_npz(tmp_path / "a.npz")
        assert {name: (a.dtype, a.tolist()) for name, a in found.items()} == {
            name: (a.dtype, a.tolist()) for name, a in held.items()
        }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((b"(2, 3)", b"(2, 3 "), "'x' is no array of NumPy"),
        ((b"(2, 3)", b"(9, 9)"), "'x' promises 648 bytes and has 176; expected as many"),
        ((b"NUMPY", b"NUMPI"), "'x' is no array of NumPy"),
        ((b"'<f8'", b"'|O8'"), "'x' holds Python objects, which could run a program when they are read"),
        ((b"'<f8'", b"'<M8'"), "expected 'x' to hold numbers or texts, received dtype datetime64"),
    ],
)
def test_what_is_no_array_is_refused_before_it_is_read(change, message, tmp_path):
    path = with_member(tmp_path / "a.npz", whole(tmp_path / "a.npz").replace(*change))
    with pytest.raises(DataError, match=message):
        read_npz(path)


def test_damage_is_told_and_nothing_else_happens(tmp_path):
    path = with_member(tmp_path / "a.npz", whole(tmp_path / "a.npz"))
    content = bytearray(path.read_bytes())
    content[180] ^= 255
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a.npz: the file is damaged \(Bad CRC-32"):
        read_npz(path)
    with pytest.raises(DataError, match=r"b.npz: there is no such file"):
        read_npz(tmp_path / "b.npz")


def test_many_damaged_files_are_refused_alike(tmp_path):
    rng = np.random.default_rng(0)
    good = whole(tmp_path / "a.npz")
    for _ in range(200):
        content = bytearray(good)
        content[rng.integers(120)] = rng.integers(256)
        path = with_member(tmp_path / "a.npz", bytes(content))
        with contextlib.suppress(DataError):  # nothing else is raised
            assert list(read_npz(path)) == ["x"]
