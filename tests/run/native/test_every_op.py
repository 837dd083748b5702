"""Every op that the native backend supports, compared with the interpreter in values and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input
from pellucid.graph.op import OPS
from pellucid.run.jax_runtime import jax, x64
from pellucid.run.native.codegen import Signature, generate_program
from pellucid.run.native.compile_cache import CompiledLoop
from pellucid.run.native.compiler import describe_compiler, find_compiler, get_flags, load_library
from pellucid.run.native.errors import NotNative
from pellucid.run.native.jaxpr_reader import trace_step
from tests.every_op import build_cases

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")

PARTS, FAST_PARTS = 4, 8
"""All ops, and those that `make test` runs, are divided into these numbers of programs."""

FAST = [
    *("all", "any", "arccos", "arccosh", "arcsin", "arcsinh", "arctan_difference"),
    *("arctanh", "argmax", "argmin", "attention_output", "bitwise_and", "bitwise_or", "bitwise_xor"),
    *("branch", "cast", "cbrt", "conv_transpose", "cosh", "cumprod", "cumsum"),
    *("erf", "exp2", "expm1", "fmod", "fold_in", "gather", "greater_equal"),
    *("invert", "is_last_write", "left_shift", "log_cosh", "log_ndtr", "logical_not", "logical_xor"),
    *("max_at", "min_at", "multiply_at", "nan_to_num", "one_hot", "overlap_patches", "pad"),
    *("power_of_two", "prod", "right_shift", "rint", "set_at", "signbit", "slice", "softplus"),
    *("sum_tiles", "tan", "tril", "vector_norm", "while_steps"),
]
"""Ops that have each primitive of JAX at least once; they take a quarter of the time of all ops."""

FAST_UNSUPPORTED = [
    *("argsort", "cholesky", "inv", "solve_triangular", "diagonal_matrix", "digamma", "digamma_derivative", "erfinv"),
    "searchsorted",
]
"""An op for each primitive that is not supported."""

UNSUPPORTED = {
    name: primitive
    for primitive, names in {
        "sort": "argsort argtop_k quantile sort",
        "cholesky": "cholesky",
        "lu": "cofactors cofactors_derivative inv logabsdet signdet solve",
        "triangular_solve": "solve_triangular",
        "platform_index": "diagonal_matrix",
        "digamma": (
            "betaln binomial_log_probability digamma digamma_difference digamma_difference_remainder digamma_remainder "
            "gammaln log_binomial log_factorial_remainder log_gamma_ratio log_gamma_ratio_remainder stirling_remainder"
        ),
        "zeta": "digamma_derivative",
        "erf_inv": "erfinv",
        "le_to": "searchsorted",
    }.items()
    for name in names.split()
}
"""Ops that are left to XLA, with the primitive that the native backend does not support."""


def collect_examples(name: str) -> tuple[list[Input], list[Expr], list[np.ndarray]]:
    """Return inputs, results and values of all examples of an op."""
    parts = build_cases(name)
    return tuple([e for part in parts for e in part[k]] for k in range(3))


def trace_block(inputs: list[Input], results: list[Expr], values: list[np.ndarray]) -> Any:
    """Return the equations that compute some results."""

    def step(args: list[Any]) -> list[Any]:
        values = evaluate(jax().numpy, results, dict(zip(inputs, args, strict=True)))
        return [jax().lax.convert_element_type(v, r.dtype) for v, r in zip(values, results, strict=True)]

    with x64():
        return trace_step(step, values)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(FAST_UNSUPPORTED, id="primitives"),
        pytest.param(sorted(UNSUPPORTED), id="ops", marks=pytest.mark.slow),
    ],
)
def test_unsupported_ops_are_refused_with_the_reason(names: list[str]) -> None:
    assert {UNSUPPORTED[name] for name in names} == {*UNSUPPORTED.values()}
    for name in names:
        primitive = UNSUPPORTED[name]
        inputs, results, values = collect_examples(name)
        with pytest.raises(NotNative, match=rf"^it uses {primitive}$"):
            generate_program(trace_block(inputs, results, values), Signature(0, 0, len(inputs), False))


def list_supported_ops() -> list[str]:
    own = [name for name in sorted(OPS) if OPS[name].function.__module__.partition(".")[0] == "pellucid"]
    return [name for name in own if name not in UNSUPPORTED]


def compare_with_interpreter(names: list[str]) -> None:
    """Compare values and gradients of some ops, all in one program."""
    examples = {name: collect_examples(name) for name in names}
    inputs = [i for n in names for i in examples[n][0]]
    results = [r for n in names for r in examples[n][1]]
    values = [np.asarray(v, order="C") for n in names for v in examples[n][2]]
    code = generate_program(trace_block(inputs, results, values), Signature(0, 0, len(inputs), False))
    with np.errstate(all="ignore"):
        expected = evaluate(np, results, dict(zip(inputs, values, strict=True)))
    outputs = [(np.shape(e), r.dtype) for e, r in zip(expected, results, strict=True)]
    loop = CompiledLoop(load_library(code, ("-O1", *get_flags()[1:])), code, outputs, describe_compiler())
    found = [history[0] for history in loop([], [], values, 0, 1)]
    result_names = [n for n in names for _ in examples[n][1]]
    for name, f, e in zip(result_names, found, expected, strict=True):
        tolerance = 1e-12 if np.result_type(e) == np.float64 else 5e-7
        np.testing.assert_allclose(f, e, rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("part", range(FAST_PARTS))
def test_values_and_gradients_of_all_primitives_equal_the_interpreter(part: int) -> None:
    compare_with_interpreter(FAST[part::FAST_PARTS])


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_values_and_gradients_equal_the_interpreter(part: int) -> None:
    compare_with_interpreter(list_supported_ops()[part::PARTS])


def find_primitives(block: Any) -> set[str]:
    """Return the primitives of a block and of the blocks inside it."""
    found = {e.name for e in block.equations}
    inner = (value for e in block.equations for value in e.params.values() if hasattr(value, "equations"))
    return found.union(*map(find_primitives, inner))


@pytest.mark.slow
def test_fast_ops_have_all_primitives() -> None:
    primitives = {name: find_primitives(trace_block(*collect_examples(name))) for name in list_supported_ops()}
    assert set().union(*(primitives[name] for name in FAST)) == set().union(*primitives.values())
