"""`mermaid`: a graph as a Mermaid flowchart for Markdown pages and notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pellucid.show.graph_nodes import GraphNode, annotate, collect_nodes
from pellucid.show.input_values import collect_outputs

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
    """A flowchart as text. Notebooks with Mermaid support draw it."""

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
    """Write a graph as a Mermaid flowchart with a box for each expression.

    Parameters
    ----------
    expr : Expr, sequence of Expr, or Function
        The graph.
    names : mapping from Expr to str, optional
        Names for expressions, in addition to names by `named`.
    limit : int
        Maximum number of boxes.
    sizes : mapping from str to int, optional
        Sizes of named dimensions. With them, each box shows its arithmetic operations.
    values : mapping from Expr or str to array, optional
        Values of inputs. With them, each box shows its value.

    Returns
    -------
    str
        For a Markdown block of the language ``mermaid``, or for ``mo.mermaid`` in marimo. JupyterLab draws it directly.

    Raises
    ------
    ValueError
        If there are more boxes than ``limit``.

    Examples
    --------
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
    outputs, names = collect_outputs(expr, "mermaid", names)
    nodes = collect_nodes(outputs, names, limit, annotate(outputs, sizes, values))
    ids = {node: f"n{number}" for number, node in enumerate(nodes)}
    lines = ["flowchart TD"]
    for node in nodes:
        lines.append(f"    {ids[node]}{BOXES[node.kind].format(escape_label(node))}:::{node.kind}")
        lines += [f"    {ids[parent]} --> {ids[node]}" for parent in node.parents]
    used = {node.kind for node in nodes}
    lines += [f"    classDef {kind} {style}" for kind, style in STYLES.items() if kind in used]
    return Mermaid("\n".join(lines))


def escape_label(node: GraphNode) -> str:
    lines = [node.label, node.type] if node.type else [node.label]
    entities = {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "`": "#96;"}
    return "<br/>".join("".join(entities.get(c, c) for c in line) for line in lines)
