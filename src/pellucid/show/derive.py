r"""`derive`: a gradient as numbered steps, from the cost back to the variable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Constant, Expr
from pellucid.graph.gradient import grad, hold
from pellucid.graph.op_def import Op
from pellucid.graph.printing import own_name
from pellucid.graph.rewriter import simplify_all
from pellucid.graph.traversal import topological
from pellucid.show.auto_names import lettered
from pellucid.show.derivation import Derivation, DerivationStep
from pellucid.show.derivation_backward import LIGHT, Path, Raw, is_letter, prepare, walk_back
from pellucid.show.derivation_rules import broadcast_note, rules_of
from pellucid.show.input_values import given_values


def derive(
    cost: Expr,
    wrt: Expr | Sequence[Expr],
    values: Mapping[Any, Any] | None = None,
    *,
    names: Mapping[Any, str] | None = None,
) -> Derivation:
    r"""Derive a gradient :math:`\bar w = \partial c / \partial w` step by step, backwards from the cost.

    Every step is the gradient with respect to one expression, written :math:`\bar z` in the page's formulas and
    ``z_bar`` in text, in terms of the steps before it. The rules are those that `grad` applies, applied to letters.

    Parameters
    ----------
    cost : Expr
        A scalar.
    wrt : Expr or sequence of Expr
        What to differentiate with respect to.
    values : mapping from Expr or str to array, optional
        The values of inputs, by the input or by its name; every step then shows its numbers, and the last one is
        compared with `grad`. Shared variables have their own values.
    names : mapping from Expr to str, optional
        Names for expressions, beside those that have one by `named`; the others get letters.

    Returns
    -------
    Derivation
        With ``steps``; printed as text, LaTeX by ``latex()``, a page by ``html()``.

    Raises
    ------
    GradientError
        If the cost is no scalar of real numbers, or something to differentiate by is of integers.
    DisconnectedError
        If the cost does not depend on something.
    InputError, ShapeError
        If the values do not belong to the inputs.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, w = pel.vector("x", shape=("n",)), pel.scalar("w")
    >>> derivation = derive((pel.tanh(w * x) ** 2).sum(), w)
    >>> [f"{step.name}_bar" for step in derivation.steps]
    ['h_bar', 'z_bar', 'w_bar']

    References
    ----------
    A. Griewank and A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, section 3.2, whose bars these are.
    """
    many: list[Any] = list(wrt) if isinstance(wrt, (list, tuple)) else [wrt]
    gradients = grad(cost, many)
    path = prepare(cost, many)
    walk_back(path)
    taken = taken_names(path, cost, many, names or {})
    definitions = name_all(path, taken)
    told = set[Op]()
    steps = [step_of(raw, definitions, told) for raw in path.steps]
    known = {**definitions, **{e.inputs[0]: name for e, name in definitions.items() if e.op is hold.op}}
    derivation = Derivation(path.cost, many, gradients, steps, definitions, path.journal, known, None, path.targets)
    if values is not None:
        put_values(derivation, given_values([path.cost, *derivation.gradients], values, "pel.derive"))
    return derivation


def taken_names(path: Path, cost: Expr, wrt: Sequence[Expr], names: Mapping[Any, str]) -> dict[Expr, str]:
    """Return the names that are given, moved on to what the rewriter made of the expressions that have them."""
    given = {e: name for e in topological([cost]) if (name := names.get(e) or own_name(e)) is not None}
    became = dict(zip(given, simplify_all(list(given)), strict=True)) if given else {}
    taken: dict[Expr, str] = {became[e]: name for e, name in given.items() if e.op is not None}
    for w, target in zip(wrt, path.targets, strict=True):
        if target.op is hold.op:
            name = given.get(w)
            taken.pop(target.inputs[0], None)
            if name is not None:
                taken[target] = name
    leaves = {e.name for e in path.order if e.op is None and e.name}
    taken[path.cost] = given.get(cost) or taken.get(path.cost) or ("L" if "L" not in leaves else "cost")
    return taken


def name_all(path: Path, taken: Mapping[Expr, str]) -> dict[Expr, str]:
    """Name every expression that the derivation speaks of, in the order of computation."""
    wanted = {path.cost, *(s.expr for s in path.steps), *(e for e in taken if e in set(path.order))}
    wanted |= mentioned(path, wanted)
    beside = named_beside(path, taken)
    wanted |= beside.keys()
    inner = inner_holds(path)
    order = [e for e in topological([*beside, path.cost]) if e in wanted and e.op is not None and e not in inner]
    leaves = [e for e in path.order if e.op is None and not isinstance(e, Constant)]
    return lettered(order, {**beside, **taken}, leaves)


def named_beside(path: Path, taken: Mapping[Expr, str]) -> dict[Expr, str]:
    """Return what has a name and stands in gradients alone: probabilities, where the cost is made of their scores."""
    forward, found = set(path.order), {}
    for e in topological([s.gradient for s in path.steps], stop=forward):
        name = taken.get(e) or own_name(e)
        if name is not None and e.op is not None and e not in forward and not any(map(is_letter, topological([e]))):
            found[e] = name
    return found


def inner_holds(path: Path) -> set[Expr]:
    """Return the expressions that a `hold` stands for."""
    return {e.inputs[0] for e in path.order if e.op is hold.op}


def mentioned(path: Path, named: set[Expr]) -> set[Expr]:
    """Return the expressions of the cost that stand in a gradient, and are long enough to deserve a name."""
    forward = set(path.order)
    found: set[Expr] = set()
    stack = [s.gradient for s in path.steps]
    seen: set[Expr] = set()
    while stack:
        e = stack.pop()
        if e in seen or e in named or e.op is None or is_letter(e):
            continue
        seen.add(e)
        if e in forward and e.op.name not in LIGHT and is_long(e, named, found):
            found.add(e)
        else:
            stack += e.inputs
    return found


def is_long(e: Expr, *named: set[Expr]) -> bool:
    """Tell whether an expression is made of more than one op, besides casts and their like, on what has a name."""
    stack, ops = [e], 0
    while stack and ops < 2:
        i = stack.pop()
        if i.op is not None and not any(i in some for some in named):
            ops += i.op.name not in LIGHT
            stack += i.inputs
    return ops > 1


def step_of(raw: Raw, names: Mapping[Expr, str], known: set[Op]) -> DerivationStep:
    """Write a step: its name, the rules it uses, and what is to be noted."""
    name = names.get(raw.expr) or str(raw.expr)
    through = [list(a.through) for a in raw.arrivals]
    rules = rules_of([e for nodes in through for e in nodes], known)
    notes = []
    for nodes in through:
        note = broadcast_note(nodes[-1], raw.expr) if nodes else None
        if note and f"{name} {note}" not in notes:
            notes.append(f"{name} {note}")
    if not through:
        notes.append(f"no gradient reaches {name}: every path to it goes through an op whose derivative is zero")
    if len(through) > 1:
        notes.append(f"{len(through)} paths lead here from the cost, and what arrives along them is added up")
    return DerivationStep(name, raw.expr, raw.gradient, raw.letter, rules, through, notes)


def put_values(derivation: Derivation, given: dict[Expr, Any]) -> None:
    """Put the numbers of every expression and of its gradient into the steps."""
    derivation.given = given
    known = derivation.values(given)
    with np.errstate(all="ignore"):
        forward = evaluate(np, [s.expr for s in derivation.steps], given)
    for step, value in zip(derivation.steps, forward, strict=True):
        step.value, step.gradient_value = value, known[step.letter]
