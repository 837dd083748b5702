"""Lock of the variables that a training replaces: no second thread may train them at the same time."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Concatenate, ParamSpec, TypeVar

from pellucid.graph.errors import StateError
from pellucid.model.interfaces import ModelLike

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

LOCK = threading.Lock()
owners: dict[Hashable, tuple[str, threading.Thread]] = {}
"""The models and parameters in training: name of the trained model, and the thread, of each."""


@contextmanager
def lock_for_training(model: ModelLike, parameters: bool = True) -> Iterator[None]:
    """Reserve a model, and the parameters that its training replaces, for the current thread.

    Without ``parameters``, the model need not be built yet. Raises `StateError` if another thread has one of them.
    """
    here = threading.current_thread()
    wanted: list[Hashable] = [id(model), *(model.trainable_parameters if parameters else ())]
    with LOCK:
        for each in wanted:
            name, thread = owners.get(each, ("", here))
            if thread is not here:
                raise StateError(describe_conflict(model.name, each, name, thread.name))
        reserved = [each for each in wanted if each not in owners]
        owners.update(dict.fromkeys(reserved, (model.name, here)))
    try:
        yield
    finally:
        with LOCK:
            for each in reserved:
                del owners[each]


def describe_conflict(name: str, shared: Hashable, other: str, thread: str) -> str:
    """Return the message for a model that is in training in another thread, or shares a parameter with one."""
    subject = f"{name} is" if isinstance(shared, int) else f"{name} shares {shared} with {other}, which is"
    return (
        f"{subject} being trained in another thread, {thread!r}. A model can be trained by one thread at a time: each "
        "step replaces its parameters. Wait for that thread, or train a copy in each: model.clone(weights=True)"
    )


def with_model_reserved(
    train: Callable[Concatenate[ModelLike, Arguments], Result],
) -> Callable[Concatenate[ModelLike, Arguments], Result]:
    """Decorate a function that trains its first argument, which need not be built yet."""

    @functools.wraps(train)
    def reserve_and_train(model: ModelLike, /, *args: Arguments.args, **options: Arguments.kwargs) -> Result:
        with lock_for_training(model, parameters=False):
            return train(model, *args, **options)

    return reserve_and_train
