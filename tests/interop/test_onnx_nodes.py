"""ONNX node tests: a few cases per operator, and all cases as a slow test."""

from collections import Counter

import pytest

from pellucid.interop.onnx import node_tests, readers  # noqa: F401 - fills READERS
from pellucid.interop.onnx.reader import READERS

FEW = 2
LONG = ("averagepool", "lppool", "maxpool")  # test_onnx_import.py compares these with ONNX Runtime


@pytest.fixture(scope="module")
def cases():
    return node_tests.load_cases(LONG)


@pytest.mark.parametrize("part", range(3))
def test_a_few_cases_of_every_operator(cases, part):
    seen, chosen = Counter(), []
    for case in cases:
        operators = node_tests.get_operators(case)
        if "_expanded" not in case.name and not node_tests.get_exclusion_reason(case) and seen[operators] < FEW:
            seen[operators] += 1
            chosen.append(case)
    results = list(map(node_tests.run_case, chosen[part::3]))
    assert [(r.name, r.error) for r in results if r.error] == []
    assert len(results) > 80


def test_every_operator_that_is_read_has_a_case(cases):
    tested = {o for case in cases if not node_tests.get_exclusion_reason(case) for o in node_tests.get_operators(case)}
    untested = {kind.lower() for kind in set(READERS) - tested}
    # Internal sequences and gradients have tests in test_onnx_import.py.
    others = {*LONG, "globallppool", "ai.onnx.preview.training.gradient"}
    assert {kind for kind in untested if "sequence" not in kind} <= others


@pytest.mark.slow
def test_all_cases():
    results = list(map(node_tests.run_case, node_tests.load_cases()))
    assert [(r.name, r.error) for r in results if r.error and not r.reason] == []
    # Every excluded case fails; otherwise its exclusion is outdated.
    assert [r.name for r in results if r.reason and not r.error] == []
    assert sum(not r.reason for r in results) > 1600
    report = node_tests.format_results(results)
    assert report.startswith(f"{sum(not r.reason for r in results)} of ")
    assert "draws random numbers" in report
