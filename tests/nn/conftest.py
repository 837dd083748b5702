"""Fixture of the tests of layers and losses: comparison of gradients with finite differences."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import pellucid as pel

GradientCheck = Callable[[Any, Sequence[Any], Sequence[Any], Sequence[Any]], None]


@pytest.fixture
def check_gradients() -> GradientCheck:
    """Return a function that compares `pel.grad` with central differences, in float64."""

    def check(loss: Any, parameters: Sequence[Any], inputs: Sequence[Any], values: Sequence[Any]) -> None:
        cost = pel.function(inputs, loss, mode="numpy")
        gradients = pel.function(inputs, pel.grad(loss, parameters), mode="numpy")
        for parameter, found in zip(parameters, gradients(*values), strict=True):
            assert found.dtype == np.float64
            start = parameter.get_value()
            expected = np.zeros_like(start)
            for index in np.ndindex(start.shape):
                sides = []
                for step in (1e-6, -1e-6):
                    shifted = start.copy()
                    shifted[index] += step
                    parameter.set_value(shifted)
                    sides.append(cost(*values))
                expected[index] = (sides[0] - sides[1]) / 2e-6
            parameter.set_value(start)
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)

    return check
