"""Environment variables that switch parts of the engine off."""

from __future__ import annotations

import os

from pellucid.graph.errors import OptionError


def is_enabled(variable: str) -> bool:
    """Whether a part of the engine is on. It is unless its environment variable is 0."""
    value = os.environ.get(variable, "")
    if value not in ("", "0", "1"):
        raise OptionError(f"Environment variable {variable}: expected 0 (off) or 1 (on). Received: {value!r}")
    return value != "0"
