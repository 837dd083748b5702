"""Expression graphs as plain data: what can be written as JSON beside named arrays, and read without running code."""

from pellucid.graph.serialization.reader import GraphReader, from_data
from pellucid.graph.serialization.writer import GraphWriter, to_data

__all__ = ["GraphReader", "GraphWriter", "from_data", "to_data"]
