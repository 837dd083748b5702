"""Loader of CSV files: one column is the target, the others become numbers."""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.experiments.runner.parameters import Parameter
from pellucid.experiments.user_data.loaders import STANDARD_INPUT, Batch, DataLoader

if TYPE_CHECKING:
    from pellucid.data.table import Table
    from pellucid.experiments.user_data.dataset import Dataset
    from pellucid.experiments.user_data.settings import Settings
    from pellucid.typing import Array

KIND = "row"
SUFFIXES = (".csv", ".tsv")
MAXIMUM_CATEGORIES = 100
"""A string column with more distinct values is skipped: it identifies rows instead of describing them."""


def load(settings: "Settings") -> "Dataset":
    """Read a CSV file; rows without a target are skipped with a warning."""
    import numpy as np

    from pellucid.data.errors import DataError, DataWarning
    from pellucid.data.table import read_csv
    from pellucid.experiments.user_data.dataset import Dataset, compute_checksum, encode_targets

    where, strict = settings.data, settings.strict
    table = read_csv(where, strict)
    checksum = compute_checksum(repr((table.names, table.rows)).encode())
    if len(table.names) < 2:
        raise DataError(
            f"{where}: expected two or more columns, a target and features, received only {table.names[0]!a}."
        )
    target: str = settings.options.get("target") or table.names[-1]
    table.column_index(target)
    is_numeric = table.is_numeric(target)
    values: Array = table.numbers(target, strict) if is_numeric else table.strings(target)
    present = np.isfinite(values) if is_numeric else values != ""
    if not present.any():
        raise DataError(
            f"{where}: expected values in the target column {target!a}, received none; choose another with --target."
        )
    if not present.all():
        first = table.lines[int((~present).argmax())]
        warnings.warn(
            f"{where}: skipped {int((~present).sum())} of {len(present)} rows without a target; the first is line "
            f"{first}, column {target!a}",
            DataWarning,
            stacklevel=2,
        )
        table, values = table.select_rows(present), values[present]
    targets, names = encode_targets(values, settings.task, f"{where}, column {target!a}")

    def fit_inputs(training: "Array") -> "tuple[Array, Mapping[str, Any]]":
        description = describe_columns(table, training, target, strict)
        return encode(table, description["columns"], strict), description

    return Dataset(
        where=where,
        targets=targets,
        class_names=names,
        fit_inputs=fit_inputs,
        apply_description=lambda description: encode(table, description["columns"], strict),
        summary=f"{len(table.rows):,} rows of {len(table.names)} columns, the target is {target!r}",
        checksum=checksum,
        target_names=(target,),
        remedy_for_few="or choose another column with --target",
    )


def describe_columns(table: "Table", training: "Array", target: str, strict: bool) -> dict[str, Any]:
    """Return how columns become numbers, computed on the training rows only.

    Missing numbers become the median. Strings are one-hot encoded; a missing or unknown category is all zeros. Constant
    and empty columns are skipped with a warning; an error is raised if no column is left.
    """
    from pellucid.data.errors import DataError, DataWarning, join_first

    columns: list[dict[str, Any]] = []
    skipped: dict[str, str] = {}
    for name in table.names:
        if name == target:
            continue
        if table.is_numeric(name):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DataWarning)  # `encode` warns of the invalid cells
                values = table.numbers(name, strict)
            reason = describe_numbers(name, values[training], columns)
        else:
            reason = describe_categories(name, table.strings(name)[training], columns)
        if reason:
            skipped[name] = reason
    if skipped:
        reasons = join_first([f"{name!a}: {reason}" for name, reason in skipped.items()], limit=4)
        message = f"{table.path}: skipped {len(skipped)} of {len(table.names)} columns: {reasons}"
        if not columns:
            raise DataError(f"{message}; expected at least one feature for {target!a}.")
        warnings.warn(message, DataWarning, stacklevel=3)
    return {"kind": KIND, "target": target, "columns": columns, "skipped": skipped}


def describe_numbers(name: str, values: "Array", columns: list[dict[str, Any]]) -> str:
    """Append the description of a numeric column, or return the reason to skip it."""
    import numpy as np

    present = values[np.isfinite(values)]
    if not len(present):
        return "no values"
    if len(present) == len(values) and (present == present[0]).all():
        return f"always {present[0]:g}"
    columns.append({"name": name, "kind": "number", "missing": float(np.median(present))})
    return ""


def describe_categories(name: str, values: "Array", columns: list[dict[str, Any]]) -> str:
    """Append the description of a string column, or return the reason to skip it."""
    categories = sorted({str(value) for value in values} - {""})
    if not categories:
        return "no values"
    if len(categories) == 1 and (values != "").all():
        return f"always {categories[0][:40]!a}"
    if len(categories) > MAXIMUM_CATEGORIES:
        return f"{len(categories)} distinct strings in {len(values)} rows"
    columns.append({"name": name, "kind": "category", "values": categories})
    return ""


def encode(table: "Table", columns: Sequence[Mapping[str, Any]], strict: bool) -> "Array":
    """Return a table as numbers, shape (rows, features), float32.

    Examples
    --------
    >>> from pellucid.data import Table
    >>> table = Table("flats.csv", ("rooms", "place"), [["2", "town"], ["", "moon"]], [2, 3])
    >>> rooms = {"name": "rooms", "kind": "number", "missing": 3.0}
    >>> place = {"name": "place", "kind": "category", "values": ["land", "town"]}
    >>> encode(table, [rooms, place], strict=True)
    array([[2., 0., 1.],
           [3., 0., 0.]], dtype=float32)
    """
    import numpy as np

    features = []
    for column in columns:
        if column["kind"] == "number":
            values = table.numbers(column["name"], strict)
            features.append(np.where(np.isfinite(values), values, column["missing"])[:, None])
        else:
            features.append(table.strings(column["name"])[:, None] == np.array(column["values"])[None, :])
    return np.concatenate(features, axis=1).astype(np.float32)


def get_feature_columns(description: Mapping[str, Any]) -> list[str]:
    """Return the name of the column of every feature that `encode` makes."""
    counts = {column["name"]: len(column.get("values", ["a number"])) for column in description["columns"]}
    return [name for name, count in counts.items() for _ in range(count)]


def read_inputs(description: Mapping[str, Any], file: str, strict: bool) -> Iterator[Batch]:
    from pellucid.data.errors import DataError
    from pellucid.data.table import read_csv

    if Path(file).suffix.lower() not in SUFFIXES:
        raise DataError(f"{file}: expected a CSV file, like the training data, received another kind of file.")
    yield encode_rows(read_csv(file, strict), description, file, strict)


def parse_inputs(description: Mapping[str, Any], content: bytes, strict: bool) -> Iterator[Batch]:
    from pellucid.data.table import parse_csv

    yield encode_rows(parse_csv(content, STANDARD_INPUT, strict), description, STANDARD_INPUT, strict)


def encode_rows(table: "Table", description: Mapping[str, Any], file: str, strict: bool) -> Batch:
    """Return the positions of all rows, and their inputs."""
    return [{"file": file, "line": line} for line in table.lines], encode(table, description["columns"], strict)


def is_valid(description: Mapping[str, Any]) -> bool:
    return isinstance(description["target"], str) and all(map(is_valid_column, description["columns"]))


def is_valid_column(column: Mapping[str, Any]) -> bool:
    from pellucid.experiments.user_data.dataset import is_list_of

    if not isinstance(column["name"], str):
        return False
    if column["kind"] == "number":
        missing = column["missing"]
        return isinstance(missing, int | float) and not isinstance(missing, bool) and math.isfinite(missing)
    return column["kind"] == "category" and is_list_of(str, column["values"])


LOADER = DataLoader(
    kind=KIND,
    name="a CSV file",
    recognizes=lambda path: path.suffix.lower() in SUFFIXES,
    load=load,
    read_inputs=read_inputs,
    parse_inputs=parse_inputs,
    get_feature_columns=get_feature_columns,
    is_valid=is_valid,
    options=(Parameter("target", str | None, None, "Column of a CSV file to predict (default: the last)."),),
)
