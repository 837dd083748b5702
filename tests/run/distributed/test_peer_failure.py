"""Connections between processes tell at once when one ends, and of nobody who takes his leave."""

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
from pellucid.run.distributed.peer_failure import GOODBYE, WORD, Lifeline, listener_at, word_of

Star = tuple[Lifeline, list[Lifeline], "queue.Queue[tuple[int, int]]"]


@pytest.fixture
def star() -> Iterator[Star]:
    """Four processes, and who has heard of whose loss."""
    heard: queue.Queue[tuple[int, int]] = queue.Queue()
    first, *others = (Lifeline(lambda gone, me=me: heard.put((me, gone))) for me in range(4))
    port, token = first.listen("127.0.0.1")
    for number, other in enumerate(others, 1):
        other.join("127.0.0.1", port, token, number)
    wait_for(lambda: len(first.held) == 3)
    yield first, others, heard
    for each in (first, *others):
        each.leave()


def wait_for(condition: Any) -> None:
    """Wait until something holds, ten seconds at most."""
    pause: queue.Queue[None] = queue.Queue()
    for _ in range(1000):
        if condition():
            return
        with pytest.raises(queue.Empty):
            pause.get(timeout=0.01)
    raise AssertionError("it does not come")


def cut(line: Lifeline) -> None:
    """End connections as the system does for a process that is killed."""
    line.parting = True
    line.leaving.set()  # whose thread then closes them


def test_all_hear_of_one_that_is_lost(star: Star) -> None:
    _, others, heard = star
    cut(others[1])
    assert {heard.get(timeout=10) for _ in range(3)} == {(0, 2), (1, 2), (3, 2)}


def test_all_hear_of_the_loss_of_the_first(star: Star) -> None:
    first, _, heard = star
    cut(first)
    assert {heard.get(timeout=10) for _ in range(3)} == {(1, 0), (2, 0), (3, 0)}


def test_who_says_goodbye_is_not_missed(star: Star) -> None:
    first, others, heard = star
    others[0].leave()
    cut(others[0])
    wait_for(lambda: len(first.held) == 2)
    first.leave()
    wait_for(lambda: not others[1].held and not others[2].held)
    cut(first)
    assert heard.empty()


def test_nobody_else_is_let_in(star: Star) -> None:
    first, _, heard = star
    port = next(key.fileobj for key in first.selector.get_map().values() if key.data == first.let_in).getsockname()[1]
    for words in (b"", b"GET / HTTP/1.1", WORD.pack(first.token), WORD.pack(first.token ^ 1) + WORD.pack(1)):
        with socket.create_connection(("127.0.0.1", port)) as stranger:
            with suppress(OSError):  # it may have been shown the door by then
                stranger.sendall(words)
                stranger.shutdown(socket.SHUT_WR)
            assert word_of(stranger) is None
    assert len(first.held) == 3
    assert heard.empty()


def test_who_has_gone_again_by_then_is_not_waited_for(star: Star) -> None:
    first = star[0]
    listener = next(key.fileobj for key in first.selector.get_map().values() if key.data == first.let_in)
    waiting = threading.Thread(target=first.let_in, args=(listener,), daemon=True)
    waiting.start()
    waiting.join(timeout=5)
    assert not waiting.is_alive()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "node1"])
def test_processes_of_one_machine_are_not_reached_from_another(host: str) -> None:
    if ":" in host and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with listener_at(host) as listener:
        assert (listener.getsockname()[0] in ("127.0.0.1", "::1")) == (host != "node1")
        name = "127.0.0.1" if host == "node1" else host
        socket.create_connection((name, listener.getsockname()[1]), timeout=5).close()


def test_words_fit() -> None:
    one, other = socket.socketpair()
    with one, other:
        one.sendall(WORD.pack(7) + WORD.pack(GOODBYE) + b"x")
        one.shutdown(socket.SHUT_WR)
        assert [word_of(other) for _ in range(3)] == [7, GOODBYE, None]


@pytest.mark.parametrize("noticed", [True, False])
def test_a_process_says_who_is_lost_unless_it_found_out_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], noticed: bool
) -> None:
    left: list[int] = []
    monkeypatch.setattr(process_group.os, "_exit", left.append)
    monkeypatch.setattr(process_group, "num_processes", lambda: 3)
    monkeypatch.setattr(process_group, "MOMENT_SECONDS", 0.01)
    monkeypatch.setattr(process_group, "GRACE_SECONDS", 0.01)
    if noticed:
        process_group._broken.set()
    try:
        with process_group.advised(lambda: "Begin anew"):
            process_group.missed(2)
    finally:
        process_group._broken.clear()
    told = capsys.readouterr().err
    assert (left, told) == (
        ([], "") if noticed else ([1], "DistributionError: Process 0 of 3 lost process 2. Begin anew\n")
    )


def test_a_failed_process_does_not_wait_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Any] = []
    monkeypatch.setattr(process_group.os, "_exit", done.append)
    monkeypatch.setattr(process_group.sys, "last_value", None, raising=False)
    process_group.leave(lambda: done.append("goodbye"))
    monkeypatch.setattr(process_group.sys, "last_value", pel.ModelError("no"), raising=False)
    process_group.leave(lambda: None)
    assert done == ["goodbye", 1]
