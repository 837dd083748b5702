"""Peer failures are detected at once, and processes that end with a goodbye are not reported."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

import pellucid as pel
from pellucid.run.distributed import process_group
from pellucid.run.distributed.peer_failure import GOODBYE, MESSAGE, PeerMonitor, make_listener, recv_message
from pellucid.run.interrupts import TERMINATED, SigtermHandler

Group = tuple[PeerMonitor, list[PeerMonitor], "queue.Queue[tuple[int, int]]"]


@pytest.fixture
def group() -> Iterator[Group]:
    """Four processes, and a queue of reports: the rank that reports, and the rank that is lost."""
    reports: queue.Queue[tuple[int, int]] = queue.Queue()
    first, *others = (PeerMonitor(lambda lost, rank=rank: reports.put((rank, lost))) for rank in range(4))
    port, token = first.listen("127.0.0.1")
    for rank, other in enumerate(others, 1):
        other.connect("127.0.0.1", port, token, rank)
    wait_for(lambda: len(first.ranks) == 3)
    yield first, others, reports
    for monitor in (first, *others):
        monitor.close()


def wait_for(condition: Any) -> None:
    """Wait until a condition holds, at most ten seconds."""
    pause: queue.Queue[None] = queue.Queue()
    for _ in range(1000):
        if condition():
            return
        with pytest.raises(queue.Empty):
            pause.get(timeout=0.01)
    raise AssertionError("the condition does not become true")


def kill(monitor: PeerMonitor) -> None:
    """Close the connections, as the system does for a process that is killed."""
    monitor.closing = True
    monitor.stop.set()  # its thread then closes them


def test_all_processes_report_a_lost_one(group: Group) -> None:
    _, others, reports = group
    kill(others[1])
    assert {reports.get(timeout=10) for _ in range(3)} == {(0, 2), (1, 2), (3, 2)}


def test_all_processes_report_the_loss_of_rank_0(group: Group) -> None:
    first, _, reports = group
    kill(first)
    assert {reports.get(timeout=10) for _ in range(3)} == {(1, 0), (2, 0), (3, 0)}


def test_a_goodbye_is_not_reported(group: Group) -> None:
    first, others, reports = group
    others[0].close()
    kill(others[0])
    wait_for(lambda: len(first.ranks) == 2)
    first.close()
    wait_for(lambda: not others[1].ranks and not others[2].ranks)
    kill(first)
    assert reports.empty()


def test_connections_without_the_token_are_refused(group: Group) -> None:
    first, _, reports = group
    port = next(key.fileobj for key in first.selector.get_map().values() if key.data == first.accept).getsockname()[1]
    for data in (b"", b"GET / HTTP/1.1", MESSAGE.pack(first.token), MESSAGE.pack(first.token ^ 1) + MESSAGE.pack(1)):
        with socket.create_connection(("127.0.0.1", port)) as stranger:
            with suppress(OSError):  # rank 0 may have closed the connection already
                stranger.sendall(data)
                stranger.shutdown(socket.SHUT_WR)
            assert recv_message(stranger) is None
    assert len(first.ranks) == 3
    assert reports.empty()


def test_accept_does_not_wait_for_a_peer_that_disconnected(group: Group) -> None:
    first = group[0]
    listener = next(key.fileobj for key in first.selector.get_map().values() if key.data == first.accept)
    waiting = threading.Thread(target=first.accept, args=(listener,), daemon=True)
    waiting.start()
    waiting.join(timeout=5)
    assert not waiting.is_alive()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "node1"])
def test_loopback_addresses_are_not_reachable_from_other_machines(host: str) -> None:
    if ":" in host and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with make_listener(host) as listener:
        assert (listener.getsockname()[0] in ("127.0.0.1", "::1")) == (host != "node1")
        name = "127.0.0.1" if host == "node1" else host
        socket.create_connection((name, listener.getsockname()[1]), timeout=5).close()


def test_messages() -> None:
    one, other = socket.socketpair()
    with one, other:
        one.sendall(MESSAGE.pack(7) + MESSAGE.pack(GOODBYE) + b"x")
        one.shutdown(socket.SHUT_WR)
        assert [recv_message(other) for _ in range(3)] == [7, GOODBYE, None]


@pytest.mark.parametrize("noticed", [True, False])
def test_a_process_reports_the_lost_peer_unless_a_collective_did(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], noticed: bool
) -> None:
    codes: list[int] = []
    monkeypatch.setattr(process_group.os, "_exit", codes.append)
    monkeypatch.setattr(process_group, "num_processes", lambda: 3)
    monkeypatch.setattr(process_group, "NOTICE_SECONDS", 0.01)
    monkeypatch.setattr(process_group, "GRACE_SECONDS", 0.01)
    if noticed:
        process_group._peer_failed.set()
    try:
        with process_group.add_recovery_hint(lambda: "Restart it"):
            process_group.on_peer_lost(2)
    finally:
        process_group._peer_failed.clear()
    message = capsys.readouterr().err
    assert (codes, message) == (
        ([], "") if noticed else ([1], "DistributionError: Process 0 of 3 lost process 2. Restart it\n")
    )


def test_a_failed_process_does_not_wait_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    actions: list[Any] = []
    monkeypatch.setattr(process_group.os, "_exit", actions.append)
    monkeypatch.setattr(process_group.sys, "last_value", None, raising=False)
    process_group.shutdown(lambda: actions.append("goodbye"))
    monkeypatch.setattr(process_group.sys, "last_value", pel.ModelError("no"), raising=False)
    process_group.shutdown(lambda: actions.append("another goodbye"))
    monkeypatch.setattr(SigtermHandler, "ends_process", True)
    process_group.shutdown(lambda: actions.append("a third goodbye"))
    assert actions == ["goodbye", 1, TERMINATED]
