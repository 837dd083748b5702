"""Modules that are imported when a test uses them."""

import importlib
from typing import Any


class LazyModule:
    """A module that takes long to import, and that other processes of the tests may not need."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self.name), attribute)
