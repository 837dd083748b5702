"""Values and gradients of many cases by one pellucid program."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.operators import FUNCTIONS

from .case import Case, evaluate, weights

USERS_CODE = {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": True}
"""XLA options of users' programs that affect rounding. Other tests compile with faster, less optimized settings."""

Run = Callable[[list[Any], list[Any], list[Any]], list[Any]]
"""Computes outputs from inputs and their values: ``run(inputs, outputs, values)``."""


def compute_results(rows: Sequence[Case], dtype: str, run: Run) -> list[tuple[Any, Any]]:
    """Return the value and the gradient of every case, with the gradients of all variables in columns."""
    inputs: list[Any] = []
    outputs: list[Any] = []
    values: list[Any] = []
    for row in rows:
        arrays = row.arrays(row.variables) | row.arrays(row.given)
        symbols = {name: pel.Input(name, array.shape, dtype) for name, array in arrays.items()}
        result = evaluate(row.code, FUNCTIONS, symbols)
        cost = (result * weights(result.shape).astype(dtype)).sum()
        outputs += [result, *pel.grad(cost, [symbols[name] for name in row.variables])]
        inputs += symbols.values()
        values += [array.astype(dtype) for array in arrays.values()]
    found = iter(run(inputs, outputs, values))
    return [(next(found), stack_columns([next(found) for _ in row.variables])) for row in rows]


def stack_columns(gradients: Sequence[Any]) -> Any:
    """Return gradients in columns, one row per point."""
    return np.concatenate([np.asarray(g).reshape(len(g), -1) for g in gradients], axis=1)


def run_compiled(inputs: list[Any], outputs: list[Any], values: list[Any]) -> list[Any]:
    """Run a compiled function with the options of users' programs."""
    from jax.stages import Lowered

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lowered, "compile", functools.partialmethod(Lowered.compile, compiler_options=USERS_CODE))
        found: list[Any] = pel.function(inputs, outputs)(*values)
    return found
