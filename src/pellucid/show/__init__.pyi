# Written by `make stubs`. Do not edit.

"""Formulas, drawings, costs and plots of graphs and training. Each function is imported on first use."""

from pellucid.graph.printing import text
from pellucid.show.costs import Cost, cost
from pellucid.show.formula import latex_definitions
from pellucid.show.graph_drawing import draw_graph, mermaid
from pellucid.show.roofline import Machine, this_machine
from pellucid.show.tex import latex

__all__ = ["Cost", "Machine", "cost", "draw_graph", "latex", "latex_definitions", "mermaid", "text", "this_machine"]
