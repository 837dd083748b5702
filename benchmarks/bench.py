"""Time and memory of training the course's networks in pellucid and its peers, and the performance targets.

    python benchmarks/bench.py                                  everything
    python benchmarks/bench.py --only moons adder --repeats 5   two workloads
    python benchmarks/bench.py --only start sweep               other benchmarks of this folder, for their targets
    python benchmarks/bench.py --libraries pellucid torch       pellucid and one peer
    python benchmarks/bench.py --out results                    write JSON, Markdown and pictures too

Every run is a separate process. The libraries take turns, so a machine that slows down affects all of them, and only
medians from the same call are compared. A library that would need minutes for a whole run does a fraction of it; its
time is scaled, and the table shows the fraction. Import and build (graphs, compilation, a first step) are timed
separately from training; *first* is their sum in the first process, with an empty compilation cache. Memory is the peak
of the process until the end of training. The floor is a lower bound: the arithmetic and the bytes of a workload at the
peak rates of this machine, measured after the first runs. The command fails if a run is faster than the floor, or a
hand-written C loop of a small network takes more than 20 times as long. The targets and their verdicts follow at the
end.
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

import families
import live
import machine
import report
import start
import targets
from workloads import NAMES, load_workload

PACKAGES = {"pellucid": "pellucid", "numpy": "numpy", "jax": "jax", "torch": "torch", "tensorflow": "tensorflow"}
PACKAGES |= {"keras": "keras", "pytensor": "pytensor"}

OTHERS = {"graphs": "graphs.py", "start": "start.py", "sweep": "sweep.py", "scaling": "scaling.py", "live": "live.py"}
OTHERS |= {"calls": "calls.py", "families": "families.py", "cliffs": "families.py --grid"}
"""Other benchmarks of this folder, run with ``--json``."""


def run_in_process(name: str, library: str, cache: str) -> dict[str, Any]:
    """Run one workload with one library in a separate process; return its measurements, or the error that ended it."""
    command = [sys.executable, str(Path(__file__).with_name("phases.py")), name, library]
    done = subprocess.run(command, capture_output=True, text=True, env=make_environment(cache), check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        return {"error": lines[-1]}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def make_environment(cache: str) -> dict[str, str]:
    """Return the environment of a process whose compilation caches are in a folder of this run."""
    flags = ",".join(filter(None, [os.environ.get("PYTENSOR_FLAGS"), f"base_compiledir={cache}/pytensor"]))
    return {**start.make_environment(cache), "PYTENSOR_FLAGS": flags}


def run_other(name: str, out: Path | None) -> Any:
    """Run another benchmark of this folder and return its results."""
    print(f"  {name}   ", end="\r", file=sys.stderr, flush=True)
    file, *options = OTHERS[name].split()
    command = [sys.executable, str(Path(__file__).with_name(file)), *options, "--json"]
    if name == "scaling" and out:
        command += ["--out", str(out)]
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=make_environment(cache), check=False)
    if not done.stdout:  # with problems, families.py prints its results and fails
        sys.exit(f"{name}: exit status {done.returncode}")
    return json.loads(done.stdout)


def summarize(runs: list[dict[str, Any]]) -> dict[str, Any]:
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
        "train_min": min(train),
        "train_max": max(train),
        "fraction": runs[0]["fraction"],
        "peak_bytes": max(r["peak_bytes"] for r in runs),
        **runs[-1]["results"],
    }


def measure(name: str, libraries: list[str], repeats: int, cache: str) -> dict[str, Any]:
    """Run a workload with all libraries, in turn."""
    module = load_workload(name)
    chosen = [library for library in module.LIBRARIES if library in libraries]
    runs: dict[str, list[dict[str, Any]]] = {library: [] for library in chosen}
    for repeat in range(repeats):
        for library in chosen:
            print(f"  {name}: {library}, run {repeat + 1} of {repeats}   ", end="\r", file=sys.stderr, flush=True)
            runs[library].append(run_in_process(name, library, cache))
    rates = machine.measure_rates()
    found = {
        "name": name,
        "title": module.TITLE,
        "steps": module.STEPS,
        "floor": machine.compute_floor(module.count_work(), rates),
        "rates": rates,
        "libraries": {library: summarize(found) for library, found in runs.items()},
    }
    if hasattr(module, "time_c_loop"):
        try:
            seconds, results = module.time_c_loop()
            found["c_loop"] = {"train": seconds, **results}
        except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
            found["c_loop"] = {"error": str(error)}
    return found | {"problems": machine.check_floor(found)}


def main() -> None:
    """Run the chosen benchmarks and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    everything = [*NAMES, *OTHERS]
    parser.add_argument(
        "--only", nargs="+", choices=everything, default=everything, help="workloads and benchmarks (default: all)"
    )
    parser.add_argument("--libraries", nargs="+", choices=PACKAGES, help="libraries (default: all that are installed)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each library (default 3)")
    parser.add_argument("--out", type=Path, help="folder for bench.json, bench.md and pictures")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    args = parser.parse_args()
    libraries = args.libraries or [name for name, package in PACKAGES.items() if importlib.util.find_spec(package)]
    found: dict[str, Any] = {"machine": machine.describe(), "repeats": args.repeats, "workloads": []}

    def report_text(text: str) -> None:
        if not args.json:
            print(text, flush=True)

    with tempfile.TemporaryDirectory() as cache:
        for name in [name for name in NAMES if name in args.only]:
            found["workloads"].append(measure(name, libraries, args.repeats, cache))
            report_text(report.format_table(found["workloads"][-1]))
    for name in [name for name in OTHERS if name in args.only]:
        if name == "live" and live.find_chromium() is None:
            report_text("\nlive: skipped, because there is no Chromium on PATH")
            continue
        found[name] = run_other(name, args.out)
        report_text(report.format_other(name, found[name]))
    found["verdicts"] = targets.list_verdicts(found)
    report_text(report.format_verdicts(found["verdicts"]))
    if args.json:
        print(json.dumps(found))
    if args.out:
        report.write_results(found, args.out)
    floors = [problem for workload in found["workloads"] for problem in workload["problems"]]
    networks = families.list_problems(found["families"]) if "families" in found else []
    if floors or networks:
        floors = ["The floors are wrong:", *floors] if floors else []
        sys.exit("\n".join([*floors, *networks]))


if __name__ == "__main__":
    main()
