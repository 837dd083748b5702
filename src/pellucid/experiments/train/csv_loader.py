"""A CSV file as samples: which column is predicted, and how the others become numbers."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.data.errors import DataError, DataWarning
from pellucid.data.table import Table, read_csv
from pellucid.experiments.train.dataset import Array, Samples, checksum_of, targets_of
from pellucid.experiments.train.settings import Settings

MOST_CATEGORIES = 100
"""A column of more different texts is left out: it says which row it is rather than of what kind."""


def read_table(settings: Settings) -> Samples:
    """Read a CSV file; rows whose target is missing are left out, with a warning."""
    where, strict = settings.data, settings.strict
    table = read_csv(where, strict)
    checksum = checksum_of(repr((table.names, table.rows)).encode())
    if len(table.names) < 2:
        raise DataError(
            f"{where}: expected two or more columns, the target and what it is told from, received {table.names[0]!a} "
            "alone."
        )
    target = table.names[-1] if settings.target is None else settings.target
    table.place(target)
    as_numbers = table.holds_numbers(target)
    values: Array = table.numbers(target, strict) if as_numbers else table.texts(target)
    there = np.isfinite(values) if as_numbers else values != ""
    if not there.any():
        raise DataError(
            f"{where}: expected values in the target column {target!a}, received none; name another by --target."
        )
    if not there.all():
        first = table.lines[int((~there).argmax())]
        told = f"{where}: left out {int((~there).sum())} of {len(there)} rows, which have no target"
        told = f"{told}: line {first}, column {target!a}, is the first"
        warnings.warn(told, DataWarning, stacklevel=2)
        table, values = table.only(there), values[there]
    targets, names = targets_of(values, settings.task, f"{where}, column {target!a}")

    def inputs(training: Array) -> tuple[Array, Mapping[str, Any]]:
        described = described_by(table, training, target, strict)
        return encoded(table, described["columns"], strict), described

    return Samples(
        where=where,
        kind="row",
        targets=targets,
        class_names=names,
        inputs=inputs,
        inputs_as=lambda as_before: encoded(table, as_before["columns"], strict),
        told=f"{len(table.rows):,} rows of {len(table.names)} columns, the target is {target!r}",
        checksum=checksum,
        target_names=(target,),
    )


def described_by(table: Table, training: Array, target: str, strict: bool) -> dict[str, Any]:
    """Return how columns become numbers, told from the rows that are learnt from.

    Numbers stay what they are, and missing ones become the median. Texts become a column of zeros and ones for each
    category, all of them zero where it is missing or new. Columns that say nothing are left out, with a warning.

    Raises
    ------
    DataError
        If none is left.
    """
    columns: list[dict[str, Any]] = []
    left_out: dict[str, str] = {}
    for name in table.names:
        if name == target:
            continue
        if table.holds_numbers(name):
            why = of_numbers(name, quietly(table, name, strict)[training], columns)
        else:
            why = of_texts(name, table.texts(name)[training], columns)
        if why:
            left_out[name] = why
    if left_out:
        told = "; ".join(f"{name!a}: {why}" for name, why in list(left_out.items())[:4])
        more = f" and {len(left_out) - 4} more" if len(left_out) > 4 else ""
        told = f"{table.where}: left out {len(left_out)} of {len(table.names)} columns: {told}{more}"
        if not columns:
            raise DataError(f"{told}; expected one at least that says something of {target!a}.")
        warnings.warn(told, DataWarning, stacklevel=3)
    return {"kind": "row", "target": target, "columns": columns, "left_out": left_out}


def quietly(table: Table, name: str, strict: bool) -> Array:
    """Return a column of numbers; bad cells, of which `encoded` warns, are not told of twice."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return table.numbers(name, strict)


def of_numbers(name: str, values: Array, columns: list[dict[str, Any]]) -> str:
    """Add how a column of numbers is read, or return why it is left out."""
    there = values[np.isfinite(values)]
    if not len(there):
        return "no values"
    if len(there) == len(values) and (there == there[0]).all():
        return f"always {there[0]:g}"
    columns.append({"name": name, "kind": "number", "missing": float(np.median(there))})
    return ""


def of_texts(name: str, values: Array, columns: list[dict[str, Any]]) -> str:
    """Add how a column of texts is read, or return why it is left out."""
    found = sorted({str(value) for value in values} - {""})
    if not found:
        return "no values"
    if len(found) == 1 and (values != "").all():
        return f"always {found[0][:40]!a}"
    if len(found) > MOST_CATEGORIES:
        return f"{len(found)} different texts in {len(values)} rows"
    columns.append({"name": name, "kind": "category", "values": found})
    return ""


def encoded(table: Table, columns: Sequence[Mapping[str, Any]], strict: bool) -> Array:
    """Return a table as numbers, shape (rows, features), float32, as `described_by` says.

    Examples
    --------
    >>> table = Table("flats.csv", ("rooms", "place"), [["2", "town"], ["", "moon"]], [2, 3])
    >>> encoded(
    ...     table,
    ...     [
    ...         {"name": "rooms", "kind": "number", "missing": 3.0},
    ...         {"name": "place", "kind": "category", "values": ["land", "town"]},
    ...     ],
    ...     strict=True,
    ... )
    array([[2., 0., 1.],
           [3., 0., 0.]], dtype=float32)
    """
    parts = []
    for column in columns:
        if column["kind"] == "number":
            values = table.numbers(column["name"], strict)
            parts.append(np.where(np.isfinite(values), values, column["missing"])[:, None])
        else:
            parts.append(table.texts(column["name"])[:, None] == np.array(column["values"])[None, :])
    return np.concatenate(parts, axis=1).astype(np.float32)
