"""Weak collections that compare objects by identity.

`weakref.WeakKeyDictionary` and `weakref.WeakSet` compare by ``==``, which is elementwise for expressions.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

V = TypeVar("V")

MIN_PURGE = 1024
"""Number of entries below which dead ones are not worth looking for."""


def remove_dead(entries: dict[int, Any], get_reference: Callable[[Any], weakref.ref[Any]]) -> None:
    """Remove the entries of dead objects from a dictionary that other threads read and change."""
    for key, entry in entries.copy().items():  # copying is atomic, iterating is not
        if get_reference(entry)() is None:
            entries.pop(key, None)


class WeakIdentityMap(Generic[V]):
    """Dictionary with weak keys.

    Entries of dead keys are removed when their number may have doubled, which costs less than a callback for each key.
    """

    def __init__(self) -> None:
        self._entries: dict[int, tuple[weakref.ref[Any], V]] = {}
        self._purge_at = MIN_PURGE

    def get(self, key: Any, default: V | None = None) -> V | None:
        entry = self._entries.get(id(key))
        # A new object may have the id of a dead key.
        return entry[1] if entry is not None and entry[0]() is key else default

    def __setitem__(self, key: Any, value: V) -> None:
        if len(self._entries) >= self._purge_at:
            remove_dead(self._entries, lambda entry: entry[0])
            self._purge_at = max(MIN_PURGE, 2 * len(self._entries))
        self._entries[id(key)] = (weakref.ref(key), value)


class WeakIdentitySet:
    """Set with weak elements.

    Attributes
    ----------
    refs : dict from int to weakref.ref
        References by id. The rewriter's inner loop reads and writes it directly, after `purge`.
    """

    def __init__(self) -> None:
        self.refs: dict[int, weakref.ref[Any]] = {}
        self._purge_at = MIN_PURGE

    def purge(self) -> None:
        """Remove dead elements if their number may have doubled."""
        if len(self.refs) >= self._purge_at:
            remove_dead(self.refs, lambda ref: ref)
            self._purge_at = max(MIN_PURGE, 2 * len(self.refs))
