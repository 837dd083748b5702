"""Memory and speed of ``fit`` on data on disk, read from a memory-mapped file and from a generator.

    python benchmarks/stream.py                    one and ten million rows, both sources
    python benchmarks/stream.py --rows 1e6 2e7 --bound 256

Rows of 32 float32 values and a label, 1.3 GB for ten million, are written to a temporary folder. A separate process
fits a small network on them for one epoch, in batches of 256: on ``np.load(path, mmap_mode="r")``, shuffled, or on a
generator that reads the same file in chunks of 8,192 rows and yields batches.

The peak is the maximum resident memory (``VmHWM`` of Linux) minus the resident memory after a small fit, when
everything is imported and compiled. It includes the pages of the memory-mapped file that the process reads, but not the
page cache of the system. The peak must be within the bound, and the peaks of the largest and the smallest file may
differ by a quarter of the bound. Otherwise the command fails.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

COLUMNS = 32
BATCH = 256
CHUNK = 8192
SOURCES = ["mapped", "generator"]


def write_data(folder: Path, rows: int) -> None:
    """Write samples and labels in parts."""
    x = np.lib.format.open_memmap(folder / "x.npy", "w+", np.float32, (rows, COLUMNS))
    y = np.lib.format.open_memmap(folder / "y.npy", "w+", np.int32, (rows,))
    rng = np.random.default_rng(0)
    for start in range(0, rows, 2**16):
        part = rng.standard_normal((min(2**16, rows - start), COLUMNS), np.float32)
        x[start : start + len(part)] = part
        y[start : start + len(part)] = part[:, 0] > part[:, 1]
    x.flush()
    y.flush()


def read_batches(folder: Path) -> Iterator[tuple[Any, Any]]:
    """Read the files in chunks, in order, and yield batches."""
    rows = len(np.load(folder / "x.npy", mmap_mode="r"))
    with (folder / "x.npy").open("rb") as x, (folder / "y.npy").open("rb") as y:
        for file in (x, y):
            np.lib.format.read_magic(file)
            np.lib.format.read_array_header_1_0(file)
        for start in range(0, rows, CHUNK):
            count = min(CHUNK, rows - start)
            samples = np.fromfile(x, np.float32, count * COLUMNS).reshape(count, COLUMNS)
            labels = np.fromfile(y, np.int32, count)
            for first in range(0, count, BATCH):
                yield samples[first : first + BATCH], labels[first : first + BATCH]


def read_megabytes(field: str) -> float:
    """Return a memory field of ``/proc/self/status`` in MB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) / 1024


def measure_fit(folder: Path, source: str) -> dict[str, float]:
    """Fit on the data in a folder, and return memory, time and accuracy."""
    import pellucid as pel
    from pellucid import nn

    layers = [nn.Input((COLUMNS,)), nn.Dense(64, activation="relu"), nn.Dense(2, activation="softmax")]
    model = pel.Sequential(layers)
    model.compile(pel.optimizers.SGD(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(np.zeros((2 * BATCH, COLUMNS), "float32"), np.zeros(2 * BATCH, "int32"), batch_size=BATCH, verbose=0)
    before = read_megabytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM
    start = time.perf_counter()
    if source == "mapped":
        x, y = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in "xy")
        rows = len(x)
        history = model.fit(x, y, batch_size=BATCH, verbose=0)
    else:
        rows = len(np.load(folder / "x.npy", mmap_mode="r"))
        history = model.fit(read_batches(folder), verbose=0)
    seconds = time.perf_counter() - start
    return {
        "before": before,
        "peak": read_megabytes("VmHWM") - before,
        "seconds": seconds,
        "rows_per_second": rows / seconds,
        "steps": model.step - 2,
        "accuracy": history.history["accuracy"][-1],
    }


def measure(rows: list[int], sources: list[str], parent: Path | None) -> list[dict[str, Any]]:
    """Run every case in a separate process."""
    results = []
    for count in rows:
        steps = -(-count // BATCH)
        with tempfile.TemporaryDirectory(dir=parent) as folder:
            write_data(Path(folder), count)
            for source in sources:
                command = [sys.executable, __file__, "--child", folder, "--only", source]
                # With a cached program, the compiler would be imported after the first fit and count as peak memory.
                environment = {**os.environ, "PELLUCID_CACHE": "0"}
                run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
                row = {"source": source, "rows": count, **json.loads(run.stdout)}
                if row["steps"] != steps:
                    raise SystemExit(f"{source}: expected {steps} steps for {count} rows. Found: {row['steps']}")
                results.append(row)
    return results


def find_failures(rows: list[dict[str, Any]], bound: float) -> list[str]:
    """Return messages about peaks beyond the bound and peaks that grow with the file."""
    failures = [
        f"{row['source']}, {row['rows']:,} rows: the peak is {row['peak']:.0f} MB, more than {bound:.0f} MB"
        for row in rows
        if row["peak"] > bound
    ]
    for source in dict.fromkeys(row["source"] for row in rows):
        peaks = [row["peak"] for row in rows if row["source"] == source]
        if peaks[-1] - peaks[0] > bound / 4:
            failures.append(f"{source}: memory grows with the rows, from {peaks[0]:.0f} to {peaks[-1]:.0f} MB")
    return failures


def main() -> None:
    """Measure every case, print a table, and fail if a peak is too large."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rows", type=lambda n: int(float(n)), nargs="+", default=[10**6, 10**7], help="numbers of rows"
    )
    parser.add_argument("--only", choices=SOURCES, action="append", help="data source (default: both)")
    parser.add_argument("--bound", type=float, default=128, help="allowed peak in MB (default 128)")
    parser.add_argument("--folder", type=Path, help="parent of the temporary folder")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(measure_fit(args.child, args.only[0])))
        return
    rows = measure(sorted(args.rows), args.only or SOURCES, args.folder)
    failures = find_failures(rows, args.bound)
    if args.json:
        print(json.dumps({"bound": args.bound, "rows": rows, "failures": failures}, indent=1))
    else:
        print(f"{'source':<10}{'rows':>12}{'before':>10}{'peak':>10}{'seconds':>10}{'rows/s':>12}{'accuracy':>10}")
        for r in rows:
            print(
                f"{r['source']:<10}{r['rows']:>12,}{r['before']:>7.0f} MB{r['peak']:>7.0f} MB{r['seconds']:>10.1f}"
                f"{r['rows_per_second']:>12,.0f}{r['accuracy']:>10.3f}"
            )
        print("\n".join(failures) or f"All peaks are within {args.bound:.0f} MB and do not grow with the rows.")
    if failures:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
