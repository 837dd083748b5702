"""Graphs as Mermaid text, which Markdown pages draw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pellucid.show.annotations import notes_of
from pellucid.show.graph_nodes import Node, nodes_of
from pellucid.show.input_values import outputs_of

BOXES = {
    "input": '(["{0}"])',
    "shared": '[("{0}")]',
    "constant": '["{0}"]',
    "op": '("{0}")',
    "result": '("{0}")',
}
STYLES = {
    "input": "fill:#d6e6f2,stroke:#0072B2",
    "shared": "fill:#f9dfcd,stroke:#D55E00",
    "constant": "fill:#eeeeee,stroke:#999999",
    "op": "fill:#ffffff,stroke:#444444",
    "result": "fill:#d2ebe2,stroke:#009E73",
}


class Mermaid(str):
    """A flowchart as text, which notebooks that know Mermaid draw."""

    __slots__ = ()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/vnd.mermaid": str(self), "text/plain": str(self)}


def mermaid(
    expr: Any,
    names: Mapping[Any, str] | None = None,
    limit: int = 200,
    *,
    sizes: Mapping[str, int] | None = None,
    values: Mapping[Any, Any] | None = None,
) -> Mermaid:
    """Write a graph as a Mermaid flowchart: one box for every expression, with its dtype and shape.

    Parameters
    ----------
    expr : Expr, sequence of Expr, or Function
        What to draw, down to inputs, shared variables and constants.
    names : mapping from Expr to str, optional
        Names for expressions in between.
    limit : int
        How many boxes there may be.
    sizes : mapping from str to int, optional
        The sizes that names stand for; with them, each box tells its arithmetic operations.
    values : mapping from Expr or str to array, optional
        Values for the inputs; with them, each box tells its value.

    Returns
    -------
    str
        For a Markdown block of the language ``mermaid``, or ``mo.mermaid`` in marimo; JupyterLab draws it by itself.

    Raises
    ------
    ValueError
        If there are more boxes.

    Examples
    --------
    >>> import pellucid as pel
    >>> print(mermaid(2 * pel.vector("x", shape=("n",))))
    flowchart TD
        n0(["x<br/>float32 (n,)"]):::input
        n1["2"]:::constant
        n2("×<br/>float32 (n,)"):::result
        n1 --> n2
        n0 --> n2
        classDef input fill:#d6e6f2,stroke:#0072B2
        classDef constant fill:#eeeeee,stroke:#999999
        classDef result fill:#d2ebe2,stroke:#009E73
    """
    outputs = outputs_of(expr, "mermaid")
    nodes = nodes_of(outputs, names, limit, notes_of(outputs, sizes, values))
    ids = {node: f"n{number}" for number, node in enumerate(nodes)}
    lines = ["flowchart TD"]
    for node in nodes:
        lines.append(f"    {ids[node]}{BOXES[node.kind].format(label(node))}:::{node.kind}")
        lines += [f"    {ids[parent]} --> {ids[node]}" for parent in node.parents]
    used = {node.kind for node in nodes}
    lines += [f"    classDef {kind} {style}" for kind, style in STYLES.items() if kind in used]
    return Mermaid("\n".join(lines))


def label(node: Node) -> str:
    """Write what stands in a box, with Mermaid's own signs told apart from the text."""
    lines = [node.label, node.type] if node.type else [node.label]
    entities = {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "`": "#96;"}
    return "<br/>".join("".join(entities.get(c, c) for c in line) for line in lines)
