"""What the interpreter makes of bfloat16: float32, rounded. Products of it are none of NumPy's own."""

from __future__ import annotations

import ml_dtypes  # noqa: F401 - NumPy knows the name once this is there
import numpy as np
import pytest

from pellucid.graph.errors import DtypeError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.types import is_float
from tests.graph.test_ops import NAMES, Case, cases, gradients

WIDE = {"cholesky", "det", "inv", "logabsdet", "signdet", "solve", "solve_triangular"}
"""Ops that take no less than float32, and say so."""


@pytest.mark.parametrize("name", sorted(set(NAMES) - WIDE))
def test_numpy_computes_it_as_float32_rounded(name: str) -> None:
    for case in cases(name):
        rounded = [o.astype("bfloat16").astype("float64") if o.dtype == np.float64 else o for o in case.operands]
        (few, values), (many, wide) = (Case(case.op, rounded, case.settings).build(d) for d in ("bfloat16", "float32"))
        slopes = gradients(few, values)
        found = evaluate(np, [*few, *slopes], values)
        assert [f.dtype for f in found] == [e.dtype for e in (*few, *slopes)]
        for value, wanted in zip(found[: len(few)], evaluate(np, many, wide), strict=True):
            if is_float(value.dtype):
                np.testing.assert_allclose(value.astype("float64"), wanted, rtol=0.03, atol=0.03)


@pytest.mark.parametrize("name", sorted(WIDE))
def test_what_takes_more_digits_says_so(name: str) -> None:
    with pytest.raises(
        DtypeError, match=r"expected float32 or float64\. Received: x0, which is bfloat16. Cast it first"
    ):
        cases(name)[0].build("bfloat16")
