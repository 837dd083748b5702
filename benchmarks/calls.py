"""Time of one call: a small dense network and a CNN on one sample, and a network of 200 layers on 64.

    python benchmarks/calls.py                              every library that is installed
    python benchmarks/calls.py --libraries pellucid jax --times 5

Arguments and results are NumPy arrays; a call ends when the result is there. The libraries take turns, each in a
separate process, with its default settings and the same weights. The table has the medians over the processes of the
median call, in microseconds. The command fails if results differ.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Call = Callable[[], Array]

DENSE, DEEP = [20, 64, 64, 3], [64] * 201
CNN = [(3, 3, 1, 8), (8,), (3, 3, 8, 16), (16,), (400, 64), (64,), (64, 10), (10,)]
PROGRAMS = {"dense": "20-64-64-3, 1 row", "cnn": "CNN, 28x28, 1 image", "deep": "200 layers of 64, 64 rows"}
SECONDS = 1.0
"""How long a program is called, after a warm-up."""


def make_program(name: str) -> tuple[list[Array], Array]:
    """Return the weights of a network, kernels and biases in turn, and its input."""
    rng = np.random.default_rng(0)
    sizes = {"dense": DENSE, "deep": DEEP}.get(name)
    shapes: list[tuple[int, ...]] = list(CNN)
    if sizes is not None:
        shapes = [shape for i, o in pairwise(sizes) for shape in ((i, o), (o,))]
    weights = [rng.normal(0, float(np.prod(s[:-1])) ** -0.5 if len(s) > 1 else 0.1, s) for s in shapes]
    shape = {"dense": (1, 20), "cnn": (1, 28, 28, 1), "deep": (64, 64)}[name]
    return [w.astype("float32") for w in weights], rng.normal(size=shape).astype("float32")


def make_model(name: str, weights: list[Array]) -> Any:
    """Return a network as a model of pellucid."""
    from pellucid import Sequential, nn

    if name == "cnn":
        layers = [nn.Input((28, 28, 1))]
        for channels in (8, 16):
            layers += [nn.Conv2D(channels, 3, activation="relu"), nn.MaxPooling2D(2)]
        layers += [nn.Flatten(), nn.Dense(64, activation="relu"), nn.Dense(10, activation="softmax")]
    elif name == "dense":
        layers = [nn.Input((20,)), *(nn.Dense(64, activation="relu") for _ in range(2))]
        layers.append(nn.Dense(3, activation="softmax"))
    else:
        layers = [nn.Input((64,)), *(nn.Dense(64, activation="tanh") for _ in DEEP[1:])]
    model = Sequential(layers)
    model.set_weights(weights)
    return model


def call_pellucid(name: str, weights: list[Array], x: Array) -> dict[str, Call]:
    import pellucid as pel

    model = make_model(name, weights)
    f = pel.function(model.inputs, model.outputs[0])
    return {"pellucid, function": lambda: f(x), "pellucid, predict": lambda: model.predict(x, batch_size=len(x))}


def call_numpy(name: str, weights: list[Array], x: Array) -> dict[str, Call]:
    def softmax(h: Array) -> Array:
        e = np.exp(h - h.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    def predict() -> Array:
        h = x
        for k in range(0, len(weights), 2):
            h = h @ weights[k] + weights[k + 1]
            if name == "deep":
                h = np.tanh(h)
            elif k + 2 < len(weights):
                h = np.maximum(h, 0)
        return h if name == "deep" else softmax(h)

    return {} if name == "cnn" else {"numpy": predict}


def call_jax(name: str, weights: list[Array], x: Array) -> dict[str, Call]:
    import jax
    from jax import lax, nn
    from jax import numpy as jnp

    def predict(weights: Any, h: Any) -> Any:
        first = 0
        if name == "cnn":
            for first in (0, 2):
                order = ("NHWC", "HWIO", "NHWC")
                h = lax.conv_general_dilated(h, weights[first], (1, 1), "VALID", dimension_numbers=order)
                h = nn.relu(h + weights[first + 1])
                h = lax.reduce_window(h, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
            h, first = h.reshape(len(h), -1), 4
        for k in range(first, len(weights), 2):
            h = h @ weights[k] + weights[k + 1]
            if name == "deep":
                h = jnp.tanh(h)
            elif k + 2 < len(weights):
                h = nn.relu(h)
        return h if name == "deep" else nn.softmax(h)

    f, on_device = jax.jit(predict), [jnp.asarray(w) for w in weights]
    return {"jax": lambda: np.array(f(on_device, x))}


def call_torch(name: str, weights: list[Array], x: Array) -> dict[str, Call]:
    import torch
    from torch import nn

    layers: list[Any] = []
    for kernel, bias in zip(weights[::2], weights[1::2], strict=True):
        is_conv, is_last = kernel.ndim == 4, bias is weights[-1]
        order = (3, 2, 0, 1) if is_conv else (1, 0)
        layer: Any = nn.Conv2d(*kernel.shape[2:], 3) if is_conv else nn.Linear(*kernel.shape)
        moved = kernel
        if kernel.shape == (400, 64):  # PyTorch flattens channels first
            moved = kernel.reshape(5, 5, 16, 64).transpose(2, 0, 1, 3).reshape(400, 64)
            layers.append(nn.Flatten())
        layer.weight.data, layer.bias.data = torch.tensor(moved.transpose(order)), torch.tensor(bias)
        layers += [layer, nn.Tanh() if name == "deep" else nn.Softmax(-1) if is_last else nn.ReLU()]
        layers += [nn.MaxPool2d(2)] * is_conv
    model, image = nn.Sequential(*layers).eval(), name == "cnn"
    given = np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if image else x

    def predict() -> Array:
        with torch.inference_mode():
            result: Array = model(torch.from_numpy(given)).numpy()
        return result

    return {"torch": predict}


def call_onnxruntime(name: str, weights: list[Array], x: Array) -> dict[str, Call]:
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.onnx")
        make_model(name, weights).export(path)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    argument = session.get_inputs()[0].name
    return {"onnxruntime": lambda: session.run(None, {argument: x})[0]}


LIBRARIES = {
    "pellucid": call_pellucid,
    "numpy": call_numpy,
    "jax": call_jax,
    "torch": call_torch,
    "onnxruntime": call_onnxruntime,
}


def measure_call(call: Call) -> dict[str, Any]:
    """Return the median time of a call in microseconds, and its result."""
    result = call()
    for duration in (SECONDS / 4, SECONDS):  # the first is a warm-up
        times, end = [], time.perf_counter() + duration
        while (start := time.perf_counter()) < end:
            call()
            times.append(time.perf_counter() - start)
    return {"us": 1e6 * median(times), "result": np.asarray(result, float).ravel()[:100].tolist()}


def run_library(library: str) -> dict[str, dict[str, Any]]:
    """Measure all programs with one library, in this process."""
    found: dict[str, dict[str, Any]] = {}
    for name in PROGRAMS:
        weights, x = make_program(name)
        calls = LIBRARIES[library](name, weights, x)
        found[name] = {title: measure_call(call) for title, call in calls.items()}
    return found


def run_all(libraries: list[str], times: int) -> dict[str, dict[str, float]]:
    """Measure all libraries in turn, each in a process; return medians in microseconds, after comparing results."""
    runs = []
    for _ in range(times):
        for library in libraries:
            command = [sys.executable, __file__, "--in-process", library]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            runs.append(json.loads(done.stdout))
    found: dict[str, dict[str, float]] = {}
    for name in PROGRAMS:
        calls = [(title, call) for run in runs for title, call in run[name].items()]
        for title, call in calls:
            np.testing.assert_allclose(call["result"], calls[0][1]["result"], rtol=2e-3, atol=2e-5, err_msg=title)
        titles = dict.fromkeys(title for title, _ in calls)
        found[name] = {title: median(call["us"] for t, call in calls if t == title) for title in titles}
    return found


def format_table(found: dict[str, dict[str, float]]) -> str:
    """Return the results as a table, with a row for each way to call."""
    titles = dict.fromkeys(title for times in found.values() for title in times)
    lines = ["microseconds".ljust(20) + "".join(PROGRAMS[name].rjust(27) for name in found)]
    for title in titles:
        cells = [f"{times[title]:.1f}" if title in times else "" for times in found.values()]
        lines.append(title.ljust(20) + "".join(cell.rjust(27) for cell in cells))
    return "\n".join(lines)


def main() -> None:
    """Measure the chosen libraries and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--libraries", nargs="+", choices=LIBRARIES, help="libraries (default: all that are installed)")
    parser.add_argument("--times", type=int, default=3, help="processes of each library (default 3)")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--in-process", choices=LIBRARIES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.in_process:
        print(json.dumps(run_library(args.in_process)))
        return
    found = run_all(args.libraries or [name for name in LIBRARIES if importlib.util.find_spec(name)], args.times)
    print(json.dumps(found) if args.json else format_table(found))


if __name__ == "__main__":
    main()
