r"""`derive`: a gradient as numbered steps, from the cost back to the variable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Constant, Expr
from pellucid.graph.gradient import grad, grad_barrier
from pellucid.graph.labels import find_expressions, strip_calls
from pellucid.graph.op_def import Op
from pellucid.graph.printing import get_own_name
from pellucid.graph.rewriter import simplify_all
from pellucid.graph.traversal import topological
from pellucid.show.auto_names import assign_names
from pellucid.show.derivation import Derivation, DerivationStep
from pellucid.show.derivation_backward import (
    LIGHT_OPS,
    BackwardPass,
    RawStep,
    is_gradient_symbol,
    prepare_backward_pass,
    run_backward_pass,
)
from pellucid.show.derivation_rules import derive_new_rules, describe_broadcast
from pellucid.show.input_values import collect_values


def derive(
    cost: Expr,
    wrt: Expr | Sequence[Expr],
    values: Mapping[Any, Any] | None = None,
    *,
    names: Mapping[Any, str] | None = None,
) -> Derivation:
    r"""Derive a gradient :math:`\bar w = \partial c / \partial w` step by step, backwards from the cost.

    Each step is the gradient with respect to one expression, written :math:`\bar z` in LaTeX and ``z_bar`` in text, in
    terms of the steps before it. The rules are those of `grad`, applied to symbols.

    Parameters
    ----------
    cost : Expr
        A scalar.
    wrt : Expr or sequence of Expr
        The variables to differentiate with respect to.
    values : mapping from Expr or str to array, optional
        Values of inputs, by the input or its name. With them, each step shows its values, and the result is compared
        with `grad`. Shared variables have values already.
    names : mapping from Expr to str, optional
        Names for expressions, in addition to names by `named`. Other expressions get symbols.

    Returns
    -------
    Derivation
        With ``steps``. It prints as text and has ``latex()`` and ``html()``.

    Raises
    ------
    GradientError
        If the cost is not a floating-point scalar, or a variable has an integer dtype.
    DisconnectedError
        If the cost does not depend on a variable.
    InputError, ShapeError
        If the values do not match the inputs.

    Examples
    --------
    >>> x, w = pel.vector("x", shape=("n",)), pel.scalar("w")
    >>> derivation = derive((pel.tanh(w * x) ** 2).sum(), w)
    >>> [f"{step.name}_bar" for step in derivation.steps]
    ['h_bar', 'z_bar', 'w_bar']

    References
    ----------
    A. Griewank and A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, section 3.2 (the bar notation).
    """
    variables: list[Any] = list(wrt) if isinstance(wrt, (list, tuple)) else [wrt]
    gradients = grad(cost, variables)
    (cost, *variables), names = strip_calls([cost, *variables], names)
    inside = {target: e for e, target in find_expressions([cost], variables).items()}
    variables = [inside.get(w, w) for w in variables]
    run = prepare_backward_pass(cost, variables)
    run_backward_pass(run)
    given_names = map_given_names(run, cost, variables, names)
    definitions = name_expressions(run, given_names)
    known_ops = set[Op]()
    steps = [make_step(raw, definitions, known_ops) for raw in run.steps]
    all_names = {**definitions, **{e.inputs[0]: name for e, name in definitions.items() if e.op is grad_barrier.op}}
    derivation = Derivation(run.cost, variables, gradients, steps, definitions, run.journal, all_names, run.targets)
    if values is not None:
        add_values(derivation, collect_values([run.cost, *derivation.gradients], values, "pel.derive"))
    return derivation


def map_given_names(run: BackwardPass, cost: Expr, wrt: Sequence[Expr], names: Mapping[Any, str]) -> dict[Expr, str]:
    """Return the given names, by the rewritten forms of their expressions."""
    given = {e: name for e in topological([cost]) if (name := names.get(e) or get_own_name(e)) is not None}
    rewritten = dict(zip(given, simplify_all(list(given)), strict=True)) if given else {}
    result: dict[Expr, str] = {rewritten[e]: name for e, name in given.items() if e.op is not None}
    for w, target in zip(wrt, run.targets, strict=True):
        if target.op is grad_barrier.op:
            name = given.get(w)
            result.pop(target.inputs[0], None)
            if name is not None:
                result[target] = name
    leaves = {e.name for e in run.order if e.op is None and e.name}
    result[run.cost] = given.get(cost) or result.get(run.cost) or ("L" if "L" not in leaves else "cost")
    return result


def name_expressions(run: BackwardPass, given: Mapping[Expr, str]) -> dict[Expr, str]:
    """Name every expression that the derivation mentions, in the order of computation."""
    forward = set(run.order)
    selected = {run.cost, *(s.expr for s in run.steps), *(e for e in given if e in forward)}
    selected |= find_reused_expressions(run, selected)
    extra = find_names_in_gradients(run, given)
    selected |= extra.keys()
    behind_barrier = {e.inputs[0] for e in run.order if e.op is grad_barrier.op}
    order = [
        e for e in topological([*extra, run.cost]) if e in selected and e.op is not None and e not in behind_barrier
    ]
    leaves = [e for e in run.order if e.op is None and not isinstance(e, Constant)]
    return assign_names(order, {**extra, **given}, leaves)


def find_names_in_gradients(run: BackwardPass, given: Mapping[Expr, str]) -> dict[Expr, str]:
    """Return named expressions that only gradients use, such as probabilities if the cost uses logits."""
    forward, found = set(run.order), {}
    for e in topological([s.gradient for s in run.steps], stop=forward):
        name = given.get(e) or get_own_name(e)
        if name is None or e.op is None or e in forward:
            continue
        if not any(map(is_gradient_symbol, topological([e]))):
            found[e] = name
    return found


def find_reused_expressions(run: BackwardPass, named: set[Expr]) -> set[Expr]:
    """Return the expressions of the cost that gradients use again and that are long enough for a name."""
    forward = set(run.order)
    found: set[Expr] = set()
    stack = [s.gradient for s in run.steps]
    seen: set[Expr] = set()
    while stack:
        e = stack.pop()
        if e in seen or e in named or e.op is None or is_gradient_symbol(e):
            continue
        seen.add(e)
        if e in forward and e.op.name not in LIGHT_OPS and has_several_ops(e, named, found):
            found.add(e)
        else:
            stack += e.inputs
    return found


def has_several_ops(e: Expr, *named: set[Expr]) -> bool:
    """Check whether an expression has more than one op, apart from light ones, above named expressions."""
    stack, ops = [e], 0
    while stack and ops < 2:
        i = stack.pop()
        if i.op is not None and not any(i in some for some in named):
            ops += i.op.name not in LIGHT_OPS
            stack += i.inputs
    return ops > 1


def make_step(raw: RawStep, names: Mapping[Expr, str], known_ops: set[Op]) -> DerivationStep:
    name = names.get(raw.expr) or str(raw.expr)
    through = [list(one.through) for one in raw.incoming]
    rules = derive_new_rules([e for nodes in through for e in nodes], known_ops)
    notes = []
    for nodes in through:
        note = describe_broadcast(nodes[-1], raw.expr) if nodes else None
        if note and f"{name} {note}" not in notes:
            notes.append(f"{name} {note}")
    if not through:
        notes.append(f"no gradient reaches {name}: every path to it has an op whose derivative is zero")
    if len(through) > 1:
        notes.append(f"the sum of the gradients along {len(through)} paths from the cost")
    return DerivationStep(name, raw.expr, raw.gradient, raw.symbol, rules, through, notes)


def add_values(derivation: Derivation, given: dict[Expr, Any]) -> None:
    derivation.given = given
    values = derivation.evaluate_steps(given)
    with np.errstate(all="ignore"):
        forward = evaluate(np, [s.expr for s in derivation.steps], given)
    for step, value in zip(derivation.steps, forward, strict=True):
        step.value, step.gradient_value = value, values[step.symbol]
