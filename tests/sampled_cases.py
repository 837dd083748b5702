"""Long lists of cases, of which `make test` runs a sample and `make slow` the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest

GOLDEN_RATIO = (5**0.5 - 1) / 2


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the cases of tests with the marker ``sample(n)`` slow, except the first and about one in n of the others."""
    numbers = Counter[str]()
    for item in items:
        marker = item.get_closest_marker("sample")
        if marker is None or item.get_closest_marker("slow") is not None:
            continue
        name = item.nodeid.partition("[")[0]
        # Each second case would always have the same of two dtypes. Multiples of the golden ratio are spread evenly
        # between whole numbers and have no period.
        if numbers[name] * GOLDEN_RATIO % 1 >= 1 / marker.args[0]:
            item.add_marker(pytest.mark.slow)
        numbers[name] += 1


def sample_cases(cases: Iterable[tuple[Any, ...]], is_fast: Callable[..., bool]) -> list[Any]:
    """Return the arguments of parametrized tests; cases that ``is_fast`` refuses are marked slow."""
    return [pytest.param(*case, marks=[] if is_fast(*case) else [pytest.mark.slow]) for case in cases]
