"""Process of a server: its socket, its token, its signals, and slow connections."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from pellucid.tracking.errors import UsageError
from pellucid.train.serve.access import Access, is_address, is_loopback
from pellucid.train.serve.application import Log, PredictionServer
from pellucid.train.serve.limits import Limits
from pellucid.train.serve.served_model import ServedModel

DEFAULT_PORT = 8000
"""Used if it is free and no port is given."""

BACKLOG = 128
MAXIMUM_CONNECTIONS = 256
SHUTDOWN_SECONDS = 30
KEEP_ALIVE_SECONDS = 30


@dataclass(frozen=True)
class Address:
    """The address of a server, with the URL of its page."""

    host: str
    port: int
    token: str

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def page(self) -> str:
        return f"{self.url}/?token={self.token}"


def open_socket(host: str, port: int | None) -> socket.socket:
    """Return a socket that listens; without a port, `DEFAULT_PORT` or any free one."""
    if port is None:
        try:
            return bind(host, DEFAULT_PORT)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise UsageError(f"--host: cannot listen on {host} ({error.strerror})") from error
            port = 0
    try:
        return bind(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UsageError(f"--port: {port} is in use. Choose another, or 0 for any free port") from error
        if error.errno == errno.EACCES:
            raise UsageError(f"--port: no permission to listen on {port}. Choose 1024 or more") from error
        raise UsageError(f"--host: cannot listen on {host} ({error.strerror or error})") from error


def bind(host: str, port: int) -> socket.socket:
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    # With the protocol named, asyncio switches off Nagle's algorithm, which delays small responses by 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def serve(
    served: ServedModel,
    listener: socket.socket,
    host: str,
    token: str,
    limits: Limits,
    *,
    announce: Callable[[Address], None],
    log: Log,
) -> None:
    """Answer requests until a signal ends the process; running requests are answered first.

    Parameters
    ----------
    served : ServedModel
        The network, compiled.
    listener : socket
        That of `open_socket`.
    host, token : str
        The host as given, and the token.
    limits : Limits
        Limits of requests.
    announce : function
        Called once requests are accepted.
    log : function
        Takes a line for each request.

    Raises
    ------
    KeyboardInterrupt
        After Ctrl-C or SIGTERM.
    """
    is_remote = not is_loopback(host)
    names = [socket.gethostname(), *([] if is_address(host) else [host])] if is_remote else []
    application = PredictionServer(served, Access(token, names, is_remote), limits, log)
    address = Address(host, listener.getsockname()[1], token)
    make_server(application, limits, lambda: announce(address)).run(sockets=[listener])


def make_server(application: PredictionServer, limits: Limits, announce: Callable[[], None]) -> uvicorn.Server:
    """Return the server of an application, which calls ``announce`` when it accepts requests."""
    config = uvicorn.Config(
        application.make_application(),
        http=make_protocol(limits.head_seconds),
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        limit_concurrency=MAXIMUM_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    return AnnouncedServer(config, announce)


class AnnouncedServer(uvicorn.Server):
    """A server that tells when it accepts requests."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self.announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.announce()


def make_protocol(head_seconds: float) -> type[H11Protocol]:
    """Return a protocol that closes connections whose next request does not arrive in time.

    Uvicorn limits the time between requests, but not that of the first request and of a head in parts.
    """

    class LimitedProtocol(H11Protocol):
        timer: Any = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.start_timer()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            is_head = self.conn.their_state is h11.IDLE
            if not is_head:
                self.stop_timer()
            elif self.timer is None and self.conn.trailing_data[0]:
                self.start_timer()

        def connection_lost(self, exc: Exception | None) -> None:
            self.stop_timer()
            super().connection_lost(exc)

        def start_timer(self) -> None:
            self.timer = self.loop.call_later(head_seconds, self.transport.close)

        def stop_timer(self) -> None:
            if self.timer is not None:
                self.timer.cancel()
                self.timer = None

    return LimitedProtocol
