"""What the tests share."""

import numpy as np
import pytest
from hypothesis import settings

# The same examples on every run and every machine, and no verdict on how long one takes.
settings.register_profile("pellucid", derandomize=True, deadline=None, database=None)
settings.load_profile("pellucid")


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers that are the same on every run."""
    return np.random.default_rng(0)
