"""The way up: what expressions can do that is written in packages that know the graph, and that it does not know."""

from __future__ import annotations

import sys
from typing import Any


def above(name: str, *args: Any) -> Any:
    """Call a function of a package above, which pellucid's own table names."""
    return sys.modules["pellucid"]._above(name)(*args)
