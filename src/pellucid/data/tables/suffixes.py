"""Suffixes of table files."""

from __future__ import annotations

from pathlib import Path

SUFFIXES = {
    "Parquet": (".parquet", ".pq"),
    "Arrow": (".arrow", ".feather", ".ipc"),
    "SQLite": (".sqlite", ".sqlite3", ".db"),
    "DuckDB": (".duckdb",),
    "Excel": (".xlsx", ".xlsm", ".xlsb", ".ods", ".xls"),
    "JSON lines": (".jsonl", ".ndjson"),
    "JSON": (".json",),
    "CSV": (".csv", ".tsv", ".tab", ".txt", ".dat"),
}
"""Suffixes of each format, without those of compressions."""

COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")


def get_table_suffix(path: Path) -> str:
    """Return the suffix of a file in lower case, without that of a compression.

    Examples
    --------
    >>> get_table_suffix(Path("flats.CSV.gz"))
    '.csv'
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def is_table_file(path: Path) -> bool:
    """Tell whether a file has the suffix of a table."""
    return any(get_table_suffix(path) in suffixes for suffixes in SUFFIXES.values())
