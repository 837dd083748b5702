"""Conversion of expression graphs to JSON data with named arrays, and back without running code from the data."""

from pellucid.graph.serialization.reader import GraphReader, from_data
from pellucid.graph.serialization.writer import GraphWriter, to_data

__all__ = ["GraphReader", "GraphWriter", "from_data", "to_data"]
