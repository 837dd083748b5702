"""Formulas in which naive evaluation loses digits or overflows: pellucid beside PyTorch, JAX and PyTensor.

    python benchmarks/stability.py                       in float32, every library that is installed
    python benchmarks/stability.py --dtype float64 --json
    python benchmarks/stability.py --only "softmax" --libraries pellucid torch

The rows are those of ``tests/graph/stability``, which were chosen because they are hard. Each library evaluates each
formula as it is written, and its gradient, in the way it is usually run: pellucid, JAX and PyTensor compile, PyTorch
does not. Both are held against mpmath's values to 50 digits at all points of the row. A cell holds the greatest
relative error of the value and of the gradient, with what rounding the inputs could do forgiven; "nan" where a result
is not finite and the true one is; "-" where the library lacks a function. A row is right if both errors are below the
bound of the dtype.
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

from stability import CASES, Case
from stability.case import evaluate, weights
from stability.evaluation import compute_results, run_compiled, stack_columns
from stability.high_precision import TOLERANCE, compute_reference

Results = Callable[[Sequence[Case], str], list[Any]]
BATCH = 40
"""How many rows are compiled as one program."""


def arrays(row: Case, dtype: str) -> tuple[list[np.ndarray[Any, Any]], list[np.ndarray[Any, Any]]]:
    """Return the points of a row: of its variables, and of what else is given."""
    return (
        [a.astype(dtype) for a in row.arrays(row.variables).values()],
        [a.astype(dtype) for a in row.arrays(row.given).values()],
    )


def names(row: Case) -> list[str]:
    """Return the names of a formula's variables and of what else is given."""
    return [*row.variables, *row.given]


def in_pellucid(rows: Sequence[Case], dtype: str) -> list[Any]:
    """Evaluate rows in pellucid."""
    return compute_results(rows, dtype, run_compiled)


def in_torch(rows: Sequence[Case], dtype: str) -> list[Any]:
    """Evaluate rows in PyTorch."""
    import torch

    def reduction(function: Any) -> Any:
        return lambda x, axis=None, keepdims=False: function(x, dim=axis, keepdim=keepdims)

    def of_tensors(function: Any) -> Any:
        return lambda x, y: function(x, torch.as_tensor(y, dtype=x.dtype))

    functions = {name: getattr(torch, name) for name in dir(torch) if callable(getattr(torch, name))}
    functions |= {name: of_tensors(getattr(torch, name)) for name in ("maximum", "minimum", "hypot", "logaddexp")}
    functions |= {"sum": reduction(torch.sum), "mean": reduction(torch.mean), "prod": reduction(torch.prod)}
    functions |= {"max": reduction(torch.amax), "min": reduction(torch.amin)}
    functions |= {
        "var": lambda x, axis=None: torch.var(x, dim=axis, correction=0),
        "softmax": lambda x, axis=-1: torch.softmax(x, dim=axis),
        "expand_dims": torch.unsqueeze,
    }
    found: list[Any] = []
    for row in rows:
        variables, given = ([torch.tensor(a) for a in part] for part in arrays(row, dtype))
        for v in variables:
            v.requires_grad_()
        value = evaluate(row.code, functions, dict(zip(names(row), [*variables, *given], strict=True)))
        (value * torch.tensor(weights(tuple(value.shape)).astype(dtype))).sum().backward()
        found.append((value.detach().numpy(), stack_columns([v.grad.numpy() for v in variables])))
    return found


def in_jax(rows: Sequence[Case], dtype: str) -> list[Any]:
    """Evaluate rows in JAX."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    functions = {**vars(jnp), "sigmoid": jax.nn.sigmoid, "softmax": jax.nn.softmax}
    functions |= {"erf": jax.scipy.special.erf, "erfc": jax.scipy.special.erfc}

    def value(row: Case, variables: Any, given: Any) -> Any:
        return evaluate(row.code, functions, dict(zip(names(row), [*variables, *given], strict=True)))

    def both(row: Case, variables: Any, given: Any) -> Any:
        def cost(variables: Any) -> Any:
            result = value(row, variables, given)
            return (result * weights(result.shape).astype(dtype)).sum()

        return value(row, variables, given), jax.grad(cost)(variables)

    points = [arrays(row, dtype) for row in rows]
    computed = jax.jit(lambda points: [both(row, *at) for row, at in zip(rows, points, strict=True)])(points)
    return [(np.asarray(v), stack_columns(g)) for v, g in computed]


def in_pytensor(rows: Sequence[Case], dtype: str) -> list[Any]:
    """Evaluate rows in PyTensor, with all of its rewriting."""
    import pytensor
    import pytensor.tensor as pt
    from pytensor.tensor.special import softmax

    functions = {**vars(pt), "softmax": softmax}
    inputs: list[Any] = []
    outputs: list[Any] = []
    points: list[Any] = []
    for row in rows:
        variables, given = arrays(row, dtype)
        symbols = [pt.tensor(name, dtype=dtype, shape=a.shape) for name, a in zip(names(row), [*variables, *given])]  # noqa: B905
        result = evaluate(row.code, functions, dict(zip(names(row), symbols, strict=True)))
        shape = (len(variables[0]), 3)[: result.ndim]
        cost = (result * weights(shape).astype(dtype)).sum()
        outputs += [result, *pytensor.grad(cost, symbols[: len(variables)])]
        inputs += symbols
        points += [*variables, *given]
    found = iter(pytensor.function(inputs, outputs, on_unused_input="ignore")(*points))
    return [(next(found), stack_columns([next(found) for _ in row.variables])) for row in rows]


LIBRARIES: dict[str, Results] = {
    "pellucid": in_pellucid,
    "torch": in_torch,
    "jax": in_jax,
    "pytensor": in_pytensor,
}


def errors(library: str, rows: Sequence[Case], dtype: str) -> list[tuple[float, float] | None]:
    """Return the errors of value and gradient of each row; None where the library cannot write it."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = LIBRARIES[library](rows, dtype)
    except (NameError, AttributeError, NotImplementedError, TypeError) as error:
        if len(rows) == 1:
            print(f"{library} cannot write {rows[0].formula}: {error}", file=sys.stderr)
            return [None]
        # One of the rows is beyond it: which, shows when they are tried one by one.
        return [e for row in rows for e in errors(library, [row], dtype)]
    exact = [compute_reference(row) for row in rows]
    return [(t[0].error(v, dtype), t[1].error(g, dtype)) for t, (v, g) in zip(exact, found, strict=True)]


def cell(pair: tuple[float, float] | None) -> str:
    """Write the errors of value and gradient."""
    return "-" if pair is None else " / ".join("nan" if math.isinf(e) else f"{e:.0e}" if e else "0" for e in pair)


def count(table: dict[str, list[Any]], dtype: str) -> dict[str, dict[str, int]]:
    """Count for every library in how many rows value and gradient are right, and in how many they are not finite."""
    bound = TOLERANCE[dtype]
    return {
        library: {
            "rows": sum(p is not None for p in pairs),
            "right": sum(p is not None and max(p) <= bound for p in pairs),
            "value right": sum(p is not None and p[0] <= bound for p in pairs),
            "gradient right": sum(p is not None and p[1] <= bound for p in pairs),
            "nan or inf": sum(p is not None and math.isinf(max(p)) for p in pairs),
        }
        for library, pairs in table.items()
    }


def main() -> None:
    """Print the table, and the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dtype", choices=list(TOLERANCE), default="float32")
    parser.add_argument("--only", default="", help="rows whose formula contains this text")
    parser.add_argument("--libraries", nargs="*", choices=list(LIBRARIES), default=list(LIBRARIES))
    parser.add_argument("--json", action="store_true", help="print the errors as JSON")
    options = parser.parse_args()

    rows = [row for row in CASES if options.only in row.formula]
    batches = [rows[i : i + BATCH] for i in range(0, len(rows), BATCH)]
    present = [library for library in options.libraries if importlib.util.find_spec(library)]
    table = {
        library: [pair for batch in batches for pair in errors(library, batch, options.dtype)] for library in present
    }
    counts = count(table, options.dtype)
    if options.json:
        by_row = {row.formula: {lib: table[lib][i] for lib in present} for i, row in enumerate(rows)}
        print(json.dumps({"dtype": options.dtype, "counts": counts, "errors": by_row}, indent=1))
        return
    width = max(len(row.formula) for row in rows)
    print(f"{'formula':<{width}}" + "".join(f"  {library:>15}" for library in present))
    for i, row in enumerate(rows):
        print(f"{row.formula:<{width}}" + "".join(f"  {cell(table[library][i]):>15}" for library in present))
    print(f"\n{options.dtype}: relative errors of value / gradient, right up to {TOLERANCE[options.dtype]}")
    for library, numbers in counts.items():
        print(f"{library:>10}: " + ", ".join(f"{n} {what}" for what, n in numbers.items()))


if __name__ == "__main__":
    main()
