"""Running of random programs: several programs are compiled as one function."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import pellucid as pel
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input
from pellucid.graph.traversal import topological
from pellucid.run.native.errors import NotNative
from tests.run.native.test_every_op import UNSUPPORTED

from .program import Array, Program, make_direction, make_weights


@dataclass
class Results:
    """Inputs, arguments and results of a program: its outputs, and their derivatives if it has any.

    Attributes
    ----------
    kinds : list of str
        ``"value"``, ``"gradient"`` or ``"product"`` (of the Hessian and a vector), for each result.
    """

    program: Program
    inputs: list[Input] = field(default_factory=list)
    arguments: list[Array] = field(default_factory=list)
    results: list[Expr] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)

    @functools.cached_property
    def nodes(self) -> list[Expr]:
        """All expressions of the results, inputs first."""
        return topological(self.results)

    def select(self, kind: str, values: Sequence[Any]) -> list[Any]:
        return [v for v, k in zip(values, self.kinds, strict=True) if k == kind]


def build_cost(built: Results, values: Sequence[Array]) -> Expr | None:
    """Return the sum of the real outputs, which is differentiated, with weights that are further inputs."""
    cost: Expr | None = None
    for position, (e, value) in enumerate(zip(list(built.results), values, strict=True)):
        if e.dtype.kind != "f":
            continue
        part = e.sum()
        if built.program.weighted:
            weights = pel.Input(f"w{position}", e.shape, e.dtype)
            built.inputs.append(weights)
            built.arguments.append(make_weights(position, value.shape).astype(e.dtype))
            part = (e * weights).sum()
        cost = part if cost is None else cost + part
    return cost


def build_results(program: Program, order: int = 2) -> Results:
    """Build outputs, gradients and, for ``order=2``, Hessian-vector products along the directions of the inputs."""
    inputs, outputs = program.build()
    built = Results(program, list(inputs), [i.value for i in program.inputs], list(outputs), ["value"] * len(outputs))
    cost = build_cost(built, program.compute()) if order else None
    pairs = [(i, data) for i, data in zip(inputs, program.inputs, strict=True) if data.value.dtype.kind == "f"]
    wrt = [i for i, _ in pairs]
    if cost is None or not wrt:
        return built
    built.results += pel.grad(cost, wrt, disconnected="zero")
    built.kinds += ["gradient"] * len(wrt)
    if order > 1:
        directions = [pel.Input(f"d{data.name}", data.dims, data.dtype) for _, data in pairs]
        built.results += pel.hessian_vector_product(cost, wrt, directions, disconnected="zero")
        built.kinds += ["product"] * len(wrt)
        built.inputs += directions
        built.arguments += [make_direction(data) for _, data in pairs]
    return built


def run_interpreter(built: Sequence[Results]) -> list[Any]:
    """Run the graph as it was built, with NumPy."""
    values = {i: a for b in built for i, a in zip(b.inputs, b.arguments, strict=True)}
    return evaluate(np, [r for b in built for r in b.results], values)


def run_function(mode: str, rewrite: bool = True) -> Callable[[Sequence[Results]], list[Any]]:
    def run(built: Sequence[Results]) -> list[Any]:
        inputs = [i for b in built for i in b.inputs]
        results = [r for b in built for r in b.results]
        f = pel.function(inputs, results, mode=mode, rewrite=rewrite, on_unused_input="ignore")
        arguments = [a for b in built for a in b.arguments]
        if mode != "native":
            return list(f(*arguments))
        return [history[0] for history in f.over(*(a[None] for a in arguments))]

    return run


RUNNERS: dict[str, Callable[[Sequence[Results]], list[Any]]] = {
    "interpreter": run_interpreter,
    "numpy": run_function("numpy"),
    "xla": run_function("auto"),
    "xla without rewriting": run_function("auto", False),
    "native": run_function("native"),
}
"""Ways to run programs. The first does not simplify what the user wrote; gradients are simplified in all."""


def run_each(mode: str, built: Sequence[Results]) -> list[list[Any] | Exception | None]:
    """Return the results of each program: an exception where it failed, and None where C cannot express it.

    All programs run as one function. If it fails, each half runs as one.
    """
    if mode == "native" and any(map(is_unsupported, built)):
        found = iter(run_each(mode, [b for b in built if not is_unsupported(b)]))
        return [None if is_unsupported(b) else next(found) for b in built]
    if not built:
        return []
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # a kernel that fails and is replaced warns
            warnings.filterwarnings("ignore", "Degrees of freedom")  # of NumPy's variance with ddof=1 of one element
            values = iter(RUNNERS[mode](built))
        return [[np.asarray(next(values)) for _ in b.results] for b in built]
    except Exception as error:
        if len(built) == 1:
            return [None if isinstance(error.__context__, NotNative) else error]
    half = len(built) // 2
    return run_each(mode, built[:half]) + run_each(mode, built[half:])


def is_unsupported(built: Results) -> bool:
    """Tell whether C cannot express a program."""
    return any(e.op is not None and e.op.name in UNSUPPORTED for e in built.nodes)
