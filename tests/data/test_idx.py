"""IDX files round-trip, and damaged files are refused."""

import contextlib
import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from pellucid.data import DataError, read_idx, write_idx
from pellucid.data.idx import CODES, parse_idx

ARRAYS = st.sampled_from(list(CODES)).flatmap(
    lambda dtype: arrays(dtype, array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5))
)
TWO = bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9])


@settings(max_examples=50)
@given(array=ARRAYS, suffix=st.sampled_from([".idx", ".idx.gz"]))
def test_arrays_round_trip(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, suffix: str) -> None:
    path = tmp_path_factory.mktemp("idx") / f"array{suffix}"
    write_idx(path, array)
    back = read_idx(path)
    assert back.dtype == array.dtype
    assert back.dtype.isnative
    assert not back.flags.writeable
    np.testing.assert_array_equal(back, array)


@given(content=st.binary(max_size=60))
def test_any_bytes_give_an_array_or_a_data_error(content: bytes) -> None:
    for candidate in (
        content,
        b"\0\0" + content,
        TWO[:8] + content,
        gzip.compress(content, mtime=0),
        b"\x1f\x8b" + content,
    ):
        with contextlib.suppress(DataError):
            parse_idx(candidate, "some.idx")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected two zero bytes at byte 0"),
        (b"PNG" + TWO, "no IDX file"),
        (bytes([0, 0, 7, 1]) + TWO[4:], "expected a dtype code at byte 2 .* received 0x07"),
        (bytes([0, 0, 8, 0]), "expected 1 to 8 dimensions at byte 3, received 0"),
        (bytes([0, 0, 8, 2]) + TWO[4:8], "expected 2 dimensions up to byte 12, but it ends at 8"),
        (TWO[:-1], "expected 10 bytes for shape .2,. of uint8, received only 9"),
        (TWO + b"!", "expected 10 bytes .* received more"),
        (bytes([0, 0, 8, 2]) + b"\xff" * 8, r"at most \d+ elements, received shape .* at byte 4"),
        (bytes([0, 0, 8, 3, 0, 0, 0, 0]) + b"\xff" * 8, r"at most \d+ elements"),
        (gzip.compress(TWO, mtime=0)[:-9], "compressed bytes end too early"),
        (gzip.compress(TWO, mtime=0)[:-8] + bytes(8), "compressed bytes are damaged"),
        (gzip.compress(TWO, mtime=0) + b"more", "4 bytes follow the end of the compressed part"),
        (gzip.compress(TWO[:8] + bytes(10_000_000), mtime=0), "expected 10 bytes .* received more"),
    ],
)
def test_a_damaged_file_is_an_error(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=f"^some.idx: .*{message}"):
        parse_idx(content, "some.idx")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.idx: cannot be read \(No such file"):
        read_idx(tmp_path / "none.idx")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(2, "int64"), "no code for int64; convert to one of uint8, int8, int16, int32, float32, float64"),
        (np.array(["a"]), "no code for <U1"),
        (np.zeros((), "uint8"), "expected 1 to 8 dimensions, received 0"),
    ],
)
def test_unsupported_arrays_are_refused(tmp_path: Path, array: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        write_idx(tmp_path / "array.idx", array)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "array.idx.gz"
    write_idx(path, np.zeros(3, "uint8"))
    write_idx(path, np.ones(2, "uint8"))
    assert read_idx(path).tolist() == [1, 1]
    assert list(tmp_path.iterdir()) == [path]
