"""Fixtures of the tests of training: several devices, and the ranks of a process group, inside of this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pellucid.run.jax_runtime import jax


@pytest.fixture(scope="module", autouse=True)
def _compile_once(compile_once: None) -> None:
    """Share compiled programs with the other processes of the tests: small models have equal ones."""


Gather = Callable[[np.ndarray], np.ndarray]


@pytest.fixture(scope="session")
def second_client() -> Any:
    """A client of XLA that divides the CPU into four devices; that of JAX keeps its one device."""
    jax()
    from jaxlib import xla_client

    return xla_client.make_cpu_client(asynchronous=False, num_devices=4)


@pytest.fixture(scope="session")
def use_four_devices(second_client: Any) -> Callable[[pytest.MonkeyPatch], None]:
    """Return a function that lets pellucid find four devices."""

    def use(patch: pytest.MonkeyPatch) -> None:
        devices = second_client.local_devices()
        for name in ("devices", "local_devices"):
            patch.setattr(jax(), name, lambda *_: devices)
        patch.setattr(jax(), "device_count", lambda: len(devices))

    return use


@pytest.fixture
def four_devices(use_four_devices: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pellucid find four devices."""
    use_four_devices(monkeypatch)


@pytest.fixture
def join_group(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that makes this process a rank of a group; a function gathers the values of all ranks."""

    def join(rank: int, count: int = 2, gather: Gather | None = None) -> None:
        def gather_equal(own: np.ndarray) -> np.ndarray:
            return np.stack([own] * count)

        monkeypatch.setattr(jax(), "process_index", lambda: rank)
        monkeypatch.setattr(jax(), "process_count", lambda: count)
        monkeypatch.setattr("jax.experimental.multihost_utils.process_allgather", gather or gather_equal)

    return join
