"""Every op whose arithmetic is written as C has the interpreter's values, results and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input
from pellucid.graph.op_def import OPS
from pellucid.run.jax_runtime import jax, x64
from pellucid.run.native.codegen import Signature, source
from pellucid.run.native.compiler import FLAGS, compiler, library
from pellucid.run.native.equations import equations_of
from pellucid.run.native.errors import NotNative
from pellucid.run.native.program import pointers
from tests.every_op import written

pytestmark = pytest.mark.skipif(compiler() is None, reason="needs a C compiler")

PARTS = 4
"""The registry is compiled as so many programs."""

QUICK = ("-O1", *FLAGS[1:])
"""What they are compiled with: the arithmetic is what is tested, and it is the same."""

LEFT = {
    name: f"{reason} in it"
    for reason, names in {
        "sort": "argsort argtop_k quantile sort",
        "cholesky": "cholesky",
        "conv_general_dilated": "conv conv_input_gradient conv_kernel_gradient conv_transpose",
        "lu": "det inv logabsdet signdet solve",
        "triangular_solve": "solve_triangular",
        "platform_index": "diagonal_matrix",
        "digamma": "digamma gammaln",
        "polygamma": "digamma_derivative",
        "erf_inv": "erfinv",
        "le_to": "searchsorted",
    }.items()
    for name in names.split()
}
"""What is left to XLA, and why."""


def together(name: str) -> tuple[list[Input], list[Expr], list[np.ndarray]]:
    """Return inputs, results and values of all examples of an op."""
    parts = written(name)
    return tuple([e for part in parts for e in part[k]] for k in range(3))


def block_of(inputs: list[Input], results: list[Expr], values: list[np.ndarray]) -> Any:
    """Return the equations of some results."""

    def step(args: list[Any]) -> list[Any]:
        made = evaluate(jax().numpy, results, dict(zip(inputs, args, strict=True)))
        return [jax().lax.convert_element_type(m, r.dtype) for m, r in zip(made, results, strict=True)]

    with x64():
        return equations_of(step, values)


@pytest.fixture(scope="module")
def native() -> dict[str, Any]:
    """Return for each op what is written for it, or why it is left to XLA."""
    found: dict[str, Any] = {}
    for name in sorted(OPS):
        if OPS[name].function.__module__.partition(".")[0] != "pellucid":
            continue
        try:
            inputs, results, values = together(name)
            source(block_of(inputs, results, values), Signature(0, 0, len(inputs), False))
            found[name] = (inputs, results, values)
        except NotNative as reason:
            found[name] = str(reason)
    return found


def test_what_is_left_to_xla_is_told(native: dict[str, Any]) -> None:
    left = {name: reason.removeprefix("it has ") for name, reason in native.items() if isinstance(reason, str)}
    assert left == LEFT


@pytest.mark.parametrize("part", range(PARTS))
def test_values_and_gradients_are_the_interpreters(native: dict[str, Any], part: int) -> None:
    names = [n for n in native if not isinstance(native[n], str)][part::PARTS]
    inputs = [i for n in names for i in native[n][0]]
    results = [r for n in names for r in native[n][1]]
    values = [np.asarray(v, order="C") for n in names for v in native[n][2]]
    run = library(source(block_of(inputs, results, values), Signature(0, 0, len(inputs), False)), QUICK).run
    with np.errstate(all="ignore"):
        expected = evaluate(np, results, dict(zip(inputs, values, strict=True)))
    found = [np.empty(np.shape(e), r.dtype) for e, r in zip(expected, results, strict=True)]
    run(*(pointers(arrays) for arrays in ([], [], values, found)), 0, 1)
    which = [n for n in names for _ in native[n][1]]
    for name, ours, theirs in zip(which, found, expected, strict=True):
        tolerance = 1e-12 if np.result_type(theirs) == np.float64 else 5e-7
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance, err_msg=name)
