"""Samples in the body of a request: JSON, files of tables and arrays, and images."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from pellucid.data.errors import DataError, DataWarning
from pellucid.data.tables.typed_formats import make_table_of_objects
from pellucid.errors import near_miss
from pellucid.train.read.feature_names import get_table_columns
from pellucid.train.read.loaders import array_loader
from pellucid.train.read.loaders.table_loader import encode_rows
from pellucid.train.serve.limits import RequestError
from pellucid.train.serve.served_model import ServedModel
from pellucid.typing import Array
from pellucid.untrusted_files.reading import abbreviate, quote, report_damage

JSON = "application/json"
BODY = "body"
"""Name of the body of a request in messages."""

SUFFIXES = {
    "text/csv": ".csv",
    "text/plain": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/x-ndjson": ".jsonl",
    "application/vnd.apache.parquet": ".parquet",
    "application/vnd.apache.arrow.file": ".arrow",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}
"""Suffix of table files by media type."""

BINARY = "application/octet-stream"
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?")

MEDIA_TYPES = {
    "table": (JSON, "text/csv", "multipart/form-data"),
    "image": ("image/png", "image/jpeg", "multipart/form-data"),
    "array": (JSON, "multipart/form-data"),
}
"""Media types that messages name, by the kind of samples."""


HINTS = {
    "table": "With curl: -F file=@rows.csv, or --json @rows.json",
    "image": "With curl: -F file=@photo.jpg",
    "array": "With curl: --json @samples.json, or -F file=@samples.npz",
}


@dataclass(frozen=True)
class Samples:
    """Samples of a request: their positions, the arrays of the inputs, and warnings about cells and images."""

    positions: Sequence[Mapping[str, Any]]
    inputs: Sequence[Array]
    warnings: Sequence[str] = ()


@dataclass(frozen=True)
class Body:
    """The body of a request: its bytes with their media type, or uploaded files, by name."""

    media_type: str
    content: bytes = b""
    files: Sequence[tuple[str, bytes]] | None = None


def read_samples(served: ServedModel, body: Body, strict: bool, most: int) -> Samples:
    """Return the samples of a request.

    Only one thread may call this, because Python records warnings for a whole process.

    Raises
    ------
    RequestError
        With status 400 for JSON that cannot be parsed, 413 for too many samples, 415 for another media type.
    PellucidError
        If a sample cannot be used.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        if body.files is None and body.media_type == JSON and served.kind != "image":
            samples = read_json(served, body.content, strict, most)
        else:
            samples = read_files(served, list_files(served, body), strict, most)
    found = [" ".join(str(each.message).split()) for each in caught if issubclass(each.category, DataWarning)]
    for each in caught:
        if not issubclass(each.category, DataWarning):
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    if not samples.positions:
        raise RequestError(422, "; ".join(found) or "body: expected at least one sample, received none")
    return Samples(samples.positions, samples.inputs, found)


def list_files(served: ServedModel, body: Body) -> Sequence[tuple[str, bytes]]:
    """Return the files of a request, whose body may be a file itself; raise for another media type."""
    if body.files is not None:
        return body.files
    kind, media_type = served.kind, body.media_type
    if kind == "table" and (media_type in SUFFIXES or media_type == BINARY):
        return [(f"{BODY}{SUFFIXES.get(media_type, '')}", body.content)]
    if (kind == "image" and media_type.startswith("image/")) or (kind != "table" and media_type == BINARY):
        return [(BODY, body.content)]
    expected = ", ".join(MEDIA_TYPES[kind])
    raise RequestError(
        415,
        f"Content-Type: expected {expected} for a network of {kind}s; received "
        f"{quote(media_type) if media_type else 'none'}. {HINTS[kind]}",
    )


def read_files(served: ServedModel, files: Sequence[tuple[str, bytes]], strict: bool, most: int) -> Samples:
    """Return the samples of uploaded files."""
    parse = served.loader.parse_upload
    if parse is None or len(served.model.inputs) != 1:
        raise RequestError(415, f"body: expected {JSON} for this network; received files")
    positions: list[Mapping[str, Any]] = []
    parts: list[Array] = []
    for name, content in files:
        with report_damage(DataError, name):
            for places, x in parse(served.description, content, name, strict):
                positions += places
                parts.append(x)
                check_count(len(positions), most)
    return Samples(positions, [np.concatenate(parts)] if parts else [])


def check_count(count: int, most: int) -> None:
    if count > most:
        raise RequestError(413, f"body: expected at most {most:,} samples; received more. Send several requests")


def read_json(served: ServedModel, content: bytes, strict: bool, most: int) -> Samples:
    """Return the samples in the rows of a table, or in nested lists of numbers."""
    key = "rows" if served.kind == "table" else "x"
    found = parse_json(content)
    if not isinstance(found, dict) or key not in found:
        example = '{"rows": [{"column": 1}]}' if key == "rows" else '{"x": [[1, 2]]}'
        keys = list(found) if isinstance(found, dict) else []
        received = f"the keys {', '.join(map(quote, keys[:5]))}" if keys else "other JSON"
        similar = next((name for name in keys if near_miss(key, [name])), None)
        hint = "" if similar is None else f". Rename {similar!r} to {key!r}"
        raise RequestError(422, f"body: expected an object such as {example}; received {received}{hint}")
    read = read_rows if key == "rows" else read_arrays
    return read(served, found[key], strict, most)


def parse_json(content: bytes) -> Any:
    """Return the value of strict JSON, without NaN and duplicate keys."""

    def refuse_constant(name: str) -> None:
        raise ValueError(f"{name} is no JSON; send null for a missing number")

    def check_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            raise ValueError(f"the key {quote(next(n for n in names if names.count(n) > 1))} is there twice")
        return made

    try:
        return json.loads(content, parse_constant=refuse_constant, object_pairs_hook=check_keys)
    except RecursionError as error:
        raise RequestError(400, "body: expected JSON; received lists that are nested too deeply") from error
    except ValueError as error:
        raise RequestError(400, f"body: expected JSON; received other text ({abbreviate(str(error))})") from error


def read_rows(served: ServedModel, rows: Any, strict: bool, most: int) -> Samples:
    """Return the samples in a list of objects, one for each row, with the columns as keys."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise RequestError(422, "rows: expected a list of objects, one for each row; received another value")
    check_count(len(rows), most)
    if not rows:
        return Samples([], [])
    for number, row in enumerate(rows, start=1):
        wrong = next((name for name, cell in row.items() if isinstance(cell, list | dict)), None)
        if wrong is not None:
            raise RequestError(
                422,
                f"rows, row {number}, column {quote(wrong)}: expected a number, a string, true, false or null; "
                f"received {quote(row[wrong])}",
            )
    with report_damage(DataError, "rows"):
        table = make_table_of_objects(convert_dates(rows, served.description), "rows")
        positions, x = encode_rows(table, served.description, "rows", strict)
    return Samples([{"row": position["row"]} for position in positions], [x])


def convert_dates(rows: Sequence[Mapping[str, Any]], description: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return rows with dates in place of ISO 8601 texts, in columns where every date is written like this."""
    converted = [dict(row) for row in rows]
    for column in get_table_columns(description):
        name = column["name"]
        if column["kind"] != "date":
            continue
        found = {number: row[name] for number, row in enumerate(rows) if row.get(name) not in (None, "")}
        dates = {number: parse_date(text) for number, text in found.items()}
        if all(date is not None for date in dates.values()):
            for number, date in dates.items():
                converted[number][name] = date
    return converted


def parse_date(text: Any) -> datetime | None:
    """Return a date in ISO 8601; its time zone is ignored, as in tables.

    Examples
    --------
    >>> parse_date("2024-12-31"), parse_date("31.12.2024")
    (datetime.datetime(2024, 12, 31, 0, 0), None)
    """
    if not isinstance(text, str) or not ISO_DATE.fullmatch(text.strip()):
        return None
    try:
        return datetime.fromisoformat(text.strip()).replace(tzinfo=None)
    except ValueError:  # such as the 30th of February
        return None


def read_arrays(served: ServedModel, x: Any, strict: bool, most: int) -> Samples:
    """Return the samples in nested lists: one for a model with one input, otherwise one for each input by name."""
    shapes = served.input_shapes
    if len(shapes) == 1:
        given: Mapping[str, Any] = {"x": x}
        shapes = {"x": next(iter(shapes.values()))}
    elif not isinstance(x, dict) or set(x) != set(shapes):
        received = ", ".join(map(quote, x)) if isinstance(x, dict) else "another value"
        raise RequestError(422, f"x: expected an object with the inputs {', '.join(shapes)}; received {received}")
    else:
        given = x
    arrays = [read_array(given[name], name, shape) for name, shape in shapes.items()]
    lengths = {len(array) for array in arrays}
    if len(lengths) > 1:
        raise RequestError(422, f"x: expected the same number of samples for every input; received {sorted(lengths)}")
    check_count(len(arrays[0]), most)
    return Samples([{"row": row} for row in range(len(arrays[0]))], arrays)


def read_array(value: Any, name: str, shape: Sequence[int]) -> Array:
    """Return nested lists as an array of samples of a shape."""
    expected = f"{name}: expected a list of samples of shape {tuple(shape)}"
    try:
        array = np.asarray(value) if isinstance(value, list) else None
    except (ValueError, OverflowError) as error:
        raise RequestError(422, f"{expected}; received lists of different lengths") from error
    if array is None:
        raise RequestError(422, f"{expected}; received {quote(value)}")
    if array.shape == tuple(shape) and array.size:
        raise RequestError(422, f"{expected}; received one sample. Put it into a list: [[...]]")
    if array.size == 0 and array.ndim == 1:
        return np.zeros((0, *shape), np.float32)
    if array.dtype.kind == "O":
        raise RequestError(422, f"{expected}; received other values than numbers")
    return array_loader.check_inputs(array, {"shape": shape}, name)
