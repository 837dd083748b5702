"""`pel.distribution.initialize`: settings, errors and timeouts."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.run.distributed import distribution
from pellucid.run.distributed.distribution import (
    connect_processes,
    exit_after_timeout,
    initialize,
    read_address,
    read_integer,
)
from pellucid.run.jax_runtime import jax

NOT_FOUND = """
import pellucid as pel
wrong = {"process_id": 2, "num_processes": 2}, {"process_id": 0, "num_processes": 0}, {"heartbeat_seconds": 0.5}
for settings in ({}, *wrong):
    try:
        pel.distribution.initialize(**settings)
    except pel.OptionError as error:
        print(error)
print(pel.distribution.num_processes(), pel.distribution.process_id())
"""


def test_wrong_settings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    failing = make_failing_jax(ValueError("coordinator_address should be defined."))

    def start() -> None:
        for call in distribution.before_devices:
            call(failing)

    monkeypatch.setattr(distribution, "jax", start)
    monkeypatch.setattr(distribution, "start_jax", SimpleNamespace(cache_info=lambda: SimpleNamespace(currsize=0)))
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, r"^pel.distribution.initialize: expected coordinator_address='host:port' of rank 0"),
        ({}, r"Received: none of them, and JAX detected no cluster \(coordinator_address should be defined\.\)"),
        (
            {"process_id": 2, "num_processes": 2},
            "less than num_processes. Received: process_id=2, num_processes=2",
        ),
        ({"process_id": -1, "num_processes": 2}, "Received: process_id=-1, num_processes=2"),
        ({"process_id": 0, "num_processes": 0}, "Received: process_id=0, num_processes=0"),
        (
            {"heartbeat_seconds": 0.5},
            "heartbeat_seconds to be an integer of 1 or more. Received: heartbeat_seconds=0.5",
        ),
    ]
    before = list(distribution.before_devices)
    for settings, message in cases:
        with pytest.raises(pel.OptionError, match=message):
            initialize(**settings)
    assert distribution.before_devices == before
    assert (pel.distribution.num_processes(), pel.distribution.process_id()) == (1, 0)


@pytest.mark.slow
def test_invalid_settings_are_refused(python: Callable[..., list[str]]) -> None:
    missing, rank, count, heartbeat, single = python(NOT_FOUND)
    assert missing.startswith("pel.distribution.initialize: expected coordinator_address='host:port' of rank 0")
    assert "Received: none of them, and JAX detected no cluster" in missing
    assert "less than num_processes. Received: process_id=2, num_processes=2" in rank
    assert "Received: process_id=0, num_processes=0" in count
    assert "expected heartbeat_seconds to be an integer of 1 or more. Received: heartbeat_seconds=0.5" in heartbeat
    assert single == "1 0"


def test_initialize_must_be_called_first() -> None:
    jax()
    with pytest.raises(pel.UseError, match=r"before anything is computed. Received: a second call, or one after"):
        initialize("127.0.0.1:1234", 2, 0)
    late = RuntimeError("jax.distributed.initialize() must be called before any JAX calls")
    with pytest.raises(pel.UseError, match="Make it the first line after the imports"):
        connect_processes(make_failing_jax(late), {}, None, 100, 300)
    other = RuntimeError("something else")
    with pytest.raises(RuntimeError) as caught:
        connect_processes(make_failing_jax(other), {}, None, 100, 300)
    assert caught.value is other


def make_failing_jax(error: Exception) -> Any:
    """Return a fake of JAX whose processes cannot connect."""

    def fail(**kwargs: Any) -> None:
        raise error

    config = SimpleNamespace(update=lambda name, value: None)
    return SimpleNamespace(distributed=SimpleNamespace(initialize=fail), config=config)


@pytest.mark.parametrize(("address", "bound"), [("[::1]:12", "[::1]:12"), ("node1:12", None), (None, None)])
def test_processes_of_one_machine_bind_to_the_loopback_interface(address: str | None, bound: str | None) -> None:
    received: dict[str, Any] = {}
    module = SimpleNamespace(distributed=SimpleNamespace(initialize=lambda **kwargs: received.update(kwargs)))
    module.config = SimpleNamespace(update=lambda name, value: None)
    connect_processes(module, {"coordinator_address": address}, None, 100, 300)  # type: ignore[arg-type]
    assert received["coordinator_bind_address"] == bound


def test_an_error_has_the_settings_and_the_reason() -> None:
    options = {"coordinator_address": "node1:1234", "num_processes": 2, "process_id": None}
    message = (
        r"coordinator_address='node1:1234', num_processes=2, cluster='mpi4py', and JAX .*\(The process id .*defined\)"
    )
    with pytest.raises(pel.OptionError, match=message):
        connect_processes(
            make_failing_jax(ValueError("The process id of this process must be defined")), options, "mpi4py", 100, 300
        )


@pytest.mark.parametrize("address", ["node1", "node1:", ":1234", "node1:port"])
def test_an_address_needs_a_port(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    with pytest.raises(pel.OptionError, match=f"expected coordinator_address='host:port'. Received: '{address}'"):
        read_address(address)
    monkeypatch.setenv("PELLUCID_COORDINATOR_ADDRESS", "[::1]:1234")
    assert read_address(None) == "[::1]:1234"


def test_numbers_come_from_arguments_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_integer("process_id", None) is None
    monkeypatch.setenv("PELLUCID_PROCESS_ID", "3")
    assert (read_integer("process_id", None), read_integer("process_id", 0)) == (3, 0)
    monkeypatch.setenv("PELLUCID_PROCESS_ID", "first")
    with pytest.raises(pel.OptionError, match=r"variable PELLUCID_PROCESS_ID to be an integer. Received: 'first'"):
        read_integer("process_id", None)
    for value in (True, 2.5, 2.0):
        with pytest.raises(pel.OptionError, match=rf"process_id to be an integer. Received: process_id={value}"):
            read_integer("process_id", value)
    assert read_integer("process_id", np.int64(3)) == 3


def test_a_timeout_is_explained(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    codes: list[int] = []
    monkeypatch.setattr(distribution.os, "_exit", codes.append)
    exit_after_timeout(300, "num_processes=2, process_id=1")
    assert codes == [1]
    message = capsys.readouterr().err
    assert message.startswith("DistributionError: The processes did not connect within 300 s. Received: num_processes=")


def test_an_error_suggests_a_similar_name() -> None:
    with pytest.raises(pel.NoSuchNameError, match=r"initialise'. Did you mean 'initialize'"):
        pel.distribution.initialise  # noqa: B018
    with pytest.raises(pel.NoSuchNameError, match=r"It has initialize, list_devices, num_processes, process_id"):
        pel.distribution.rank  # noqa: B018
