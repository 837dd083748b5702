"""Comparison of random programs with NumPy and with finite differences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.graph.evaluate import compute_node
from pellucid.graph.expr import Constant

from .modes import RUNNERS, Results, build_results, run_each
from .program import Array, Program, make_direction, make_weights, perturb, widen

NOISE = 64
"""Relative error of an intermediate result, in units of the last place, to which the sensitivity is measured."""

EXACT_OPS = ("true_divide", "sqrt", "mean", "nan_to_num")
"""Functions of real numbers whose exact results have no error; tanh(20) = 1 is rounded."""

LOOPS = ("scan_loop", "while_steps", "branch")
"""Ops that contain other ops, with errors of their own."""

STEPS = (0.02, 0.002, 0.05)
"""Step sizes of finite differences, tried until the derivatives of two stencils agree."""


@dataclass(frozen=True)
class Failure:
    """What is wrong with a program: where it ran, which result, and both values or the error."""

    program: Program
    mode: str
    kind: str
    message: str

    def __str__(self) -> str:
        return f"seed {self.program.seed}, {self.kind}, {self.mode}: {self.message}"


@dataclass
class Report:
    """Failures, and counts of what was checked."""

    failures: list[Failure] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def get_precision(built: Results) -> float:
    """Return the machine epsilon of the least precise dtype of a program."""
    dtypes = {t.dtype for e in built.nodes for t in e.types if t.dtype.kind == "f"}
    return max((float(np.finfo(d).eps) for d in dtypes), default=0.0)


def make_noise(eps: float, trial: int) -> Any:
    """Return relative errors of intermediate results: all up, all down, or random."""
    if trial < 2:
        return lambda shape: np.full(shape, (1 - 2 * trial) * NOISE * eps)
    rng = np.random.default_rng(trial)
    return lambda shape: rng.choice([-1, 1], shape) * NOISE * eps


def measure_spread(found: Sequence[Any], trials: Sequence[Sequence[Any]]) -> list[Array]:
    """Return how far the results of trials are from those without errors; infinite where one is not finite."""
    spreads = []
    with np.errstate(all="ignore"):
        for position, value in enumerate(found):
            results = [np.asarray(t[position], "float64") for t in trials]
            farthest = np.max([np.abs(r - value) for r in results], axis=0)
            is_same = np.all([np.isnan(r) == np.isnan(value) for r in results], axis=0)
            spreads.append(
                np.where(np.isfinite(value), np.nan_to_num(farthest, nan=np.inf), np.where(is_same, 0, np.inf))
            )
    return spreads


def spread_of_reference(program: Program, expected: Sequence[Array], eps: float) -> list[Array]:
    """Return the sensitivity of the outputs to rounding errors, and to underflow in the precision of the inputs."""
    trials = [program.compute(noise=make_noise(eps, t)) for t in range(8)]
    return measure_spread(expected, [*trials, program.compute(double=False)])


def spread_of_graph(built: Results, found: Sequence[Any], eps: float, everywhere: bool = False) -> list[Array]:
    """Return the sensitivity of all results to rounding errors of every expression.

    With ``everywhere``, exact values get errors too, which shows where a derivative is discontinuous.
    """
    trials = []
    for trial in range(6):
        noise = make_noise(eps, trial + everywhere)
        arguments = [perturb(a, noise, True) for a in built.arguments] if everywhere else built.arguments
        values: dict[Any, Any] = dict(zip(built.inputs, arguments, strict=True))
        with np.errstate(all="ignore"):
            for node in built.nodes:
                if isinstance(node, Constant):
                    values[node] = node.value
                elif node not in values:
                    value = compute_node(np, node, [values[i] for i in node.inputs])
                    assert node.op is not None
                    rounded = node.op.name in LOOPS or (node.op.floats and node.op.name not in EXACT_OPS)
                    parts = value if isinstance(value, tuple | list) else [value]
                    parts = [perturb(v, noise, everywhere, rounded=rounded) for v in parts]
                    values[node] = tuple(parts) if isinstance(value, tuple | list) else parts[0]
        trials.append([values[r] for r in built.results])
    return measure_spread(found, trials)


def find_mismatch(found: Array, expected: Array, spread: Any, eps: float, exact_specials: bool) -> str | None:
    """Describe the first element that differs by more than rounding explains.

    Where the expected value is not finite, a simplified program may be finite: it avoids overflow.
    """
    if found.shape != expected.shape:
        return f"expected shape {expected.shape}, received {found.shape}"
    if expected.dtype.kind != "f":
        wrong = (found != expected) & (spread < 0.5)
    else:
        finite = np.isfinite(expected)
        with np.errstate(all="ignore"):
            scale = np.max(np.abs(expected[finite]), initial=1e-300)
            tolerance = 8 * spread + 4 * NOISE * eps * np.abs(expected) + eps * scale
            wrong = finite & np.isfinite(spread) & ~(np.abs(found.astype("float64") - expected) <= tolerance)
            if exact_specials:
                same = (found == expected) | (np.isnan(found) & np.isnan(expected))
                wrong |= ~finite & ~same & np.isfinite(spread)
    if not wrong.any():
        return None
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    return f"expected {expected[place]!r}, received {found[place]!r} at {place}"


STENCIL = np.array([-3, -2, -1, 0, 1, 2, 3])
FIRST = np.array([-1, 9, -45, 0, 45, -9, 1]) / 60
SECOND = np.array([2, -27, 270, -490, 270, -27, 2]) / 180


def compute_cost(program: Program, outputs: Sequence[Array]) -> tuple[float, float]:
    """Return the cost, and the sum of the absolute values of its terms."""
    total = absolute = 0.0
    for position, value in enumerate(outputs):
        if value.dtype.kind == "f":
            terms = value * make_weights(position, value.shape) if program.weighted else value
            total, absolute = total + float(terms.sum()), absolute + float(np.abs(terms).sum())
    return total, absolute


Slope = list[tuple[str, float, float]]
"""The kind, the value and a bound of the error of each derivative."""


def differentiate_numerically(program: Program) -> Slope | None:
    """Return both derivatives along the directions of all inputs, with bounds of their errors.

    The result is None where the program is not smooth.
    """
    floats = [i for i in program.inputs if i.value.dtype.kind == "f"]
    if not all(np.isfinite(i.value).all() for i in floats):
        return None
    for h in STEPS:
        found = [estimate_slope(program, floats, h), estimate_slope(program, floats, h / 2)]
        if found[0] is None or found[1] is None:
            continue
        (a, scale), (b, _) = found
        errors = [5 * abs(p - q) + 1e-9 * max(abs(p), abs(q)) + 1e-13 * scale / h for p, q in zip(a, b, strict=True)]
        errors[1] += 1e-12 * scale / h**2
        if errors[0] < 1e-4 * max(scale, abs(b[0])) and errors[1] < 1e-3 * max(scale, abs(b[1]), abs(b[0])):
            return [("gradient", b[0], errors[0]), ("product", b[1], errors[1])]
    return None


def estimate_slope(program: Program, floats: Sequence[Any], h: float) -> Any:
    """Return both derivatives by central differences of order 6, or None if the two sides disagree."""
    costs = []
    for t in STENCIL:
        values = {i.name: widen(i.value) + t * h * widen(make_direction(i)) for i in floats}
        try:
            costs.append(compute_cost(program, program.compute(values)))
        except (np.linalg.LinAlgError, ValueError, OverflowError):
            return None
    f, scale = np.array([c for c, _ in costs]), costs[3][1]
    if not np.isfinite(f).all():
        return None
    first, second = float(FIRST @ f) / h, float(SECOND @ f) / h**2
    ahead, behind = f[3:], f[3::-1]
    one_sided = [np.array([-11, 18, -9, 2]) @ side / (6 * h) for side in (ahead, behind)]
    curvatures = [np.array([2, -5, 4, -1]) @ side / h**2 for side in (ahead, behind)]
    size = max(scale, abs(first), abs(second))
    if abs(one_sided[0] + one_sided[1]) > 0.02 * h * 10 * size or abs(curvatures[0] - curvatures[1]) > 0.3 * size:
        return None
    return (first, second), scale


@np.errstate(all="ignore")
def check_programs(programs: Sequence[Program], modes: Sequence[str] = tuple(RUNNERS), order: int = 2) -> Report:
    """Run programs together in some modes and compare all results."""
    report = Report()
    built: list[Results] = []
    for program in programs:
        try:
            built.append(build_results(program, order))
        except Exception as error:
            report.failures.append(Failure(program, "build", "error", describe_error(error)))
    found = {mode: run_each(mode, built) for mode in modes}
    for position, b in enumerate(built):
        failure = check_results(b, {mode: results[position] for mode, results in found.items()}, report.counts)
        if failure is not None:
            report.failures.append(failure)
    return report


def describe_error(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def check_results(b: Results, found: dict[str, Any], counts: Counter[str]) -> Failure | None:
    """Return the first failure of a program, given its results in each mode."""
    program = b.program
    counts["programs"] += 1
    for mode, results in found.items():
        if isinstance(results, Exception):
            return Failure(program, mode, "error", describe_error(results))
        counts[mode] += results is not None
    for mode, message in compare_values(b, found, counts):
        return Failure(program, mode, "value", message)
    reference = next(iter(found.values()))
    if len(reference) > len(program.outputs):
        for mode, kind, message in compare_derivatives(b, found, counts):
            return Failure(program, mode, kind, message)
    return None


def compare_values(b: Results, found: dict[str, Any], counts: Counter[str]) -> Iterator[tuple[str, str]]:
    """Yield the modes in which outputs differ from the reference."""
    eps, variables = get_precision(b), b.program.compute_all()
    expected = [variables[name] for name in b.program.outputs]
    numbers = [v[np.isfinite(v)] for v in variables.values() if v.dtype.kind != "b"]
    magnitude = max((float(np.max(np.abs(v), initial=0)) for v in numbers), default=0.0)
    spreads: list[Array] = []
    for mode, results in found.items():
        for position, wanted in enumerate(expected if results is not None else ()):
            counts["values"] += 1
            exact = mode == "interpreter"
            if find_mismatch(results[position], wanted, 0.0, eps, exact):
                spreads = spreads or [s + eps * magnitude for s in spread_of_reference(b.program, expected, eps)]
                message = find_mismatch(results[position], wanted, spreads[position], eps, exact)
                if message:
                    yield mode, message


def compare_derivatives(b: Results, found: dict[str, Any], counts: Counter[str]) -> Iterator[tuple[str, str, str]]:
    """Compare derivatives with finite differences, and those of all modes with each other."""
    (mode, reference), *others = found.items()
    slope = differentiate_numerically(b.program) if b.program.differentiable else None
    if slope is not None:
        counts["smooth"] += 1
        for kind, value, error in slope:
            counts[kind] += kind in b.kinds
            message = compare_slope(b, reference, kind, value, error) if kind in b.kinds else None
            if message and not is_at_edge_of_domain(b, reference):
                yield mode, kind, message
    eps, spreads = get_precision(b), []
    for mode, results in others:
        for position in range(len(b.program.outputs), len(reference) if results is not None else 0):
            counts["derivatives in two modes"] += 1
            value, wanted = results[position], reference[position]
            if find_mismatch(value, wanted, 0.0, eps, False):
                spreads = spreads or spread_of_graph(b, reference, eps)
                message = find_mismatch(value, wanted, spreads[position], eps, False)
                if message:
                    yield mode, b.kinds[position], message


def is_at_edge_of_domain(b: Results, reference: Sequence[Any]) -> bool:
    """Tell whether errors make outputs NaN: rounding errors, as in arcsin(tanh(20)), or any, as in sqrt(0)."""
    eps = get_precision(b)
    spreads = [
        *spread_of_reference(b.program, b.program.compute(), eps),
        *spread_of_graph(b, reference, eps, everywhere=True)[: len(b.program.outputs)],
    ]
    return any(np.isinf(s).any() for s in spreads)


def compare_slope(b: Results, reference: Sequence[Any], kind: str, value: float, error: float) -> str | None:
    """Compare gradients or Hessian-vector products with the derivative along the directions of the inputs."""
    eps = get_precision(b)
    directions = [make_direction(i) for i in b.program.inputs if i.value.dtype.kind == "f"]
    with np.errstate(all="ignore"):
        terms = [(g * d).astype("float64") for g, d in zip(b.select(kind, reference), directions, strict=True)]
        total, size = sum(float(t.sum()) for t in terms), sum(float(np.abs(t).sum()) for t in terms)
        for everywhere in (None, True):
            jumps = [] if everywhere is None else b.select(kind, spread_of_graph(b, reference, eps, everywhere=True))
            tolerance = error + 8 * sum(float(s.sum()) for s in jumps) + 4 * NOISE * eps * (size + abs(value))
            if abs(total - value) <= tolerance:
                return None
    return f"expected {value!r}, received {total!r}"
