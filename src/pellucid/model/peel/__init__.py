"""A network opened into the levels below: layers, expressions, NumPy, and the file that a command takes."""

from pellucid.model.peel.peel import peel
from pellucid.model.peel.reader import from_toml

__all__ = ["from_toml", "peel"]
