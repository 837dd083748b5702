"""Random programs over all ops: values, gradients and Hessian-vector products in every mode against NumPy."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence

import pytest
from random_programs.checking import check_programs
from random_programs.generation import draw_program, draw_program_of
from random_programs.minimization import describe, minimize
from random_programs.modes import RUNNERS, build_results
from random_programs.mutations import MUTATIONS
from random_programs.operations import OPERATIONS
from random_programs.program import Program
from random_programs.reference import RULE_FORMS

from pellucid.graph.op import OPS
from pellucid.run.native.compiler import find_compiler

BATCH = 25
"""Number of programs that are compiled as one."""

FAST_COMPILATION = {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}

QUICK, MANY = 40, 10_000
"""Numbers of programs of `make test` and `make slow`."""

NOT_GENERATED = {
    "random_uniform": "NumPy does not draw these numbers; see test_random.py",
    "random_normal": "NumPy does not draw these numbers; see test_random.py",
    "variable_dropout": "NumPy does not draw these numbers; see test_random.py",
    **dict.fromkeys(RULE_FORMS.split(), "SciPy does not compute it; tests/graph/stability compares it with mpmath"),
    "grad_barrier": "is removed before a gradient is returned",
    "fold_in": "NumPy does not compute these states; see test_random.py",
    "shape_template": "only its shape is used; see test_symbolic_sizes.py",
    "dropout": "NumPy does not draw these numbers; see test_random.py",
    "batch_normalization": "needs shared variables; see tests/nn/test_batch_normalization.py",
}
"""Ops that no random program contains, with the reason."""

SEEDS_OF_GRADIENTS = dict.fromkeys(
    ["tanh", "sigmoid", "gather", "sort", "pad", "concatenate", "repeat", "tile", "diagonal", "kron", "conv"], 2
) | {"pool": 8, "update_at": 8, "set_rows": 4, "inverse": 12, "extract_patches": 2, "take_along_axis": 2}
"""Operations whose gradients contain ops of their own, and the number of programs that contain all of them."""


def check(programs: Sequence[Program], modes: Sequence[str], order: int = 2) -> Counter[str]:
    """Fail with the shortest program for each of the first failures; otherwise return what was checked."""
    report = check_programs(programs, modes, order)
    if report.failures:
        pytest.fail("\n\n".join(describe(minimize(failure)) for failure in report.failures[:3]), pytrace=False)
    return report.counts


def draw_programs(seeds: Sequence[int]) -> list[Program]:
    return [p for p in map(draw_program, seeds) if p.lines]


@pytest.mark.parametrize("first", range(0, QUICK, 20))
def test_interpreted_programs(first: int) -> None:
    counts = check(draw_programs(range(first, first + 20)), ["interpreter", "numpy"])
    assert counts["gradient"] > 8, "most programs are smooth, so that finite differences decide"
    assert counts["product"] > 8


@pytest.mark.sample(2)
@pytest.mark.parametrize("first", range(4))
def test_compiled_programs(first: int) -> None:
    check(draw_programs(range(first, QUICK, 13)), ["interpreter", "xla"])


@pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")
def test_programs_in_c() -> None:
    counts = check(draw_programs(range(0, QUICK, 5)), ["interpreter", "native"], order=1)
    assert counts["native"] > 5


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, MANY, 100))
def test_many_programs_in_every_mode(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run all with NumPy and XLA, and a tenth of them in all modes, because compiling takes half a second each.

    A third of them are optimized as users' programs are. The others compile three times as fast.
    """
    from jax.stages import Lowered

    if first % 300:
        monkeypatch.setattr(
            Lowered, "compile", functools.partialmethod(Lowered.compile, compiler_options=FAST_COMPILATION)
        )
    for start in range(first, first + 100, BATCH):
        check(draw_programs(range(start, start + BATCH)), ["interpreter", "numpy", "xla"])
    check(draw_programs(range(first, first + 100, 10)), list(RUNNERS))


@pytest.mark.slow
def test_every_op_is_generated() -> None:
    found: set[str] = set()
    for name in OPERATIONS:
        for seed in range(SEEDS_OF_GRADIENTS.get(name, 8)):
            program = draw_program_of(name, seed)
            if program is not None:
                order = 2 if name in SEEDS_OF_GRADIENTS else 0
                found |= {e.op.name for e in build_results(program, order).nodes if e.op is not None}
    built_in = {name for name, op in OPS.items() if op.function.__module__.partition(".")[0] == "pellucid"}
    assert built_in - found == set(NOT_GENERATED)


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTATIONS)
def test_planted_defects_are_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation = MUTATIONS[name]
    modes = ["interpreter", mutation.mode]
    assert not check_programs([draw_program(1)], modes).failures
    mutation.plant(monkeypatch)
    for first in range(0, 1000, BATCH):
        programs = [p for p in draw_programs(range(first, first + BATCH)) if mutation.code in str(p.lines)]
        failures = check_programs(programs, modes, mutation.order).failures
        if failures:
            print(f"\n{name}: found by program {failures[0].program.seed + 1}, {minimize(failures[0])}")
            return
    pytest.fail(f"1,000 programs do not find that {name}")
