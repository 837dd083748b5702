"""Numerical stability of naive formulas in pellucid, PyTorch, JAX and PyTensor.

    python benchmarks/stability.py                       in float32, every library that is installed
    python benchmarks/stability.py --dtype float64 --json
    python benchmarks/stability.py --only "softmax" --libraries pellucid torch
    python benchmarks/stability.py --corpus heldout --failing     list failing points

The formulas of ``tests/graph/stability`` are chosen because they are hard; pellucid's rewrite rules are tested with
them. Those of ``tests/graph/stability/heldout`` measure how well the rules generalize. Each library evaluates the
formula as written, and its gradient, in its usual way: pellucid, JAX and PyTensor compile, PyTorch does not. The
reference is mpmath with 50 digits. A cell has the largest relative errors of the value and of the gradient over all
points; the effect of rounding the inputs does not count. It has "nan" if a result is not finite but should be, and "-"
if the library lacks a function. A row is correct if both errors are within the tolerance of the dtype.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "graph"))

from stability import CASES, FAMILIES, Case
from stability.case import evaluate, weights
from stability.evaluation import compute_results, run_compiled, stack_columns
from stability.heldout import HELDOUT, HELDOUT_FAMILIES
from stability.high_precision import TOLERANCE, Array, compute_reference

Results = Callable[[Sequence[Case], str], list[Any]]
CORPORA = {"rules": CASES, "heldout": HELDOUT, "all": [*CASES, *HELDOUT]}
BATCH = 40
"""Number of rows that are compiled as one program."""


def get_arrays(row: Case, dtype: str) -> tuple[list[np.ndarray[Any, Any]], list[np.ndarray[Any, Any]]]:
    """Return the values of a formula's variables and of its constants at all points."""
    return (
        [a.astype(dtype) for a in row.arrays(row.variables).values()],
        [a.astype(dtype) for a in row.arrays(row.given).values()],
    )


def select_points(row: Case, magnitude: float) -> Case | None:
    """Return a case with the points whose inputs are zero or within a factor of one; None if there are none."""
    sizes = [np.abs(np.asarray(list(values), float)).T for values in (row.variables | row.given).values()]
    selected = [i for i in range(sizes[0].shape[-1]) if all(is_moderate(size[..., i], magnitude) for size in sizes)]
    if len(selected) == sizes[0].shape[-1]:
        return row
    variables, given = (
        {name: [values[i] for i in selected] for name, values in part.items()} for part in (row.variables, row.given)
    )
    return Case(row.formula, row.exact, variables, given) if selected else None


def is_moderate(size: Array, magnitude: float) -> bool:
    """Return whether all absolute values are zero or from 1 / magnitude to magnitude."""
    return bool(np.all((size == 0) | ((size >= 1 / magnitude) & (size <= magnitude))))


def get_names(row: Case) -> list[str]:
    """Return the names of a formula's variables and constants."""
    return [*row.variables, *row.given]


def evaluate_in_pellucid(rows: Sequence[Case], dtype: str) -> list[Any]:
    return compute_results(rows, dtype, run_compiled)


def evaluate_in_torch(rows: Sequence[Case], dtype: str) -> list[Any]:
    import torch

    def reduction(function: Any) -> Any:
        return lambda x, axis=None, keepdims=False: function(x, dim=axis, keepdim=keepdims)

    def with_tensors(function: Any) -> Any:
        return lambda *both: function(*(torch.as_tensor(x, dtype=getattr(torch, dtype)) for x in both))

    functions = {name: getattr(torch, name) for name in dir(torch) if callable(getattr(torch, name))}
    functions |= {name: with_tensors(getattr(torch, name)) for name in ("maximum", "minimum", "hypot", "logaddexp")}
    functions |= {"sum": reduction(torch.sum), "mean": reduction(torch.mean), "prod": reduction(torch.prod)}
    functions |= {"max": reduction(torch.amax), "min": reduction(torch.amin)}
    functions |= {
        "var": lambda x, axis=None: torch.var(x, dim=axis, correction=0),
        "softmax": lambda x, axis=-1: torch.softmax(x, dim=axis),
        "expand_dims": torch.unsqueeze,
    }
    results: list[Any] = []
    for row in rows:
        variables, given = ([torch.tensor(a) for a in part] for part in get_arrays(row, dtype))
        for v in variables:
            v.requires_grad_()
        value = evaluate(row.code, functions, dict(zip(get_names(row), [*variables, *given], strict=True)))
        (value * torch.tensor(weights(tuple(value.shape)).astype(dtype))).sum().backward()
        results.append((value.detach().numpy(), stack_columns([v.grad.numpy() for v in variables])))
    return results


def evaluate_in_jax(rows: Sequence[Case], dtype: str) -> list[Any]:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    functions = {**vars(jnp), "sigmoid": jax.nn.sigmoid, "softmax": jax.nn.softmax}
    functions |= {"erf": jax.scipy.special.erf, "erfc": jax.scipy.special.erfc, "lgamma": jax.scipy.special.gammaln}

    def compute_value(row: Case, variables: Any, given: Any) -> Any:
        return evaluate(row.code, functions, dict(zip(get_names(row), [*variables, *given], strict=True)))

    def compute_both(row: Case, variables: Any, given: Any) -> Any:
        def cost(variables: Any) -> Any:
            result = compute_value(row, variables, given)
            return (result * weights(result.shape).astype(dtype)).sum()

        return compute_value(row, variables, given), jax.grad(cost)(variables)

    points = [get_arrays(row, dtype) for row in rows]
    results = jax.jit(lambda points: [compute_both(row, *at) for row, at in zip(rows, points, strict=True)])(points)
    return [(np.asarray(v), stack_columns(g)) for v, g in results]


def evaluate_in_pytensor(rows: Sequence[Case], dtype: str) -> list[Any]:
    """Evaluate rows in PyTensor, with all its rewrites."""
    import pytensor
    import pytensor.tensor as pt
    from pytensor.tensor.special import softmax

    functions = {**vars(pt), "softmax": softmax, "lgamma": pt.gammaln}
    inputs: list[Any] = []
    outputs: list[Any] = []
    points: list[Any] = []
    for row in rows:
        variables, given = get_arrays(row, dtype)
        values = dict(zip(get_names(row), [*variables, *given], strict=True))
        symbols = [pt.tensor(name, dtype=dtype, shape=a.shape) for name, a in values.items()]
        result = evaluate(row.code, functions, dict(zip(get_names(row), symbols, strict=True)))
        shape = (len(variables[0]), 3)[: result.ndim]
        cost = (result * weights(shape).astype(dtype)).sum()
        outputs += [result, *pytensor.grad(cost, symbols[: len(variables)])]
        inputs += symbols
        points += values.values()
    results = iter(pytensor.function(inputs, outputs, on_unused_input="ignore")(*points))
    return [(next(results), stack_columns([next(results) for _ in row.variables])) for row in rows]


LIBRARIES: dict[str, Results] = {
    "pellucid": evaluate_in_pellucid,
    "torch": evaluate_in_torch,
    "jax": evaluate_in_jax,
    "pytensor": evaluate_in_pytensor,
}


def measure_errors(library: str, rows: Sequence[Case], dtype: str) -> list[tuple[Array, Array] | None]:
    """Return the errors of value and gradient of each row at each point; None if the library lacks a function."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            results = LIBRARIES[library](rows, dtype)
    except (NameError, AttributeError, NotImplementedError, TypeError) as error:
        if len(rows) == 1:
            print(f"{library} cannot evaluate {rows[0].formula}: {error}", file=sys.stderr)
            return [None]
        # At least one row fails. Evaluate each row separately, so that only that row is left out.
        return [e for row in rows for e in measure_errors(library, [row], dtype)]
    exact = [compute_reference(row) for row in rows]
    return [(t[0].errors(v, dtype), t[1].errors(g, dtype)) for t, (v, g) in zip(exact, results, strict=True)]


def list_failing_points(rows: Sequence[Case], errors: Sequence[tuple[Array, Array] | None], dtype: str) -> list[str]:
    """Return lines with the points at which each formula fails, and its errors there, sorted by family."""
    tables = [*HELDOUT_FAMILIES.items(), *FAMILIES.items()]
    families = {row.formula: name for name, members in tables for row in members}
    lines = []
    for row, pair in zip(rows, errors, strict=True):
        if pair is None:
            lines.append(f"{families[row.formula]}: {row.formula}\n    cannot be evaluated")
            continue
        points = []
        for i in range(len(pair[0])):
            worst = [float(np.max(kind[i])) for kind in pair]
            if max(worst) > TOLERANCE[dtype]:
                at = ", ".join(f"{name}={values[i]}" for name, values in (row.variables | row.given).items())
                points.append(f"    {at}: value {format_error(worst[0])}, gradient {format_error(worst[1])}")
        if points:
            lines.append("\n".join([f"{families[row.formula]}: {row.formula}", *points]))
    return lines


def format_error(error: float) -> str:
    """Return an error as text."""
    return "nan" if math.isinf(error) else f"{error:.0e}" if error else "0"


def format_cell(pair: tuple[float, float] | None) -> str:
    return "-" if pair is None else " / ".join(map(format_error, pair))


def count_rows(table: dict[str, list[Any]], dtype: str) -> dict[str, dict[str, int]]:
    """Return the numbers of correct rows and of rows with NaN or infinity, for each library."""
    tolerance = TOLERANCE[dtype]
    return {
        library: {
            "rows": sum(p is not None for p in pairs),
            "correct": sum(p is not None and max(p) <= tolerance for p in pairs),
            "correct values": sum(p is not None and p[0] <= tolerance for p in pairs),
            "correct gradients": sum(p is not None and p[1] <= tolerance for p in pairs),
            "nan or inf": sum(p is not None and math.isinf(max(p)) for p in pairs),
        }
        for library, pairs in table.items()
    }


def main() -> None:
    """Evaluate the formulas and print the table and the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dtype", choices=list(TOLERANCE), default="float32", help="dtype of all values")
    parser.add_argument("--corpus", choices=list(CORPORA), default="rules", help="set of formulas (default: rules)")
    parser.add_argument("--failing", action="store_true", help="list the failing points of each library instead")
    parser.add_argument(
        "--magnitude", type=float, default=math.inf, metavar="M", help="only points with all inputs from 1/M to M or 0"
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="only formulas that contain this text")
    parser.add_argument(
        "--libraries", nargs="+", choices=list(LIBRARIES), help="libraries (default: all that are installed)"
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    args = parser.parse_args()

    rows = [row for row in CORPORA[args.corpus] if args.only in row.formula]
    rows = [reduced for row in rows if (reduced := select_points(row, args.magnitude)) is not None]
    if not rows:
        parser.error(f"no formula contains {args.only!r} and has a point within the magnitude {args.magnitude:g}")
    batches = [rows[i : i + BATCH] for i in range(0, len(rows), BATCH)]
    libraries = args.libraries or [name for name in LIBRARIES if importlib.util.find_spec(name)]
    errors = {
        name: [pair for batch in batches for pair in measure_errors(name, batch, args.dtype)] for name in libraries
    }
    if args.failing:
        for name in libraries:
            failing = list_failing_points(rows, errors[name], args.dtype)
            print(f"{name}: {len(rows) - len(failing)} of {len(rows)} formulas right in {args.dtype}\n")
            print("\n".join(failing) + "\n")
        return
    table = {
        name: [pair and (float(np.max(pair[0], initial=0)), float(np.max(pair[1], initial=0))) for pair in pairs]
        for name, pairs in errors.items()
    }
    counts = count_rows(table, args.dtype)
    if args.json:
        by_row = {row.formula: {name: table[name][i] for name in libraries} for i, row in enumerate(rows)}
        print(json.dumps({"dtype": args.dtype, "counts": counts, "errors": by_row}, indent=1))
        return
    width = max(len(row.formula) for row in rows)
    print(f"{'formula':<{width}}" + "".join(f"  {name:>15}" for name in libraries))
    for i, row in enumerate(rows):
        print(f"{row.formula:<{width}}" + "".join(f"  {format_cell(table[name][i]):>15}" for name in libraries))
    print(f"\n{args.dtype}: relative errors of value / gradient, tolerance {TOLERANCE[args.dtype]}")
    for name, numbers in counts.items():
        print(
            f"{name:>10}: {numbers['correct']} of {len(rows)} formulas right: "
            + ", ".join(f"{number} {kind}" for kind, number in numbers.items())
        )


if __name__ == "__main__":
    main()
