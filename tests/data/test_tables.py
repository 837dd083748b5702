"""Tables of all formats: the cells that they have, and the errors of damaged and ambiguous files."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import json
import lzma
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.data import DataError, DataWarning, Table, read_table
from pellucid.data.tables import parse_table, text_encodings
from pellucid.data.tables.formats import read_content
from pellucid.data.tables.read_options import ReadOptions
from pellucid.errors import OptionError


def parse(content: str | bytes, **options: Any) -> Table:
    data = content if isinstance(content, bytes) else content.encode()
    return read_content(data, "t.csv", ReadOptions(**options))


def list_cells(table: Table) -> dict[str, list[Any]]:
    """Return all columns as numbers, dates or strings."""
    read: dict[str, Callable[[str], Any]] = {"number": table.numbers, "date": table.dates}
    columns = {name: read.get(table.infer_kind(name), table.strings)(name).tolist() for name in table.names}
    return {name: [None if cell != cell else cell for cell in cells] for name, cells in columns.items()}


DAYS = [f"2024-02-0{day}" for day in range(1, 6)]


def test_columns_are_numbers_or_strings_with_missing_cells() -> None:
    table = parse('\ufeffa;b;c\r\n 1 ;x;NA\r\n;y;2.5\r\n\r\n-3e2;?;"4"\r\n')
    assert list_cells(table) == {"a": [1, None, -300], "b": ["x", "y", ""], "c": [None, 2.5, 4]}
    assert table.lines.tolist() == [2, 3, 5]
    assert table.facts == ("CSV", "UTF-8", "delimiter semicolon", "header ('a' stands above numbers)")


def test_quoted_cells_may_have_delimiters_and_line_breaks() -> None:
    table = parse('a,b\n"one, two\nthree",1\nx,2\n')
    assert table.strings("a").tolist() == ["one, two\nthree", "x"]
    assert table.lines.tolist() == [2, 4]


def test_lines_are_counted_over_blocks_breaks_and_skipped_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.data.tables.csv_format.BLOCK", 64)
    rng = np.random.default_rng(0)
    lines, expected = ["n,text"], []
    for n in range(300):
        kind = rng.integers(6)
        if kind == 0:
            lines.append("")
        elif kind == 1:
            lines.append(f"{n}")
        else:
            expected.append((n, sum(line.count("\n") + 1 for line in lines) + 1))
            lines.append(f'{n},"a\n\nb"' if kind == 2 else f"{n},c")
    with pytest.warns(DataWarning, match="skipped"):
        table = parse("\n".join(lines))
    assert list(zip(table.numbers("n").astype(int).tolist(), table.lines.tolist(), strict=True)) == expected


def test_an_invalid_cell_is_missing_or_an_error() -> None:
    table = parse("a,b\n1,x\n2,x\nthree,x\n4,x\n5,x\n")
    message = r"t.csv: treated 1 cell as missing: line 4, column 'a': expected a number, received 'three'"
    with pytest.warns(DataWarning, match=message):
        np.testing.assert_array_equal(table.numbers("a"), [1, 2, np.nan, 4, 5])
    with pytest.raises(DataError, match=r"t.csv, line 4, column 'a': expected a number, received 'three'. Correct"):
        table.numbers("a", strict=True)


def test_a_line_of_another_length_is_skipped_or_an_error() -> None:
    text = 'a,b\n"1\n",2\n3\n4,5,6\n7,8\n'
    message = (
        r"skipped 2 of 4 lines: line 4: expected 2 cells, as in the first line, received 1; line 5: expected 2 cells"
    )
    with pytest.warns(DataWarning, match=message):
        assert parse(text).numbers("b").tolist() == [2, 8]
    with pytest.raises(DataError, match=r"t.csv, line 4: expected 2 cells.* received 1. Correct or remove the line"):
        parse(text, strict=True)


@pytest.mark.filterwarnings("ignore:.*treated 1 cell as missing")
@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("5.1,3.5,iris\n4.9,3.0,iris\n", {"column 1": [5.1, 4.9], "column 2": [3.5, 3], "column 3": ["iris"] * 2}),
        (",1940,1945\nFood,2.5,3\nHealth,4,5\n", {"column 1": ["Food", "Health"], "1940": [2.5, 4], "1945": [3, 5]}),
        ('"","name","use"\n"1","a","x"\n"2","b","x"\n', {"column 1": [1, 2], "name": ["a", "b"], "use": ["x", "x"]}),
        ("a,b\n1,6.2\x1a\n2,3\n" + "4,5\n" * 50, {"a": [1, 2] + [4] * 50, "b": [None, 3] + [5] * 50}),
        ("land,1990,1991\nA,3,4\nB,5,6\n", {"land": ["A", "B"], "1990": [3, 5], "1991": [4, 6]}),
        ("name,town\nAnn,Bonn\nBob,Kiel\n", {"name": ["Ann", "Bob"], "town": ["Bonn", "Kiel"]}),
        ("Ann,yes\nBob,yes\nCy,no\n", {"column 1": ["Ann", "Bob", "Cy"], "column 2": ["yes", "yes", "no"]}),
        ('"mpg" "cyl"\n"Mazda" 21 6\n"Fiat" 32.4 4\n', {"row": ["Mazda", "Fiat"], "mpg": [21, 32.4], "cyl": [6, 4]}),
        ("a;b\n1,5;2,5\n3,25;4,5\n", {"a": [1.5, 3.25], "b": [2.5, 4.5]}),
        ("a;b\n-9603,04;x\n1.234,5;y\n", {"a": [-9603.04, 1234.5], "b": ["x", "y"]}),
        ('a,b\n"1,234",2\n"5,678,901",3\n', {"a": [1234, 5678901], "b": [2, 3]}),
        ("a;b\n1'234.5;2\n9'876;3\n", {"a": [1234.5, 9876], "b": [2, 3]}),
        ("a;b\n1 234,5;2\n9\u202f876,1;3\n", {"a": [1234.5, 9876.1], "b": [2, 3]}),
        ("a|b\n$1,234.50|12%\n($7.00)|3.5 %\n", {"a": [1234.5, -7], "b": [0.12, 0.035]}),
        ("a\tb\n10 €\t-€5\n1.5 EUR\tUSD 3\n", {"a": [10, 1.5], "b": [-5, 3]}),
        ("a\tb\n$-5\t€ -12.50\n-$6\t-7 €\n$+8\t(€9)\n", {"a": [-5, -6, 8], "b": [-12.5, -7, -9]}),
        ("x y\n1 2\n3 4\n", {"x": [1, 3], "y": [2, 4]}),
        ("sep=;\na;b\n1;2\n3;4\n", {"a": [1, 3], "b": [2, 4]}),
        ("when,n\n10:30,1\n11:45,2\n", {"when": ["10:30", "11:45"], "n": [1, 2]}),
        ("a,b\n−1,1e-3\n+2,1_000\n", {"a": [-1, 2], "b": ["1e-3", "1_000"]}),
        ("a\n1\n\n2\n", {"a": [1, 2]}),
        ("a,b\r1,2\r3,4\r", {"a": [1, 3], "b": [2, 4]}),
    ],
)  # fmt: skip
def test_dialects_are_inferred(text: str, cells: dict[str, list[Any]]) -> None:
    assert list_cells(parse(text)) == cells


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["2024-02-29", "2023-12-31"], ["2024-02-29", "2023-12-31"]),
        (["2024-02-29T12:30:15.250Z", "2023-12-31T00:00:01+01:00"], ["2024-02-29T12:30:15", "2023-12-31T00:00:01"]),
        (["31.12.2023", "1.2.2024"], ["2023-12-31", "2024-02-01"]),
        (["12/31/2023 5:06 PM", "2/1/2024 12:00 AM"], ["2023-12-31T17:06", "2024-02-01"]),
        (["31/12/2023", "1/2/2024"], ["2023-12-31", "2024-02-01"]),
        (["3 Feb 2024", "29 Dec 2023"], ["2024-02-03", "2023-12-29"]),
        (["1/2/24", "12/31/23"], ["2024-01-02", "2023-12-31"]),
        (["2024-02-30", *DAYS], ["NaT", *DAYS]),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:.*treated 1 cell as missing")
def test_dates_are_inferred(cells: list[str], expected: list[str]) -> None:
    table = parse("when;n\n" + "".join(f"{cell};{n}\n" for n, cell in enumerate(cells)))
    assert table.infer_kind("when") == "date"
    np.testing.assert_array_equal(table.dates("when"), np.array(expected, "datetime64[s]"))


def test_dates_that_are_ambiguous_are_known_to_be() -> None:
    assert parse("when,n\n1/2/2020,1\n3/4/2021,2\n").find_date_format("when") == ("%m/%d/%Y", "%d/%m/%Y")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_encodings_are_recognized(encoding: str) -> None:
    table = parse("name,n\nJosé,1\nMüller,2\n".encode(encoding))
    assert table.strings("name").tolist() == ["José", "Müller"]


def test_text_that_is_utf_8_only_at_its_beginning_is_cp1252(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_encodings, "CHUNK", 1000)
    content = b"name,n\n" + b"Ann,1\n" * 2000 + "José,2\n".encode("cp1252")
    table = parse(content)
    assert table.facts[1] == "cp1252"
    assert table.strings("name")[-1] == "José"


def pack_zip(content: bytes) -> bytes:
    path = Path("packed.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.csv", content)
    return path.read_bytes()


def pack_zstd(content: bytes) -> bytes:
    import pyarrow as pa

    packed: bytes = pa.compress(content, "zstd", asbytes=True)
    return packed


@pytest.mark.parametrize(
    ("name", "pack"),
    [("gzip", gzip.compress), ("bzip2", bz2.compress), ("xz", lzma.compress), ("zip", pack_zip), ("zstd", pack_zstd)],
)
def test_compressed_files_are_read(
    name: str, pack: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = b"a,b\n" + b"".join(b"%d,x\n" % n for n in range(5000))
    packed = pack(content)
    Path("t.csv.packed").write_bytes(packed)
    table = read_table("t.csv.packed")
    assert table.facts[1] == name
    assert len(table) == 5000
    Path("t.csv.packed").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(DataError, match=r"t.csv.packed: "):
        read_table("t.csv.packed")


COLUMNS: dict[str, list[Any]] = {
    "n": [1.5, None, 3.0],
    "text": ["a", "", "c"],
    "when": [dt.datetime(2024, 2, 29, 12), None, dt.datetime(2023, 1, 1)],
}
TYPED = {"n": [1.5, None, 3.0], "text": ["a", None, "c"], "when": COLUMNS["when"], "flag": [True, False, None]}


def write_parquet(path: Path) -> None:
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table(TYPED), path)


def write_feather(path: Path) -> None:
    import pyarrow.feather

    pyarrow.feather.write_feather(pyarrow.table(TYPED), path)


def write_workbook(path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(list(TYPED))
    for row in zip(*TYPED.values(), strict=True):
        sheet.append(list(row))
    book.save(path)


def write_json_lines(path: Path) -> None:
    rows = [dict(zip(TYPED, row, strict=True)) for row in zip(*TYPED.values(), strict=True)]
    path.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows))


def write_json(path: Path) -> None:
    rows = [dict(zip(TYPED, row, strict=True)) for row in zip(*TYPED.values(), strict=True)]
    path.write_text(json.dumps(rows, default=str))


def write_sqlite(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute('CREATE TABLE "the data" (n REAL, text TEXT, "when" TEXT, flag TEXT)')
    for n, text, when, flag in zip(*TYPED.values(), strict=True):
        values = (n, text, when and str(when), flag if flag is None else str(flag).lower())
        connection.execute('INSERT INTO "the data" VALUES (?, ?, ?, ?)', values)
    connection.commit()
    connection.close()


def write_duckdb(path: Path) -> None:
    import duckdb
    import pyarrow as pa

    rows = pa.table(TYPED)
    with duckdb.connect(str(path)) as connection:
        connection.register("given", rows)
        connection.execute('CREATE TABLE "the data" AS SELECT * FROM given')


@pytest.mark.parametrize(
    ("suffix", "write", "fact"),
    [
        ("parquet", write_parquet, "Parquet"),
        ("feather", write_feather, "Arrow"),
        ("xlsx", write_workbook, "Excel"),
        ("jsonl", write_json_lines, "JSON lines"),
        ("json", write_json, "JSON"),
        ("sqlite", write_sqlite, "SQLite"),
        ("duckdb", write_duckdb, "DuckDB"),
    ],
)
def test_formats_have_the_same_cells(suffix: str, write: Callable[[Path], None], fact: str, tmp_path: Path) -> None:
    path = tmp_path / f"t.{suffix}"
    write(path)
    table = read_table(path)
    assert table.facts[0] == fact
    assert list_cells(table) == {**COLUMNS, "flag": ["true", "false", ""]}
    assert table.unit == "row"
    damaged = tmp_path / f"damaged.{suffix}"
    damaged.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=rf"damaged.{suffix}"):
        read_table(damaged)


def test_one_of_several_tables_is_chosen_by_name(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite"
    write_sqlite(path)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE prices (a REAL)")
    connection.execute("INSERT INTO prices VALUES (3)")
    connection.commit()
    connection.close()
    assert list_cells(read_table(path, table="prices")) == {"a": [3]}
    with pytest.raises(DataError, match=r"expected the name of a table: --table NAME, one of the data, prices"):
        read_table(path)
    with pytest.raises(DataError, match=r"no table 'price'. Did you mean 'prices'\?"):
        read_table(path, table="price")


def test_nested_and_categorical_columns_are_opened(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet

    place = pa.array([{"town": "Bonn", "zip": 1}, {"town": "Kiel", "zip": 2}])
    kind = pa.array(["x", "y"]).dictionary_encode()
    pyarrow.parquet.write_table(
        pa.table({"place": place, "kind": kind, "tags": [["a"], ["b"]]}), tmp_path / "t.parquet"
    )
    table = read_table(tmp_path / "t.parquet")
    assert list_cells(table) == {
        "place.town": ["Bonn", "Kiel"],
        "place.zip": [1, 2],
        "kind": ["x", "y"],
        "tags": ["", ""],
    }
    assert table.infer_kind("tags") == "empty"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "t.csv: expected a header and rows, received an empty file"),
        ("a,b\n", {}, "t.csv: expected rows, received only names of columns: a, b"),
        ("a,b,a\n1,2,3\n", {}, "t.csv, line 1: expected unique column names, received 'a' twice"),
        (b"\x00\x01" * 100, {}, "t.csv: expected a text file, received a binary file"),
        (b"a,b\n\x81,\x8d\n", {}, "t.csv: expected a text file, received bytes that are neither"),
        ('a,b\n1,2\n3,"4\n5,6\n7,8\n', {}, "t.csv, line 3: a quotation mark is not closed"),
        ('a,b\n1,2\n"3,4\n5,6\n7,8\n', {}, "t.csv, line 3: expected 2 cells.*because a quotation mark is not closed"),
        ("a,b\n1,2\n3,4\n", {"max_bytes": 8}, "t.csv: the table takes .* bytes, and 8 of the budget of 8 are left"),
        ("a,b\n" + "x" * 10_000_000 + ",1\n", {}, "t.csv: a row has more than 4,194,304 bytes"),
    ],
)  # fmt: skip
def test_invalid_files_are_refused_with_the_line(text: str | bytes, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse(text, **options)


def test_options_replace_what_is_inferred() -> None:
    assert list_cells(parse("1;2\n3;4\n", header="yes")) == {"1": [3], "2": [4]}
    assert list_cells(parse("a#b\n1#2\n", delimiter="#")) == {"a": [1], "b": [2]}
    assert parse("a;b\n1,234;2\n").numbers("a").tolist() == [1.234]
    assert parse("a;b\n1,234;2\n", decimal=".").numbers("a").tolist() == [1234]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delimiter": "ab"}, "delimiter: expected one character, received 'ab'"),
        ({"header": "maybe"}, "header: expected 'auto', 'yes' or 'no', received 'maybe'"),
        ({"decimal": ":"}, "decimal: expected '.' or ',', received ':'"),
    ],
)
def test_invalid_options_are_refused(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=message):
        read_table(tmp_path / "t.csv", **options)


def test_a_misspelled_column_gets_a_suggestion() -> None:
    with pytest.raises(DataError, match=r"t.csv: no column 'prise'. Did you mean 'price'\?"):
        parse("price,rooms\n1,2\n").numbers("prise")
    with pytest.raises(DataError, match=r"t.csv: expected dates in the column 'rooms'"):
        parse("price,rooms\n1,2\n").dates("rooms")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none.csv: no such file"):
        read_table(tmp_path / "none.csv")


def test_random_tables_have_the_cells_that_were_written() -> None:
    """Numbers in random notations are read as the numbers that they mean."""
    rng = np.random.default_rng(1)
    for _ in range(30):
        decimal = str(rng.choice([".", ","]))
        delimiter = str(rng.choice([";", "\t", "|"]))
        digits = int(rng.integers(0, 5))
        values = np.round(rng.normal(size=(12, 3)) * 10.0 ** rng.integers(0, 7), digits)
        group = {".": ",", ",": "."}[decimal] if rng.integers(2) else ""

        def write(value: float, group: str = group, decimal: str = decimal, digits: int = digits) -> str:
            text = f"{value:,.{digits}f}"
            return text.translate(str.maketrans({",": group, ".": decimal}))

        lines = [delimiter.join("abc"), *(delimiter.join(map(write, row)) for row in values)]
        table = parse("\n".join(lines), decimal=decimal)
        np.testing.assert_allclose(np.stack([table.numbers(name) for name in "abc"], axis=1), values, rtol=1e-12)


def test_the_content_of_a_file_is_read_like_the_file() -> None:
    assert list_cells(parse_table(b"a,b\n1,2\n", "-")) == {"a": [1], "b": [2]}
