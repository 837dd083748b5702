"""Tests of bfloat16 in the NumPy interpreter, which computes in float32 and rounds."""

from __future__ import annotations

import ml_dtypes  # noqa: F401 - registers the dtype with NumPy
import numpy as np
import pytest

from pellucid.graph.errors import DtypeError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.types import is_float
from tests.graph.test_ops import NAMES, Case, cases, gradients

UNSUPPORTED = {
    "cholesky",
    "cofactors",
    "cofactors_derivative",
    "det",
    "inv",
    "logabsdet",
    "signdet",
    "solve",
    "solve_triangular",
}
"""Ops that need float32 or float64."""


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", sorted(set(NAMES) - UNSUPPORTED))
def test_numpy_results_are_rounded_float32_results(name: str) -> None:
    for case in cases(name):
        rounded = [o.astype("bfloat16").astype("float64") if o.dtype == np.float64 else o for o in case.operands]
        (low, values), (high, high_values) = (
            Case(case.op, rounded, case.settings).build(d) for d in ("bfloat16", "float32")
        )
        gradients_low = gradients(low, values)
        found = evaluate(np, [*low, *gradients_low], values)
        assert [f.dtype for f in found] == [e.dtype for e in (*low, *gradients_low)]
        for value, wanted in zip(found[: len(low)], evaluate(np, high, high_values), strict=True):
            if is_float(value.dtype):
                np.testing.assert_allclose(value.astype("float64"), wanted, rtol=0.03, atol=0.03)


@pytest.mark.parametrize("name", sorted(UNSUPPORTED))
def test_ops_without_bfloat16_support_raise_errors(name: str) -> None:
    with pytest.raises(
        DtypeError, match=r"expected float32 or float64\. Received: x0, which is bfloat16. Cast it first"
    ):
        cases(name)[0].build("bfloat16")
