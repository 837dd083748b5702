"""Detection of peer failures by TCP connections, which close when a process ends for any reason.

Rank 0 has a connection to every other process and forwards the rank of a lost one. JAX's own service notices a loss
only after many seconds without a heartbeat, and then aborts without an explanation.
"""

from __future__ import annotations

import ipaddress
import secrets
import selectors
import socket
import struct
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selectors import DefaultSelector
    from threading import Event

MESSAGE = struct.Struct("!i")
"""A message: the rank of a lost process, or GOODBYE."""

GOODBYE = -1

LISTEN_BACKLOG = 512

SOCKET_TIMEOUT_SECONDS = 5.0
"""How long connecting and the first messages may take."""

KEEPALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 4}
"""Seconds of silence before the first keepalive probe, seconds between probes, and number of probes."""


class PeerMonitor:
    """The connections of one process, and the thread that watches them.

    ``on_lost`` is called, at most once, with the rank of a process that ended without a goodbye.
    """

    def __init__(self, on_lost: Callable[[int], None]) -> None:
        self.on_lost = on_lost
        self.selector: DefaultSelector = selectors.DefaultSelector()
        self.ranks: dict[socket.socket, int] = {}
        self.token: int = 0
        self.closing: bool = False
        self.stop: Event = threading.Event()

    def listen(self, host: str) -> tuple[int, int]:
        """Accept connections, in rank 0; return the port, and the token that others must send first."""
        listener = make_listener(host)
        self.token = secrets.randbelow(2**31)
        self.selector.register(listener, selectors.EVENT_READ, self.accept)
        self.start_thread()
        port: int = listener.getsockname()[1]
        return port, self.token

    def connect(self, host: str, port: int, token: int, rank: int) -> None:
        """Connect to rank 0."""
        connection = socket.create_connection((host, port), timeout=SOCKET_TIMEOUT_SECONDS)
        connection.sendall(MESSAGE.pack(token) + MESSAGE.pack(rank))
        self.register(connection, 0)
        self.start_thread()

    def register(self, connection: socket.socket, rank: int) -> None:
        connection.settimeout(SOCKET_TIMEOUT_SECONDS)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in KEEPALIVE.items():
            if hasattr(socket, name):  # not on every system
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        self.ranks[connection] = rank
        self.selector.register(connection, selectors.EVENT_READ, self.on_message)

    def start_thread(self) -> None:
        threading.Thread(target=self.run, name="pellucid peer monitor", daemon=True).start()

    def run(self) -> None:
        while not self.stop.is_set():
            for key, _ in self.selector.select(timeout=0.2):
                key.data(key.fileobj)
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self.selector.close()

    def accept(self, listener: socket.socket) -> None:
        """Accept a process that sends the token, and close other connections."""
        try:
            connection, _ = listener.accept()
        except OSError:  # the peer disconnected first
            return
        connection.settimeout(SOCKET_TIMEOUT_SECONDS)
        token, rank = recv_message(connection), recv_message(connection)
        if token == self.token and rank is not None:
            self.register(connection, rank)
        else:
            connection.close()

    def on_message(self, connection: socket.socket) -> None:
        """Handle a goodbye, the forwarded loss of a process, or the end of the connection."""
        message, rank = recv_message(connection), self.ranks.pop(connection)
        self.selector.unregister(connection)
        connection.close()
        if message == GOODBYE or self.closing:
            return
        lost = rank if message is None else message
        self.closing = True
        self.broadcast(lost)
        self.stop.set()
        self.on_lost(lost)

    def broadcast(self, message: int) -> None:
        for connection in list(self.ranks):
            try:
                connection.sendall(MESSAGE.pack(message))
            except OSError:  # this peer is lost too
                continue

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            self.broadcast(GOODBYE)
            self.stop.set()


def is_loopback(host: str) -> bool:
    """Whether an address refers to this machine only.

    Examples
    --------
    >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1", "10.0.0.7", "node1")]
    [True, True, True, False, False]
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def make_listener(host: str) -> socket.socket:
    """Return a listening socket: on the loopback interface if the address is loopback, otherwise on all interfaces."""
    if is_loopback(host):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, 0), family=family, backlog=LISTEN_BACKLOG)
    elif socket.has_dualstack_ipv6():
        listener = socket.create_server(("", 0), family=socket.AF_INET6, backlog=LISTEN_BACKLOG, dualstack_ipv6=True)
    else:
        listener = socket.create_server(("", 0), backlog=LISTEN_BACKLOG)
    listener.setblocking(False)
    return listener


def recv_message(connection: socket.socket) -> int | None:
    try:
        data = connection.recv(MESSAGE.size, socket.MSG_WAITALL)
    except OSError:
        return None
    return int(MESSAGE.unpack(data)[0]) if len(data) == MESSAGE.size else None
