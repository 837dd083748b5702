"""Backward pass of `derive`: the gradient of each expression, in terms of the gradients before it.

It applies the gradient rules of `grad` to symbols instead of incoming gradients, so each step shows what `grad` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pellucid.graph.expr import Constant, Expr, Input, constant
from pellucid.graph.gradient import add_barriers, grad_barrier, needs_decomposition
from pellucid.graph.naming import make_name_restorer
from pellucid.graph.op import OUTPUT
from pellucid.graph.passes import remove_markers
from pellucid.graph.printing import get_own_name
from pellucid.graph.reverse_mode import apply_gradient_rule, find_differentiable
from pellucid.graph.rewriter import Journal, simplify_all
from pellucid.graph.traversal import rebuild, topological
from pellucid.show.formulas.scan_recurrences import is_scan

LIGHT_OPS = frozenset(
    ["negative", "multiply", "true_divide", "size", "cast", "expand_dims", "squeeze", "broadcast_like"]
)
MAX_LIGHT_OPS = 4
"""A gradient of at most this many light ops on one symbol is passed on without a separate step."""


@dataclass(frozen=True)
class IncomingGradient:
    """A gradient that reaches an expression along one path, and the expressions on the path since the last step."""

    gradient: Expr
    through: tuple[Expr, ...]


@dataclass
class RawStep:
    """A step: the incoming gradients of an expression, their sum, and the symbol of the sum in later steps."""

    expr: Expr
    incoming: list[IncomingGradient]
    gradient: Expr
    symbol: Input


@dataclass
class BackwardPass:
    """The rewritten cost, its expressions in topological order, and the steps.

    ``barred`` has the expressions before rewriting as they are above barriers.
    """

    cost: Expr
    targets: list[Expr]
    journal: Journal
    names: dict[Expr, str]
    barred: dict[Expr, Expr]
    order: list[Expr] = field(default_factory=list)
    steps: list[RawStep] = field(default_factory=list)


def prepare_backward_pass(cost: Expr, wrt: Sequence[Expr]) -> BackwardPass:
    """Rewrite a cost as `grad` does before it differentiates, and keep track of the targets."""
    cost, *wrt = remove_checkpoints([cost, *wrt])
    barriers, _ = add_barriers([cost], wrt)
    journal = Journal()
    unmarked = remove_markers([barriers.get(cost, cost)], needs_decomposition)
    [simple] = simplify_all(unmarked, journal=journal)
    order = topological([simple])
    tagged = {node.settings["tag"]: node for node in order if node.op is grad_barrier.op}
    targets = [tagged.get(e.settings["tag"], e) if (e := barriers.get(w, w)).op is grad_barrier.op else e for w in wrt]
    named = simplify_all([e for e in topological([cost]) if get_own_name(e) is not None])
    names = {e.unlabeled: name for e in named if (name := get_own_name(e)) is not None}
    return BackwardPass(simple, targets, journal, names, barriers, order)


def remove_checkpoints(expressions: Sequence[Expr]) -> list[Expr]:
    """Remove checkpointing from scans: it saves memory, and would only lengthen the derivation."""
    done: dict[Expr, Expr] = {}
    for node in topological(expressions):
        new = rebuild(node, [done[i] for i in node.inputs])
        if is_scan(new) and new.op is not None and new.settings["checkpoint"]:
            new = new.op.make(new.inputs, {**new.settings, "checkpoint": None})
        done[node] = new
    return [done[e] for e in expressions]


def run_backward_pass(run: BackwardPass) -> None:
    """Propagate gradients from the cost to the targets, recording a step where a gradient deserves a symbol."""
    targets, forward = set(run.targets), set(run.order)
    reaches = find_differentiable(run.order, targets, set())
    behind_barrier = {e.inputs[0] for e in run.order if e.op is grad_barrier.op}
    restore = make_name_restorer(run.names)
    incoming: dict[Expr, list[list[IncomingGradient]]] = {
        run.cost: [[IncomingGradient(constant(1.0, run.cost.dtype), ())]]
    }
    for node in reversed(run.order):
        if node not in incoming or node not in reaches:
            continue
        gradients: list[Expr | None] = []
        through: tuple[Expr, ...] = ()
        for arriving in incoming[node]:
            gradients.append(sum_gradients(arriving, forward))
            through += tuple(e for one in arriving for e in one.through)
        is_named = get_own_name(node) is not None and node not in behind_barrier
        if len(node.types) == 1 and (node in targets or is_named or not is_light(gradients[0])):
            step = RawStep(node, incoming[node][0], *add_symbol(gradients[0]))
            run.steps.append(step)
            gradients, through = [step.symbol], ()
        if node.op is None:
            continue
        for target, g in apply_gradient_rule(node, gradients, reaches):
            slots = incoming.setdefault(target, [[] for _ in target.types])
            place = node.settings["index"] if node.op is OUTPUT else 0
            [named] = restore([g])
            slots[place].append(IncomingGradient(named, (*through, node)))
    finished = {step.expr for step in run.steps}
    for target in dict.fromkeys(run.targets):
        if target not in finished:
            run.steps.append(RawStep(target, [], *add_symbol(constant(0.0, target.dtype))))


def sum_gradients(incoming: Sequence[IncomingGradient], forward: set[Expr]) -> Expr | None:
    if not incoming:
        return None
    total = incoming[0].gradient
    for one in incoming[1:]:
        total = total + one.gradient
    # Simplifying would rewrite the step of a scan into a form that runs faster and reads worse.
    return total if any(is_scan(e) and e not in forward for e in topological([total])) else simplify_all([total])[0]


def add_symbol(gradient: Expr | None) -> tuple[Expr, Input]:
    """Return a gradient and a new symbol for it."""
    assert gradient is not None
    return gradient, Input(None, gradient.shape, gradient.dtype)


def is_light(gradient: Expr | None) -> bool:
    """Check whether a gradient is short enough to be passed on: a number, a symbol, or one times the other."""
    stack = [] if gradient is None else [gradient]
    ops, symbols = 0, set()
    while stack:
        e = stack.pop()
        if is_gradient_symbol(e):
            symbols.add(e)
        elif e.op is not None and e.op.name in LIGHT_OPS:
            ops += 1
            # These ops use only the size of an operand, so the operand does not count.
            stack += {"size": (), "broadcast_like": e.inputs[:1]}.get(e.op.name, e.inputs)
        elif not isinstance(e, Constant) or e.ndim:
            return False
    return ops <= MAX_LIGHT_OPS and len(symbols) <= 1


def is_gradient_symbol(e: Expr) -> bool:
    return type(e) is Input and e.name is None
