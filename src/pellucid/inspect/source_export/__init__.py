"""Export of a network as a program: layers, expressions, NumPy or a TOML file."""

from pellucid.inspect.source_export.export import to_source
from pellucid.inspect.source_export.model_from_toml import from_toml

__all__ = ["from_toml", "to_source"]
