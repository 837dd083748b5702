"""Long lists of cases, of which `make test` runs a sample and `make slow` the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark cases of tests with the marker ``sample(n)`` slow, except each n-th."""
    numbers = Counter[str]()
    for item in items:
        if (marker := item.get_closest_marker("sample")) is not None:
            name = item.nodeid.partition("[")[0]
            if numbers[name] % marker.args[0]:
                item.add_marker(pytest.mark.slow)
            numbers[name] += 1


def sample_cases(cases: Iterable[tuple[Any, ...]], is_fast: Callable[..., bool]) -> list[Any]:
    """Return the arguments of parametrized tests; cases that ``is_fast`` refuses are marked slow."""
    return [pytest.param(*case, marks=[] if is_fast(*case) else [pytest.mark.slow]) for case in cases]
