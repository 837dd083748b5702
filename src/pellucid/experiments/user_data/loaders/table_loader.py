"""Loader of tables: one column is the target, the others become numbers."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pellucid.experiments.runner.parameters import Parameter
from pellucid.experiments.user_data.loaders import MAXIMUM_UPLOAD_BYTES, STANDARD_INPUT, Batch, DataLoader

if TYPE_CHECKING:
    from pellucid.data.errors import DataError
    from pellucid.data.tables import Table
    from pellucid.data.tables.stored_table import StoredTable
    from pellucid.experiments.user_data.dataset import Dataset
    from pellucid.experiments.user_data.settings import Settings
    from pellucid.typing import Array

KIND = "row"
DATABASES = ("SQLite", "DuckDB")
READING = ("table", "delimiter", "header", "decimal")
"""Options of `pellucid.data.read_table`."""


def load(settings: "Settings") -> "Dataset":
    """Read a table; rows without a target are skipped with a warning."""
    from pellucid.data.tables import read_table
    from pellucid.data.tables.checksum import TableChecksum
    from pellucid.experiments.user_data.dataset import encode_targets, infer_task
    from pellucid.experiments.user_data.table_columns import encode

    where, strict, options = settings.data, settings.strict, settings.options
    table = read_table(where, strict, **get_reading_options(options))
    checksum = TableChecksum()
    checksum.update(table)
    target = choose_target(table.names, options, where)
    table, values = select_targets(table, target, strict)
    task, reason = (settings.task, "") if settings.task else infer_task(values)
    targets, names = encode_targets(values, task, f"{where}, column {target!a}")
    if not names:
        check_outliers(table, target, values)

    def fit_inputs(training: "Array") -> "tuple[Array, Mapping[str, Any]]":
        description = describe(table, training, target, settings)
        return encode(table, description["inputs"], strict=strict), description

    return make_dataset(
        settings,
        target,
        lambda: table,
        targets=targets,
        class_names=names,
        task_reason=reason,
        checksum=checksum.hexdigest(),
        fit_inputs=fit_inputs,
        apply_description=lambda description: encode(table, description["inputs"], strict=strict, is_new=True),
        locate=lambda index: f"{table.unit} {table.lines[index]}",
        table=table,
        summary=summarize(table, target),
        facts=table.facts,
    )


def load_stored(settings: "Settings", folder: Path | None) -> "Dataset | None":
    """Convert a table that is larger than memory to a temporary file; return None for a smaller one."""
    from pellucid.data.tables.read_options import ReadOptions
    from pellucid.data.tables.stored_table import store_table
    from pellucid.experiments.user_data.stored_rows import StoredRows
    from pellucid.experiments.user_data.stored_targets import read_targets

    where, options = settings.data, settings.options
    reading = ReadOptions(settings.strict, **get_reading_options(options))
    stored = store_table(Path(where), where, reading, settings.memory * 10**6, folder)
    if stored is None:
        return None
    target = choose_target(stored.names, options, where)
    stored, found = read_targets(stored, target, settings, folder)
    rows = StoredRows(stored, settings, target, folder)
    return make_dataset(
        settings,
        target,
        lambda: rows.drawn,  # the rows whose missing values are counted
        checksum=stored.checksum,
        stored=rows,
        summary=summarize(stored, target),
        facts=stored.facts,
        **found,
    )


def summarize(table: "Table | StoredTable", target: str) -> str:
    return f"{len(table):,} rows of {len(table.names)} columns, the target is {target!r}"


def choose_target(names: Sequence[str], options: Mapping[str, Any], where: str) -> str:
    """Return the name of the target column; raise `DataError` if there is no other column."""
    from pellucid.data.errors import DataError

    if len(names) < 2:
        raise DataError(f"{where}: expected two or more columns, a target and features, received only {names[0]!a}.")
    return options.get("target") or names[-1]


def describe(table: "Table", training: "Array", target: str, settings: "Settings") -> dict[str, Any]:
    """Return how the columns of a table become inputs, with the options that say how it is read."""
    from pellucid.experiments.user_data.table_columns import describe_columns

    options = settings.options
    described = describe_columns(table, training, target, options.get("columns") or {}, strict=settings.strict)
    return {"kind": KIND, **described, **{name: options.get(name) for name in ("columns", *READING)}}


def make_dataset(settings: "Settings", target: str, get_rows: "Callable[[], Table]", **options: Any) -> "Dataset":
    """Return the data of a table; ``options`` are those of `Dataset`, and the values of the rows are described."""
    from pellucid.experiments.user_data.dataset import Dataset
    from pellucid.experiments.user_data.table_columns import format_columns, list_column_uses

    return Dataset(
        where=settings.data,
        target_names=(target,),
        remedy_for_few="or choose another column with --target",
        describe=lambda description: [
            f"read as {', '.join(get_rows().facts)}",
            *format_columns(get_rows(), description, target),
            "  change with --columns NAME=KIND,... where KIND is number, category, date or skip",
        ],
        list_columns=lambda description: list_column_uses(get_rows(), description, target),
        **options,
    )


def get_reading_options(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: options[name] for name in READING if options.get(name) is not None}


def select_targets(table: "Table", target: str, strict: bool) -> "tuple[Table, Array]":
    """Return the rows that have a target, and their targets: numbers or strings."""
    import numpy as np

    is_numeric = table.is_numeric(target)
    values: Array = table.numbers(target, strict) if is_numeric else table.strings(target)
    present = np.isfinite(values) if is_numeric else values != ""
    check_present(table.path, target, present, lambda row: f"{table.unit} {table.lines[row]}")
    return table.select_rows(present), values[present]


def check_present(path: str, target: str, present: "Array", locate: Callable[[int], str]) -> None:
    """Warn of rows without a target, or raise `DataError` if all are."""
    from pellucid.data.errors import DataError, DataWarning

    if not present.any():
        raise DataError(
            f"{path}: expected values in the target column {target!a}, received none; choose another with --target."
        )
    if not present.all():
        warnings.warn(
            f"{path}: skipped {int((~present).sum())} of {len(present)} rows without a target; the first is "
            f"{locate(int((~present).argmax()))}, column {target!a}",
            DataWarning,
            stacklevel=4,
        )


def check_outliers(table: "Table", target: str, values: "Array") -> None:
    """Raise `DataError` if a target hides all others: float32 has seven digits."""
    from pellucid.experiments.user_data.table_columns import find_limits

    limits = find_limits(values)
    if limits is None:
        return
    outside = (values < limits[0]) | (values > limits[1])
    if outside.any():
        row = int(outside.argmax())
        raise make_outlier_error(table.path, f"{table.unit} {table.lines[row]}", target, limits, values[row])


def make_outlier_error(path: str, place: str, target: str, limits: Sequence[float], value: float) -> "DataError":
    from pellucid.data.errors import DataError

    return DataError(
        f"{path}, {place}, column {target!a}: expected a target from {limits[0]:.4g} to {limits[1]:.4g}, a million "
        f"interquartile ranges around the median; received {value:g}. In float32, all other targets would be equal. "
        "Correct the cell, or leave out the row."
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
    load_stored=load_stored,
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
