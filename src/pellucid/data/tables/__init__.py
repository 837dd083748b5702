"""Tables: readers of all formats, and the table that they return."""

from pellucid.data.tables.formats import parse_table, read_table
from pellucid.data.tables.suffixes import is_table_file
from pellucid.data.tables.table import Table

__all__ = ["Table", "is_table_file", "parse_table", "read_table"]
