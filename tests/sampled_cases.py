"""Long lists of cases, of which `make test` runs a sample and `make slow` the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def sample_cases(cases: Iterable[tuple[Any, ...]], is_fast: Callable[..., bool]) -> list[Any]:
    """Return the arguments of parametrized tests; cases that ``is_fast`` refuses are marked slow."""
    return [pytest.param(*case, marks=[] if is_fast(*case) else [pytest.mark.slow]) for case in cases]
