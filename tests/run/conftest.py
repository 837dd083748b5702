"""Fixtures for the tests of the engine."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from pellucid.graph import FUNCTIONS
from pellucid.graph.op import OPS


def run_python(program: str, **environment: str) -> list[str]:
    """Run a program in a new process, with warnings as errors, and return the lines it prints."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_", "XLA_", "PELLUCID_"))}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**kept, "PELLUCID_CACHE": "0", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def python() -> Callable[..., list[str]]:
    """`run_python`, without a cache of compiled programs unless the environment names one."""
    return run_python


@pytest.fixture(autouse=True)
def _remove_ops_of_a_test() -> Iterator[None]:
    """Remove the ops of a test from the registry, which other tests iterate over."""
    original = set(OPS)
    yield
    for name in set(OPS) - original:
        del OPS[name]
        FUNCTIONS.pop(name, None)
