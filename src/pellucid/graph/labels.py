"""Labels of expressions, which are names and layer calls: removed before a graph is rewritten, and names put back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Constant, Expr, attach_label
from pellucid.graph.op_def import PASSTHROUGH
from pellucid.graph.source_location import attribute_to_caller
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.traversal import copy_name, rebuild_relabeled, topological

NameRestorer = Callable[[Sequence[Expr]], list[Expr]]


class LabelStripper:
    """The same graph without labels.

    Parameters
    ----------
    outputs : sequence of Expr
        What to remove the labels of.
    calls_only : bool
        Whether names stay where they are.

    Attributes
    ----------
    plain : dict from Expr to Expr
        What each is_labeled expression is without labels; one that is missing has none.
    names : dict from Expr to str
        The names, by the expressions without labels that they belong to, those inside loops included.
    """

    def __init__(self, outputs: Sequence[Expr] = (), *, calls_only: bool = False) -> None:
        self.calls_only = calls_only
        self.plain: dict[Expr, Expr] = {}
        self.names: dict[Expr, str] = {}
        self.outputs = self.add(outputs)

    def __getitem__(self, e: Expr) -> Expr:
        return self.plain.get(e, e)

    def add(self, outputs: Sequence[Expr]) -> list[Expr]:
        """Remove the labels of further expressions."""
        for node in iterate_labeled(outputs, self.plain):
            if node.op is PASSTHROUGH:
                new = self[node.inputs[0]]
            else:
                new = map_subgraphs(rebuild_relabeled(node, [self[i] for i in node.inputs]).unlabeled, self.add)
            if node.name is not None and new.op is not None:
                self.names.setdefault(new, node.name)
                new = copy_name(node, new) if self.calls_only else new
            self.plain[node] = new
        return [self[output] for output in outputs]


def iterate_labeled(outputs: Sequence[Expr], done: Mapping[Expr, Any]) -> Iterator[Expr]:
    """Yield the expressions with labels inside that are not done, each after those it is made of."""
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


def has_subgraphs(node: Expr) -> bool:
    """Tell whether there are graphs among the settings."""
    return any(isinstance(value, Subgraph) for _, value in node._settings)


def map_subgraphs(node: Expr, change: Callable[[Sequence[Expr]], Sequence[Expr]]) -> Expr:
    """Return an expression with the graphs among its settings changed."""
    changed = {}
    for key, value in node._settings:
        if isinstance(value, Subgraph):
            outputs = tuple(change(value.outputs))
            if any(a is not b for a, b in zip(outputs, value.outputs, strict=True)):
                changed[key] = Subgraph(value.inputs, outputs)
    return node.op.make(node.inputs, {**node.settings, **changed}) if changed and node.op is not None else node


def named(name: Any, expr: Any) -> Any:
    r"""Give an expression a name, at which the formulas that use it stop, :math:`p = f(h)` where :math:`h = \tanh z`.

    The name belongs to the expression that is returned, and to what is made of it. It changes no value, no gradient and
    no program, and the same formula written elsewhere does not have it.

    Parameters
    ----------
    name : str
        Such as ``"h"``, ``"h1"`` or ``"y_hat"``.
    expr : Expr
        An op on other expressions. Inputs and shared variables are named where they are made.

    Returns
    -------
    Expr
        The same op on the same inputs, with the name. Of an expression that has a name already, one with the new name.

    Raises
    ------
    TypeError
        If the name is no text, or what is to be named is a leaf or no expression.

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
        hint = (
            "give names={...} to what writes it" if isinstance(expr, Constant) else f"write pel.vector({name!r}), say"
        )
        raise UseError(
            f"pel.named names what is computed from other expressions. Received: {expr}, a "
            f"{type(expr).__name__.lower()}; to name it, {hint}"
        )
    return attach_label(expr, name=name, call=expr.call)


def strip_labels(outputs: Sequence[Expr]) -> list[Expr]:
    """Return the same expressions without labels, which common subexpressions could differ in."""
    return LabelStripper(outputs).outputs if any(o.is_labeled for o in outputs) else list(outputs)


def strip_calls(outputs: Sequence[Expr], names: Mapping[Any, str] | None = None) -> tuple[list[Expr], dict[Any, str]]:
    """Return expressions without the records of layer calls, and names by expressions without them."""
    unlabeled = LabelStripper(outputs, calls_only=True)
    unlabeled.add([e for e in names or {} if isinstance(e, Expr)])
    return unlabeled.outputs, {unlabeled[e]: name for e, name in (names or {}).items()}


def make_name_restorer(names: Mapping[Expr, str]) -> NameRestorer:
    """Return a function that gives names to the expressions that are found in ``names``, also inside loops.

    Parameters
    ----------
    names : mapping from Expr to str
        By expressions without labels, apart from names further inside.
    """
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
    """Return expressions, without labels so far, in which those that are found in ``names`` have their names."""
    return make_name_restorer(names)(outputs) if names else list(outputs)


def find_expressions(outputs: Sequence[Expr], targets: Sequence[Expr]) -> dict[Expr, Expr]:
    """Return the expressions in a graph that are one of the targets, whatever the labels, each with its target."""
    order = topological(outputs)
    if not any(e.is_labeled for e in (*outputs, *targets)):
        wanted = set(targets)
        return {node: node for node in order if node in wanted}
    unlabeled = LabelStripper([*outputs, *targets])
    by_plain = {unlabeled[target]: target for target in targets}
    return {node: by_plain[unlabeled[node]] for node in order if unlabeled[node] in by_plain}
