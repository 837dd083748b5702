"""The rows of the table in pellucid: values and gradients of many rows by one program."""

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
"""How XLA writes code for users, where digits are looked at; the other tests have it written in a quicker way."""

Run = Callable[[list[Any], list[Any], list[Any]], list[Any]]
"""Computes outputs from inputs and their values: ``run(inputs, outputs, values)``."""


def results(rows: Sequence[Case], dtype: str, run: Run) -> list[tuple[Any, Any]]:
    """Return the value and the gradient of every row, the gradients of all variables side by side."""
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
    return [(next(found), side_by_side([next(found) for _ in row.variables])) for row in rows]


def side_by_side(gradients: Sequence[Any]) -> Any:
    """Return gradients in columns, one row a point."""
    return np.concatenate([np.asarray(g).reshape(len(g), -1) for g in gradients], axis=1)


def compiled(inputs: list[Any], outputs: list[Any], values: list[Any]) -> list[Any]:
    """Run by XLA, as a function does, in the code that users get."""
    from jax.stages import Lowered

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lowered, "compile", functools.partialmethod(Lowered.compile, compiler_options=USERS_CODE))
        found: list[Any] = pel.function(inputs, outputs)(*values)
    return found
