"""What the tests share."""

import signal

import numpy as np
import pytest
from hypothesis import settings

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell that starts the tests in the background has them ignore Ctrl-C, which some of them press.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples on every run and every machine, and no verdict on how long one takes.
settings.register_profile("pellucid", derandomize=True, deadline=None, database=None)
settings.load_profile("pellucid")


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers that are the same on every run."""
    return np.random.default_rng(0)
