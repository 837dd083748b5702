"""Mistakes in the step of a loop, such as that of a recurrent network or of backpropagation through time.

The same mistake happens at every step, as in a learner's loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pellucid.course.checker.formula_graph import FormulaGraph, Node, shorten
from pellucid.course.checker.loop_values import compute_loop
from pellucid.course.checker.mistakes.mistake import CHAIN_RULE, Context, Mistake, Text
from pellucid.graph.errors import PellucidError
from pellucid.graph.expr import Constant, Expr, constant
from pellucid.graph.operators import call_op
from pellucid.graph.printing import text
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.traversal import replace_all, topological

Change = tuple[Expr, Expr, str, str, float]
"""An expression of the step, its replacement, what is wrong, why it matters, and the cost."""

NEXT_STEP = "The hidden state also acts on the next time step, so the error of that step comes back as well."
PREVIOUS_STEP = "The hidden state of the time step before is what the network remembers."
EVERY_STEP = "The same weights act at every step, and each use adds to the gradient: `+=`."


class LoopStep:
    """The step of a loop: its body, and the names of what it reads.

    Parameters
    ----------
    node : Node
        The loop.
    graph : FormulaGraph
        The formula around it.
    """

    node: Node

    def __init__(self, node: Node, graph: FormulaGraph) -> None:
        assert node.expr is not None
        self.node = node
        self.settings: dict[str, Any] = node.settings
        self.body: Subgraph = node.settings["body"]
        sequences, states = node.settings["sequences"], node.settings["states"]
        self.is_reverse: bool = bool(node.settings["reverse"])
        inputs = self.body.inputs
        self.states: tuple[Expr, ...] = inputs[sequences : sequences + states]
        self.starts: list[Any] = [graph.base[o] for o in node.operands[sequences : sequences + states]]
        self.names: dict[Expr, str] = {}
        for i, (placeholder, operand) in enumerate(zip(inputs, node.operands, strict=True)):
            if i < sequences:
                self.names[placeholder] = name_sequence(graph, operand)
            elif self.is_state(placeholder):
                self.names[placeholder] = self._name_state(graph, i - sequences)
            else:
                self.names[placeholder] = graph.describe(operand)
        state_results = self.body.outputs[:states]
        self.accumulators: dict[Expr, Expr] = {
            s: r for s, r in zip(self.states, state_results, strict=True) if is_sum_with(r, s) and s.ndim >= 1
        }

    def _name_state(self, graph: FormulaGraph, index: int) -> str:
        if self.is_reverse:
            return "next"
        value = graph.base[self.node]
        history = value[index] if isinstance(value, tuple) else value
        for letter, definition in graph.letter_values.items():
            if definition.shape == np.shape(history) and np.allclose(definition, history):
                return f"{letter}[t-1]"
        return "state[t-1]"

    def describe(self, e: Expr) -> str:
        return shorten(text(e, names=self.names))

    def is_state(self, e: Expr) -> bool:
        return any(e is s for s in self.states)


def name_sequence(graph: FormulaGraph, operand: Node) -> str:
    """Return "x[t]" for a sequence x, and "h[t-1]" for a shifted one."""
    value = graph.base[operand]
    for letter, other in graph.letter_values.items():
        if other.shape == value.shape and np.allclose(other, value):
            return f"{letter}[t]"
    for letter, other in graph.letter_values.items():
        if other.shape == value.shape and len(other) > 1 and np.allclose(other[:-1], value[1:]):
            return f"{letter}[t-1]"
    name = graph.describe(operand)
    return f"{name}[t]" if name.isidentifier() else f"({name})[t]"


def is_sum_with(e: Expr, term: Expr) -> bool:
    return e.op is not None and e.op.name == "add" and any(i is term for i in e.inputs)


def list_mistakes(node: Node, context: Context) -> Iterator[Mistake]:
    step = LoopStep(node, context.graph)
    for outputs, message, cost in list_changed_outputs(step):
        yield change_body(node, {**node.settings, "body": Subgraph(step.body.inputs, outputs)}, message, cost)


def change_body(node: Node, settings: dict[str, Any], message: Text, cost: float) -> Mistake:
    return Mistake(node, cost, lambda v, _: compute_loop(v, settings), lambda: message)


def list_changed_outputs(step: LoopStep) -> Iterator[tuple[tuple[Expr, ...], Text, float]]:
    """Yield outputs of the step with one mistake, its message, and its cost."""
    for old, new, statement, why, cost in list_changes(step):
        try:
            outputs = replace_all(step.body.outputs, {old: new})
        except PellucidError:
            continue
        if all(a.types == b.types for a, b in zip(outputs, step.body.outputs, strict=True)):
            yield tuple(outputs), (statement, why), cost


def list_changes(step: LoopStep) -> Iterator[Change]:
    nodes = [e for e in topological(step.body.outputs) if e.op is not None]
    for e in nodes:
        yield from change_op(step, e)
    yield from swap_inputs(step, nodes)
    for state, start in zip(step.states, step.starts, strict=True):
        if not step.is_reverse and not any(state is a for a in step.accumulators):
            statement = (
                "The state is not carried on: every time step starts from the initial state, not from "
                f"`{step.names[state]}`."
            )
            yield state, constant(start, state.dtype), statement, PREVIOUS_STEP, 1.2


def change_op(step: LoopStep, e: Expr) -> Iterator[Change]:
    assert e.op is not None
    name, quoted = e.op.name, f"`{step.describe(e)}`"
    if name in ("add", "subtract"):
        yield from change_sum(step, e)
    elif name == "multiply":
        for i in (0, 1):
            kept, lost = e.inputs[i], e.inputs[1 - i]
            yield (
                e,
                kept,
                f"The factor `{step.describe(lost)}` is missing in {quoted}.",
                explain_factor(step, lost),
                1.0,
            )
    elif name in ("square", "power"):
        yield e, e.inputs[0], f"The square of `{step.describe(e.inputs[0])}` is missing.", "", 0.9
    elif name == "matmul":
        yield from change_matmul(step, e)
    elif name in ("tanh", "sigmoid", "relu", "softmax", "exp", "log"):
        operand = e.inputs[0]
        why = "Without it, the recurrent network is linear." if name in ("tanh", "sigmoid", "relu") else ""
        yield (
            e,
            operand,
            f"The activation function {name} is missing: `{step.describe(operand)}` stands where {quoted} belongs.",
            why,
            1.0,
        )
        for other in ("tanh", "sigmoid", "relu"):
            if other != name:
                yield (
                    e,
                    call_op(other, operand),
                    f"{other} stands where {name} belongs, at `{step.describe(operand)}`.",
                    "",
                    1.3,
                )
    elif name == "transpose" and e.shape == e.inputs[0].shape:
        yield e, e.inputs[0], f"The transposition of `{step.describe(e.inputs[0])}` is missing.", "", 0.9


def explain_factor(step: LoopStep, lost: Expr) -> str:
    described = step.describe(lost)
    if described.startswith("1 - ") and described.endswith("**2"):
        return f"It is the derivative of tanh. {CHAIN_RULE}"
    return f"It is the derivative of the logistic function. {CHAIN_RULE}" if "* (1 -" in described else ""


def change_sum(step: LoopStep, e: Expr) -> Iterator[Change]:
    assert e.op is not None
    left, right = e.inputs
    quoted = f"`{step.describe(e)}`"
    for state in step.accumulators:
        if is_sum_with(e, state):
            other = right if left is state else left
            statement = (
                f"Only one time step counts in the sum of `{step.describe(other)}`: the result is overwritten instead "
                "of summed."
            )
            yield e, other, statement, EVERY_STEP, 0.9
            first = call_op("where", call_op("all", call_op("equal", state, constant(0.0, state.dtype))), other, state)
            yield e, first, statement, EVERY_STEP, 0.95
            return
    if is_one_minus_square(e):
        h = right.inputs[0]
        letter = step.describe(h)
        belongs = f"stands where {quoted} belongs, the derivative of tanh"
        yield (
            e,
            h * (1 - h),
            f"`{letter} * (1 - {letter})` {belongs}. That is the derivative of the logistic function.",
            "",
            0.9,
        )
        yield e, 1 - h, f"`1 - {letter}` {belongs}. The square is missing.", "", 0.9
        yield (
            e,
            1 - call_op("tanh", h) ** 2,
            f"`1 - tanh({letter})**2` {belongs}. `{letter}` already is the output of tanh: it is applied twice.",
            "",
            0.9,
        )
    for kept, lost in ((left, right), (right, left)):
        is_sum = lost.op is not None and lost.op.name in ("add", "subtract")
        yield e, kept, *describe_lost_term(step, e, lost), 1.4 if is_sum or is_one_minus_square(e) else 1.0
    flipped = left - right if e.op.name == "add" else left + right
    yield e, flipped, f"The sign of `{step.describe(right)}` is wrong in {quoted}.", "", 1.0
    if e.op.name == "subtract":
        yield (
            e,
            right - left,
            f"The sign is wrong: `{step.describe(right)}` is subtracted, not `{step.describe(left)}`, in {quoted}.",
            "",
            1.0,
        )


def is_one_minus_square(e: Expr) -> bool:
    if e.op is None or e.op.name != "subtract":
        return False
    left, right = e.inputs
    is_one = isinstance(left, Constant) and left.value.ndim == 0 and float(left.value) == 1
    return is_one and right.op is not None and right.op.name in ("square", "power")


def describe_lost_term(step: LoopStep, e: Expr, lost: Expr) -> tuple[str, str]:
    if any(step.is_state(x) for x in topological([lost])):
        if step.is_reverse:
            return (
                "The delta from the next time step is missing: the error comes from the output of the same step only.",
                NEXT_STEP,
            )
        return (
            f"The recurrent term `{step.describe(lost)}` is missing: the state of the time step before.",
            PREVIOUS_STEP,
        )
    if lost.op is None and lost.ndim <= 1 and not step.is_state(lost) and step.names.get(lost, "").isidentifier():
        return f"The bias `{step.describe(lost)}` is missing.", ""
    return f"The term `{step.describe(lost)}` is missing in `{step.describe(e)}`.", ""


def change_matmul(step: LoopStep, e: Expr) -> Iterator[Change]:
    left, right = e.inputs
    for i, operand in enumerate((left, right)):
        if operand.ndim == 2 and operand.shape[0] == operand.shape[1]:
            swapped = call_op("transpose", operand) if operand.op is None else operand
            if operand.op is not None and operand.op.name == "transpose":
                swapped = operand.inputs[0]
            operands = (swapped, right) if i == 0 else (left, swapped)
            letter = step.describe(operand).removesuffix(".T")
            what = (
                f"The transposition of `{letter}` is wrong: rows and columns are exchanged"
                f"{' on the way back' if step.is_reverse else ''}."
            )
            why = "The error goes back through the same weights, from the other side." if step.is_reverse else ""
            yield e, call_op("matmul", *operands), what, why, 1.0


def swap_inputs(step: LoopStep, nodes: list[Expr]) -> Iterator[Change]:
    """Yield the step with one of its inputs in the place of another, at one of its uses or at all."""
    inputs = step.body.inputs
    for old in inputs:
        for new in inputs:
            if new is old or new.types != old.types or {id(old), id(new)} & {id(a) for a in step.accumulators}:
                continue
            used, right = step.names[new], step.names[old]
            why = "It is off by one in time." if used.split("[")[0] == right.split("[")[0] else ""
            statement = f"`{used}` stands where `{right}` belongs."
            yield old, new, statement, why, 1.3
            for e in nodes:
                if any(i is old for i in e.inputs):
                    changed = call_again(e, [new if i is old else i for i in e.inputs])
                    if changed is not None:
                        yield e, changed, f"{statement[:-1]} in `{step.describe(e)}`.", why, 1.2


def call_again(e: Expr, inputs: list[Expr]) -> Expr | None:
    assert e.op is not None
    try:
        return e.op.make(tuple(inputs), e.settings)
    except PellucidError:
        return None
