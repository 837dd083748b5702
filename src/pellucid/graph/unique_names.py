"""Unique names, by appending numbers."""

from __future__ import annotations

from collections.abc import Iterable


class UniqueNames:
    """Makes names unique by appending a number to those that are in use."""

    def __init__(self, used: Iterable[str] = ()) -> None:
        self.used: set[str] = set(used)

    def add(self, name: str) -> str:
        unique, number = name, 0
        while unique in self.used:
            number += 1
            unique = f"{name}_{number}"
        self.used.add(unique)
        return unique
