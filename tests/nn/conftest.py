"""What the tests of layers and losses share: a gradient held against finite differences."""

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
        for parameter, found in zip(parameters, pel.function(inputs, pel.grad(loss, parameters))(*values), strict=True):
            assert found.dtype == np.float64
            start = parameter.get_value()
            wanted = np.zeros_like(start)
            for place in np.ndindex(start.shape):
                sides = []
                for step in (1e-6, -1e-6):
                    moved = start.copy()
                    moved[place] += step
                    parameter.set_value(moved)
                    sides.append(cost(*values))
                wanted[place] = (sides[0] - sides[1]) / 2e-6
            parameter.set_value(start)
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-8)

    return check
