"""Loader of tables: one column is the target, the others become numbers."""

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pellucid.experiments.runner.parameters import Parameter
from pellucid.experiments.user_data.loaders import MAXIMUM_UPLOAD_BYTES, STANDARD_INPUT, Batch, DataLoader

if TYPE_CHECKING:
    from pellucid.data.tables import Table
    from pellucid.experiments.user_data.dataset import Dataset
    from pellucid.experiments.user_data.settings import Settings
    from pellucid.typing import Array

KIND = "row"
DATABASES = ("SQLite", "DuckDB")
READING = ("table", "delimiter", "header", "decimal")
"""Options of `pellucid.data.read_table`."""


def load(settings: "Settings") -> "Dataset":
    """Read a table; rows without a target are skipped with a warning."""
    from pellucid.data.errors import DataError
    from pellucid.data.tables import read_table
    from pellucid.experiments.user_data.dataset import Dataset, compute_checksum, encode_targets, infer_task
    from pellucid.experiments.user_data.table_columns import describe_columns, encode, format_columns, list_column_uses

    where, strict, options = settings.data, settings.strict, settings.options
    table = read_table(where, strict, **get_reading_options(options))
    checksum = compute_checksum(*get_bytes(table))
    if len(table.names) < 2:
        raise DataError(
            f"{where}: expected two or more columns, a target and features, received only {table.names[0]!a}."
        )
    target: str = options.get("target") or table.names[-1]
    table, values = select_targets(table, target, strict)
    task, reason = (settings.task, "") if settings.task else infer_task(values)
    targets, names = encode_targets(values, task, f"{where}, column {target!a}")
    if not names:
        check_outliers(table, target, values)
    chosen = options.get("columns") or {}

    def fit_inputs(training: "Array") -> "tuple[Array, Mapping[str, Any]]":
        described = describe_columns(table, training, target, chosen, strict=strict)
        given = {name: options.get(name) for name in ("columns", *READING)}
        return encode(table, described["inputs"], strict=strict), {"kind": KIND, **described, **given}

    return Dataset(
        where=where,
        targets=targets,
        class_names=names,
        fit_inputs=fit_inputs,
        apply_description=lambda description: encode(table, description["inputs"], strict=strict, is_new=True),
        summary=f"{len(table):,} rows of {len(table.names)} columns, the target is {target!r}",
        checksum=checksum,
        target_names=(target,),
        remedy_for_few="or choose another column with --target",
        task_reason=reason,
        locate=lambda index: f"{table.unit} {table.lines[index]}",
        table=table,
        describe=lambda description: [
            f"read as {', '.join(table.facts)}",
            *format_columns(table, description, target),
            "  change with --columns NAME=KIND,... where KIND is number, category, date or skip",
        ],
        facts=table.facts,
        list_columns=lambda description: list_column_uses(table, description, target),
    )


def get_reading_options(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: options[name] for name in READING if options.get(name) is not None}


def get_bytes(table: "Table") -> Iterator[bytes]:
    """Yield the bytes of a table for its checksum."""
    yield repr(table.names).encode()
    for cells in table.columns.values():
        yield str(cells.type).encode()
        for chunk in cells.chunks:
            yield repr(chunk.to_pylist()).encode()


def select_targets(table: "Table", target: str, strict: bool) -> "tuple[Table, Array]":
    """Return the rows that have a target, and their targets: numbers or strings."""
    import numpy as np

    from pellucid.data.errors import DataError, DataWarning

    is_numeric = table.is_numeric(target)
    values: Array = table.numbers(target, strict) if is_numeric else table.strings(target)
    present = np.isfinite(values) if is_numeric else values != ""
    if not present.any():
        raise DataError(
            f"{table.path}: expected values in the target column {target!a}, received none; choose another with "
            "--target."
        )
    if not present.all():
        first = table.lines[int((~present).argmax())]
        warnings.warn(
            f"{table.path}: skipped {int((~present).sum())} of {len(present)} rows without a target; the first is "
            f"{table.unit} {first}, column {target!a}",
            DataWarning,
            stacklevel=3,
        )
    return table.select_rows(present), values[present]


def check_outliers(table: "Table", target: str, values: "Array") -> None:
    """Raise `DataError` if a target hides all others: float32 has seven digits."""
    from pellucid.data.errors import DataError
    from pellucid.experiments.user_data.table_columns import find_limits

    limits = find_limits(values)
    if limits is None:
        return
    outside = (values < limits[0]) | (values > limits[1])
    if outside.any():
        row = int(outside.argmax())
        raise DataError(
            f"{table.path}, {table.unit} {table.lines[row]}, column {target!a}: expected a target from {limits[0]:.4g} "
            f"to {limits[1]:.4g}, a million interquartile ranges around the median; received {values[row]:g}. In "
            "float32, all other targets would be equal. Correct the cell, or leave out the row."
        )


def read_inputs(description: Mapping[str, Any], file: str, strict: bool) -> Iterator[Batch]:
    from pellucid.data.errors import DataError
    from pellucid.data.tables import is_table_file, read_table

    if not is_table_file(Path(file)):
        raise DataError(f"{file}: expected a table, like the training data, received another kind of file.")
    yield encode_rows(read_table(file, strict, **get_reading_options(description)), description, file, strict)


def parse_inputs(description: Mapping[str, Any], content: bytes, strict: bool) -> Iterator[Batch]:
    from pellucid.data.tables import parse_table

    yield encode_rows(parse_table(content, STANDARD_INPUT, strict), description, STANDARD_INPUT, strict)


def parse_upload(description: Mapping[str, Any], content: bytes, name: str, strict: bool) -> Iterator[Batch]:
    """Yield the rows of a table that a client sends. Databases are refused: their files are parsed by a database."""
    from pellucid.data.errors import DataError
    from pellucid.data.tables.formats import find_format, read_content
    from pellucid.data.tables.read_options import ReadOptions

    form = find_format(content, name).name
    if form in DATABASES:
        raise DataError(f"{name}: expected CSV, Parquet, Arrow, Excel or JSON, received a {form} file; export a table.")
    options = ReadOptions(strict, **get_reading_options(description), max_bytes=MAXIMUM_UPLOAD_BYTES)
    yield encode_rows(read_content(content, name, options), description, name, strict)


def encode_rows(table: "Table", description: Mapping[str, Any], file: str, strict: bool) -> Batch:
    """Return the positions of all rows, and their inputs."""
    from pellucid.experiments.user_data.table_columns import encode

    positions = [{"file": file, table.unit: line} for line in table.lines.tolist()]
    return positions, encode(table, description["inputs"], strict=strict, is_new=True)


def get_feature_columns(description: Mapping[str, Any]) -> list[str]:
    """Return the name of the column of every feature."""
    from pellucid.experiments.user_data.table_columns import list_features

    columns = description["inputs"]
    return [column["name"] for column in columns for _ in list_features([column])]


def is_valid(description: Mapping[str, Any]) -> bool:
    from pellucid.experiments.user_data.table_columns import is_valid_column

    return isinstance(description["target"], str) and all(map(is_valid_column, description["inputs"]))


def recognizes(path: Path) -> bool:
    from pellucid.data.tables.suffixes import is_table_file

    return is_table_file(path)


LOADER = DataLoader(
    kind=KIND,
    name="a table",
    recognizes=recognizes,
    load=load,
    read_inputs=read_inputs,
    parse_inputs=parse_inputs,
    parse_upload=parse_upload,
    get_feature_columns=get_feature_columns,
    is_valid=is_valid,
    options=(
        Parameter("target", str | None, None, "Column of a table to predict (default: the last)."),
        Parameter(
            "columns",
            dict | None,
            None,
            "Kinds of columns, such as id=skip,zip=category: number, category, date or skip (default: inferred).",
        ),
        Parameter("table", str | None, None, "Table of a database, or sheet of a workbook (default: the only one)."),
        Parameter("delimiter", str | None, None, "Character between the cells of a CSV file (default: inferred)."),
        Parameter(
            "header",
            Literal["yes", "no"] | None,
            None,
            "Whether the first line of a CSV file has the column names: yes or no (default: inferred).",
        ),
        Parameter("decimal", Literal[".", ","] | None, None, "Decimal mark of numbers in text (default: inferred)."),
    ),
)
