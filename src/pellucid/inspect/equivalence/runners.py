"""Runners that train a model, function or program one step at a time, with tensors by name."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Shared
from pellucid.graph.traversal import topological
from pellucid.inspect.layer_trace import trace_training
from pellucid.model.errors import ModelError
from pellucid.model.interfaces import is_model
from pellucid.run.function import Function
from pellucid.run.function_builder import function

Array = np.ndarray[Any, Any]
Tensors = dict[str, Array]


class Runner(Protocol):
    """An implementation of a network that can be trained one step at a time."""

    title: str

    def get_tensors(self) -> Tensors:
        """Return copies of all tensors that a step can change."""

    def run_step(self, tensors: Tensors, batch: Sequence[Array]) -> tuple[Tensors, Tensors]:
        """Set the tensors, train on one batch, and return the outputs of the step and the tensors after it."""


class FunctionRunner:
    """A function with updates. Its tensors are ``first``, the variables that it updates, and the trainable ones."""

    def __init__(self, step: Function, title: str, first: Sequence[Shared] = ()) -> None:
        program = step.program
        if not program.updates:
            raise ModelError(f"{title} has no updates, so there is no training to compare")
        self.step, self.title = step, title
        used = [e for e in topological(program.results) if isinstance(e, Shared)]
        tensors = [s for s in (*first, *used, *program.updates) if s in program.updates or s.trainable]
        self.shared = {s.name or f"tensor {i}": s for i, s in enumerate(dict.fromkeys(tensors), start=1)}
        self.dtypes = [i.dtype for i in program.inputs]

    def get_tensors(self) -> Tensors:
        return {name: s.get_value() for name, s in self.shared.items()}

    def run_step(self, tensors: Tensors, batch: Sequence[Array]) -> tuple[Tensors, Tensors]:
        for name, s in self.shared.items():
            s.set_value(tensors[name].astype(s.dtype))
        outputs = self.step(*cast_batch(batch, self.dtypes, self.title))
        return name_outputs(outputs), self.get_tensors()


class ScriptRunner:
    """A NumPy program with a function ``step``. Its tensors are the arrays among its global variables."""

    def __init__(self, step: Callable[..., Any], namespace: dict[str, Any], title: str) -> None:
        self.step, self.namespace, self.title = step, namespace, title
        self.names = [name for name, value in namespace.items() if isinstance(value, (np.ndarray, np.generic))]

    def get_tensors(self) -> Tensors:
        return {name: np.array(self.namespace[name]) for name in self.names}

    def run_step(self, tensors: Tensors, batch: Sequence[Array]) -> tuple[Tensors, Tensors]:
        self.namespace |= {name: np.array(value) for name, value in tensors.items()}
        return name_outputs(self.step(*batch)), self.get_tensors()


def make_runner(what: Any, y: Any = None) -> Runner:
    if is_model(what):
        training = trace_training(what, y)
        updates = training.optimizer.updates(training.loss)
        step = function(training.batch_inputs, training.loss, updates=updates)
        return FunctionRunner(step, f"the model {what.name}", what.parameters)
    if isinstance(what, Function):
        return FunctionRunner(what, "the function")
    if isinstance(what, (str, Path)):
        return load_script(what, y)
    if isinstance(what, (types.ModuleType, Mapping)):
        namespace = dict(what if isinstance(what, Mapping) else vars(what))
        return runner_from_namespace(namespace, getattr(what, "__name__", "the program"), y)
    raise UseError(
        "check_equivalence compares compiled models, functions with updates, and programs (text, a .py file or a "
        f"module). Received: {what!r}"
    )


def load_script(source: str | Path, y: Any) -> Runner:
    """Execute a program, without its ``__main__`` block, and return a runner for its model or its step."""
    path = None if isinstance(source, str) and "\n" in source else Path(source)
    try:
        code = str(source) if path is None else path.read_text("utf-8")
    except OSError as error:
        raise ModelError(f"{source} cannot be read: {error.strerror or error}") from error
    title = "the program" if path is None else path.name
    namespace: dict[str, Any] = {"__name__": "exported", "__file__": str(path or title)}
    try:
        exec(compile(code, title, "exec"), namespace)
    except Exception as error:
        raise ModelError(f"{title} raises {type(error).__name__}: {error}") from error
    return runner_from_namespace(namespace, title, y)


def runner_from_namespace(namespace: dict[str, Any], title: str, y: Any) -> Runner:
    """Return a runner for the global variables of a program: its model, its compiled step, or its NumPy step."""
    if is_model(namespace.get("model")):
        runner = make_runner(namespace["model"], y)
        runner.title = title
        return runner
    step = namespace.get("step")
    if isinstance(step, Function):
        return FunctionRunner(step, title)
    if not callable(step):
        raise ModelError(f"{title} defines neither a model nor a function step(x, y) that trains on a batch")
    return ScriptRunner(step, getattr(step, "__globals__", namespace), title)


def cast_batch(batch: Sequence[Array], dtypes: Sequence[Any], title: str) -> list[Array]:
    if len(batch) != len(dtypes):
        raise ModelError(f"{title} takes {len(dtypes)} arrays per step. Received: {len(batch)}")
    return [np.asarray(part).astype(dtype) for part, dtype in zip(batch, dtypes, strict=True)]


def name_outputs(outputs: Any) -> Tensors:
    """Return the outputs of a step by name; a single number is the loss.

    Examples
    --------
    >>> name_outputs(0.5), sorted(name_outputs([np.zeros(2), np.ones(2)]))
    ({'loss': array(0.5)}, ['output 1', 'output 2'])
    """
    if isinstance(outputs, Mapping):
        return {str(name): np.array(value) for name, value in outputs.items()}
    if isinstance(outputs, (list, tuple)):
        return {f"output {i}": np.array(value) for i, value in enumerate(outputs, start=1)}
    if outputs is None:
        return {}
    value = np.array(outputs)
    return {"loss" if value.ndim == 0 else "output": value}
