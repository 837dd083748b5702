"""The course's networks, pellucid beside its peers: times as ratios, memory, start-up, and whether targets were met.

    python benchmarks/bench.py                                  all of it
    python benchmarks/bench.py --only moons adder --repeats 5   two workloads
    python benchmarks/bench.py --only start sweep               other benchmarks of this folder, for their targets
    python benchmarks/bench.py --libraries pellucid torch       against one peer
    python benchmarks/bench.py --out results                    JSON, Markdown and pictures too

Every run is a process of its own. The libraries take turns, so that a machine that slows down slows all of them, and
what is compared are medians of one call of this command. A library that would take minutes for a whole run does a part
of it, and its time is scaled; the part stands in the table. Import and build (graphs, compiling, a first step) are
told apart from training; *first* is what both took in the first process, with nothing compiled before. Memory is the
most that a process had had when training ended. The floor is the least that the arithmetic and the bytes of a workload
can take at the rates measured just before. At the end stand the targets, and whether this run met them.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import machine
import report
import targets
from workloads import NAMES, workload

PACKAGES = {"pellucid": "pellucid", "numpy": "numpy", "jax": "jax", "torch": "torch", "tensorflow": "tensorflow"}
PACKAGES |= {"keras": "keras", "pytensor": "pytensor"}

OTHERS = {"graphs": "graphs.py", "start": "start.py", "sweep": "sweep.py", "scaling": "scaling.py"}
"""Other benchmarks of this folder, which print JSON too."""


def child(name: str, library: str, cache: str) -> dict[str, Any]:
    """Run one workload by one library in a process of its own, and return what it measured, or its last error."""
    command = [sys.executable, str(Path(__file__).with_name("phases.py")), name, library]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(cache), check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        return {"error": lines[-1]}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def environment(cache: str) -> dict[str, str]:
    """Return the environment of a process, in which nothing was compiled but in this run of the benchmark."""
    own = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    flags = ",".join(filter(None, [own.get("PYTENSOR_FLAGS"), f"base_compiledir={cache}/pytensor"]))
    return {**own, "PELLUCID_CACHE": cache, "PYTENSOR_FLAGS": flags}


def other(name: str, out: Path | None) -> Any:
    """Run another benchmark of this folder and return what it found."""
    print(f"  {name}   ", end="\r", file=sys.stderr, flush=True)
    command = [sys.executable, str(Path(__file__).with_name(OTHERS[name])), "--json"]
    if name == "scaling" and out:
        command += ["--out", str(out)]
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment(cache), check=True)
    return json.loads(done.stdout)


def summed_up(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return medians and extremes of the runs of one library."""
    failed = [r["error"] for r in runs if "error" in r]
    if failed:
        return {"error": failed[-1]}
    train = [r["seconds"]["train"] for r in runs]
    return {
        "import": median(r["seconds"]["import"] for r in runs),
        "build": median(r["seconds"]["build"] for r in runs),
        "first": runs[0]["seconds"]["import"] + runs[0]["seconds"]["build"],
        "train": median(train),
        "least": min(train),
        "most": max(train),
        "share": runs[0]["share"],
        "peak_bytes": max(r["peak_bytes"] for r in runs),
        **runs[-1]["results"],
    }


def measure(name: str, libraries: list[str], repeats: int, cache: str) -> dict[str, Any]:
    """Run a workload by all libraries, in turn."""
    module = workload(name)
    asked = [library for library in module.LIBRARIES if library in libraries]
    runs: dict[str, list[dict[str, Any]]] = {library: [] for library in asked}
    for repeat in range(repeats):
        for library in asked:
            print(f"  {name}: {library}, run {repeat + 1} of {repeats}   ", end="\r", file=sys.stderr, flush=True)
            runs[library].append(child(name, library, cache))
    rates = machine.rates()
    return {
        "name": name,
        "title": module.TITLE,
        "steps": module.STEPS,
        "floor": machine.floor_seconds(module.floor(), rates),
        "rates": rates,
        "libraries": {library: summed_up(found) for library, found in runs.items()},
    }


def main() -> None:
    """Measure what is asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    everything = [*NAMES, *OTHERS]
    parser.add_argument("--only", nargs="+", choices=everything, default=everything, help="some of them")
    parser.add_argument("--libraries", nargs="+", choices=PACKAGES, help="some libraries; those installed without it")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each library")
    parser.add_argument("--out", type=Path, help="a folder for bench.json, bench.md and pictures")
    parser.add_argument("--json", action="store_true", help="print everything that was measured, for a program")
    given = parser.parse_args()
    libraries = given.libraries or [name for name, package in PACKAGES.items() if importlib.util.find_spec(package)]
    found: dict[str, Any] = {"machine": machine.described(), "repeats": given.repeats, "workloads": []}

    def tell(text: str) -> None:
        if not given.json:
            print(text, flush=True)

    with tempfile.TemporaryDirectory() as cache:
        for name in [name for name in NAMES if name in given.only]:
            found["workloads"].append(measure(name, libraries, given.repeats, cache))
            tell(report.table(found["workloads"][-1]))
    for name in [name for name in OTHERS if name in given.only]:
        found[name] = other(name, given.out)
        tell(report.other(name, found[name]))
    found["verdicts"] = targets.verdicts(found)
    tell(report.verdicts(found["verdicts"]))
    if given.json:
        print(json.dumps(found))
    if given.out:
        report.write(found, given.out)


if __name__ == "__main__":
    main()
