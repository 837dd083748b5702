"""Time of a training step on 1, 2, 4 and 8 devices, compared with the prediction of the cost model.

    python benchmarks/devices.py                       devices of this machine's CPU, measured and predicted
    python benchmarks/devices.py --predict             a language model on 1 to 4,096 accelerators, predicted only

The devices are parts of one CPU, so they share its cores: more devices never make a step faster, and the model says by
how much they make it slower. A single device is measured with two batch sizes, which gives the time of a sample and the
time that every step takes; the update is measured alone. The rates of an all-reduce are measured with a small and a
large array. No measurement of a step on several devices enters the prediction. XLA computes everything, without C
kernels and C loops, because several devices use neither.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from device_model import Devices, Workload, predict_bytes, predict_seconds

import pellucid as pel
from pellucid import nn

COUNTS = (1, 2, 4, 8)
UNITS, LAYERS, BATCH = 512, 4, 512
SMALL_BATCH = BATCH // max(COUNTS)
STEPS, REPEATS = 8, 5

LANGUAGE_MODEL = Workload(
    batch=4096,  # sequences of 1,024 tokens
    sample_seconds=6 * 1e9 * 1024 / 2e14,  # six operations per parameter and token, at 200 TFLOP/s
    fixed_seconds=1e-3,
    update_seconds=28 * 1e9 / 2e12,  # parameter, gradient and two slots are read, three of them written, at 2 TB/s
    parameter_bytes=4e9,
    slots=2,
    sample_bytes=2e8,
    kernels=150,
)
ACCELERATORS = Devices(bandwidth=5e10, latency=1e-5)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predict", action="store_true", help="only predict the steps of a language model")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)  # in a process with this number of devices
    given = parser.parse_args(words)
    if given.measure:
        print(json.dumps(measure_one() if given.measure == 1 else measure_several(given.measure)))
        return 0
    rows = predict_rows(LANGUAGE_MODEL, ACCELERATORS) if given.predict else compare(run_processes())
    print(json.dumps(rows) if given.json else format_rows(rows))
    return 0


def build_step(**placement: Any) -> Callable[..., Any]:
    """Return a function that trains a dense network with Adam."""
    nn.set_random_seed(0)
    x, y = pel.matrix("x", shape=("n", UNITS)), pel.matrix("y", shape=("n", UNITS))
    h = x
    for _ in range(LAYERS):
        h = nn.Dense(UNITS, "tanh")(h)
    loss = ((h - y) ** 2).mean()
    return pel.function([x, y], loss, updates=pel.optimizers.Adam(1e-3).updates(loss), **placement)


def time_step(step: Any, *args: Any) -> float:
    """Return the median time of a step of a compiled loop."""
    step.repeat(STEPS, *args)
    return statistics.median(time_call(lambda: step.repeat(STEPS, *args)) for _ in range(REPEATS)) / STEPS


def time_call(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def make_batch(size: int) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(size, UNITS)).astype("float32") for _ in range(2)]


def measure_one() -> dict[str, float]:
    """Return the step times of one device for a large and a small batch, and the time of the update alone."""
    parameters = [pel.shared(np.ones((UNITS, UNITS), "float32")) for _ in range(LAYERS)]
    loss = sum((p * p).sum() for p in parameters)
    update = pel.function([], loss, updates=pel.optimizers.Adam(1e-3).updates(loss), mode="xla")
    step = build_step()
    return {
        "step": time_step(step, *make_batch(BATCH)),
        "small": time_step(step, *make_batch(SMALL_BATCH)),
        "update": time_step(update),
    }


def measure_several(count: int) -> dict[str, float]:
    """Return the times of a small and a large all-reduce, and of steps with copied and with divided parameters."""
    batch = make_batch(BATCH)
    copied, divided = build_step(devices=count), build_step(devices=count, shard="parameters")
    return {
        "small": time_all_reduce(count, 1),
        "large": time_all_reduce(count, LAYERS * UNITS**2),
        "copied": time_step(copied, *batch),
        "divided": time_step(divided, *batch),
        "copied bytes": count_bytes(copied),
        "divided bytes": count_bytes(divided),
    }


def count_bytes(step: Any) -> int:
    """Return the memory that the compiled loop of a step takes on a device: arguments and temporary values."""
    ((loop, _),) = step.backend.compiled.values()
    memory = loop.memory_analysis()
    return int(memory.argument_size_in_bytes + memory.temp_size_in_bytes)


def time_all_reduce(count: int, size: int) -> float:
    """Return the median time in which devices sum an array of each."""
    import jax
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    mesh = Mesh(np.array(jax.devices()), ("devices",))
    divided, copied = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (("devices",), ()))
    x = jax.device_put(np.ones((count, size), "float32"), divided)
    total = jax.jit(lambda x: x.sum(0), out_shardings=copied)
    total(x).block_until_ready()
    return statistics.median(time_call(lambda: total(x).block_until_ready()) for _ in range(4 * REPEATS))


def run_processes() -> dict[int, dict[str, float]]:
    """Measure each number of devices in its own process, because JAX divides the CPU when it starts."""
    found = {}
    for count in COUNTS:
        environment = os.environ | {
            "XLA_FLAGS": f"--xla_force_host_platform_device_count={count}",
            "JAX_PLATFORMS": "cpu",
            **dict.fromkeys(("PELLUCID_NATIVE", "PELLUCID_KERNELS", "PELLUCID_CACHE"), "0"),
        }
        command = [sys.executable, __file__, "--measure", str(count)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        found[count] = json.loads(done.stdout)
    return found


def calibrate(found: dict[int, dict[str, float]]) -> tuple[Workload, Devices]:
    """Return the workload and the devices, from one device's steps and the all-reduces of the most devices."""
    one, most = found[1], max(found)
    sample = (one["step"] - one["small"]) / (BATCH - SMALL_BATCH)
    size = 4.0 * LAYERS * UNITS**2
    work = Workload(
        batch=BATCH,
        sample_seconds=sample,
        fixed_seconds=max(one["small"] - SMALL_BATCH * sample - one["update"], 0.0),
        update_seconds=one["update"],
        parameter_bytes=size,
        slots=2,
        sample_bytes=4 * (LAYERS + 1) * UNITS,
        kernels=LAYERS,
    )
    transfer = found[most]["large"] - found[most]["small"]
    latency = found[most]["small"] / (2 * np.log2(most))
    return work, Devices(2 * (most - 1) * size / transfer, float(latency), are_cpu_parts=True)


def compare(found: dict[int, dict[str, float]]) -> list[dict[str, float]]:
    """Return the predicted and measured times and sizes of each number of devices from two on."""
    work, devices = calibrate(found)
    rows = predict_rows(work, devices, COUNTS[1:])
    for row in rows:
        measured = found[int(row["devices"])]
        row |= {f"{name}, measured": measured[name] for name in list(row)[1:]}
    return rows


def predict_rows(work: Workload, devices: Devices, counts: Any = None) -> list[dict[str, float]]:
    """Return the predictions for numbers of devices, by default from 1 to 4,096."""
    return [
        {
            "devices": count,
            "copied": predict_seconds(work, devices, count),
            "divided": predict_seconds(work, devices, count, shard=True),
            "copied bytes": predict_bytes(work, devices, count),
            "divided bytes": predict_bytes(work, devices, count, shard=True),
        }
        for count in counts or [4**n for n in range(7)]
    ]


def format_rows(rows: list[dict[str, float]]) -> str:
    """Return a Markdown table."""
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([format_value(*cell) for cell in row.items()] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def format_value(name: str, value: float) -> str:
    if name == "devices":
        return f"{value:,}"
    if "bytes" in name:
        return f"{value / 2**20:,.0f} MiB"
    return f"{value * 1e3:.1f} ms" if value < 1 else f"{value:.1f} s"


if __name__ == "__main__":
    sys.exit(main())
