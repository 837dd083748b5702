"""Names of expressions, and other labels: records of layer calls.

A labeled expression is another object than the same op on the same inputs without the label, so a label never shows up
in unrelated code that builds the same formula. Rewriting, differentiation and compilation work on the graph without
labels: a rule matches whether or not an operand has a name, and equal subexpressions are one. Names are restored in the
result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Constant, Expr, attach_label
from pellucid.graph.op import PASSTHROUGH
from pellucid.graph.source_location import attribute_to_caller
from pellucid.graph.traversal import copy_name, map_subgraphs, rebuild_relabeled, topological

NameRestorer = Callable[[Sequence[Expr]], list[Expr]]


def named(name: Any, expr: Any) -> Any:
    r"""Name an expression. Formulas that contain it print the name, :math:`p = f(h)` where :math:`h = \tanh z`.

    The name belongs to the returned expression. It changes no value, gradient or program, and the same formula built
    elsewhere does not have it.

    Parameters
    ----------
    name : str
        Such as ``"h"``, ``"h1"`` or ``"y_hat"``.
    expr : Expr
        An op on other expressions. Inputs and shared variables get their names where they are made.

    Returns
    -------
    Expr
        The same op on the same inputs with this name, which replaces an earlier one.

    Raises
    ------
    UseError
        If the name is not a string, or the expression is a leaf.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> h = pel.named("h", pel.tanh(2 * x))
    >>> h, h * (1 - h)
    (tanh(2 * x), h * (1 - h))
    """
    if not isinstance(name, str) or not name.strip():
        raise UseError(f"Expected a name and then the expression: pel.named('h', x + y). Received: {name!r} first")
    if not isinstance(expr, Expr):
        raise UseError(f"Only an expression can be named: pel.named({name!r}, x + y). Received: {expr!r}")
    if expr.op is None:
        is_constant = isinstance(expr, Constant)
        fix = "pass names={...} to the function that prints it" if is_constant else f"write pel.vector({name!r})"
        raise UseError(
            f"pel.named names expressions that are computed from others. Received: {expr}, a "
            f"{type(expr).__name__.lower()}; to name it, {fix}"
        )
    return attach_label(expr, name=name, call=expr.call)


class LabelStripper:
    """Removes labels from graphs, and remembers the names.

    Parameters
    ----------
    outputs : sequence of Expr
        Expressions to begin with.
    calls_only : bool
        Whether expressions keep their names.

    Attributes
    ----------
    outputs : list of Expr
        The expressions without labels.
    stripped : dict from Expr to Expr
        The unlabeled form of each labeled expression.
    names : dict from Expr to str
        Names by unlabeled expression, including those in subgraphs.
    """

    def __init__(self, outputs: Sequence[Expr] = (), *, calls_only: bool = False) -> None:
        self.calls_only = calls_only
        self.stripped: dict[Expr, Expr] = {}
        self.names: dict[Expr, str] = {}
        self.outputs: list[Expr] = self.strip(outputs)

    def __getitem__(self, e: Expr) -> Expr:
        return self.stripped.get(e, e)

    def strip(self, outputs: Sequence[Expr]) -> list[Expr]:
        for node in iterate_labeled(outputs, self.stripped):
            if node.op is PASSTHROUGH:
                new = self[node.inputs[0]]
            else:
                new = map_subgraphs(rebuild_relabeled(node, [self[i] for i in node.inputs]).unlabeled, self.strip)
            if node.name is not None and new.op is not None:
                self.names.setdefault(new, node.name)
                new = copy_name(node, new) if self.calls_only else new
            self.stripped[node] = new
        return [self[output] for output in outputs]


def iterate_labeled(outputs: Sequence[Expr], done: Mapping[Expr, Any]) -> Iterator[Expr]:
    """Yield expressions that depend on labels and are not done, in topological order."""
    stack = [output for output in reversed(outputs) if output.is_labeled]
    while stack:
        node = stack[-1]
        pending = [i for i in node.inputs if i.is_labeled and i not in done] if node not in done else []
        if pending:
            stack.extend(reversed(pending))
            continue
        stack.pop()
        if node not in done:
            yield node


def strip_labels(outputs: Sequence[Expr]) -> list[Expr]:
    return LabelStripper(outputs).outputs if any(o.is_labeled for o in outputs) else list(outputs)


def strip_calls(outputs: Sequence[Expr], names: Mapping[Any, str] | None = None) -> tuple[list[Expr], dict[Any, str]]:
    """Return expressions without calls, and a mapping from expressions to names without calls in its keys."""
    stripper = LabelStripper(outputs, calls_only=True)
    stripper.strip([e for e in names or {} if isinstance(e, Expr)])
    return stripper.outputs, {stripper[e]: name for e, name in (names or {}).items()}


def make_name_restorer(names: Mapping[Expr, str]) -> NameRestorer:
    """Return a function that attaches names to unlabeled expressions, including those in subgraphs."""
    done: dict[Expr, Expr] = {}

    def restore(outputs: Sequence[Expr]) -> list[Expr]:
        for node in topological(outputs, stop=done):
            if node not in done:
                new = map_subgraphs(rebuild_relabeled(node, [done[i] for i in node.inputs]), restore)
                name = names.get(node, names.get(new))
                done[node] = new if name is None else attach_label(new, name=name)
        return [done[output] for output in outputs]

    return restore


@attribute_to_caller()
def restore_names(outputs: Sequence[Expr], names: Mapping[Expr, str]) -> list[Expr]:
    """Attach names to unlabeled expressions, including those in subgraphs."""
    return make_name_restorer(names)(outputs) if names else list(outputs)


def find_expressions(outputs: Sequence[Expr], targets: Sequence[Expr]) -> dict[Expr, Expr]:
    """Return the expressions of a graph that equal a target up to labels, each with its target."""
    order = topological(outputs)
    if not any(e.is_labeled for e in (*outputs, *targets)):
        wanted = set(targets)
        return {node: node for node in order if node in wanted}
    stripper = LabelStripper([*outputs, *targets])
    by_stripped = {stripper[target]: target for target in targets}
    return {node: by_stripped[stripper[node]] for node in order if stripper[node] in by_stripped}
