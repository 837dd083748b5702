"""Values of loops in float64, whatever the dtype of the formula, and without the checks of the interpreter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.expr import Constant, Expr
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.traversal import topological
from pellucid.typing import Array


def compute_loop(operands: Sequence[Array], settings: Mapping[str, Any]) -> Any:
    """Return the results of a ``scan_loop``: stacked outputs, and the last states."""
    body, sequences, states = settings["body"], settings["sequences"], settings["states"]
    run = compile_body(body)
    xs, state, invariants = (
        operands[:sequences],
        list(operands[sequences : sequences + states]),
        operands[sequences + states :],
    )
    steps = len(xs[0]) if sequences else settings["length"] or 0
    kept = range(len(body.outputs)) if settings["kept"] is None else settings["kept"]
    history: list[list[Array]] = []
    order = reversed(range(steps)) if settings["reverse"] else range(steps)
    for t in order:
        new = run([*[x[t] for x in xs], *state, *invariants])
        history.append([new[k] for k in kept])
        state = new[:states]
    if settings["reverse"]:
        history.reverse()
    results = (*(np.stack(column) for column in zip(*history, strict=True)), *state)
    return results if len(results) > 1 else results[0]


def compile_body(body: Subgraph) -> Any:
    """Return a function from the values of the inputs of a subgraph to those of its outputs."""
    from pellucid.course.checker.formula_graph import make_compute

    position: dict[Expr, int] = {e: i for i, e in enumerate(body.inputs)}
    constants: list[Array] = []
    for e in topological(body.outputs):
        if isinstance(e, Constant):
            position[e] = len(position)
            constants.append(e.value)
    program = []
    for e in topological(body.outputs, stop=body.inputs):
        if e not in position:
            program.append((make_compute(e), [position[i] for i in e.inputs]))
            position[e] = len(position)
    outputs = [position[e] for e in body.outputs]

    def run(values: list[Array]) -> list[Array]:
        computed = [*values, *constants]
        for compute, indices in program:
            computed.append(compute(*[computed[i] for i in indices]))
        return [computed[i] for i in outputs]

    return run
