"""From a network to its explanation: each layer's formula in letters, what it costs, how it is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Expr, Input, Shared, as_expr
from pellucid.graph.inference import inference
from pellucid.graph.rewriter import simplify
from pellucid.graph.traversal import replace_all, topological
from pellucid.graph.types import Unknown
from pellucid.inspect.explain.explanation import Explanation, Part, Update
from pellucid.inspect.explain.symbols import Letters
from pellucid.inspect.layer_trace import Step, as_tuple, steps_of
from pellucid.model.model import Model
from pellucid.nn.layers import Layer
from pellucid.nn.optimizers.printing import formula
from pellucid.show.costs import cost


def explain(what: Any, *inputs: Any) -> Explanation:
    r"""Write a network as the formulas it is, such as :math:`h_1 = \tanh(x W_1 + b_1)`: each layer with its shape, its
    parameters and its cost, then the loss, the update, and what inference changes.

    Parameters
    ----------
    what : Model, Layer, Expr, sequence of Expr or Function
        What to explain. A compiled model has a loss and an update; so has a function that updates.
    *inputs : Expr
        For a layer alone, what it is called on.

    Returns
    -------
    Explanation
        Printed as text, shown as mathematics in a notebook, saved as a page by ``save("model.html")``.

    Raises
    ------
    ModelError
        If a model is not built.
    TypeError
        If it is nothing of these, or a layer without an input.

    Examples
    --------
    >>> from pellucid import nn
    >>> model = pel.Sequential([nn.Input((2,)), nn.Dense(3, activation="tanh", name="hidden")], name="small")
    >>> print(model.explain())
    Sequential small: 9 parameters, 36 bytes, 45 operations a sample
    <BLANKLINE>
      x  float32 (n, 2)
    <BLANKLINE>
    1. hidden (Dense)  float32 (n, 3), 9 parameters, 45 operations
         y_hat = tanh(x @ W1 + b1)
           W1  hidden/kernel (2, 3)
           b1  hidden/bias (3,)
    <BLANKLINE>
    Inference changes nothing.
    """
    if isinstance(what, Model) and not inputs:
        return of_model(what)
    if isinstance(what, Layer):
        if not inputs:
            raise UseError(
                f"A layer alone is explained on an input: pel.explain({what.name}, pel.matrix('x', shape=('n', 4))). "
                "Received: no input"
            )
        on = [as_expr(i) for i in inputs]
        return of_steps(f"{type(what).__name__} {what.name}", on, [Step(what, tuple(on), as_tuple(what(*on)))])
    if hasattr(what, "program"):
        return of_function(what)
    outputs = [what] if isinstance(what, Expr) else what
    if not isinstance(outputs, (list, tuple)) or not outputs or not all(isinstance(e, Expr) for e in outputs):
        raise UseError(f"explain takes a model, a layer, expressions or a function. Received: {what!r}")
    return of_expressions("Expression" if len(outputs) == 1 else "Expressions", outputs)


def of_model(model: Model) -> Explanation:
    """Explain a model's layers, and how it is trained if it is compiled."""
    found = steps_of(model)
    letters = Letters()
    explained = of_steps(f"{type(model).__name__} {model.name}", model.inputs, found, letters, model.outputs)
    if model._goal is None:
        return explained
    loss = model.loss_to_lint()
    known = {output: letters.leaf[output] for output in model.outputs if output in letters.leaf}
    [shown] = replace_all([loss], {**letters.leaf, **known})
    optimizer, goal = model.goal.optimizer, model.goal
    told = [f"{optimizer!r}"]
    of_each = {g.name: called(g.loss) for g in goal.of(model.output_names) if g.loss is not None}
    name = ", ".join(f"{loss} of {output}" if len(model.outputs) > 1 else loss for output, loss in of_each.items())
    return Explanation(
        explained.title,
        explained.inputs,
        explained.parts,
        [("L", simplify(shown))],
        [name, *told],
        [Update(*line) for line in formula(optimizer)],
    )


def called(loss: Any) -> str:
    """Return what a loss is called."""
    return str(getattr(loss, "__name__", type(loss).__name__))


def of_steps(
    title: str, given: Sequence[Expr], found: Sequence[Step], letters: Letters | None = None, last: Sequence[Expr] = ()
) -> Explanation:
    """Explain layers one by one, in letters."""
    letters = letters or Letters()
    inputs = [letters.give(e, "x" if len(given) == 1 else f"x{i}") for i, e in enumerate(given, start=1)]
    outputs = [*last] or [*found[-1].made] if found else []
    final = {e: f"y_hat{place}" if len(outputs) > 1 else "y_hat" for place, e in enumerate(outputs, start=1)}
    parts = []
    for number, step in enumerate(found, start=1):
        title_of = f"{step.layer.name} ({type(step.layer).__name__})"
        wanted = {e: final.get(e, f"h{number}") for e in step.made}
        parts.append(part(title_of, str(number), step.made, wanted, letters))
    return Explanation(title, inputs, parts)


def part(title: str, number: str, made: Sequence[Expr], wanted: dict[Expr, str], letters: Letters) -> Part:
    """Write results in letters, and give them letters of their own."""
    before = dict(letters.leaf)
    shared = letters.parameters(made, number)
    shown = replace_all(list(made), letters.leaf)
    after = inference(shown)
    leaves = [letters.give(e, wanted[e]) for e in made]
    return Part(
        title,
        list(zip(leaves, shown, strict=True)),
        [(leaf, b) for leaf, a, b in zip(leaves, shown, after, strict=True) if a is not b],
        [(letters.leaf[s], s) for s in shared if s not in before],
        operations(after),
    )


def operations(results: Sequence[Expr]) -> int | None:
    """Return the arithmetic operations for one sample, or None where sizes are unknown."""
    shapes = [e.shape for e in topological(results)]
    if any(isinstance(dim, Unknown) for shape in shapes for dim in shape):
        return None
    return cost(results, {dim: 1 for shape in shapes for dim in shape if isinstance(dim, str)}).operations


def of_expressions(title: str, outputs: Sequence[Expr], names: Sequence[str] = ()) -> Explanation:
    """Explain expressions as they stand: each is one part."""
    letters = Letters()
    inputs = [letters.give(e, e.name or "x") for e in topological(outputs) if isinstance(e, Input)]
    shared = [e for e in topological(outputs) if isinstance(e, Shared)]
    for s in shared:
        letters.give(s, (s.name or "w").replace("/", "_"))
    parts: list[Part] = []
    for number, e in enumerate(outputs, start=1):
        called = names[number - 1] if names else e.name if e.op is not None and e.name else "y"
        alone = Letters()
        alone.leaf, alone.used = dict(letters.leaf), set(letters.used)
        made = part("", str(number), [e], {e: called}, alone)
        learned = [] if parts else [(letters.leaf[s], s) for s in shared]
        parts.append(Part(f"output {number}", made.results, made.after, learned, made.operations))
    return Explanation(title, inputs, parts)


def of_function(function: Any) -> Explanation:
    """Explain what a function computes, and what it puts in the place of what, as it was simplified."""
    program = function.program
    outputs, updates = list(program.outputs), dict(program.updates)
    titles = [f"output {i}" for i in range(1, len(outputs) + 1)] + [f"new {target.name or 'w'}" for target in updates]
    names = [e.name if e.op is not None and e.name else "y" for e in outputs]
    names += [f"new_{(target.name or 'w').replace('/', '_')}" for target in updates]
    explained = of_expressions("Function", [*outputs, *updates.values()], names)
    parts = [replace(p, title=title) for title, p in zip(titles, explained.parts, strict=True)]
    return Explanation("Function", explained.inputs, parts)
