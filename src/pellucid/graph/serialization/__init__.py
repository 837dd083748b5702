"""Expression graphs as plain data: what can be written as JSON beside named arrays, and read without running code."""

from pellucid.graph.serialization.reader import Reader, from_data
from pellucid.graph.serialization.writer import Writer, to_data

__all__ = ["Reader", "Writer", "from_data", "to_data"]
