"""Formulas, drawings, costs and plots of graphs and training. Each function is imported on first use."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pellucid.graph.errors import NoSuchNameError, near_miss

_HOMES = {
    "pellucid.graph.printing": ["text"],
    "pellucid.show.costs": ["Cost", "cost"],
    "pellucid.show.graph_drawing": ["draw_graph"],
    "pellucid.show.formula": ["latex_definitions"],
    "pellucid.show.tex": ["latex"],
    "pellucid.show.roofline": ["Machine", "this_machine"],
    "pellucid.show.mermaid": ["mermaid"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME_OF)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise NoSuchNameError(f"pellucid.show has no {name!r}.{near_miss(name, __all__)} It has: {', '.join(__all__)}")
    found = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
