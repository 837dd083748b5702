"""What can be trained step by step: a model, a function with updates, a program of code; each with tensors by name."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Shared
from pellucid.graph.traversal import topological
from pellucid.inspect.layer_trace import training_of
from pellucid.model.errors import ModelError
from pellucid.model.model import Model
from pellucid.run.function import Function
from pellucid.run.function_builder import function

Array = np.ndarray[Any, Any]
Tensors = dict[str, Array]


class Side(Protocol):
    """One of the two: it goes from given tensors to others, by one step on a batch."""

    title: str

    def tensors(self) -> Tensors:
        """Return copies of all that a step may change."""

    def advance(self, tensors: Tensors, batch: Sequence[Array]) -> tuple[Tensors, Tensors]:
        """Make a step from given tensors, and return what it puts out and the tensors after it."""


class FunctionSide:
    """A function with updates; its tensors are the shared variables that it changes, and what can be trained."""

    def __init__(self, step: Function, title: str, first: Sequence[Shared] = ()) -> None:
        program = step.program
        if not program.updates:
            raise ModelError(f"{title} has no updates, so there is no training to compare")
        self.step, self.title = step, title
        found = [e for e in topological(program.results) if isinstance(e, Shared)]
        changing = [s for s in (*first, *found, *program.updates) if s in program.updates or s.trainable]
        self.shared = {s.name or f"tensor {i}": s for i, s in enumerate(dict.fromkeys(changing), start=1)}
        self.dtypes = [i.dtype for i in program.inputs]

    def tensors(self) -> Tensors:
        """Return copies of all that a step may change."""
        return {name: s.get_value() for name, s in self.shared.items()}

    def advance(self, tensors: Tensors, batch: Sequence[Array]) -> tuple[Tensors, Tensors]:
        """Make a step from given tensors, and return what it puts out and the tensors after it."""
        for name, s in self.shared.items():
            s.set_value(tensors[name].astype(s.dtype))
        made = self.step(*cast(batch, self.dtypes, self.title))
        return outputs_of(made), self.tensors()


class ProgramSide:
    """A NumPy program: a function ``step``, and the arrays among the global variables that it changes."""

    def __init__(self, step: Callable[..., Any], scope: dict[str, Any], title: str) -> None:
        self.step, self.scope, self.title = step, scope, title
        self.names = [n for n, v in scope.items() if isinstance(v, (np.ndarray, np.generic)) and n != "__name__"]

    def tensors(self) -> Tensors:
        """Return copies of all that a step may change."""
        return {name: np.array(self.scope[name]) for name in self.names}

    def advance(self, tensors: Tensors, batch: Sequence[Array]) -> tuple[Tensors, Tensors]:
        """Make a step from given tensors, and return what it puts out and the tensors after it."""
        self.scope |= {name: np.array(value) for name, value in tensors.items()}
        return outputs_of(self.step(*batch)), self.tensors()


def side_of(what: Any, y: Any = None) -> Side:
    """Return a side for whatever can be trained.

    Raises
    ------
    TypeError
        If it is nothing of this kind.
    ModelError
        If it is a program without a step, or one that cannot be run.
    """
    if isinstance(what, Model):
        training = training_of(what, y)
        updates = training.optimizer.updates(training.loss)
        step = function(training.given, training.loss, updates=updates)
        return FunctionSide(step, f"the model {what.name}", what.parameters)
    if isinstance(what, Function):
        return FunctionSide(what, "the function")
    if isinstance(what, (str, Path)):
        return side_of_code(what, y)
    if isinstance(what, (types.ModuleType, Mapping)):
        scope = dict(what if isinstance(what, Mapping) else vars(what))
        return side_of_scope(scope, getattr(what, "__name__", "the program"), y)
    raise UseError(
        "prove compares a compiled model, a function with updates, or a program (its text, a .py file or a module). "
        f"Received: {what!r}"
    )


def side_of_code(what: str | Path, y: Any) -> Side:
    """Run a program without its main part, and return what it defines as a side."""
    path = None if isinstance(what, str) and "\n" in what else Path(what)
    try:
        code = str(what) if path is None else path.read_text("utf-8")
    except OSError as error:
        raise ModelError(f"{what} cannot be read: {error.strerror or error}") from error
    title = "the program" if path is None else path.name
    scope: dict[str, Any] = {"__name__": "peeled", "__file__": str(path or title)}
    try:
        exec(compile(code, title, "exec"), scope)
    except Exception as error:
        raise ModelError(f"{title} stops with {type(error).__name__}: {error}") from error
    return side_of_scope(scope, title, y)


def side_of_scope(scope: dict[str, Any], title: str, y: Any) -> Side:
    """Return what a program defines as a side: its model, its function, or its arrays and its step."""
    if isinstance(scope.get("model"), Model):
        made = side_of(scope["model"], y)
        made.title = title
        return made
    if isinstance(scope.get("step"), Function):
        return FunctionSide(scope["step"], title)
    if not callable(scope.get("step")):
        raise ModelError(f"{title} defines no step(x, y) that trains on a batch, and no model")
    step = scope["step"]
    return ProgramSide(step, getattr(step, "__globals__", scope), title)


def cast(batch: Sequence[Array], dtypes: Sequence[Any], title: str) -> list[Array]:
    """Return a batch in the dtypes of the inputs."""
    if len(batch) != len(dtypes):
        raise ModelError(f"{title} takes {len(dtypes)} arrays a step. Received: {len(batch)}")
    return [np.asarray(part).astype(dtype) for part, dtype in zip(batch, dtypes, strict=True)]


def outputs_of(made: Any) -> Tensors:
    """Return what a step puts out by name; one number is the loss.

    Examples
    --------
    >>> outputs_of(0.5), sorted(outputs_of([np.zeros(2), np.ones(2)]))
    ({'loss': array(0.5)}, ['output 1', 'output 2'])
    """
    if isinstance(made, Mapping):
        return {str(name): np.array(value) for name, value in made.items()}
    if isinstance(made, (list, tuple)):
        return {f"output {i}": np.array(value) for i, value in enumerate(made, start=1)}
    if made is None:
        return {}
    value = np.array(made)
    return {"loss" if value.ndim == 0 else "output": value}
