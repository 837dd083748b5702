"""Limits of the requests to a server of predictions, and the error of a request."""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.errors import PellucidError

MEGABYTE = 2**20


class RequestError(PellucidError):
    """A request that is refused, with its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Limits:
    """Limits of requests.

    Attributes
    ----------
    body_bytes : int
        Largest body of a request.
    samples : int
        Most samples of a request.
    waiting : int
        Most predictions that are read, wait or are computed at one time; more are refused with status 503.
    seconds : float
        Time limit of a request, from its head to its predictions.
    head_seconds : float
        Time limit for the head of a request. A connection that sends none, or sends it slowly, is closed.
    batch_samples : int
        Most samples of one call of the network.
    batch_seconds : float
        Longest wait of a request for others that are being read at the same time.
    """

    body_bytes: int = 16 * MEGABYTE
    samples: int = 10_000
    waiting: int = 64
    seconds: float = 30.0
    head_seconds: float = 10.0
    batch_samples: int = 32
    batch_seconds: float = 0.003
