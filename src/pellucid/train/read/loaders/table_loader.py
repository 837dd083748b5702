"""Loader of tables: one column or several are the targets, the others become numbers."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pellucid.tracking.errors import UsageError
from pellucid.tracking.parameters import Parameter
from pellucid.train.read.loaders import MAXIMUM_UPLOAD_BYTES, STANDARD_INPUT, Batch, DataLoader

if TYPE_CHECKING:
    from pellucid.data.errors import DataError
    from pellucid.data.tables import Table
    from pellucid.data.tables.stored_table import StoredTable
    from pellucid.train.read.dataset import Dataset
    from pellucid.train.settings.settings import Settings
    from pellucid.typing import Array

KIND = "row"
DATABASES = ("SQLite", "DuckDB")
READING = ("table", "delimiter", "header", "decimal")
"""Options of `pellucid.data.read_table`."""

ONE_EACH = "Train one network per target, or train from Python a network with several outputs"


def load(settings: "Settings") -> "Dataset":
    """Read a table; rows without a target are skipped with a warning."""
    from pellucid.data.tables import read_table
    from pellucid.data.tables.checksum import TableChecksum
    from pellucid.train.read.table_columns import encode

    where, strict, options = settings.data, settings.strict, settings.options
    table = read_table(where, strict, **get_reading_options(options))
    checksum = TableChecksum()
    checksum.update(table)
    names = choose_targets(table.names, options, where)
    table, values = select_targets(table, names, settings)
    found = encode_columns(table, values, settings)

    def fit_inputs(training: "Array") -> "tuple[Array, Mapping[str, Any]]":
        description = describe(table, training, names, settings)
        return encode(table, description["inputs"], strict=strict), description

    return make_dataset(
        settings,
        names,
        lambda: table,
        checksum=checksum.hexdigest(),
        fit_inputs=fit_inputs,
        apply_description=lambda description: encode(table, description["inputs"], strict=strict, is_new=True),
        locate=lambda index: f"{table.unit} {table.lines[index]}",
        table=table,
        summary=summarize(table, names),
        facts=table.facts,
        **found,
    )


def load_stored(settings: "Settings", folder: Path | None) -> "Dataset | None":
    """Convert a table that is larger than memory to a temporary file; return None for a smaller one."""
    from pellucid.data.tables.read_options import ReadOptions
    from pellucid.data.tables.stored_table import store_table
    from pellucid.train.read.out_of_core.table_rows import StoredRows
    from pellucid.train.read.out_of_core.targets import read_targets

    where, options = settings.data, settings.options
    reading = ReadOptions(settings.strict, **get_reading_options(options))
    stored = store_table(Path(where), where, reading, settings.memory * 10**6, folder)
    if stored is None:
        return None
    targets = choose_targets(stored.names, options, where)
    stored, found = read_targets(stored, targets, settings, folder)
    rows = StoredRows(stored, settings, targets, folder)
    return make_dataset(
        settings,
        targets,
        lambda: rows.drawn,  # the rows whose missing values are counted
        checksum=stored.checksum,
        stored=rows,
        summary=summarize(stored, targets),
        facts=stored.facts,
        **found,
    )


def summarize(table: "Table | StoredTable", targets: Sequence[str]) -> str:
    verb = "target is" if len(targets) == 1 else "targets are"
    return f"{len(table):,} rows of {len(table.names)} columns, the {verb} {', '.join(map(repr, targets))}"


def choose_targets(names: Sequence[str], options: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """Return the names of the target columns.

    A string with commas names several columns, unless there is a column of this name. Raises `UsageError` for an
    invalid name, and `DataError` if there is no other column.

    Examples
    --------
    >>> choose_targets(["rooms", "price", "size"], {"target": "price,size"}, "flats.csv")
    ('price', 'size')
    >>> choose_targets(["rooms", "price,size"], {"target": "price,size"}, "flats.csv")
    ('price,size',)
    """
    from pellucid.data.errors import DataError

    if len(names) < 2:
        raise DataError(f"{where}: expected two or more columns, a target and features, received only {names[0]!a}.")
    given = options.get("target") or names[-1]
    targets = given
    if isinstance(given, str):
        targets = [given] if given in names else [name.strip() for name in given.split(",")]
    if not all(isinstance(name, str) and name for name in targets):
        raise UsageError(
            f'target: expected names of columns, such as price,size or ["price", "size"]; received {given!r}'
        )
    for name in targets:
        if targets.count(name) > 1:
            raise UsageError(f"target: {name!r} is given twice. Remove one of them")
    if set(names) <= set(targets):
        raise DataError(
            f"{where}: expected a feature besides the targets, received only {', '.join(map(ascii, targets))}; name "
            "fewer columns with --target."
        )
    return tuple(targets)


def describe(table: "Table", training: "Array", targets: Sequence[str], settings: "Settings") -> dict[str, Any]:
    """Return how the columns of a table become inputs, with the options that say how it is read."""
    from pellucid.train.read.table_columns import describe_columns

    options = settings.options
    described = describe_columns(table, training, targets, options.get("columns") or {}, strict=settings.strict)
    return {"kind": KIND, **described, **{name: options.get(name) for name in ("columns", *READING)}}


def make_dataset(
    settings: "Settings", names: tuple[str, ...], get_rows: "Callable[[], Table]", **options: Any
) -> "Dataset":
    """Return the data of a table; ``options`` are those of `Dataset`, and the values of the rows are described."""
    from pellucid.train.read.dataset import Dataset
    from pellucid.train.read.table_columns import format_columns, list_column_uses

    return Dataset(
        where=settings.data,
        target_names=names,
        remedy_for_few="or choose another column with --target",
        describe=lambda description: [
            f"read as {', '.join(get_rows().facts)}",
            *format_columns(get_rows(), description, names),
            "  change with --columns NAME=KIND,... where KIND is number, category, date or skip",
        ],
        list_columns=lambda description: list_column_uses(get_rows(), description, names),
        **options,
    )


def get_reading_options(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: options[name] for name in READING if options.get(name) is not None}


def select_targets(table: "Table", targets: Sequence[str], settings: "Settings") -> "tuple[Table, dict[str, Array]]":
    """Return the rows that have all targets, and their targets by name: numbers or strings."""
    import numpy as np

    from pellucid.train.read.dataset import infer_task

    check_task(targets, settings)
    for name in targets:
        table.column_index(name)  # raises for an unknown name before the cells of others are reported
    values: dict[str, Array] = {}
    masks: dict[str, Array] = {}
    for name in targets:
        is_numeric = table.is_numeric(name)
        values[name] = table.numbers(name, settings.strict) if is_numeric else table.strings(name)
        masks[name] = np.isfinite(values[name]) if is_numeric else values[name] != ""
        if len(targets) > 1 and masks[name].any():
            check_numbers(table.path, name, settings.task, infer_task(values[name][masks[name]]), is_numeric)
    present = check_present(table.path, masks, lambda row: f"{table.unit} {table.lines[row]}")
    return table.select_rows(present), {name: column[present] for name, column in values.items()}


def check_task(targets: Sequence[str], settings: "Settings") -> None:
    if len(targets) > 1 and settings.task == "classification":
        raise UsageError(
            f"task: expected regression for several targets, {', '.join(targets)}; received 'classification'. "
            f"{ONE_EACH}"
        )


def check_numbers(path: str, target: str, task: str | None, inferred: tuple[str, str], is_numeric: bool) -> None:
    """Raise `DataError` if one of several targets is a class; ``inferred`` is the task that it suggests, and why."""
    from pellucid.data.errors import DataError

    if not is_numeric or (task is None and inferred[0] == "classification"):
        other = ", or add --task regression if they are numbers" if is_numeric else ""
        raise DataError(
            f"{path}, column {target!a}: expected numbers, because there are several targets; received classes "
            f"({inferred[1]}). {ONE_EACH}{other}."
        )


def encode_columns(table: "Table", values: "Mapping[str, Array]", settings: "Settings") -> "dict[str, Any]":
    """Return targets, class names and the reason for the task, by name; several targets are numbers."""
    import numpy as np

    from pellucid.train.read.dataset import encode_targets, infer_task

    task, reason = settings.task or "regression", ""
    if settings.task is None and len(values) == 1:
        task, reason = infer_task(*values.values())
    encoded = [encode_targets(column, task, f"{settings.data}, column {name!a}") for name, column in values.items()]
    names = encoded[0][1]
    if not names:
        for name, column in values.items():
            check_outliers(table, name, column)
    targets = encoded[0][0] if len(encoded) == 1 else np.concatenate([column for column, _ in encoded], axis=1)
    return {"targets": targets, "class_names": names, "task_reason": reason}


def check_present(path: str, masks: "Mapping[str, Array]", locate: Callable[[int], str]) -> "Array":
    """Return which rows have all targets. Warn of the others, or raise `DataError` if there are only others.

    ``masks`` tell, for each target column, which rows have a value.
    """
    import numpy as np

    from pellucid.data.errors import DataError, DataWarning

    for name, mask in masks.items():
        if not mask.any():
            raise DataError(
                f"{path}: expected values in the target column {name!a}, received none; choose another with --target."
            )
    present: Array = np.logical_and.reduce(list(masks.values()))
    if not present.any():
        listed = ", ".join(map(ascii, masks))
        raise DataError(f"{path}: expected rows with all targets ({listed}), received none; name fewer with --target.")
    if not present.all():
        first = int((~present).argmax())
        lacking = next(name for name, mask in masks.items() if not mask[first])
        warnings.warn(
            f"{path}: skipped {int((~present).sum())} of {len(present)} rows without a target; the first is "
            f"{locate(first)}, column {lacking!a}",
            DataWarning,
            stacklevel=4,
        )
    return present


def check_outliers(table: "Table", target: str, values: "Array") -> None:
    """Raise `DataError` if a target hides all others: float32 has seven digits."""
    from pellucid.train.read.table_columns import find_limits

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
    from pellucid.train.read.table_columns import encode

    positions = [{"file": file, table.unit: line} for line in table.lines.tolist()]
    return positions, encode(table, description["inputs"], strict=strict, is_new=True)


def get_feature_columns(description: Mapping[str, Any]) -> list[str]:
    """Return the name of the column of every feature."""
    from pellucid.train.read.table_columns import list_features

    columns = description["inputs"]
    return [column["name"] for column in columns for _ in list_features([column])]


def is_valid(description: Mapping[str, Any]) -> bool:
    from pellucid.train.read.dataset import is_list_of
    from pellucid.train.read.table_columns import is_valid_column

    target = description["target"]
    has_targets = isinstance(target, str) or is_list_of(str, target)
    return has_targets and all(map(is_valid_column, description["inputs"]))


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
        Parameter(
            "target",
            str | list | None,
            None,
            "Column of a table to predict, or several with numbers, such as price,size (default: the last).",
        ),
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
