"""Backwards through a cost, expression by expression, with a name for every gradient on the way.

The gradient driver's own rules are applied, to letters instead of to what has arrived: what a step shows is therefore
what `grad` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pellucid.graph.expr import Constant, Expr, Input, constant
from pellucid.graph.gradient import hold, hold_all, needs_opening
from pellucid.graph.marker_removal import release
from pellucid.graph.op_def import OUTPUT
from pellucid.graph.printing import own_name
from pellucid.graph.reverse_mode import local_gradients, reaching
from pellucid.graph.rewriter import Journal, simplify_all
from pellucid.graph.traversal import rebuild, topological
from pellucid.show.recurrences import is_loop

LIGHT = frozenset(["negative", "multiply", "true_divide", "size", "cast", "expand_dims", "squeeze", "broadcast_like"])
LIGHTEST = 4
"""A gradient of no more than these ops on one letter and numbers is carried on as it is, without a step of its own."""


@dataclass(frozen=True)
class Arrival:
    """What reaches an expression along one path: its gradient, and what it came through since the last step."""

    gradient: Expr
    through: tuple[Expr, ...]


@dataclass
class Raw:
    """A step before it is written: whose gradient, what arrived, their sum, and the letter that stands for it after."""

    expr: Expr
    arrivals: list[Arrival]
    gradient: Expr
    letter: Input


@dataclass
class Path:
    """The whole way back: the cost as it was rewritten, its expressions in order, and the steps."""

    cost: Expr
    targets: list[Expr]
    journal: Journal
    order: list[Expr] = field(default_factory=list)
    steps: list[Raw] = field(default_factory=list)


def prepare(cost: Expr, wrt: Sequence[Expr]) -> Path:
    """Rewrite a cost as `grad` does before it differentiates, keeping what is differentiated by."""
    cost, *wrt = without_checkpoints([cost, *wrt])
    held, _ = hold_all([cost], wrt)
    journal = Journal()
    opened = release([held.get(cost, cost)], needs_opening)
    [simple] = simplify_all(opened, journal=journal)
    order = topological([simple])
    tagged = {node.settings["tag"]: node for node in order if node.op is hold.op}
    targets = [tagged.get(e.settings["tag"], e) if (e := held.get(w, w)).op is hold.op else e for w in wrt]
    return Path(simple, targets, journal, order)


def without_checkpoints(expressions: Sequence[Expr]) -> list[Expr]:
    """Return the same values of loops that keep every state: checkpoints save memory and would fill a page."""
    done: dict[Expr, Expr] = {}
    for node in topological(expressions):
        same = rebuild(node, [done[i] for i in node.inputs])
        if is_loop(same) and same.op is not None and same.settings["checkpoint"]:
            same = same.op.make(same.inputs, {**same.settings, "checkpoint": None})
        done[node] = same
    return [done[e] for e in expressions]


def walk_back(path: Path) -> None:
    """Go from the cost to the targets, and note a step wherever a gradient is worth a letter."""
    targets, forward = set(path.targets), set(path.order)
    reaches = reaching(path.order, targets, set())
    held = {e.inputs[0] for e in path.order if e.op is hold.op}
    arrived: dict[Expr, list[list[Arrival]]] = {path.cost: [[Arrival(constant(1.0, path.cost.dtype), ())]]}
    for node in reversed(path.order):
        if node not in arrived or node not in reaches:
            continue
        incoming: list[Expr | None] = []
        through: tuple[Expr, ...] = ()
        for arrivals in arrived[node]:
            total = added(arrivals, forward)
            incoming.append(total)
            through += tuple(e for a in arrivals for e in a.through)
        named = own_name(node) is not None and node not in held
        worth = node in targets or named or not is_light(incoming[0])
        if len(node.types) == 1 and worth:
            step = Raw(node, arrived[node][0], *lettered_gradient(incoming[0]))
            path.steps.append(step)
            incoming, through = [step.letter], ()
        if node.op is None:
            continue
        for target, g in local_gradients(node, incoming, reaches):
            slots = arrived.setdefault(target, [[] for _ in target.types])
            place = node.settings["index"] if node.op is OUTPUT else 0
            slots[place].append(Arrival(g, (*through, node)))
    stepped = {step.expr for step in path.steps}
    for target in dict.fromkeys(path.targets):
        if target not in stepped:
            path.steps.append(Raw(target, [], *lettered_gradient(constant(0.0, target.dtype))))


def added(arrivals: Sequence[Arrival], forward: set[Expr]) -> Expr | None:
    """Add up what arrives along several paths, in a readable form."""
    if not arrivals:
        return None
    total = arrivals[0].gradient
    for arrival in arrivals[1:]:
        total = total + arrival.gradient
    # The rewriter would open the step of a loop into forms that run faster and read worse.
    return total if any(is_loop(e) and e not in forward for e in topological([total])) else simplify_all([total])[0]


def lettered_gradient(gradient: Expr | None) -> tuple[Expr, Input]:
    """Return a gradient and the letter that stands for it further on."""
    assert gradient is not None
    return gradient, Input(None, gradient.shape, gradient.dtype)


def is_light(gradient: Expr | None) -> bool:
    """Tell whether a gradient is so short that it goes on without a letter: a number, a letter, one times the other."""
    stack = [] if gradient is None else [gradient]
    ops, letters = 0, set()
    while stack:
        e = stack.pop()
        if is_letter(e):
            letters.add(e)
        elif e.op is not None and e.op.name in LIGHT:
            ops += 1
            # The sizes that these ops ask for are numbers, whatever they are the sizes of.
            stack += {"size": (), "broadcast_like": e.inputs[:1]}.get(e.op.name, e.inputs)
        elif not isinstance(e, Constant) or e.ndim:
            return False
    return ops <= LIGHTEST and len(letters) <= 1


def is_letter(e: Expr) -> bool:
    """Tell whether an expression stands for a gradient that arrived."""
    return type(e) is Input and e.name is None
