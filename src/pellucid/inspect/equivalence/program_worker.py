"""Interpreter that runs one program of `check_equivalence` in a separate process, and trains it on request.

It is started as a script, and imports only NumPy unless the program imports pellucid. Messages are JSON and the bytes
of arrays, so that neither side unpickles data of the other.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

import numpy as np

Array = np.ndarray[Any, Any]
Tensors = dict[str, Array]

MAX_HEADER = 10_000_000
"""Maximum number of bytes of the JSON of a message."""


class MessageError(ValueError):
    """A message that was not written by `write_message`, or is larger than allowed."""


class ScriptRunner:
    """A NumPy program with a function ``step``. Its tensors are the arrays among its global variables."""

    namespace: dict[str, Any]
    step: Callable[..., Any]

    title: str

    def __init__(self, step: Callable[..., Any], namespace: dict[str, Any], title: str) -> None:
        self.step, self.namespace, self.title = step, namespace, title
        self.names: list[str] = [
            name for name, value in namespace.items() if isinstance(value, (np.ndarray, np.generic))
        ]

    def get_tensors(self) -> Tensors:
        return {name: np.array(self.namespace[name]) for name in self.names}

    def run_step(self, tensors: Tensors, batch: Sequence[Array]) -> tuple[Tensors, Tensors]:
        self.namespace |= {name: np.array(value) for name, value in tensors.items()}
        return name_outputs(self.step(*batch)), self.get_tensors()


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


def write_message(stream: IO[bytes], data: Mapping[str, Any], **arrays: Tensors) -> None:
    """Write a message: data, and arrays by group and name."""
    entries = [(group, name, np.asarray(a, order="C")) for group, part in arrays.items() for name, a in part.items()]
    for _, name, a in entries:
        if a.dtype.kind not in "biuf" and a.dtype.name != "bfloat16":
            raise MessageError(f"{name} has dtype {a.dtype}; tensors and outputs are arrays of real numbers")
    table = [[group, name, a.dtype.name, list(a.shape)] for group, name, a in entries]
    header = json.dumps({"data": data, "arrays": table}).encode()
    stream.write(len(header).to_bytes(8, "little") + header)
    for _, _, a in entries:
        stream.write(a.tobytes())
    stream.flush()


def read_message(stream: IO[bytes], max_bytes: int) -> tuple[Any, dict[str, Tensors]]:
    """Read a message, and return its data and its arrays by group; raise EOFError at the end of the stream."""
    size = int.from_bytes(read_exactly(stream, 8), "little")
    if size > MAX_HEADER:
        raise MessageError(f"a message of {size} bytes")
    header = json.loads(read_exactly(stream, size))
    groups: dict[str, Tensors] = {}
    for group, name, dtype, shape in header["arrays"]:
        kind = np.dtype(dtype) if dtype != "bfloat16" else np.dtype(__import__("ml_dtypes").bfloat16)
        nbytes = math.prod(shape) * kind.itemsize
        max_bytes -= nbytes
        if kind.hasobject or min(shape, default=0) < 0 or max_bytes < 0:
            raise MessageError(f"the array {name!r:.100} of dtype {kind} and {nbytes} bytes")
        groups.setdefault(group, {})[name] = np.frombuffer(read_exactly(stream, nbytes), kind).reshape(shape)
    return header["data"], groups


def read_exactly(stream: IO[bytes], size: int) -> bytearray:
    content = bytearray(stream.read(size))
    if len(content) != size:
        raise EOFError
    return content


def make_script_runner(namespace: dict[str, Any], title: str, y: Any) -> Any:
    """Return a runner for the program's NumPy step; pellucid is imported only for a program that imports it."""
    step = namespace.get("step")
    if "pellucid" not in sys.modules and callable(step):
        return ScriptRunner(step, getattr(step, "__globals__", namespace), title)
    from pellucid.inspect.equivalence.runners import runner_from_namespace

    return runner_from_namespace(namespace, title, y)


def run_program(data: Mapping[str, Any], y: Any) -> Any:
    """Execute a program, without its ``__main__`` block, and return a runner for its model or its step."""
    if "pellucid" in data["code"]:
        from pellucid.graph.config import config

        for name, value in data["config"].items():
            setattr(config, name, value)
    namespace: dict[str, Any] = {"__name__": "exported", "__file__": data["file"]}
    exec(compile(data["code"], data["title"], "exec"), namespace)
    return make_script_runner(namespace, data["title"], y)


def describe_error(error: BaseException) -> dict[str, str]:
    """Return the kind and the text of an error; those of pellucid about the program are complete sentences."""
    return {"error": type(error).__name__, "text": str(error)[:1000]}


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Run the program of the first request, then train on one batch for each further one."""
    data, arrays = read_message(requests, sys.maxsize)
    try:
        runner = run_program(data, arrays.get("target", {}).get("y"))
        write_message(answers, {"title": runner.title}, tensors=runner.get_tensors())
    except Exception as error:
        write_message(answers, describe_error(error))
        return
    while True:
        try:
            _, arrays = read_message(requests, sys.maxsize)
        except EOFError:
            return
        batch = list(arrays.get("batch", {}).values())
        try:
            outputs, tensors = runner.run_step(arrays.get("tensors", {}), batch)
            write_message(answers, {}, outputs=outputs, tensors=tensors)
        except Exception as error:
            write_message(answers, describe_error(error))


def main() -> None:
    """Serve on standard input and output, which the program itself does not get."""
    with os.fdopen(os.dup(0), "rb") as requests, os.fdopen(os.dup(1), "wb") as answers:
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        serve(requests, answers)


if __name__ == "__main__":
    main()
