"""Everything that is exported to train with stands in a family of `peers`, or in another test of agreement."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import get_origin

import pytest

from pellucid import nn
from tests.nn.peers import (
    activations,
    constraints,
    initializers,
    losses,
    metrics,
    optimizers,
    regularizers,
    schedules,
    store,
)

HERE = Path(__file__).parent

FAMILIES: dict[str, ModuleType] = {
    "activations": activations,
    "constraints": constraints,
    "initializers": initializers,
    "losses": losses,
    "metrics": metrics,
    "optimizers": optimizers,
    "regularizers": regularizers,
    "schedules": schedules,
}
HOMES: dict[str, ModuleType] = {family: getattr(nn, family) for family in FAMILIES}

BASES = {
    *(
        "ThresholdMetric",
        "Constraint",
        "Initializer",
        "Loss",
        "MeanMetricWrapper",
        "Metric",
        "Optimizer",
        "StreamingMetric",
        "Schedule",
    ),
    "reduce_values",
}
"""What the others are made of: nothing to agree with by itself."""

ELSEWHERE: dict[str, str] = {
    "scaled_tanh": "test_activations.py::test_a_scaled_tanh_is_lasagnes",
    "sparsemax": "test_activations.py::test_a_sparsemax_is_the_nearest_point_of_the_simplex",
    "Sparse": "test_initializers.py::test_a_sparse_matrix_is_lasagnes",
    "fans": "test_initializers.py::test_fans",
    "binary_hinge": "test_losses.py::test_lasagnes_hinges",
    "multiclass_hinge": "test_losses.py::test_lasagnes_hinges",
    "aggregate": "test_losses.py::test_aggregate",
    "class_weight": "test_losses.py::test_class_weights_as_labels_and_as_columns",
    "ConfusionMatrix": "test_metrics.py::test_a_confusion_matrix_and_an_area_are_counts_of_pairs",
    "Mean": "test_metrics.py::test_a_mean_and_a_sum_of_values_go_on_and_begin_anew",
    "Sum": "test_metrics.py::test_a_mean_and_a_sum_of_values_go_on_and_begin_anew",
    "l1": "test_regularizers.py::test_penalties_leave_biases_alone",
    "l2": "test_regularizers.py::test_penalties_leave_biases_alone",
    "ConstantSchedule": "test_schedules.py::test_they_are_the_policies_of_caffe",
    "InverseDecay": "test_schedules.py::test_they_are_the_policies_of_caffe",
    "MultiStepDecay": "test_schedules.py::test_they_are_the_policies_of_caffe",
    "SigmoidDecay": "test_schedules.py::test_they_are_the_policies_of_caffe",
    "StepDecay": "test_schedules.py::test_they_are_the_policies_of_caffe",
    "WarmUp": "test_schedules.py::test_a_warm_up_leads_to_any_schedule",
}
"""What no peer has, or has otherwise: the test that holds it against its published formula."""


def exported(family: str) -> set[str]:
    """Return what a module exports to train with: no types of hints, no tables, no look-ups."""
    home = HOMES[family]
    found = {name: getattr(home, name) for name in home.__all__}
    return {n for n, v in found.items() if callable(v) and get_origin(v) is None} - BASES - {"get"}


def with_case(family: str) -> set[str]:
    """Return the names that have a case, and the functions that classes with a case compute."""
    names: set[str] = set()
    for case in FAMILIES[family].CASES.values():
        found = getattr(HOMES[family], case[0])
        computed = (
            found(**case[1]).function
            if family == "metrics" and issubclass(found, nn.metrics.MeanMetricWrapper)
            else None
        )
        computed = getattr(found, "function", computed)
        names |= {case[0]} | ({computed.__name__} if computed else set())
    return names


@pytest.mark.parametrize("family", FAMILIES)
def test_everything_exported_agrees_with_something(family: str) -> None:
    assert exported(family) - with_case(family) - set(ELSEWHERE) == set()
    assert set(store.load(family)) == set(FAMILIES[family].CASES)
    source = (HERE / f"test_{family}.py").read_text()
    assert "store.compare" in source or "    compare(peers.by_pellucid(case), GOLDEN[case])" in source
    assert source.count("(peers.by_keras(case), GOLDEN[case])") == 1


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_no_peer_has_is_held_against_its_formula_elsewhere(name: str) -> None:
    file, test = ELSEWHERE[name].split("::")
    source = (HERE / file).read_text()
    assert f"\ndef {test}(" in source
    assert re.search(rf"\b{name}\(", source)
    assert any(name in exported(family) - with_case(family) for family in FAMILIES)


def test_what_stands_nowhere_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.losses, "__all__", [*nn.losses.__all__, "bent"])
    monkeypatch.setattr(nn.losses, "bent", lambda y_true, y_pred: y_true, raising=False)
    assert exported("losses") - with_case("losses") - set(ELSEWHERE) == {"bent"}
