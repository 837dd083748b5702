"""Readers of databases: SQLite and DuckDB."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pellucid.data.errors import DataError
from pellucid.data.tables.byte_streams import Content
from pellucid.data.tables.columns import make_table_of_rows, make_typed_table
from pellucid.data.tables.read_options import ReadOptions, choose_table
from pellucid.data.tables.table import Table
from pellucid.optional_packages import require_packages


def read_sqlite_file(content: Content, name: str, options: ReadOptions) -> Table:
    path = need_path(content, name)
    with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1", uri=True)) as connection:
        connection.execute("PRAGMA trusted_schema = OFF")
        found = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        table = choose_table([row[0] for row in found], options.table, name, "table")
        cursor = connection.execute(f"SELECT * FROM {quote_identifier(table)}")
        names = [column[0] for column in cursor.description]
        budget = options.make_budget(name)
        rows: list[Sequence[Any]] = []
        while part := cursor.fetchmany(10_000):
            budget.spend(sum(8 + len(v) if isinstance(v, str | bytes) else 8 for row in part for v in row), "the table")
            rows += part
    return make_table_of_rows([names, *rows], name, ("SQLite", f"table {table!r}"), "yes")


def read_duckdb_file(content: Content, name: str, options: ReadOptions) -> Table:
    with require_packages("Reading DuckDB files"):
        import duckdb

    path = need_path(content, name)
    limits: dict[str, Any] = {"enable_external_access": "false", "memory_limit": f"{options.max_bytes}B"}
    with duckdb.connect(str(path), read_only=True, config=limits) as connection:
        found = connection.execute("SELECT table_name FROM duckdb_tables() WHERE NOT internal ORDER BY table_name")
        table = choose_table([row[0] for row in found.fetchall()], options.table, name, "table")
        rows = connection.sql(f"SELECT * FROM {quote_identifier(table)}").to_arrow_table()
    return make_typed_table(rows, name, ("DuckDB", f"table {table!r}"))


def need_path(content: Content, name: str) -> Path:
    if isinstance(content, bytes):
        raise DataError(f"{name}: a database cannot be read from standard input. Pass its path.")
    return content


def quote_identifier(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
