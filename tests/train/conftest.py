"""Runs of these tests are small."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def _runs_are_quick(quick_runs: None) -> None:
    """All tests load compiled programs and draw nothing."""
