from pathlib import Path

import numpy as np
import pytest

from pellucid.data import DataError, DataWarning, read_csv


def write(folder: Path, text: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_columns_are_numbers_or_strings_with_missing_cells(tmp_path):
    table = read_csv(write(tmp_path, '\ufeffa;b;c\r\n 1 ;x;NA\r\n;y;2.5\r\n\r\n-3e2;?;"4"\r\n'))
    assert table.names == ("a", "b", "c")
    np.testing.assert_array_equal(table.numbers("a"), [1, np.nan, -300])
    np.testing.assert_array_equal(table.numbers("c"), [np.nan, 2.5, 4])
    assert table.strings("b").tolist() == ["x", "y", ""]
    assert [table.is_numeric(name) for name in "abc"] == [True, False, True]
    assert table.lines == [2, 3, 5]


def test_quoted_cells_may_have_separators_and_line_breaks(tmp_path):
    table = read_csv(write(tmp_path, 'a,b\n"one, two\nthree",1\nx,2\n'))
    assert table.strings("a").tolist() == ["one, two\nthree", "x"]
    assert table.lines == [2, 4]


def test_an_invalid_cell_is_missing_or_an_error(tmp_path):
    table = read_csv(write(tmp_path, "a,b\n1,x\n2,x\nthree,x\n4,x\n5,x\n"))
    message = r"t.csv: treated 1 cell as missing: line 4, column 'a': expected a number, received 'three'"
    with pytest.warns(DataWarning, match=message):
        np.testing.assert_array_equal(table.numbers("a"), [1, 2, np.nan, 4, 5])
    with pytest.raises(DataError, match=r"t.csv, line 4, column 'a': expected a number, received 'three'. Correct"):
        table.numbers("a", strict=True)


def test_a_line_of_another_length_is_skipped_or_an_error(tmp_path):
    path = write(tmp_path, "a,b\n1,2\n3\n4,5,6\n7,8\n")
    with pytest.warns(
        DataWarning, match=r"skipped 2 of 4 lines: line 3: expected 2 cells, as in the header, received 1"
    ):
        assert read_csv(path).rows == [["1", "2"], ["7", "8"]]
    with pytest.raises(DataError, match=r"t.csv, line 3: expected 2 cells"):
        read_csv(path, strict=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "t.csv: expected a header and rows, received an empty file"),
        ("a,b\n", "received only a header"),
        ("1,2\n3,4\n", "t.csv, line 1: expected a header with the column names, received numbers"),
        ("a,b,a\n1,2,3\n", "t.csv, line 1: expected unique column names, received 'a' twice"),
        (b"a,b\n1,\xe9\n", "t.csv, line 2: expected UTF-8 text, received the byte 0xe9"),
        ("a,b\n" + "x" * 200_000 + ",1\n", r"t.csv, line 2: the file is not valid CSV \(field larger"),
    ],
)
def test_invalid_files_are_refused_with_the_line(text, message, tmp_path):
    with pytest.raises(DataError, match=message):
        read_csv(write(tmp_path, text))


def test_a_misspelled_column_gets_a_suggestion(tmp_path):
    table = read_csv(write(tmp_path, "price,rooms\n1,2\n"))
    with pytest.raises(DataError, match=r"t.csv: no column 'prise'. Did you mean 'price'\?"):
        table.numbers("prise")


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"none.csv: no such file"):
        read_csv(tmp_path / "none.csv")
