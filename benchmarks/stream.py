"""How much memory ``fit`` takes on rows that lie on disk, and how many rows it trains on a second.

    python benchmarks/stream.py                    one million rows and ten, from a mapped file and from a generator
    python benchmarks/stream.py --rows 1e6 2e7 --bound 256

Rows of 32 float32 numbers and a label, 1.3 GB for ten million, are written to a temporary folder. A process of its own
fits a small network on them for one epoch, in batches of 256: once on ``np.load(path, mmap_mode="r")``, shuffled, and
once on a generator that reads the same file in chunks of 8,192 rows and hands out batches.

Counted is what the process had in memory at most (``VmHWM`` of Linux) beyond what it had once a first small fit had
imported and compiled everything. Pages of the mapped file that the process looks at are counted in it, pages that the
system keeps of the file for itself are not. A case passes if that is within the bound; and the largest file may not
take much more than the smallest, a quarter of the bound. If anything fails, so does the command.
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
WAYS = ["mapped", "generator"]


def write(folder: Path, rows: int) -> None:
    """Write samples and labels, piece by piece."""
    x = np.lib.format.open_memmap(folder / "x.npy", "w+", np.float32, (rows, COLUMNS))
    y = np.lib.format.open_memmap(folder / "y.npy", "w+", np.int32, (rows,))
    rng = np.random.default_rng(0)
    for start in range(0, rows, 2**16):
        part = rng.standard_normal((min(2**16, rows - start), COLUMNS), np.float32)
        x[start : start + len(part)] = part
        y[start : start + len(part)] = part[:, 0] > part[:, 1]
    x.flush()
    y.flush()


def batches(folder: Path) -> Iterator[tuple[Any, Any]]:
    """Read the files in chunks, in order, and hand out batches."""
    rows = len(np.load(folder / "x.npy", mmap_mode="r"))
    with (folder / "x.npy").open("rb") as x, (folder / "y.npy").open("rb") as y:
        for file in (x, y):
            np.lib.format.read_magic(file)
            np.lib.format.read_array_header_1_0(file)
        for start in range(0, rows, CHUNK):
            count = min(CHUNK, rows - start)
            samples = np.fromfile(x, np.float32, count * COLUMNS).reshape(count, COLUMNS)
            labels = np.fromfile(y, np.int32, count)
            for at in range(0, count, BATCH):
                yield samples[at : at + BATCH], labels[at : at + BATCH]


def megabytes(what: str) -> float:
    """Return a figure of this process from the kernel."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{what}:"))
    return int(line.split()[1]) / 1024


def child(folder: Path, way: str) -> dict[str, float]:
    """Fit on what lies in a folder, and return what it took."""
    import pellucid as pel
    from pellucid import nn

    layers = [nn.Input((COLUMNS,)), nn.Dense(64, activation="relu"), nn.Dense(2, activation="softmax")]
    model = pel.Sequential(layers)
    model.compile(pel.optimizers.SGD(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(np.zeros((2 * BATCH, COLUMNS), "float32"), np.zeros(2 * BATCH, "int32"), batch_size=BATCH, verbose=0)
    before = megabytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew
    start = time.perf_counter()
    if way == "mapped":
        x, y = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in "xy")
        rows = len(x)
        history = model.fit(x, y, batch_size=BATCH, verbose=0)
    else:
        rows = len(np.load(folder / "x.npy", mmap_mode="r"))
        history = model.fit(batches(folder), verbose=0)
    seconds = time.perf_counter() - start
    return {
        "before": before,
        "peak": megabytes("VmHWM") - before,
        "seconds": seconds,
        "rows_a_second": rows / seconds,
        "steps": model.step - 2,
        "accuracy": history.history["accuracy"][-1],
    }


def measure(rows: list[int], ways: list[str], where: Path | None) -> list[dict[str, Any]]:
    """Run every case in a process of its own."""
    found = []
    for count in rows:
        with tempfile.TemporaryDirectory(dir=where) as folder:
            write(Path(folder), count)
            for way in ways:
                command = [sys.executable, __file__, "--child", folder, "--only", way]
                # What was compiled before would spare the first small fit the imports that are not to be counted.
                nothing_kept = {**os.environ, "PELLUCID_CACHE": "0"}
                run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=nothing_kept)
                row = {"way": way, "rows": count, **json.loads(run.stdout)}
                if row["steps"] != -(-count // BATCH):
                    raise SystemExit(f"{way}: {count} rows make {-(-count // BATCH)} steps. Found: {row['steps']}")
                found.append(row)
    return found


def judged(rows: list[dict[str, Any]], bound: float) -> list[str]:
    """Say what is not within the bound, and what grows."""
    wrong = [
        f"{row['way']}, {row['rows']:,} rows: {row['peak']:.0f} MB, more than {bound:.0f}"
        for row in rows
        if row["peak"] > bound
    ]
    for way in dict.fromkeys(row["way"] for row in rows):
        peaks = [row["peak"] for row in rows if row["way"] == way]
        if peaks[-1] - peaks[0] > bound / 4:
            wrong.append(f"{way}: it grows with the rows, from {peaks[0]:.0f} MB to {peaks[-1]:.0f}")
    return wrong


def main() -> None:
    """Measure, print, and fail if it is more than is allowed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=lambda n: int(float(n)), nargs="+", default=[10**6, 10**7], help="how many")
    parser.add_argument("--only", choices=WAYS, action="append", help="one way, or both")
    parser.add_argument("--bound", type=float, default=128, help="megabytes that training may take")
    parser.add_argument("--folder", type=Path, help="where the temporary folder is made")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(child(asked.child, asked.only[0])))
        return
    rows = measure(sorted(asked.rows), asked.only or WAYS, asked.folder)
    wrong = judged(rows, asked.bound)
    if asked.json:
        print(json.dumps({"bound": asked.bound, "rows": rows, "wrong": wrong}, indent=1))
    else:
        print(f"{'way':<10}{'rows':>12}{'before':>10}{'peak':>10}{'seconds':>10}{'rows/s':>12}{'accuracy':>10}")
        for r in rows:
            print(
                f"{r['way']:<10}{r['rows']:>12,}{r['before']:>7.0f} MB{r['peak']:>7.0f} MB{r['seconds']:>10.1f}"
                f"{r['rows_a_second']:>12,.0f}{r['accuracy']:>10.3f}"
            )
        print("\n".join(wrong) or f"all within the bound of {asked.bound:.0f} MB, and none grows with the rows")
    if wrong:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
