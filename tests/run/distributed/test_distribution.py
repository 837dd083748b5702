"""Processes that are to compute together find one another, or say what is missing."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.run.distributed import distribution
from pellucid.run.distributed.distribution import checked_address, connect, give_up, initialize, whole
from pellucid.run.jax_runtime import jax

NOT_FOUND = """
import pellucid as pel
wrong = {"process_id": 2, "num_processes": 2}, {"process_id": 0, "num_processes": 0}, {"heartbeat_seconds": 0.5}
for given in ({}, *wrong):
    try:
        pel.distribution.initialize(**given)
    except pel.OptionError as error:
        print(error)
print(pel.distribution.num_processes(), pel.distribution.process_id())
"""


def test_what_is_missing_is_said_before_anything_starts(python: Callable[..., list[str]]) -> None:
    nothing, beyond, none, silence, alone = python(NOT_FOUND)
    assert nothing.startswith("pel.distribution.initialize: expected coordinator_address='host:port' of the first pro")
    assert "Received: none of them, and no cluster that JAX knows" in nothing
    assert "from 0 up to but without num_processes. Received: process_id=2, num_processes=2" in beyond
    assert "Received: process_id=0, num_processes=0" in none
    assert "expected heartbeat_seconds to be a whole number from 1. Received: heartbeat_seconds=0.5" in silence
    assert alone == "1 0"


def test_processes_come_together_before_anything_is_computed() -> None:
    jax()
    with pytest.raises(pel.UseError, match=r"before anything is computed. Received: a second call, or one after some"):
        initialize("127.0.0.1:1234", 2, 0)
    late = RuntimeError("jax.distributed.initialize() must be called before any JAX calls")
    with pytest.raises(pel.UseError, match="Make it the first line after the imports"):
        connect(refusing(late), {}, None, 100, 300)
    other = RuntimeError("something else")
    with pytest.raises(RuntimeError) as told:
        connect(refusing(other), {}, None, 100, 300)
    assert told.value is other


def refusing(error: Exception) -> Any:
    """Return what looks like JAX and does not come together."""

    def fails(**given: Any) -> None:
        raise error

    config = SimpleNamespace(update=lambda name, value: None)
    return SimpleNamespace(distributed=SimpleNamespace(initialize=fails), config=config)


@pytest.mark.parametrize(("address", "bound"), [("[::1]:12", "[::1]:12"), ("node1:12", None), (None, None)])
def test_processes_of_one_machine_meet_where_no_other_comes(address: str | None, bound: str | None) -> None:
    told: dict[str, Any] = {}
    found = SimpleNamespace(distributed=SimpleNamespace(initialize=lambda **given: told.update(given)))
    found.config = SimpleNamespace(update=lambda name, value: None)
    connect(found, {"coordinator_address": address}, None, 100, 300)  # type: ignore[arg-type]
    assert told["coordinator_bind_address"] == bound


def test_what_was_given_and_what_jax_says_of_it_is_told() -> None:
    given = {"coordinator_address": "node1:1234", "num_processes": 2, "process_id": None}
    told = r"coordinator_address='node1:1234', num_processes=2, cluster='mpi4py', and no .*\(The process id .*defined\)"
    with pytest.raises(pel.OptionError, match=told):
        connect(refusing(ValueError("The process id of this process must be defined")), given, "mpi4py", 100, 300)


@pytest.mark.parametrize("address", ["node1", "node1:", ":1234", "node1:port"])
def test_an_address_has_a_port(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    with pytest.raises(pel.OptionError, match=f"expected coordinator_address='host:port'. Received: '{address}'"):
        checked_address(address)
    monkeypatch.setenv("PELLUCID_COORDINATOR_ADDRESS", "[::1]:1234")
    assert checked_address(None) == "[::1]:1234"


def test_numbers_come_from_the_call_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert whole("process_id", None) is None
    monkeypatch.setenv("PELLUCID_PROCESS_ID", "3")
    assert (whole("process_id", None), whole("process_id", 0)) == (3, 0)
    monkeypatch.setenv("PELLUCID_PROCESS_ID", "first")
    with pytest.raises(
        pel.OptionError, match=r"to be a whole number. Received: PELLUCID_PROCESS_ID='first' in the env"
    ):
        whole("process_id", None)
    for given in (True, 2.5, 2.0):
        with pytest.raises(pel.OptionError, match=rf"to be a whole number. Received: process_id={given}"):
            whole("process_id", given)
    assert whole("process_id", np.int64(3)) == 3


def test_who_waits_in_vain_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    left: list[int] = []
    monkeypatch.setattr(distribution.os, "_exit", left.append)
    give_up(300, "num_processes=2, process_id=1")
    assert left == [1]
    told = capsys.readouterr().err
    assert told.startswith("DistributionError: The processes did not come together within 300 s. Received: num_proce")


def test_a_misspelt_name_is_told() -> None:
    with pytest.raises(pel.NoSuchNameError, match=r"initialise'. Did you mean 'initialize'"):
        pel.distribution.initialise  # noqa: B018
    with pytest.raises(pel.NoSuchNameError, match=r"It has initialize, list_devices, num_processes, process_id"):
        pel.distribution.rank  # noqa: B018
