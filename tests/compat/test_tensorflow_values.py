"""Values of TensorFlow 1 on pellucid, compared with those that TensorFlow 2.21 (`tensorflow.compat.v1`) computed."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid.compat.tensorflow as tf

_spec: Any = importlib.util.spec_from_file_location(
    "tensorflow_programs", Path(__file__).with_name("tensorflow_programs.py")
)
programs: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(programs)
RECORDED = json.loads(programs.RESULTS.read_text("utf-8"))


CASES = programs.list_cases()


@pytest.mark.parametrize("part", range(8))
@pytest.mark.usefixtures("engine")
def test_values_of_expressions_are_those_of_tensorflow(part: int) -> None:
    chosen = CASES[part::8]  # of one run, which would take too long with all of them
    found = {name: programs.summarize(value) for name, value in programs.compute_cases(tf, chosen)}
    compare(found, {name: RECORDED["compute_cases"][name] for name in chosen})


def test_every_recorded_value_is_compared() -> None:
    assert sorted(RECORDED["compute_cases"]) == sorted(CASES)


@pytest.mark.parametrize("program", programs.PROGRAMS[1:], ids=lambda program: program.__name__)
@pytest.mark.usefixtures("engine")
def test_values_of_programs_are_those_of_tensorflow(program: Callable[[Any], Any]) -> None:
    compare({name: programs.summarize(value) for name, value in program(tf)}, RECORDED[program.__name__])


@pytest.mark.peer
@pytest.mark.parametrize("program", programs.PROGRAMS, ids=lambda program: program.__name__)
def test_values_are_those_of_the_installed_tensorflow(program: Callable[[Any], Any]) -> None:
    genuine = pytest.importorskip("tensorflow.compat.v1")
    genuine.disable_v2_behavior()
    expected = dict(program(genuine))
    found = dict(program(tf))
    assert list(found) == list(expected)
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], 1e-4, 1e-5, err_msg=name)


def compare(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert list(found) == list(expected)
    for name, (dtype, shape, *sums) in found.items():
        assert [dtype, shape] == expected[name][:2], name
        np.testing.assert_allclose(sums, expected[name][2:], 2e-4, 2e-5, err_msg=name)
