"""The node tests of the `onnx` package: a few of every operator, and all of them as a slow check."""

from collections import Counter

import pytest

from pellucid.interop.onnx import node_tests, readers  # noqa: F401 - fills the table
from pellucid.interop.onnx.reader import READERS

FEW = 2
LONG = ("averagepool", "lppool", "maxpool")  # test_onnx_import.py holds these against ONNX Runtime


@pytest.fixture(scope="module")
def cases():
    return node_tests.cases(LONG)


def test_a_few_cases_of_every_operator(cases):
    seen, chosen = Counter(), []
    for case in cases:
        operators = node_tests.operators_of(case)
        if "_expanded" not in case.name and not node_tests.reason_of(case) and seen[operators] < FEW:
            seen[operators] += 1
            chosen.append(case)
    results = list(map(node_tests.result_of, chosen))
    assert [(r.name, r.error) for r in results if r.error] == []
    assert len(results) > 250


def test_every_operator_that_is_read_has_a_case(cases):
    tested = {o for case in cases if not node_tests.reason_of(case) for o in node_tests.operators_of(case)}
    untested = {kind.lower() for kind in set(READERS) - tested}
    # Sequences that are not handed in or out, and gradients, have tests in test_onnx_import.py.
    others = {*LONG, "globallppool", "ai.onnx.preview.training.gradient"}
    assert {kind for kind in untested if "sequence" not in kind} <= others


@pytest.mark.slow
def test_all_cases():
    results = list(map(node_tests.result_of, node_tests.cases()))
    assert [(r.name, r.error) for r in results if r.error and not r.reason] == []
    # What is not claimed does not work: otherwise it is to be claimed.
    assert [r.name for r in results if r.reason and not r.error] == []
    assert sum(not r.reason for r in results) > 1600
    written = node_tests.table(results)
    assert written.startswith(f"{sum(not r.reason for r in results)} of ")
    assert "draws random numbers" in written
