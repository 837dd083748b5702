"""Fixtures for the tests of the engine."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import pytest

from pellucid.run.kernels import loading
from pellucid.run.native import compiler

OPTIMIZED = {"test_vector_math"}
"""Files whose C is compiled as that of users, and not fast."""


def forget_compiled_code() -> None:
    """Forget the C compiler and what it has compiled."""
    compiler.find_compiler.cache_clear()
    compiler.get_compiler_version.cache_clear()
    loading.requests.clear()


@contextmanager
def use_optimizing_compiler() -> Iterator[None]:
    """Compile C with the flags of users, and not fast."""
    if not os.environ.get("CC", "").endswith("fast_gcc"):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CC")
        forget_compiled_code()
        yield
    forget_compiled_code()


@pytest.fixture(scope="module", autouse=True)
def _c_is_optimized(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compile C with the flags of users in the files that compare what the flags may change."""
    with use_optimizing_compiler() if request.path.stem in OPTIMIZED else nullcontext():
        yield


@pytest.fixture
def optimized_code() -> Iterator[None]:
    """Compile C with the flags of users in one test. `make slow` does so in all tests that it runs."""
    with use_optimizing_compiler():
        yield


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
