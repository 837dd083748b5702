"""An expression as a tree: what it is made of, line by line, with dtypes, shapes, costs and values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.printing import text
from pellucid.graph.traversal import topological
from pellucid.show.annotations import notes_of
from pellucid.show.graph_nodes import is_number, op_label, type_text
from pellucid.show.input_values import outputs_of


@dataclass(frozen=True)
class Line:
    """One line of a tree.

    Attributes
    ----------
    depth : int
        How far it is from the root.
    last : bool
        Whether it is the last of its siblings.
    label : str
        What it is or does.
    type : str
        Its dtype and shape; empty for a number.
    notes : list of str
        Its operations and its value, where these were asked for.
    """

    depth: int
    last: bool
    label: str
    type: str
    notes: list[str]


class Tree:
    """An expression as a tree; print it, or let a notebook show it. What stands in it twice is opened once."""

    def __init__(self, lines: list[Line], left_out: int) -> None:
        self.lines = lines
        self.left_out = left_out

    def __str__(self) -> str:
        branches = self.branches()
        width = max(len(b + line.label) for b, line in zip(branches, self.lines, strict=True))
        types = max(len(line.type) for line in self.lines)
        rows = [
            f"{b + line.label:<{width}}  {line.type:<{types}}  {'  '.join(line.notes)}".rstrip()
            for b, line in zip(branches, self.lines, strict=True)
        ]
        return "\n".join(rows + ([f"… and {self.left_out:,} more"] if self.left_out else []))

    __repr__ = __str__

    def branches(self) -> list[str]:
        """Return the lines that join each line to the one it belongs to."""
        open_above: list[bool] = []
        result = []
        for line in self.lines:
            del open_above[line.depth :]
            if line.depth:
                above = "".join("│  " if is_open else "   " for is_open in open_above[1 : line.depth])
                result.append(above + ("└─ " if line.last else "├─ "))
            else:
                result.append("")
            open_above += [False] * (line.depth - len(open_above)) + [not line.last]
        return result

    def _repr_html_(self) -> str:
        parts = ['<div style="font: 13px/1.5 ui-monospace, Consolas, monospace; overflow-x: auto">']
        depth = -1
        for i, line in enumerate(self.lines):
            parts += ["</details>"] * (depth - line.depth) if depth > line.depth else []
            written = f"{escape(line.label)} <span style='opacity: .6'>{escape(line.type)}</span>"
            written += "".join(f" <b style='font-weight: 500'>{escape(n)}</b>" for n in line.notes)
            opens = i + 1 < len(self.lines) and self.lines[i + 1].depth > line.depth
            indent = f"margin-left: {1.2 if line.depth else 0}em"
            if opens:
                parts.append(f'<details open="" style="{indent}"><summary>{written}</summary>')
            else:
                parts.append(f'<div style="{indent}">{written}</div>')
            depth = line.depth
        parts += ["</details>"] * max(depth, 0)
        more = f"<div>… and {self.left_out:,} more</div>" if self.left_out else ""
        return "".join(parts) + more + "</div>"


def tree(
    expr: Any,
    *,
    sizes: Mapping[str, int] | None = None,
    values: Mapping[Any, Any] | None = None,
    names: Mapping[Any, str] | None = None,
    limit: int = 200,
) -> Tree:
    """Show what an expression is made of, as a tree with dtypes and shapes.

    Parameters
    ----------
    expr : Expr, sequence of Expr, or Function
        What to show.
    sizes : mapping from str to int, optional
        The sizes that names stand for, such as ``{"n": 128}``; with them, each line tells its arithmetic operations.
    values : mapping from Expr or str to array, optional
        Values for the inputs, by input or name; with them, each line tells its value.
    names : mapping from Expr to str, optional
        Names for expressions in between, beside those they have.
    limit : int
        How many lines there may be; the rest is counted.

    Returns
    -------
    Tree
        Print it.

    Raises
    ------
    InputError, ShapeError
        If a value or a size is missing, or does not fit.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, W = pel.vector("x", shape=(2,)), pel.shared([0.2, 0.7], name="W")
    >>> print(pel.tree((x * W).sum(), values={"x": [1.0, 1.0]}))
    sum      float32       = 0.9
    └─ ×     float32 (2,)  = [0.2 0.7]
       ├─ x  float32 (2,)  = [1 1]
       └─ W  float32 (2,)  = [0.2 0.7]
    """
    outputs = outputs_of(expr, "tree")
    notes = notes_of(outputs, sizes, values)
    order = topological(outputs)
    uses = Counter(i for e in order for i in e.inputs)
    shared = {e: f"[{n}] " for n, e in enumerate((e for e in order if uses[e] > 1 and e.inputs), start=1)}
    lines: list[Line] = []
    opened: set[Expr] = set()
    stack = [(e, 0, True) for e in reversed(outputs)]
    while stack and len(lines) < limit:
        e, depth, last = stack.pop()
        repeated = e in opened
        opened.add(e)
        label = shared.get(e, "") + labelled(e, names or {}) + (" (above)" if repeated and e.inputs else "")
        lines.append(Line(depth, last, label, "" if is_number(e) else type_text(e), notes.get(e, [])))
        if not repeated:
            made_of = list(enumerate(e.inputs, start=1))
            stack += [(i, depth + 1, n == len(made_of)) for n, i in reversed(made_of)]
    return Tree(lines, len(set(order) - opened))


def labelled(e: Expr, names: Mapping[Any, str]) -> str:
    """Write what an expression is or does, after its name if it has one."""
    if e.op is None:
        return names.get(e, text(e, 40))
    name = names.get(e) or e.name
    return f"{name} = {op_label(e)}" if name else op_label(e)
