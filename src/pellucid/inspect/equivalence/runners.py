"""Runners that train a model, function or program one step at a time, with tensors by name."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Shared
from pellucid.graph.traversal import topological
from pellucid.inspect.equivalence.program_process import ProgramRunner
from pellucid.inspect.equivalence.program_worker import ScriptRunner, Tensors, name_outputs
from pellucid.inspect.layer_trace import trace_training
from pellucid.model.errors import ModelError
from pellucid.model.interfaces import is_model
from pellucid.run.function import Function
from pellucid.run.function_builder import function
from pellucid.typing import Array, DTypeLike

TIME_LIMIT = 300.0
"""Seconds that a program may take for its start, and for each step."""


class Runner(Protocol):
    """An implementation of a network that can be trained one step at a time."""

    title: str

    def get_tensors(self) -> Tensors:
        """Return copies of all tensors that a step can change."""

    def run_step(self, tensors: Tensors, batch: Sequence[Array]) -> tuple[Tensors, Tensors]:
        """Set the tensors, train on one batch, and return the outputs of the step and the tensors after it."""


class FunctionRunner:
    """A function with updates. Its tensors are ``first``, the variables that it updates, and the trainable ones."""

    step: Function
    title: str

    def __init__(self, step: Function, title: str, first: Sequence[Shared] = ()) -> None:
        program = step.program
        if not program.updates:
            raise ModelError(f"{title} has no updates, so there is no training to compare")
        self.step, self.title = step, title
        used = [e for e in topological(program.results) if isinstance(e, Shared)]
        tensors = [s for s in (*first, *used, *program.updates) if s in program.updates or s.trainable]
        self.shared: dict[str, Shared] = {
            s.name or f"tensor {i}": s for i, s in enumerate(dict.fromkeys(tensors), start=1)
        }
        self.dtypes = [i.dtype for i in program.inputs]

    def get_tensors(self) -> Tensors:
        return {name: s.get_value() for name, s in self.shared.items()}

    def run_step(self, tensors: Tensors, batch: Sequence[Array]) -> tuple[Tensors, Tensors]:
        for name, s in self.shared.items():
            s.set_value(tensors[name].astype(s.dtype))
        outputs = self.step(*cast_batch(batch, self.dtypes, self.title))
        return name_outputs(outputs), self.get_tensors()


@contextmanager
def open_runner(what: Any, y: Array | None, time_limit: float) -> Iterator[Runner]:
    """Yield a runner, and end its process afterwards if it has one."""
    runner = make_runner(what, y, time_limit)
    try:
        yield runner
    finally:
        if isinstance(runner, ProgramRunner):
            runner.close()


def make_runner(what: Any, y: Array | None = None, time_limit: float = TIME_LIMIT) -> Runner:
    if is_model(what):
        training = trace_training(what, y)
        updates = training.optimizer.updates(training.loss)
        step = function(training.batch_inputs, training.loss, updates=updates)
        return FunctionRunner(step, f"the model {what.name}", what.parameters)
    if isinstance(what, Function):
        return FunctionRunner(what, "the function")
    if isinstance(what, (str, Path)):
        return start_program(what, y, time_limit)
    if isinstance(what, (types.ModuleType, Mapping)):
        namespace = dict(what if isinstance(what, Mapping) else vars(what))
        return runner_from_namespace(namespace, getattr(what, "__name__", "the program"), y)
    raise UseError(
        "check_equivalence compares compiled models, functions with updates, and programs (text, a .py file or a "
        f"module). Received: {what!r}"
    )


def start_program(source: str | Path, y: Array | None, time_limit: float) -> ProgramRunner:
    """Start a program, given as text or as a file, in a separate process."""
    path = None if isinstance(source, str) and "\n" in source else Path(source)
    try:
        code = str(source) if path is None else path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise ModelError(f"{source} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    title = "the program" if path is None else path.name
    return ProgramRunner(code, title, str(path or title), y, time_limit)


def runner_from_namespace(namespace: dict[str, Any], title: str, y: Array | None) -> Runner:
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


def cast_batch(batch: Sequence[Array], dtypes: Sequence[DTypeLike], title: str) -> list[Array]:
    if len(batch) != len(dtypes):
        raise ModelError(f"{title} takes {len(dtypes)} arrays per step. Received: {len(batch)}")
    return [np.asarray(part).astype(dtype) for part, dtype in zip(batch, dtypes, strict=True)]
