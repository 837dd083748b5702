"""Benchmark results as terminal tables, a Markdown page and a picture."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import calls
import families
import graphs
import live
import scaling
import start
import sweep
from networks import grid

TIMES = ("library", "train", "min", "max", "ratio", "import", "build", "total", "first")
HEAD = (*TIMES, "memory", "loss", "accuracy", "fraction")

TITLES = {
    "graphs": "very large graphs: build, simplify, differentiate",
    "start": "start-up",
    "sweep": "two moons: a sweep of seven sizes and twenty seeds, compared with one run of the widest network",
    "scaling": "cost over examples, parameters and steps",
    "calls": "one call",
    "live": "two moons: a live figure, from moving a slider to the picture of the trained network",
    "families": "families of networks",
    "cliffs": "neighboring sizes between which the time of a step rises far more than its work",
}

COLORS = ("#d55e00", "#000000", "#0072b2", "#cc79a7", "#e69f00", "#009e73", "#56b4e9")
"""Colors of Okabe and Ito, which color-blind readers can distinguish."""


def make_rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return a row for each library, the fastest first, for the C loop and the floor; ratios are to pellucid's time."""
    finished = {name: one for name, one in found["libraries"].items() if "error" not in one}
    ours = finished.get("pellucid", {}).get("train")
    rows = []
    for name, one in sorted(finished.items(), key=lambda item: item[1]["train"]):
        total = one["import"] + one["build"] + one["train"]
        row = [
            name,
            *(format_seconds(one[key]) for key in ("train", "train_min", "train_max")),
            f"{one['train'] / ours:.2f}" if ours else "",
            *(format_seconds(value) for value in (one["import"], one["build"], total, one["first"])),
            f"{one['peak_bytes'] / 2**20:.0f} MiB",
            f"{one['loss']:.4f}",
            f"{one['accuracy']:.3f}",
            "" if one["fraction"] == 1 else f"1/{1 / one['fraction']:.0f}",
        ]
        rows.append(tuple(row))
    bounds = {"(C loop)": found.get("c_loop", {}).get("train"), "(floor)": found["floor"]}
    for name, seconds in bounds.items():
        if seconds is not None:
            ratio = f"{seconds / ours:.2f}" if ours else ""
            rows.append((name, format_seconds(seconds), "", "", ratio, *[""] * (len(HEAD) - 5)))
    return rows


def format_seconds(value: float) -> str:
    """Return a time with its unit.

    >>> format_seconds(0.00321), format_seconds(0.25), format_seconds(12.3)
    ('3.21 ms', '250 ms', '12.3 s')
    """
    return f"{1000 * value:.3g} ms" if value < 1 else f"{value:.3g} s"


def format_table(found: dict[str, Any]) -> str:
    """Return the results of a workload as a terminal table."""
    rows = [HEAD, *make_rows(found)]
    return "\n".join([f"\n{found['title']}", *families.align(rows), *format_errors(found)])


def format_errors(found: dict[str, Any]) -> list[str]:
    runs = found["libraries"] | ({"C loop": found["c_loop"]} if "c_loop" in found else {})
    return [*(f"{name} failed: {one['error']}" for name, one in runs.items() if "error" in one), *found["problems"]]


def format_other(name: str, found: Any) -> str:
    """Return the results of another benchmark of this folder as a terminal table."""
    formats = {
        "graphs": graphs.format_table,
        "start": start.format_tables,
        "sweep": sweep.format_table,
        "scaling": scaling.format_table,
        "live": live.format_table,
        "calls": calls.format_table,
        "families": families.format_table,
        "cliffs": grid.format_table,
    }
    return f"\n{TITLES[name]}\n{formats[name](found)}"


def format_verdicts(verdicts: list[tuple[str, str]]) -> str:
    """Return the targets and their verdicts as terminal text."""
    return "\n".join(["\nTargets", *(f"  {target}\n    {verdict}" for target, verdict in verdicts)])


def format_markdown(found: dict[str, Any]) -> str:
    """Return all results as a Markdown page."""
    m = found["machine"]
    lines = [
        "# Benchmarks",
        "",
        f"{m['processor']}, {m['cores']} cores, {m['memory_bytes'] / 2**30:.0f} GiB; {m['system']}; Python "
        f"{m['python']}. Medians of {found['repeats']} processes in turn. *ratio*: training time relative to "
        "pellucid's. *fraction*: fraction of the work that was done; the time is scaled. *floor*: lower bound, the "
        "arithmetic and the bytes at the best rates measured. *C loop*: a hand-written loop on one core.",
    ]
    for one in found["workloads"]:
        lines += ["", f"## {one['title']}", "", "| " + " | ".join(HEAD) + " |", "|---" * len(HEAD) + "|"]
        lines += ["| " + " | ".join(row) + " |" for row in make_rows(one)]
        lines += [f"\n{error}" for error in format_errors(one)]
    for name in [name for name in TITLES if name in found]:
        title, *table = format_other(name, found[name]).strip().split("\n")
        lines += ["", f"## {title.capitalize()}", "", "```", *table, "```"]
    lines += ["", "## Targets", "", "| target | verdict |", "|---|---|"]
    lines += [f"| {target} | {verdict} |" for target, verdict in found["verdicts"]]
    return "\n".join(lines) + "\n"


def draw_times(found: dict[str, Any], path: Path) -> None:
    """Draw training times relative to pellucid's on a logarithmic axis."""
    from matplotlib.figure import Figure

    shown = [one for one in found["workloads"] if "train" in one["libraries"].get("pellucid", {})]
    figure = Figure(figsize=(8, 1.5 + 0.9 * max(len(shown), 1)), layout="constrained")
    axes = figure.subplots()
    names = list(dict.fromkeys(n for one in shown for n, e in one["libraries"].items() if "train" in e))
    colors = dict(zip(names, COLORS, strict=False))
    for place, one in enumerate(shown):
        ours = one["libraries"]["pellucid"]["train"]
        finished = {n: e for n, e in one["libraries"].items() if "train" in e}
        for k, (name, e) in enumerate(sorted(finished.items(), key=lambda item: item[1]["train"])):
            low, high = (e["train"] - e["train_min"]) / ours, (e["train_max"] - e["train"]) / ours
            y = place + (k - (len(finished) - 1) / 2) * 0.8 / max(len(names), 1)
            label = name if name not in axes.get_legend_handles_labels()[1] else None
            axes.errorbar(e["train"] / ours, y, xerr=[[low], [high]], fmt="o", color=colors[name], label=label, ms=5)
        axes.plot([one["floor"] / ours] * 2, [place - 0.4, place + 0.4], color="#999999", lw=2, zorder=0)
    axes.set_xscale("log")
    axes.set_yticks(range(len(shown)), [textwrap.fill(one["title"], 30) for one in shown], fontsize=9)
    axes.invert_yaxis()
    axes.axvline(1, color="#dddddd", zorder=-1)
    axes.set_xlabel("training time relative to pellucid's (gray bar: floor)")
    if shown:
        figure.legend(loc="outside lower center", ncols=len(names), frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)


def write_results(found: dict[str, Any], folder: Path) -> None:
    """Write bench.json, bench.md and bench.png."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.json").write_text(json.dumps(found, indent=1), "utf-8")
    (folder / "bench.md").write_text(format_markdown(found), "utf-8")
    draw_times(found, folder / "bench.png")
