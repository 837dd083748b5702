"""Placeholders in a loaded model for custom code that was not passed to `load_model`.

The graph is complete without that code, so the model predicts, prints and saves. Calling the code raises an error.
"""

from __future__ import annotations

from typing import Any

from pellucid.graph.errors import StorageError
from pellucid.nn.layers.base import Layer


def make_missing_error(name: str) -> StorageError:
    return StorageError(
        f"{name} is custom code, which a file does not contain. Pass it when loading: "
        f"pel.load_model(path, custom_objects={{{name!r}: {name if name.isidentifier() else '...'}}})"
    )


class MissingObject:
    """Placeholder for a function or an object.

    Examples
    --------
    >>> MissingObject("my_loss")
    <missing my_loss>
    """

    def __init__(self, name: str) -> None:
        self.missing_name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise make_missing_error(self.missing_name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("missing_name", "unsaved"):
            raise AttributeError(name)
        raise make_missing_error(self.missing_name)

    def __repr__(self) -> str:
        return f"<missing {self.missing_name}>"


class MissingLayer:
    """Mixin for a layer or model of an unknown class: it keeps its parameters and cannot be called."""

    def call(self, *args: Any, **kwargs: Any) -> Any:
        raise make_missing_error(type(self).__name__)


def make_missing_class(name: str, base: type) -> type:
    """Return a class that replaces an unknown subclass of ``base``."""
    if issubclass(base, Layer):
        return type(name, (MissingLayer, base), {})
    return type(name, (MissingObject,), {"missing_name": name})
