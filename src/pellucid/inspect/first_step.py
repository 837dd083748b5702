"""Time to the first training step and to the first prediction, with an empty and with a filled compilation cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pellucid.inspect.equivalence.check import draw_batch
from pellucid.inspect.layer_timing import has_loss
from pellucid.inspect.layer_trace import trace_training
from pellucid.model.errors import ModelError
from pellucid.model.model import Model, load_model
from pellucid.run.profile import measure_run, prepare_empty_xla

PROGRAM = """
import sys, time
start = time.perf_counter()
from pellucid.inspect.first_step import run_first_calls
run_first_calls(start, *sys.argv[1:])
"""
MOST_SECONDS = 600


class FirstCalls(NamedTuple):
    """Seconds of the imports and the start of XLA, and then of the first prediction and training step of a process."""

    start: float
    prediction: float
    step: float | None


def time_first_calls(model: Model, batch_size: int) -> tuple[FirstCalls, FirstCalls]:
    """Measure the first calls in a process that compiles, and in a second one that reads the compilation cache.

    The cache is an empty folder that is deleted afterwards.

    Raises
    ------
    ModelError
        If a process fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.pel"
        model.save(file)
        variables = os.environ | {"PELLUCID_CACHE": str(Path(folder) / "cache")}
        (Path(folder) / "cache").mkdir(mode=0o700)
        command = [sys.executable, "-c", PROGRAM, str(file), str(batch_size)]
        cold, warm = (start_process(command, variables) for _ in range(2))
    return cold, warm


def start_process(command: list[str], variables: dict[str, str]) -> FirstCalls:
    try:
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True, timeout=MOST_SECONDS)
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no message"])[-1]
        raise ModelError(f"The process that measures the first step failed: {last}") from error
    return FirstCalls(*json.loads(done.stdout))


def run_first_calls(begin: float, file: str, batch_size: str) -> None:
    """Load a model, predict and train for the first time, and print the seconds of each part."""
    model = load_model(file)
    prepare_empty_xla()()
    start = time.perf_counter() - begin
    rng = np.random.default_rng(0)
    targets = trace_training(model).targets if has_loss(model) else []
    batch = draw_batch(model.inputs, targets, model.outputs, rng, int(batch_size))
    count = len(model.inputs)
    x = batch[0] if count == 1 else batch[:count]
    prediction = measure_run(lambda: model.predict_on_batch(x))
    step = None
    if has_loss(model) and model.trainable_parameters:
        y = batch[count] if len(targets) == 1 else batch[count:]
        step = measure_run(lambda: model.train_on_batch(x, y))
    print(json.dumps([start, prediction, step]))
