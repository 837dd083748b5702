"""`tree`: an expression as an indented tree with dtypes, shapes, operations and values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from pellucid.graph.expr import Expr
from pellucid.graph.traversal import topological
from pellucid.show.formulas.model_expressions import SymbolicModel, get_model_expressions, is_model
from pellucid.show.graphs.graph_nodes import annotate, format_label, format_type, is_number
from pellucid.show.pages.input_values import collect_outputs
from pellucid.typing import ArrayLike

if TYPE_CHECKING:
    from pellucid.run.function import Function


@dataclass(frozen=True)
class TreeLine:
    """A line of a tree; ``is_last`` tells whether it is the last of its siblings."""

    depth: int
    is_last: bool
    label: str
    type: str
    notes: list[str]


class Tree:
    """An expression as a tree. Prints as text and displays in notebooks. Shared subexpressions are expanded once."""

    lines: list[TreeLine]
    omitted: int

    def __init__(self, lines: list[TreeLine], omitted: int) -> None:
        self.lines, self.omitted = lines, omitted

    def __str__(self) -> str:
        branches = self.draw_branches()
        width = max(len(b + line.label) for b, line in zip(branches, self.lines, strict=True))
        types = max(len(line.type) for line in self.lines)
        rows = [
            f"{b + line.label:<{width}}  {line.type:<{types}}  {'  '.join(line.notes)}".rstrip()
            for b, line in zip(branches, self.lines, strict=True)
        ]
        return "\n".join(rows + ([f"… and {self.omitted:,} more"] if self.omitted else []))

    __repr__ = __str__

    def draw_branches(self) -> list[str]:
        """Return the box-drawing characters in front of each label."""
        open_above: list[bool] = []
        result = []
        for line in self.lines:
            del open_above[line.depth :]
            above = "".join("│  " if is_open else "   " for is_open in open_above[1:])
            result.append(above + ("└─ " if line.is_last else "├─ ") if line.depth else "")
            open_above.append(not line.is_last)
        return result

    def _repr_html_(self) -> str:
        parts = ['<div style="font: 13px/1.5 ui-monospace, Consolas, monospace; overflow-x: auto">']
        depth = -1
        for i, line in enumerate(self.lines):
            parts += ["</details>"] * (depth - line.depth)
            content = f"{escape(line.label)} <span style='opacity: .6'>{escape(line.type)}</span>"
            content += "".join(f" <b style='font-weight: 500'>{escape(n)}</b>" for n in line.notes)
            has_children = i + 1 < len(self.lines) and self.lines[i + 1].depth > line.depth
            indent = f"margin-left: {1.2 if line.depth else 0}em"
            if has_children:
                parts.append(f'<details open="" style="{indent}"><summary>{content}</summary>')
            else:
                parts.append(f'<div style="{indent}">{content}</div>')
            depth = line.depth
        parts += ["</details>"] * max(depth, 0)
        more = f"<div>… and {self.omitted:,} more</div>" if self.omitted else ""
        return "".join(parts) + more + "</div>"


def tree(
    expr: Expr | Sequence[Expr] | Function | SymbolicModel,
    *,
    sizes: Mapping[str, int] | None = None,
    values: Mapping[Any, ArrayLike] | ArrayLike | None = None,
    names: Mapping[Any, str] | None = None,
    limit: int = 200,
) -> Tree:
    """Show an expression as a tree with dtypes and shapes.

    Parameters
    ----------
    expr : Expr, sequence of Expr, Function or Model
        The expression. Of a model, its outputs in inference mode, with the symbols of `explain`.
    sizes : mapping from str to int, optional
        Sizes of named dimensions, such as ``{"n": 128}``. With them, each line shows its arithmetic operations.
    values : mapping from Expr or str to array, optional
        Values of inputs, by the input or its name; for a model with one input also the array alone. With them, each
        line shows its value.
    names : mapping from Expr to str, optional
        Names for expressions, in addition to names by `named`.
    limit : int
        Maximum number of lines. The rest is counted.

    Returns
    -------
    Tree

    Raises
    ------
    InputError, ShapeError
        If a value or size is missing or does not fit.

    Examples
    --------
    >>> x, W = pel.vector("x", shape=(2,)), pel.shared([0.2, 0.7], name="W")
    >>> print(pel.tree((x * W).sum(), values={"x": [1.0, 1.0]}))
    sum      float32       = 0.9
    └─ ×     float32 (2,)  = [0.2 0.7]
       ├─ x  float32 (2,)  = [1 1]
       └─ W  float32 (2,)  = [0.2 0.7]
    """
    model = get_model_expressions(expr) if is_model(expr) else None
    if model is not None:
        values = None if values is None else model.assign_values(values, "pel.tree")
    outputs, names = collect_outputs(model.outputs if model else expr, "tree", names)
    annotations = annotate(outputs, sizes, values)
    order = topological(outputs)
    uses = Counter(i for e in order for i in e.inputs)
    shared = {e: f"[{n}] " for n, e in enumerate((e for e in order if uses[e] > 1 and e.inputs), start=1)}
    lines: list[TreeLine] = []
    expanded: set[Expr] = set()
    stack = [(e, 0, True) for e in reversed(outputs)]
    while stack and len(lines) < limit:
        e, depth, is_last = stack.pop()
        is_repeated = e in expanded
        expanded.add(e)
        label = shared.get(e, "") + format_label(e, names, 40) + (" (above)" if is_repeated and e.inputs else "")
        lines.append(TreeLine(depth, is_last, label, "" if is_number(e) else format_type(e), annotations.get(e, [])))
        if not is_repeated:
            children = list(enumerate(e.inputs, start=1))
            stack += [(i, depth + 1, n == len(children)) for n, i in reversed(children)]
    # Each expression is expanded once, so the tree has a line for each output and each operand.
    return Tree(lines, len(outputs) + sum(len(e.inputs) for e in order) - len(lines))
