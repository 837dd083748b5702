"""`derive`: a gradient as numbered steps, from the cost back to the variables."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError, UseError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Constant, Expr
from pellucid.graph.gradient import grad, grad_barrier
from pellucid.graph.naming import find_expressions, strip_calls
from pellucid.graph.op import Op
from pellucid.graph.printing import get_own_name
from pellucid.graph.rewriter import Journal, simplify_all
from pellucid.graph.traversal import topological
from pellucid.show.derivations.backward_pass import (
    LIGHT_OPS,
    BackwardPass,
    RawStep,
    is_gradient_symbol,
    prepare_backward_pass,
    run_backward_pass,
)
from pellucid.show.derivations.gradient_rules import GradientRule, derive_new_rules, describe_broadcast
from pellucid.show.formulas.auto_names import assign_names
from pellucid.show.formulas.model_expressions import SymbolicModel, get_model_expressions, is_model
from pellucid.show.pages.formula_page import Displayable, Page
from pellucid.show.pages.input_values import collect_values
from pellucid.typing import Array, ArrayLike


@dataclass
class DerivationStep:
    """The gradient with respect to one expression.

    Attributes
    ----------
    name : str
        Name of the expression.
    expr : Expr
        The expression.
    gradient : Expr
        The gradient, in terms of the symbols of earlier steps.
    symbol : Expr
        The symbol of this gradient in later steps.
    rules : list of GradientRule
        Gradient rules that this step uses first.
    through : list of list of Expr
        For each path of the gradient: the expressions on it since the last step.
    notes : list of str
        Remarks, such as on broadcasting.
    value, gradient_value : array or None
        Values of the expression and its gradient, if input values were given.
    """

    name: str
    expr: Expr
    gradient: Expr
    symbol: Expr
    rules: list[GradientRule]
    through: list[list[Expr]]
    notes: list[str] = field(default_factory=list)
    value: Array | None = None
    gradient_value: Array | None = None


@dataclass(repr=False)
class Derivation(Displayable):
    """A gradient as numbered steps from the cost to the variables. Prints as text; see ``latex()`` and ``html()``.

    Attributes
    ----------
    cost : Expr
        The cost, as rewritten before differentiation.
    wrt : list of Expr
        The variables.
    gradients : list of Expr
        The results of `grad` for the variables.
    steps : list of DerivationStep
        Steps, from the cost backwards.
    definitions : dict from Expr to str
        Named expressions, in the order of computation.
    journal : Journal
        The rewrites of the cost.
    """

    cost: Expr
    wrt: list[Expr]
    gradients: list[Expr]
    steps: list[DerivationStep]
    definitions: dict[Expr, str]
    journal: Journal
    names: dict[Any, str]
    targets: list[Expr]
    given: dict[Expr, Array] | None = None

    @property
    def page_title(self) -> str:  # type: ignore[override]
        return f"The gradient of {self.names[self.cost]}"

    @property
    def results(self) -> list[DerivationStep]:
        """The steps of the variables, in the order of ``wrt``."""
        by_expr = {s.expr: s for s in self.steps}
        return [by_expr[e] for e in self.targets]

    def evaluate_steps(self, given: Mapping[Expr, Array]) -> dict[Expr, Array]:
        """Evaluate the steps one after another, and return the value of each symbol."""
        values: dict[Expr, Array] = dict(given)
        for step in self.steps:
            with np.errstate(all="ignore"):
                # Intermediate values are kept, so that a long chain is computed once.
                [values[step.symbol]] = evaluate(np, [step.gradient], values, values.__setitem__)
        return values

    def max_error(self) -> float:
        """Return the largest difference between the steps and `grad`, relative to the largest element of the gradient.

        Raises
        ------
        ValueError
            If the derivation has no values.
        """
        if self.given is None:
            raise OptionError("Checking the steps needs values: pel.derive(cost, wrt, values={...})")
        values = self.evaluate_steps(self.given)
        largest = 0.0
        for step, gradient in zip(self.results, self.gradients, strict=True):
            with np.errstate(all="ignore"):
                [expected] = evaluate(np, [gradient], self.given)
            found = np.broadcast_to(values[step.symbol], expected.shape)
            scale = max(float(np.abs(expected).max(initial=0.0)), np.finfo(expected.dtype).tiny)
            largest = max(largest, float(np.abs(found - expected).max(initial=0.0)) / scale)
        return largest

    def write(self, page: Page) -> None:
        from pellucid.show.derivations.derivation_page import DerivationWriter

        DerivationWriter(self, page).write()


def derive(
    cost: Expr | SymbolicModel,
    wrt: Expr | str | Sequence[object] | None = None,
    values: Mapping[Any, ArrayLike] | None = None,
    *,
    names: Mapping[Any, str] | None = None,
) -> Derivation:
    r"""Derive a gradient :math:`\bar w = \partial c / \partial w` step by step, backwards from the cost.

    Each step is the gradient with respect to one expression, written :math:`\bar z` in LaTeX and ``z_bar`` in text, in
    terms of the steps before it. The rules are those of `grad`, applied to symbols.

    Parameters
    ----------
    cost : Expr or Model
        A scalar. Of a compiled model, its training loss, with the symbols of `explain`.
    wrt : Expr or sequence of Expr
        The variables to differentiate with respect to. For a model, layers, parameters or inputs, or their names, such
        as ``"dense"`` or ``"W1"``; by default all trainable parameters.
    values : mapping from Expr or str to array, optional
        Values of inputs, by the input or its name; for a model, the targets are ``"y"``. With them, each step shows its
        values, and the result is compared with `grad`. Shared variables have values already.
    names : mapping from Expr to str, optional
        Names for expressions, in addition to names by `named`. Other expressions get symbols.

    Returns
    -------
    Derivation
        With ``steps``. It prints as text and has ``latex()`` and ``html()``.

    Raises
    ------
    ModelError
        If a model is not built or not compiled.
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
    root: Any = cost
    if is_model(cost):
        model = get_model_expressions(cost, with_loss=True)
        root, wrt = model.loss, model.find_variables(wrt, "pel.derive")
        values = None if values is None else model.assign_values(values, "pel.derive")
    elif wrt is None:
        raise UseError("pel.derive: expected the variables to differentiate with respect to: pel.derive(cost, [W, b])")
    variables: list[Any] = list(wrt) if isinstance(wrt, (list, tuple)) else [wrt]
    gradients = grad(root, variables)
    (root, *variables), names = strip_calls([root, *variables], names)
    inside = {target: e for e, target in find_expressions([root], variables).items()}
    variables = [inside.get(w, w) for w in variables]
    run = prepare_backward_pass(root, variables)
    run_backward_pass(run)
    given_names = map_given_names(run, root, variables, names)
    definitions = name_expressions(run, given_names)
    known_ops = set[Op]()
    taken = {*definitions.values(), *(str(e) for e in topological([run.cost]) if e.op is None)}
    steps = [make_step(raw, definitions, known_ops, taken) for raw in run.steps]
    all_names = {**definitions, **{e.inputs[0]: name for e, name in definitions.items() if e.op is grad_barrier.op}}
    derivation = Derivation(run.cost, variables, gradients, steps, definitions, run.journal, all_names, run.targets)
    if values is not None:
        derivation.given = given = collect_values([run.cost, *gradients], values, "pel.derive")
        with np.errstate(all="ignore"):
            forward = evaluate(np, [step.expr for step in steps], given)
        bars = derivation.evaluate_steps(given)
        for step, value in zip(steps, forward, strict=True):
            step.value, step.gradient_value = value, bars[step.symbol]
    return derivation


def map_given_names(run: BackwardPass, cost: Expr, wrt: Sequence[Expr], names: Mapping[Any, str]) -> dict[Expr, str]:
    """Map the given names to the rewritten forms of their expressions."""
    given = {e: name for e in topological([cost]) if (name := names.get(e) or get_own_name(e)) is not None}
    rewritten = simplify_all([run.barred.get(e, e) for e in given]) if given else []
    result = {new: name for new, (e, name) in zip(rewritten, given.items(), strict=True) if e.op is not None}
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
    forward = set(run.order)
    return {
        e: name
        for e in topological([s.gradient for s in run.steps], stop=forward)
        if (name := given.get(e) or get_own_name(e)) is not None
        and e.op is not None
        and e not in forward
        and not any(map(is_gradient_symbol, topological([e])))
    }


def find_reused_expressions(run: BackwardPass, named: set[Expr]) -> set[Expr]:
    """Return the expressions of the cost that gradients use again and that are long enough for a name."""
    forward = set(run.order)
    found, seen = set[Expr](), set[Expr]()
    stack = [s.gradient for s in run.steps]
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


def make_step(raw: RawStep, names: Mapping[Expr, str], known_ops: set[Op], taken: Collection[str]) -> DerivationStep:
    """Add rules and notes to a step of the backward pass. No symbol of a rule is in ``taken``."""
    name = names.get(raw.expr) or str(raw.expr)
    through = [list(one.through) for one in raw.incoming]
    rules = derive_new_rules([e for nodes in through for e in nodes], known_ops, taken)
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
