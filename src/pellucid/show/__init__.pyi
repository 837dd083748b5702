# Written by `make stubs`. Do not edit.

"""Formulas, drawings, costs and plots of graphs and training. Each function is imported on first use."""

from pellucid.graph.printing import text
from pellucid.show.costs.costs import Cost, cost
from pellucid.show.costs.roofline import Machine, this_machine
from pellucid.show.formulas.formula import latex_definitions
from pellucid.show.formulas.tex import latex
from pellucid.show.graphs.graph_drawing import draw_graph, mermaid

__all__ = ["Cost", "Machine", "cost", "draw_graph", "latex", "latex_definitions", "mermaid", "text", "this_machine"]
