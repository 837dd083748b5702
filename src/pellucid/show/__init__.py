"""Formulas, drawings, costs and plots of graphs and training. Each function is imported on first use."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pellucid.graph.errors import NoSuchNameError, near_miss

# No module has the name of a function in it: importing the module would hide the function.
_MODULE_BY_NAME = {
    "Cost": "pellucid.show.costs.costs",
    "Machine": "pellucid.show.costs.roofline",
    "cost": "pellucid.show.costs.costs",
    "draw_graph": "pellucid.show.graphs.graph_drawing",
    "latex": "pellucid.show.formulas.tex",
    "latex_definitions": "pellucid.show.formulas.formula",
    "mermaid": "pellucid.show.graphs.graph_drawing",
    "text": "pellucid.graph.printing",
    "this_machine": "pellucid.show.costs.roofline",
}
__all__ = sorted(_MODULE_BY_NAME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _MODULE_BY_NAME:
        raise NoSuchNameError(f"pellucid.show has no {name!r}.{near_miss(name, __all__)} It has: {', '.join(__all__)}")
    found = getattr(import_module(_MODULE_BY_NAME[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
