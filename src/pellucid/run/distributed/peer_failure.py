"""Connections that close when a process ends, however it ends: so that others know at once, whatever they are doing.

The first process holds one to every other, and passes on who was lost. JAX's own service notices too, by a silence of
many seconds or by the loss of its coordinator, and then aborts a process without a word of what to do next.
"""

from __future__ import annotations

import ipaddress
import secrets
import selectors
import socket
import struct
import threading
from collections.abc import Callable

WORD = struct.Struct("!i")
"""What is said over a connection: the number of a process that was lost, or goodbye."""

GOODBYE = -1

WAITING = 512
"""How many may be at the door at once."""

PATIENCE_SECONDS = 5.0
"""How long somebody who connects may take to say who he is."""

SILENCE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 4}
"""After how many silent seconds a system asks whether the other is there, how often it asks again, how many times."""


class Lifeline:
    """One process's connections, and the thread that watches over them.

    Parameters
    ----------
    lost : function
        Called with the number of a process that has ended without a goodbye, at most once.
    """

    def __init__(self, lost: Callable[[int], None]) -> None:
        self.lost = lost
        self.selector = selectors.DefaultSelector()
        self.held: dict[socket.socket, int] = {}
        self.token = 0
        self.parting = False
        self.leaving = threading.Event()

    def listen(self, host: str) -> tuple[int, int]:
        """Wait for the others, in the first process, whose address they have been told.

        Returned are the port and what they must say to be let in.
        """
        listener = listener_at(host)
        self.token = secrets.randbelow(2**31)
        self.selector.register(listener, selectors.EVENT_READ, self.let_in)
        self.watch()
        port: int = listener.getsockname()[1]
        return port, self.token

    def join(self, host: str, port: int, token: int, number: int) -> None:
        """Connect to the first process, as the process of a number.

        Raises
        ------
        OSError
            If it cannot be reached.
        """
        connection = socket.create_connection((host, port), timeout=PATIENCE_SECONDS)
        connection.sendall(WORD.pack(token) + WORD.pack(number))
        self.hold(connection, 0)
        self.watch()

    def hold(self, connection: socket.socket, number: int) -> None:
        """Watch over a connection to a process."""
        connection.settimeout(PATIENCE_SECONDS)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in SILENCE.items():
            if hasattr(socket, name):  # not on every system
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        self.held[connection] = number
        self.selector.register(connection, selectors.EVENT_READ, self.hear)

    def watch(self) -> None:
        """Start the thread."""
        threading.Thread(target=self.run, name="pellucid lifeline", daemon=True).start()

    def run(self) -> None:
        """Hear what connections say until it is time to leave."""
        while not self.leaving.is_set():
            for key, _ in self.selector.select(timeout=0.2):
                key.data(key.fileobj)
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self.selector.close()

    def let_in(self, listener: socket.socket) -> None:
        """Let a process in that knows what to say, and nobody else."""
        try:
            connection, _ = listener.accept()
        except OSError:  # who knocked has gone again
            return
        connection.settimeout(PATIENCE_SECONDS)
        token, number = word_of(connection), word_of(connection)
        if token == self.token and number is not None:
            self.hold(connection, number)
        else:
            connection.close()

    def hear(self, connection: socket.socket) -> None:
        """Take note of a goodbye, of a loss that is passed on, or of an end without a word."""
        word, number = word_of(connection), self.held.pop(connection)
        self.selector.unregister(connection)
        connection.close()
        if word == GOODBYE or self.parting:
            return
        gone = number if word is None else word
        self.parting = True
        self.say(gone)
        self.leaving.set()
        self.lost(gone)

    def say(self, word: int) -> None:
        """Tell all that are there."""
        for connection in list(self.held):
            try:
                connection.sendall(WORD.pack(word))
            except OSError:  # gone as well, and nobody to be told
                continue

    def leave(self) -> None:
        """Say goodbye, and hear nothing any more."""
        if not self.parting:
            self.parting = True
            self.say(GOODBYE)
            self.leaving.set()


def is_here(host: str) -> bool:
    """Tell whether an address is one by which a machine knows nobody but itself.

    Examples
    --------
    >>> [is_here(host) for host in ("localhost", "127.0.0.1", "::1", "10.0.0.7", "node1")]
    [True, True, True, False, False]
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listener_at(host: str) -> socket.socket:
    """Return a socket for those who know this machine by an address: it alone, if that is one of its own."""
    if is_here(host):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, 0), family=family, backlog=WAITING)
    elif socket.has_dualstack_ipv6():
        listener = socket.create_server(("", 0), family=socket.AF_INET6, backlog=WAITING, dualstack_ipv6=True)
    else:
        listener = socket.create_server(("", 0), backlog=WAITING)
    listener.setblocking(False)
    return listener


def word_of(connection: socket.socket) -> int | None:
    """Return the next word, or None at the end of a connection."""
    try:
        heard = connection.recv(WORD.size, socket.MSG_WAITALL)
    except OSError:
        return None
    return int(WORD.unpack(heard)[0]) if len(heard) == WORD.size else None
