"""A network opened into the levels below: layers, expressions, NumPy, and the file that a command takes."""

from pellucid.inspect.source_export.export import peel
from pellucid.inspect.source_export.toml_reader import from_toml

__all__ = ["from_toml", "peel"]
