"""Long lists of cases, of which `make test` runs a sample and `make slow` the rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def sample_cases(cases: Iterable[tuple[Any, ...]], step: int = 2) -> list[Any]:
    """Return the arguments of parametrized tests; all but the first of every ``step`` are marked slow."""
    return [pytest.param(*case, marks=[pytest.mark.slow] * (number % step > 0)) for number, case in enumerate(cases)]
