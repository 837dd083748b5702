"""Conversion of the ``callbacks`` argument: objects with hooks of Keras become callbacks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any

from pellucid.graph.errors import TrainingWarning, UseError, near_miss
from pellucid.graph.source_location import get_user_stacklevel
from pellucid.model.interfaces import ModelLike
from pellucid.training.callbacks.base import HOOKS, Callback, overrides_hook

ALIASES = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}
"""Older names of hooks, which Keras still calls."""


class AdaptedCallback(Callback):
    """Callback that calls the hooks of an object of another class.

    Parameters
    ----------
    target : object
        Has at least one hook. Its methods ``set_model`` and ``set_params`` are called too; without them, it gets the
        attributes ``model`` and ``params``.
    """

    def __init__(self, target: Any) -> None:
        self.target = target
        for name, hook in find_hooks(target).items():
            setattr(self, name, hook)

    def set_model(self, model: ModelLike) -> None:
        super().set_model(model)
        self.give("model", model)

    def set_params(self, params: Mapping[str, Any]) -> None:
        super().set_params(params)
        self.give("params", params)

    def give(self, name: str, value: Any) -> None:
        """Pass a value to the target by its setter, or else as an attribute."""
        setter = getattr(self.target, f"set_{name}", None)
        if setter is not None:
            setter(value)
        elif hasattr(self.target, "__dict__") and not isinstance(self.target, ModuleType):
            setattr(self.target, name, value)


def find_hooks(target: Any) -> dict[str, Callable[..., Any]]:
    """Return the hooks of an object by name, without the empty ones that a base class in Keras defines."""
    hooks = {}
    for name in HOOKS:
        candidates = [getattr(target, each, None) for each in (name, ALIASES.get(name, name))]
        found = [hook for hook in candidates if callable(hook) and not getattr(hook, "_is_default", False)]
        if found:
            hooks[name] = found[0]
    return hooks


def has_hooks(value: Any) -> bool:
    """Whether an object is a callback."""
    if isinstance(value, type):
        return False
    return isinstance(value, Callback) or any(
        callable(getattr(value, name, None)) for name in (*HOOKS, *ALIASES.values())
    )


def as_callback_list(callbacks: Any) -> list[Callback]:
    """Return the ``callbacks`` argument of a user as a new list."""
    if callbacks is None:
        return []
    given = [callbacks] if has_hooks(callbacks) else callbacks
    if not isinstance(given, Iterable) or isinstance(given, (str, Mapping)):
        raise UseError(f"Expected callbacks to be a list. Received: callbacks={callbacks!r}{suggest_hook(callbacks)}")
    return [as_callback(callback) for callback in given]


def as_callback(value: Any) -> Callback:
    """Return an object with hooks as a callback."""
    if not has_hooks(value):
        is_function = callable(value) and not isinstance(value, type)
        hint = f"; write {value.__name__}()" if isinstance(value, type) else suggest_hook(value)
        hint = "; write LambdaCallback(on_epoch_end=function)" if is_function else hint
        raise UseError(
            f"Expected a callback, an object with hooks such as on_epoch_end(epoch, logs). Received: {value!r}{hint}"
        )
    misspelled = find_misspelled_hooks(value)
    if misspelled:
        warnings.warn(
            f"{type(value).__name__}: {misspelled[0]!r} is not a hook, so training does not call it."
            f"{near_miss(misspelled[0], HOOKS)}",
            TrainingWarning,
            stacklevel=get_user_stacklevel(),
        )
    if not isinstance(value, Callback):
        return AdaptedCallback(value)
    for name, alias in ALIASES.items():
        if hasattr(value, alias) and not overrides_hook(value, name):
            setattr(value, name, getattr(value, alias))
    return value


def find_misspelled_hooks(value: Any) -> list[str]:
    """Return the names of methods that look like hooks and are none."""
    names = [name for name in dir(value) if name.startswith("on_") and name not in (*HOOKS, *ALIASES.values())]
    return [name for name in names if callable(getattr(value, name, None)) and near_miss(name, HOOKS)]


def suggest_hook(value: Any) -> str:
    """Return a hint for an object whose only hooks are misspelled, after a comma."""
    misspelled = find_misspelled_hooks(value)
    return f", which has {misspelled[0]!r}.{near_miss(misspelled[0], HOOKS)}" if misspelled else ""
