"""Time and memory of training families of networks that pellucid was not tuned for, compared with every peer.

    python benchmarks/families.py                                     all families at three sizes
    python benchmarks/families.py --only lstm vae --sizes medium      some of them
    python benchmarks/families.py --libraries pellucid jax_scan torch some libraries
    python benchmarks/families.py --compiled                          torch.compile, too
    python benchmarks/families.py --grid dense                        pellucid alone, over a grid of sizes

pellucid trains through ``fit`` with its default settings, and each peer in its usual way: PyTorch eager, with images
channels last or compiled, TensorFlow with a compiled step, Keras on JAX, and plain JAX with a compiled step or a
compiled loop over the steps of an epoch. All start from pellucid's initial weights and see the same batches in the same
order. The command fails if the losses disagree: the initial one, of the first batch, and the final one, the mean over
an epoch. Every run is a separate process; the libraries take turns, and the table has medians.

A step is timed in steady state, without compilation. *ratio* is the time of the fastest peer over pellucid's: above 1,
pellucid is ahead. *first* is the time until the first epoch ends, with imports and compilation, in the first process;
*again* is the median of the later ones, for which pellucid's compilation cache is filled. *memory* is the peak of the
process. The networks are in ``networks/catalog.py``.

``--grid`` times steps over a logarithmic grid of sizes, and models the time as a sum of costs of a step, a layer, an
operation, an activation and a parameter. It reports neighbors between which the time rises 1.3 times more than modeled.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import machine
import start
from networks import grid
from networks.catalog import FAMILIES, SIZES
from networks.training import LIBRARIES, is_fair

INITIAL_TOLERANCE, FINAL_TOLERANCE = 1e-5, 0.03
"""Allowed relative differences of losses. TensorFlow's sparse gradients of embeddings train a little differently."""

RANDOM_TOLERANCE = 0.03
"""Allowed relative differences of both losses if every library draws its own random numbers."""

PACKAGES = {library: library.partition("_")[0] for library in LIBRARIES}


def run_in_process(library: str, family: str, size: str, folder: str, *options: str) -> dict[str, Any]:
    """Run one network with one library in a separate process; return its measurements, or the error that ended it."""
    here = Path(__file__).parent
    words = [library, family, size, f"{folder}/{family}-{size}.npz", *options]
    environment = start.make_environment(f"{folder}/{family}-{size}")
    paths = filter(None, [str(here), environment.get("PYTHONPATH")])
    environment |= {"PYTHONPATH": ":".join(paths), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "networks.training", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        return {"error": lines[-1]}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "{}")
    return found


def measure(family: str, size: str, libraries: list[str], repeats: int, folder: str) -> dict[str, Any]:
    """Train a network with all libraries, in turn."""
    net = FAMILIES[family].make_network(size)
    written = run_in_process("weights", family, size, folder)
    if written:
        sys.exit(f"{family}, {size}: the initial weights could not be written: {written['error']}")
    runs: dict[str, list[dict[str, Any]]] = {library: [] for library in libraries if is_fair(net, library)}
    for repeat in range(repeats):
        for library, found in runs.items():
            text = f"  {family}, {size}: {library}, run {repeat + 1} of {repeats}"
            print(text.ljust(79), end="\r", file=sys.stderr, flush=True)
            found.append(run_in_process(library, family, size, folder, *(() if repeat else ("initial",))))
    summaries = {library: summarize(found) for library, found in runs.items()}
    return {
        "family": family,
        "size": size,
        "libraries": summaries,
        "problems": check_losses(f"{family}, {size}", summaries, net.is_random),
    } | compare(summaries)


def summarize(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians of the runs of one library."""
    failed = [run["error"] for run in runs if "error" in run]
    if failed:
        return {"error": failed[-1]}
    return {
        "step": median(run["step"] for run in runs),
        "step_min": min(run["step"] for run in runs),
        "step_max": max(run["step"] for run in runs),
        "first": runs[0]["first"],
        "again": median(run["first"] for run in runs[1:]) if len(runs) > 1 else None,
        "peak_bytes": max(run["peak_bytes"] for run in runs),
        "initial": runs[0]["initial"],
        "final": runs[0]["final"],
    }


def compare(libraries: dict[str, Any]) -> dict[str, Any]:
    """Return the fastest peer, its time over pellucid's, and pellucid's memory over that of the leanest peer."""
    ours = libraries.get("pellucid", {"error": ""})
    peers = {name: one for name, one in libraries.items() if name != "pellucid" and "error" not in one}
    if "error" in ours or not peers:
        return {}
    fastest = min(peers, key=lambda name: peers[name]["step"])
    leanest = min(one["peak_bytes"] for one in peers.values())
    ratio = peers[fastest]["step"] / ours["step"]
    return {"fastest": fastest, "ratio": ratio, "memory_ratio": ours["peak_bytes"] / leanest}


def check_losses(name: str, libraries: dict[str, Any], is_random: bool) -> list[str]:
    """Return the problems of losses that differ too much from those of the first library, and the failed runs."""
    problems = [f"{name}: {library} failed: {one['error']}" for library, one in libraries.items() if "error" in one]
    finished = {library: one for library, one in libraries.items() if "error" not in one}
    for kind, tolerance in (("initial", INITIAL_TOLERANCE), ("final", FINAL_TOLERANCE)):
        allowed = max(tolerance, RANDOM_TOLERANCE) if is_random else tolerance
        for library, one in finished.items():
            reference, expected = next((other, found[kind]) for other, found in finished.items())
            if not abs(one[kind] - expected) <= allowed * abs(expected):
                problems.append(
                    f"{name}: the {kind} loss of {library} is {one[kind]:.4f}, and that of {reference} {expected:.4f}. "
                    f"They may differ by {100 * allowed:g}%"
                )
    return problems


def summarize_families(networks: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the ratios of each family, their medians, and how many families reach 1.0 and 1.2."""
    families: dict[str, Any] = {}
    for network in networks:
        if "ratio" in network:
            families.setdefault(network["family"], {"ratios": {}, "memory": []})
            families[network["family"]]["ratios"][network["size"]] = network["ratio"]
            families[network["family"]]["memory"].append(network["memory_ratio"])
    for one in families.values():
        one["median"], one["memory"] = median(one["ratios"].values()), max(one["memory"])
    medians = [one["median"] for one in families.values()]
    return {
        "families": families,
        "level": sum(ratio >= 1 for ratio in medians),
        "ahead": sum(ratio >= 1.2 for ratio in medians),
    }


HEAD = ("library", "step", "min", "max", "ratio", "first", "again", "memory", "initial loss", "final loss")


def format_network(network: dict[str, Any]) -> str:
    """Return the results of a network as a terminal table, the fastest library first."""
    finished = {name: one for name, one in network["libraries"].items() if "error" not in one}
    ours = finished.get("pellucid", {}).get("step")
    rows = [HEAD]
    for name, one in sorted(finished.items(), key=lambda item: item[1]["step"]):
        times = [f"{1000 * one[key]:.4g} ms" for key in ("step", "step_min", "step_max")]
        ratio = f"{one['step'] / ours:.2f}" if ours else ""
        again = "" if one["again"] is None else f"{one['again']:.2f} s"
        memory = f"{one['peak_bytes'] / 2**20:.0f} MiB"
        rows.append(
            (
                name,
                *times,
                ratio,
                f"{one['first']:.2f} s",
                again,
                memory,
                f"{one['initial']:.5f}",
                f"{one['final']:.5f}",
            )
        )
    title = f"\n{FAMILIES[network['family']].title}, {network['size']}"
    return "\n".join([title, *align(rows), *network["problems"]])


def align(rows: list[tuple[str, ...]]) -> list[str]:
    """Return the lines of a table."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def format_summary(summary: dict[str, Any]) -> str:
    """Return the ratios of all families as a terminal table."""
    rows = [("family", *SIZES, "median", "memory")]
    for name, one in summary["families"].items():
        ratios = [f"{one['ratios'][size]:.2f}" if size in one["ratios"] else "" for size in SIZES]
        rows.append((FAMILIES[name].title, *ratios, f"{one['median']:.2f}", f"{one['memory']:.2f}"))
    count = len(summary["families"])
    counts = f"{summary['level']} of {count} families at 1.0 or more, {summary['ahead']} at 1.2 or more"
    return "\n".join(
        ["\nTime of the fastest peer over pellucid's; memory over the leanest peer's", *align(rows), counts]
    )


def format_table(found: dict[str, Any]) -> str:
    """Return all results as terminal tables."""
    return "\n".join([*map(format_network, found["networks"]), format_summary(found["summary"])])


def list_problems(found: dict[str, Any]) -> list[str]:
    """Return the failed runs, and the losses that disagree."""
    return [problem for network in found["networks"] for problem in network["problems"]]


def main() -> None:
    """Run the chosen families and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=FAMILIES, default=list(FAMILIES), help="families (default: all)")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES), help="sizes (default: all)")
    parser.add_argument("--libraries", nargs="+", choices=LIBRARIES, help="libraries (default: all that are installed)")
    parser.add_argument(
        "--compiled", action="store_true", help="run torch.compile, too, which compiles for 10 s and more"
    )
    parser.add_argument("--repeats", type=int, default=3, help="runs of each library (default 3)")
    parser.add_argument("--grid", nargs="*", choices=grid.GRIDS, help="find cliffs between neighboring sizes instead")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    args = parser.parse_args()
    if args.grid is not None:
        grid.run(args.grid or list(grid.GRIDS), args.json)
        return
    libraries = args.libraries or [
        library
        for library, package in PACKAGES.items()
        if importlib.util.find_spec(package) and (args.compiled or library != "torch_compiled")
    ]
    found: dict[str, Any] = {"machine": machine.describe(), "repeats": args.repeats, "networks": []}
    with tempfile.TemporaryDirectory() as folder:
        for family in args.only:
            for size in args.sizes:
                found["networks"].append(measure(family, size, libraries, args.repeats, folder))
                if not args.json:
                    print(format_network(found["networks"][-1]), flush=True)
    found["summary"] = summarize_families(found["networks"])
    print(json.dumps(found) if args.json else format_summary(found["summary"]))
    if problems := list_problems(found):
        sys.exit("\n".join(["\nProblems:", *problems]))


if __name__ == "__main__":
    main()
