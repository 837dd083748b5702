"""Access to a server of predictions: token, Host header, and the headers of every response."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Collection, MutableMapping
from typing import Any

from pellucid.train.serve.limits import RequestError

TOKEN_BYTES = 24
MINIMUM_TOKEN_CHARACTERS = 16
LOCALHOST = "localhost"

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""Headers of responses that do not set their own. None of them lets another origin read a response."""

Scope = MutableMapping[str, Any]


def make_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine only.

    Examples
    --------
    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "example.com")]
    [True, True, True, False, False]
    """
    return host == LOCALHOST or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def split_host(header: str) -> str:
    """Return the host of a Host header, without port and brackets.

    Examples
    --------
    >>> split_host("localhost:8000"), split_host("[::1]:8000"), split_host("127.0.0.1")
    ('localhost', '::1', '127.0.0.1')
    """
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0].lower()


class Access:
    """The check of each request.

    Parameters
    ----------
    token : str
        The token that every request but the health check must have.
    names : collection of str
        Names of this machine that a Host header may have, besides ``localhost`` and addresses.
    is_remote : bool
        Whether other machines may connect. Otherwise only addresses of this machine are accepted.
    """

    def __init__(self, token: str, names: Collection[str] = (), is_remote: bool = False) -> None:
        self._token = token.encode()
        self.names, self.is_remote = {name.lower() for name in names}, is_remote

    def check_host(self, header: str) -> None:
        """Raise for the name of another machine, under which a page of the web could reach this server.

        With DNS rebinding, the name of an attacker's page is resolved to this machine. An address is no name.
        """
        host = split_host(header)
        if is_loopback(host) or host in self.names or (self.is_remote and is_address(host)):
            return
        raise RequestError(
            400, f"Host: expected this machine, such as 127.0.0.1 or {LOCALHOST}; received {ascii(header)[:80]}"
        )

    def check_token(self, authorization: str | None, parameter: str | None) -> None:
        """Raise unless the Authorization header or the parameter ``token`` has the token."""
        scheme, _, bearer = (authorization or "").partition(" ")
        given = bearer.strip() if authorization is not None else parameter
        if given is None:
            raise RequestError(
                401,
                "Authorization: expected the token that pellucid serve printed; received none. Send the header "
                "'Authorization: Bearer TOKEN'",
            )
        is_bearer = authorization is None or scheme.lower() == "bearer"
        if not (secrets.compare_digest(given.encode(), self._token) and is_bearer):
            raise RequestError(
                401,
                "Authorization: expected 'Bearer TOKEN' with the token that pellucid serve printed; received another "
                "one. A server that was started again has another token, unless --token sets it",
            )
