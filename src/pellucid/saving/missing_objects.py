"""What stands in a loaded model for code of the user's own that is not at hand.

The graph of a model is whole without it: it predicts, is shown and saved. What asks for the code is told how to bring
it.
"""

from __future__ import annotations

from typing import Any

from pellucid.graph.errors import StorageError
from pellucid.nn.layers.base import Layer


def missing(name: str) -> StorageError:
    """Return the error that says what is not at hand, and how to bring it."""
    return StorageError(
        f"{name} is code of your own, which a file does not hold. Hand it in when you load: "
        f"pel.load_model(path, custom_objects={{{name!r}: {name if name.isidentifier() else '...'}}})"
    )


class Absent:
    """A function or an object that is not at hand.

    Examples
    --------
    >>> Absent("my_loss")
    <absent my_loss>
    """

    def __init__(self, name: str) -> None:
        self.absent_name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Say that the code is not at hand."""
        raise missing(self.absent_name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("absent_name", "unsaved"):
            raise AttributeError(name)
        raise missing(self.absent_name)

    def __repr__(self) -> str:
        return f"<absent {self.absent_name}>"


class AbsentLayer:
    """What is put before the class of a layer, or of a model, whose own class is not at hand."""

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Say that the code is not at hand."""
        raise missing(type(self).__name__)


def absent_class(name: str, base: type) -> type:
    """Return a class that stands for one that is not at hand: a layer keeps its parameters, and cannot be called."""
    if issubclass(base, Layer):
        return type(name, (AbsentLayer, base), {})
    return type(name, (Absent,), {"absent_name": name})
