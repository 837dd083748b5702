"""An optimizer as the formula it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.extensions import above
from pellucid.graph.ops.minmax_where import where
from pellucid.graph.printing import text
from pellucid.graph.rewriter import simplify_all
from pellucid.graph.traversal import topological
from pellucid.nn.dtypes import to_dtype
from pellucid.nn.schedules.base import SHORTER

if TYPE_CHECKING:
    from pellucid.nn.optimizers.base import Optimizer


Line = tuple[str, Expr, dict[Expr, str], str]
"""What is replaced or defined, by what, with the names that are known by then, and the sign between them."""


class Written:
    """What an optimizer is to read: the formula of what becomes of what it remembers, and of a parameter.

    The parameter is w and its gradient g. What is new bears a prime in the lines below its own, and t is the number of
    the step, from 1.
    """

    def __str__(self) -> str:
        found = formula(self)  # type: ignore[arg-type]
        return "\n".join(f"{target} {sign} {text(new, names=names)}" for target, new, names, sign in found)

    def _repr_latex_(self) -> str:
        return str(above("optimizer_latex", self))

    def _repr_html_(self) -> str:
        return str(above("optimizer_html", self))


def formula(optimizer: Optimizer) -> list[Line]:
    """Return how an optimizer of this kind, with these settings, changes a parameter w by its gradient g, line by line.

    There are as many lines as there are updates, and one for t where it occurs.
    """
    config = {key: value for key, value in optimizer.config.items() if key != "multipliers"}
    w, g, fresh = Shared(0.0, "w"), Input("g", (), None), type(optimizer)(**config)
    return lines(fresh, w, fresh.apply([g], [w]))


def lines(optimizer: Optimizer, w: Shared, updates: Mapping[Shared, Expr]) -> list[Line]:
    """Return the lines of updates as expressions, for any notation, without factors of 1 and the like."""
    updates = dict(zip(updates, simplify_all(list(updates.values()), families=SHORTER), strict=True))
    used = set(topological(list(updates.values())))
    names: dict[Expr, str] = {target: str(target.name).removeprefix("w/") for target in updates}
    found: list[Line] = []
    if optimizer.counts:
        names[to_dtype(optimizer.iterations, optimizer.time(w).dtype)] = "iterations"
        if optimizer.time(w) in used:
            found.append(("t", optimizer.steps_made + 1, dict(names), "="))
            names[optimizer.time(w)] = "t"
    last: dict[Shared, int] = {w: 1}
    if optimizer.counts:
        last[optimizer.iterations] = 3
    if optimizer.averages and not optimizer.options["ema_overwrite_frequency"]:
        last[optimizer.averages[w]] = 2
    for target in sorted(updates, key=lambda target: last.get(target, 0)):
        new = updates[target]
        found.append((names[target], new, dict(names), "←"))
        names[new] = f"{names[target]}′"
        if new.op is where.op and new.inputs[2] is target:  # in the branch that is taken, what is new is this
            names[new.inputs[1]] = names[new]
    return found
