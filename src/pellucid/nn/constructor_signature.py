"""Signature of a class whose ``__new__`` records the arguments of its constructor."""

from __future__ import annotations

import inspect
from typing import Any


class InitSignature:
    """Descriptor for ``__signature__``: that of `__init__` on the class, none on instances, which have `__call__`."""

    def __get__(self, instance: Any, cls: type) -> inspect.Signature:
        if instance is not None:
            raise AttributeError("__signature__")
        signature = inspect.signature(cls.__init__)  # type: ignore[misc]
        return signature.replace(parameters=list(signature.parameters.values())[1:])  # without self
