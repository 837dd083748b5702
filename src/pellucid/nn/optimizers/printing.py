"""Update formulas of optimizers as text, LaTeX and HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pellucid.extension_points import optimizer_html, optimizer_latex
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.ops.where import where
from pellucid.graph.printing import text
from pellucid.graph.rewriter import simplify_all
from pellucid.graph.traversal import topological
from pellucid.nn.casts import to_dtype
from pellucid.nn.schedules.base import PRINTING_FAMILIES

if TYPE_CHECKING:
    from pellucid.nn.optimizers.base import Optimizer


class UpdateRule(NamedTuple):
    """One line of an optimizer's update: the target, its new value, and the names of the expressions in it."""

    target: str
    new: Expr
    names: dict[Expr, str]
    sign: str = "←"


class PrintableOptimizer:
    """Mixin that prints an optimizer as its update formulas.

    w is the parameter, g its gradient and t the step number, from 1. A prime marks a value that a line above updated.
    """

    def __str__(self) -> str:
        rules = get_update_rules(self)  # type: ignore[arg-type]
        return "\n".join(f"{rule.target} {rule.sign} {text(rule.new, names=rule.names)}" for rule in rules)

    def _repr_latex_(self) -> str:
        return optimizer_latex(self)

    def _repr_html_(self) -> str:
        return optimizer_html(self)


def get_update_rules(optimizer: Optimizer) -> list[UpdateRule]:
    """Return the update of a scalar parameter w with gradient g, one line for each slot, and one for t if it occurs.

    The lines are in the order in which they are read, and simplified.
    """
    config = {key: value for key, value in optimizer.config.items() if key != "multipliers"}
    optimizer, w = type(optimizer)(**config), Shared(0.0, "w")
    updates = optimizer.apply([Input("g", (), None)], [w])
    updates = dict(zip(updates, simplify_all(list(updates.values()), families=PRINTING_FAMILIES), strict=True))
    used = set(topological(list(updates.values())))
    names: dict[Expr, str] = {target: str(target.name).removeprefix("w/") for target in updates}
    found: list[UpdateRule] = []
    if optimizer.counts_steps:
        names[to_dtype(optimizer.iterations, optimizer.get_step_number(w).dtype)] = "iterations"
        if optimizer.get_step_number(w) in used:
            found.append(UpdateRule("t", optimizer.steps_made + 1, dict(names), "="))
            names[optimizer.get_step_number(w)] = "t"
    last: dict[Shared, int] = {w: 1}
    if optimizer.counts_steps:
        last[optimizer.iterations] = 3
    if optimizer.averages and not optimizer.options["ema_overwrite_frequency"]:
        last[optimizer.averages[w]] = 2
    for target in sorted(updates, key=lambda target: last.get(target, 0)):
        new = updates[target]
        found.append(UpdateRule(names[target], new, dict(names)))
        names[new] = f"{names[target]}′"
        if new.op is where.op and new.inputs[2] is target:  # the branch of an accumulated step
            names[new.inputs[1]] = names[new]
    return found
