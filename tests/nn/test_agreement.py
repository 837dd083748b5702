"""Every exported name for training has a case in `peers` or a test against its formula."""

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
MODULES: dict[str, ModuleType] = {family: getattr(nn, family) for family in FAMILIES}

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
"""Base classes and helpers, which have no values to compare."""

FORMULA_TESTS: dict[str, str] = {
    "scaled_tanh": "test_activations.py::test_scaled_tanh_is_that_of_lasagne",
    "sparsemax": "test_activations.py::test_sparsemax_is_the_projection_onto_the_simplex",
    "Sparse": "test_initializers.py::test_sparse_matrices_are_those_of_lasagne",
    "fans": "test_initializers.py::test_fans",
    "binary_hinge": "test_losses.py::test_hinges_agree_with_lasagne",
    "multiclass_hinge": "test_losses.py::test_hinges_agree_with_lasagne",
    "aggregate": "test_losses.py::test_aggregate",
    "class_weight": "test_losses.py::test_class_weights_as_labels_and_as_columns",
    "ConfusionMatrix": "test_metrics.py::test_confusion_matrix_and_auc_are_counts_of_pairs",
    "Optax": "test_optax.py::test_steps_agree_with_optax_by_hand",
    "Mean": "test_metrics.py::test_mean_and_sum_accumulate_until_reset",
    "Sum": "test_metrics.py::test_mean_and_sum_accumulate_until_reset",
    "l1": "test_regularizers.py::test_penalties_exclude_biases",
    "l2": "test_regularizers.py::test_penalties_exclude_biases",
    "ConstantSchedule": "test_schedules.py::test_schedules_agree_with_the_policies_of_caffe",
    "InverseDecay": "test_schedules.py::test_schedules_agree_with_the_policies_of_caffe",
    "MultiStepDecay": "test_schedules.py::test_schedules_agree_with_the_policies_of_caffe",
    "SigmoidDecay": "test_schedules.py::test_schedules_agree_with_the_policies_of_caffe",
    "StepDecay": "test_schedules.py::test_schedules_agree_with_the_policies_of_caffe",
    "WarmUp": "test_schedules.py::test_any_schedule_can_follow_a_warm_up",
}
"""Names that the peers lack or define differently, with the test that compares them with their published formula."""


def list_exported(family: str) -> set[str]:
    """Return the functions and classes that a module exports for training."""
    module = MODULES[family]
    found = {name: getattr(module, name) for name in module.__all__}
    return {n for n, v in found.items() if callable(v) and get_origin(v) is None} - BASES - {"get"}


def list_tested(family: str) -> set[str]:
    """Return the names with a case, and the functions of classes with a case."""
    names: set[str] = set()
    for case in FAMILIES[family].CASES.values():
        found = getattr(MODULES[family], case[0])
        function = (
            found(**case[1]).function
            if family == "metrics" and issubclass(found, nn.metrics.MeanMetricWrapper)
            else None
        )
        function = getattr(found, "function", function)
        names |= {case[0]} | ({function.__name__} if function else set())
    return names


@pytest.mark.parametrize("family", FAMILIES)
def test_every_exported_name_has_a_test_of_agreement(family: str) -> None:
    assert list_exported(family) - list_tested(family) - set(FORMULA_TESTS) == set()
    assert set(store.load(family)) == set(FAMILIES[family].CASES)
    source = (HERE / f"test_{family}.py").read_text()
    assert "compare(" in source
    assert source.count(f'(peers.by_keras(case), store.load("{family}")[case])') == 1


@pytest.mark.parametrize("name", FORMULA_TESTS)
def test_names_without_a_peer_are_compared_with_a_formula(name: str) -> None:
    file, test = FORMULA_TESTS[name].split("::")
    source = (HERE / file).read_text()
    assert f"\ndef {test}(" in source
    assert re.search(rf"\b{name}\(", source)
    assert any(name in list_exported(family) - list_tested(family) for family in FAMILIES)


def test_a_name_without_a_test_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.losses, "__all__", [*nn.losses.__all__, "bent"])
    monkeypatch.setattr(nn.losses, "bent", lambda y_true, y_pred: y_true, raising=False)
    assert list_exported("losses") - list_tested("losses") - set(FORMULA_TESTS) == {"bent"}
