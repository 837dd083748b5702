"""Memory and speed of ``pellucid train`` on data larger than memory: a folder of images and a CSV file.

    python benchmarks/large_data.py                    50,000 images and a CSV file of 2 GB
    python benchmarks/large_data.py --megabytes 200 --images 10000 --bound 800

The data are written to a temporary folder. A child process trains a network on them with default settings, but few
epochs. The peak is the maximum resident memory of the whole process, with all libraries. Samples per second are those
of the last epoch, with its validation. The reference trains the same network from memory: on the same images, and on
the first 20 MB of the table. The command fails if a peak exceeds the bound.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

ROWS = 20_000
REFERENCE_MEGABYTES = 20
IN_MEMORY = 10**6
"""Megabytes that hold any data."""


def write_images(folder: Path, count: int) -> None:
    """Write JPEG files of 64x64 pixels of two classes."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for kind in ("plain", "square"):
        (folder / kind).mkdir(parents=True)
    for k in range(count):
        pixels = rng.integers(0, 200, (12, 12, 3), np.uint8)
        kind = ("plain", "square")[k % 2]
        if kind == "square":
            row, column = rng.integers(0, 8, 2)
            pixels[row : row + 4, column : column + 4] += np.uint8(50)
        Image.fromarray(pixels).resize((64, 64)).save(folder / kind / f"{k}.jpg", quality=80)


def write_table(path: Path, megabytes: float) -> None:
    """Write eight numbers, a category and a target in each row."""
    rng, places = np.random.default_rng(0), np.array(["north", "south", "east", "west"])
    with path.open("w", encoding="utf-8") as file:
        size = file.write("a,b,c,d,e,f,g,h,place,price\n")
        while size < megabytes * 1e6:
            x, place = rng.normal(size=(ROWS, 8)).round(4), rng.integers(0, 4, ROWS)
            price = (2 * x[:, 0] - x[:, 1] + x[:, 2] * x[:, 3] + place + rng.normal(size=ROWS)).round(3)
            rows = zip(x.tolist(), places[place].tolist(), price.tolist(), strict=True)
            size += file.write("".join(f"{','.join(map(str, row))},{name},{y}\n" for row, name, y in rows))


def train(data: Path, folder: Path, words: list[str]) -> dict[str, Any]:
    """Train in a child process of a child process, whose children's peak is that of the training alone."""
    command = [sys.executable, __file__, "--child", str(data), str(folder), *words]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def run_child(data: str, folder: str, words: list[str]) -> dict[str, Any]:
    """Train, and return peak memory, times and speed."""
    program = "import sys; from pellucid.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "train", data, "--out", folder, "--quiet", *words]
    subprocess.run(command, check=True, stdout=sys.stderr)
    unit = 1024 if sys.platform != "darwin" else 1024**2
    record = json.loads(Path(folder, "record.json").read_text())
    header, *rows = [line.split(",") for line in Path(folder, "history.csv").read_text().splitlines()]
    samples, timings = record["measures"]["samples"], record["timings"]
    waited = timings.get("waiting for data")
    return {
        "peak": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / unit,
        "seconds": record["seconds"],
        "timings": timings,
        "samples": samples,
        "samples_per_second": samples["training"] / float(rows[-1][header.index("seconds")]),
        "waiting_share": None if waited is None else waited / timings["training steps"],
    }


def measure(args: argparse.Namespace, parent: Path) -> list[dict[str, Any]]:
    """Measure all cases; a case is followed by its reference."""
    words, results = ["--epochs", str(args.epochs)], []

    def add(name: str, data: Path, *options: str) -> None:
        folder = parent / f"run {len(results)}"
        results.append({"name": name, **train(data, folder, [*words, *options])})

    if args.only != "table":
        write_images(parent / "images", args.images)
        add(f"{args.images:,} images", parent / "images", "--memory", str(args.memory))
        add("the same from memory", parent / "images", "--memory", str(IN_MEMORY))
    if args.only != "images":
        write_table(parent / "table.csv", args.megabytes)
        write_table(parent / "part.csv", REFERENCE_MEGABYTES)
        batch = ["--batch-size", str(args.batch_size)]
        add(f"CSV, {args.megabytes:g} MB", parent / "table.csv", "--memory", str(args.memory), *batch)
        add(f"{REFERENCE_MEGABYTES} MB from memory", parent / "part.csv", "--memory", str(IN_MEMORY), *batch)
    return results


def find_failures(rows: list[dict[str, Any]], bound: float) -> list[str]:
    """Return messages about data that were not in memory, with a peak beyond the bound."""
    failures = []
    for row in rows:
        if "from memory" in row["name"]:
            continue
        if row["peak"] > bound:
            failures.append(f"{row['name']}: the peak is {row['peak']:.0f} MB, more than {bound:.0f} MB")
        if row["waiting_share"] is None:
            failures.append(f"{row['name']}: the data were in memory; use a smaller --memory")
    return failures


def format_row(row: dict[str, Any]) -> str:
    waiting = "" if row["waiting_share"] is None else f"{row['waiting_share']:.1%}"
    phases = ", ".join(f"{name} {seconds:.1f}" for name, seconds in row["timings"].items())
    return (
        f"{row['name']:<22}{row['peak']:>8.0f} MB{row['seconds']:>9.1f} s{row['samples_per_second']:>12,.0f}"
        f"{waiting:>9}  {phases}"
    )


def main() -> None:
    """Measure every case, print a table, and fail if a peak is too large."""
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(run_child(sys.argv[2], sys.argv[3], sys.argv[4:])))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=50_000, help="number of images (default 50,000)")
    parser.add_argument("--megabytes", type=float, default=2_000, help="size of the CSV file (default 2,000)")
    parser.add_argument("--memory", type=int, default=64, help="--memory of pellucid train (default 64)")
    parser.add_argument("--epochs", type=int, default=2, help="number of epochs (default 2)")
    parser.add_argument("--batch-size", type=int, default=256, help="samples per step of the table (default 256)")
    parser.add_argument("--bound", type=float, default=1_000, help="allowed peak in MB (default 1,000)")
    parser.add_argument("--only", choices=("images", "table"), help="kind of data (default: both)")
    parser.add_argument("--folder", type=Path, help="parent of the temporary folder")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        os.environ.setdefault("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        rows = measure(args, Path(folder))
    failures = find_failures(rows, args.bound)
    if args.json:
        print(json.dumps({"bound": args.bound, "rows": rows, "failures": failures}, indent=1))
    else:
        print(f"{'data':<22}{'peak':>11}{'total':>11}{'samples/s':>12}{'waiting':>9}  seconds of the phases")
        print("\n".join(map(format_row, rows)))
        print("\n".join(failures) or f"All peaks are within {args.bound:.0f} MB.")
    if failures:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
