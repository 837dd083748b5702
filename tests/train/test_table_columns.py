"""Kinds of columns, their statistics and their encoding; and the task that targets suggest."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.cli import main
from pellucid.data import DataError, DataWarning, Table
from pellucid.data.tables import parse_table
from pellucid.train.prepare.prepared_run import prepare
from pellucid.train.read.dataset import infer_task
from pellucid.train.read.table_columns import (
    describe_columns,
    encode,
    format_columns,
    is_valid_column,
    list_features,
)
from pellucid.train.settings.settings import Settings

RNG = np.random.default_rng(0)
ROWS = 60


def make_table(**columns: Any) -> Table:
    names = [name.replace("_", " ") for name in columns]
    rows = zip(*columns.values(), strict=True)
    lines = [";".join(names), *(";".join(map(str, row)) for row in rows)]
    return parse_table("\n".join(lines).encode(), "t.csv")


def describe(table: Table, chosen: dict[str, str] | None = None, training: Any = None) -> dict[str, Any]:
    rows = np.arange(len(table)) if training is None else training
    return describe_columns(table, rows, table.names[-1:], chosen or {}, strict=False)


TARGET = RNG.normal(size=ROWS).round(3)


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("age", RNG.integers(18, 90, ROWS), "number"),
        ("price", RNG.normal(size=ROWS).round(4), "number"),
        ("year", np.arange(1950, 1950 + ROWS), "number"),
        ("step", np.arange(ROWS), "number"),
        ("zip", RNG.integers(10000, 99999, ROWS), "number"),
        ("place", RNG.choice(["town", "land"], ROWS), "category"),
        ("sold", [f"{1 + k % 28}.{1 + k % 12}.20{10 + k % 9}" for k in range(ROWS)], "date"),
        ("n", np.arange(1, ROWS + 1), "an identifier: it counts the rows"),
        ("shuffled", RNG.permutation(ROWS), "an identifier: it counts the rows"),
        ("customer_id", RNG.choice(10**6, ROWS, replace=False), "an identifier: nearly every value is unique"),
        ("name", [f"n{k * 7919}" for k in range(ROWS)], "an identifier: nearly every string is unique"),
        ("remark", [f"it was the {k}th of many days" for k in range(ROWS)], "free text"),
        ("town", ["Bonn"] * ROWS, "always 'Bonn'"),
        ("nothing", [""] * ROWS, "no values"),
        ("constant", [7] * ROWS, "always 7"),
    ],
)
def test_kinds_of_columns_are_inferred(name: str, values: Any, kind: str) -> None:
    table = make_table(**{name: values, "other": RNG.normal(size=ROWS), "y": TARGET})
    described = describe(table)
    spelled = name.replace("_", " ")
    found = {column["name"]: column["kind"] for column in described["inputs"]} | described["skipped"]
    assert found[spelled] == kind
    assert [line for line in format_columns(table, described, ["y"]) if line.startswith(f"  {spelled} ")]


def test_an_identifier_is_used_if_there_is_nothing_else() -> None:
    described = describe(make_table(n=np.arange(ROWS), y=TARGET))
    assert [column["name"] for column in described["inputs"]] == ["n"]


def test_kinds_can_be_chosen() -> None:
    table = make_table(zip=RNG.integers(1, 5, ROWS), n=np.arange(ROWS), place=["a", "b"] * 30, y=TARGET)
    described = describe(table, {"zip": "category", "n": "number", "place": "skip"})
    assert [(column["name"], column["kind"]) for column in described["inputs"]] == [
        ("zip", "category"),
        ("n", "number"),
    ]
    assert described["inputs"][0]["values"] == ["1", "2", "3", "4"]
    assert described["skipped"] == {"place": "as chosen"}


def test_statistics_are_those_of_the_training_rows() -> None:
    table = make_table(a=[1.5, 2.5, 4.5, 100.5, ""], b=["u", "v", "u", "w", "u"], y=[1, 2, 3, 4, 5])
    described = describe(table, training=np.array([0, 1, 2]))["inputs"]
    assert (described[0]["missing"], described[1]["values"]) == (2.5, ["u", "v"])
    expected = [[1.5, 1, 0], [2.5, 0, 1], [4.5, 1, 0], [100.5, 0, 0], [2.5, 1, 0]]
    np.testing.assert_array_equal(encode(table, described, strict=True), expected)


def test_dates_become_parts_that_vary() -> None:
    dates = ["2024-01-01 00:00", "2024-12-31 12:00", "", "2025-07-02 18:00"]
    table = make_table(when=dates, y=[1, 2, 3, 4])
    described = describe(table)["inputs"]
    assert described[0]["parts"] == ["days", "year", "month", "weekday", "hour"]
    assert list_features(described)[:3] == ["when: days", "when: year", "when: month (sine)"]
    found = encode(table, described, strict=True)
    days = [0, 365.5, 365.5, 548.75]
    np.testing.assert_allclose(found[:, 0], days)
    np.testing.assert_allclose(found[:, 1], [2024, 2024, 2024, 2025])
    np.testing.assert_allclose(found[3, 2:4], [np.sin(np.pi), np.cos(np.pi)], atol=1e-6)  # July is month 6 of 0 to 11
    np.testing.assert_allclose(found[0, 4:6], [0, 1], atol=1e-6)  # a Monday
    np.testing.assert_allclose(found[3, 6:8], [np.sin(1.5 * np.pi), np.cos(1.5 * np.pi)], atol=1e-6)
    short = describe(make_table(when=["2024-01-01", "2024-01-02"], y=[1, 2]))["inputs"]
    assert short[0]["parts"] == ["days", "weekday"]


def test_an_ambiguous_date_is_reported() -> None:
    table = make_table(when=["1/2/2024", "3/4/2024", "5/6/2023"], y=[1, 2, 3])
    lines = format_columns(table, describe(table), ["y"])
    assert "month/day/year, could also be day/month/year; features: days, year, month, weekday" in lines[1]


def test_a_number_that_hides_all_others_is_missing() -> None:
    table = make_table(a=[*RNG.normal(size=ROWS - 1), 1e30], y=TARGET)
    described = describe(table)["inputs"]
    with pytest.warns(
        DataWarning, match=rf"treated 1 cell as missing: line {ROWS + 1}, column 'a': expected a number from "
    ):
        found = encode(table, described, strict=False)
    assert np.abs(found).max() < 10
    with pytest.raises(DataError, match=r"t.csv, line 61, column 'a': expected a number from"):
        encode(table, described, strict=True)


def test_categories_that_were_not_in_the_training_data_are_reported() -> None:
    described = describe(make_table(place=["town", "land"] * 30, y=TARGET))["inputs"]
    other = make_table(place=["twon", "land", "", "moon"], y=[1, 2, 3, 4])
    message = (
        r"treated 2 cells as missing: line 2, column 'place': expected a category of the training data, received 'twon'"
    )
    with pytest.warns(DataWarning, match=message + r"; line 5.*'moon'. Did you mean 'town'\?"):
        found = encode(other, described, strict=False, is_new=True)
    np.testing.assert_array_equal(found, [[0, 0], [1, 0], [0, 0], [0, 0]])
    with pytest.raises(DataError, match=r"t.csv, line 2, column 'place': expected a category .* Did you mean 'town'\?"):
        encode(other, described, strict=True, is_new=True)


@pytest.mark.parametrize(
    "change", [{"name": 3}, {"kind": "magic"}, {"missing": "x"}, {"limits": [1]}, {"limits": [0, "x"]}]
)
def test_descriptions_from_files_are_checked(change: dict[str, Any]) -> None:
    valid = {"name": "a", "kind": "number", "missing": 0.0, "limits": [0.0, 1.0]}
    assert is_valid_column(valid)
    assert not is_valid_column(valid | change)


@pytest.mark.parametrize(
    ("values", "task", "reason"),
    [
        (np.array(["a", "b"] * 30), "classification", "the targets are text"),
        (np.array([True, False] * 30), "classification", "the targets are booleans"),
        (np.array([0.0, 1.0] * 30), "classification", "the targets have two values, 0 and 1"),
        (np.array([-1, 1] * 30), "classification", "the targets have two values, -1 and 1"),
        (np.repeat(np.arange(10), 20), "classification", "the targets are the integers 0 to 9"),
        (np.repeat(np.arange(1, 4), 20), "classification", "the targets are the integers 1 to 3"),
        (np.repeat(np.arange(2005, 2024), 20), "regression", "the integers do not count from 0 or 1"),
        (np.random.default_rng(0).poisson(6, 400), "regression", "occurs only"),
        (np.minimum(np.random.default_rng(0).poisson(2.5, 400), 8), "regression", "occurs only"),
        (np.random.default_rng(0).integers(0, 5000, 400), "regression", "different integers"),
        (np.array([10, 20, 30] * 20), "regression", "the integers do not count from 0 or 1"),
        (np.linspace(0, 1, 50), "regression", "the targets have decimals"),
        (np.ones((5, 2)), "regression", "there are several targets"),
    ],
)
def test_tasks_are_inferred(values: Any, task: str, reason: str) -> None:
    found, why = infer_task(values)
    assert found == task
    assert reason in why


def write_clean(path: Path, rng: np.random.Generator) -> None:
    lines = ["size,place,sold,price"]
    for _ in range(80):
        size, place = rng.integers(300, 2000) / 10, rng.choice(["town", "land"])
        lines.append(f"{size},{place},2024-{rng.integers(1, 13):02}-{rng.integers(1, 29):02},{1000 + 2 * size:.2f}")
    path.write_text("\n".join(lines) + "\n")


def to_german(text: str) -> bytes:
    rows = [line.split(",") for line in text.splitlines()]
    lines = [";".join(rows[0])]
    for size, place, sold, price in rows[1:]:
        year, month, day = sold.split("-")
        amount = f"{float(price):,.2f}".translate(str.maketrans(",.", ".,"))
        lines.append(f"{size.replace('.', ',')};{place};{day}.{month}.{year};{amount} €")
    return "\r\n".join(lines).encode("cp1252")


def to_american(text: str) -> bytes:
    rows = [line.split(",") for line in text.splitlines()]
    lines = ["\t".join(rows[0])]
    for size, place, sold, price in rows[1:]:
        year, month, day = map(int, sold.split("-"))
        lines.append(f'{size}\t{place}\t{month}/{day}/{year}\t"${float(price):,.2f}"')
    return "\n".join(lines).encode("utf-16")


def read_losses(run: str) -> list[dict[str, str]]:
    with Path(run, "history.csv").open() as file:
        return [{name: cell for name, cell in row.items() if name != "seconds"} for row in csv.DictReader(file)]


@pytest.mark.parametrize("rewrite", [to_german, to_american])
def test_awkward_files_give_the_same_inputs_and_targets_as_clean_ones(
    rewrite: Callable[[str], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_clean(Path("clean.csv"), np.random.default_rng(5))
    Path("awkward.txt").write_bytes(rewrite(Path("clean.csv").read_text()))
    clean, awkward = (
        prepare(Settings(source, model="linear", options={"columns": {"place": "category"}}))
        for source in ("clean.csv", "awkward.txt")
    )
    assert [column["kind"] for column in clean.description["inputs"]] == ["number", "category", "date"]
    assert clean.description["inputs"][:2] == awkward.description["inputs"][:2]
    np.testing.assert_array_equal(clean.x, awkward.x)
    np.testing.assert_array_equal(clean.y, awkward.y)
    assert {name: rows.tolist() for name, rows in clean.parts.items()} == {
        name: rows.tolist() for name, rows in awkward.parts.items()
    }
    # Other data are read as the training data were written.
    again = awkward.dataset.apply_description(awkward.description)
    np.testing.assert_array_equal(again, clean.x)


@pytest.mark.slow
@pytest.mark.parametrize("rewrite", [to_german, to_american])
def test_awkward_files_give_the_same_network_as_clean_ones(
    rewrite: Callable[[str], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_clean(Path("clean.csv"), np.random.default_rng(5))
    Path("awkward.txt").write_bytes(rewrite(Path("clean.csv").read_text()))
    words = ["--model", "linear", "--epochs", "2", "--columns", "place=category"]
    for source in ("clean.csv", "awkward.txt"):
        assert main(["train", source, *words, "--out", source[:-4]]) == 0
    assert read_losses("clean") == read_losses("awkward")
    clean, awkward = (json.loads(Path(run, "data.json").read_text()) for run in ("clean", "awkward"))
    assert clean["inputs"][1] == awkward["inputs"][1]
    capsys.readouterr()
    assert main(["train", "clean/experiment.toml", "--quiet", "--out", "again"]) == 0
    assert read_losses("again") == read_losses("clean")
    assert main(["predict", "awkward", "awkward.txt", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["predictions"]) == 80


def test_numbers_beyond_float32_are_missing() -> None:
    table = parse_table(b"size\n1e300\n-1e39\n2\n", "sizes.csv")
    size = {"name": "size", "kind": "number", "missing": 3.0, "limits": None}
    with pytest.warns(
        DataWarning, match=r"treated 2 cells as missing: line 2, column 'size': expected a number from -3\.4"
    ):
        assert encode(table, [size], strict=False).tolist() == [[3.0], [3.0], [2.0]]
