"""What a benchmark found, as a table, a page and a picture."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import graphs
import scaling
import start
import sweep

HEAD = (
    "library",
    "train",
    "least",
    "most",
    "ratio",
    "import",
    "build",
    "in sum",
    "first",
    "memory",
    "loss",
    "accuracy",
)
HEAD += ("part",)

TITLES = {
    "graphs": "very large graphs: building, simplifying, differentiating",
    "start": "start-up",
    "sweep": "two moons, seven sizes and twenty seeds trained together, beside one run of the widest",
    "scaling": "cost over examples, parameters and steps",
}

COLOURS = ("#d55e00", "#000000", "#0072b2", "#cc79a7", "#e69f00", "#009e73", "#56b4e9")
"""Of Okabe and Ito, which people with any kind of colour vision tell apart."""


def rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return a row for each library, the quickest first, and one for the floor; ratios are to pellucid's time."""
    libraries = found["libraries"]
    well = {name: one for name, one in libraries.items() if "error" not in one}
    ours = well.get("pellucid", {}).get("train")
    made = []
    for name, one in sorted(well.items(), key=lambda item: item[1]["train"]):
        ratio = f"{one['train'] / ours:.2f}" if ours else ""
        times = [seconds(one[k]) for k in ("train", "least", "most")]
        together = one["import"] + one["build"] + one["train"]
        apart = [
            seconds(one["import"]),
            seconds(one["build"]),
            seconds(together),
            seconds(one["first"]),
            f"{one['peak_bytes'] / 2**20:.0f} MiB",
        ]
        part = "" if one["share"] == 1 else f"1/{1 / one['share']:.0f}"
        made.append((name, *times, ratio, *apart, f"{one['loss']:.4f}", f"{one['accuracy']:.3f}", part))
    floor = f"{found['floor'] / ours:.2f}" if ours else ""
    made.append(("(floor)", seconds(found["floor"]), "", "", floor, "", "", "", "", "", "", "", ""))
    return made


def seconds(value: float) -> str:
    """Write a time.

    >>> seconds(0.00321), seconds(0.25), seconds(12.3)
    ('3.21 ms', '250 ms', '12.3 s')
    """
    return f"{1000 * value:.3g} ms" if value < 1 else f"{value:.3g} s"


def table(found: dict[str, Any]) -> str:
    """Return a workload as lines of a terminal."""
    body = rows(found)
    widths = [max(len(HEAD[k]), *(len(row[k]) for row in body)) for k in range(len(HEAD))]
    lines = [f"\n{found['title']}", "  ".join(h.ljust(w) for h, w in zip(HEAD, widths, strict=True)).rstrip()]
    lines += ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in body]
    errors = {name: one["error"] for name, one in found["libraries"].items() if "error" in one}
    return "\n".join(lines + [f"{name} failed: {error}" for name, error in errors.items()])


def other(name: str, found: Any) -> str:
    """Return what another benchmark found, as lines of a terminal."""
    tables = {"graphs": graphs.table, "start": start.tables, "sweep": sweep.table, "scaling": scaling.table}
    return f"\n{TITLES[name]}\n{tables[name](found)}"


def verdicts(told: list[tuple[str, str]]) -> str:
    """Return the targets and whether they were met, as lines of a terminal."""
    return "\n".join(["\nTargets", *(f"  {what}\n    {verdict}" for what, verdict in told)])


def markdown(found: dict[str, Any]) -> str:
    """Return everything as a page."""
    m = found["machine"]
    lines = [
        "# What training takes",
        "",
        f"{m['processor']}, {m['cores']} cores, {m['memory_bytes'] / 2**30:.0f} GiB; {m['system']}; Python "
        f"{m['python']}. Medians of {found['repeats']} processes that took turns; ratios are to "
        "pellucid's time of training. *part*: "
        "how much of the work was done and scaled. *floor*: the arithmetic and the bytes at the best rates measured.",
    ]
    for one in found["workloads"]:
        lines += ["", f"## {one['title']}", "", "| " + " | ".join(HEAD) + " |", "|---" * len(HEAD) + "|"]
        lines += ["| " + " | ".join(row) + " |" for row in rows(one)]
        lines += [f"\n{name} failed: {e['error']}" for name, e in one["libraries"].items() if "error" in e]
    for name in [name for name in TITLES if name in found]:
        title, *table = other(name, found[name]).strip().split("\n")
        lines += ["", f"## {title.capitalize()}", "", "```", *table, "```"]
    lines += ["", "## Targets", "", "| target | verdict |", "|---|---|"]
    lines += [f"| {what} | {verdict} |" for what, verdict in found["verdicts"]]
    return "\n".join(lines) + "\n"


def picture(found: dict[str, Any], path: Path) -> None:
    """Draw the times of training as multiples of pellucid's, on a logarithmic axis."""
    from matplotlib.figure import Figure

    shown = [one for one in found["workloads"] if "train" in one["libraries"].get("pellucid", {})]
    figure = Figure(figsize=(8, 1.5 + 0.9 * max(len(shown), 1)), layout="constrained")
    axes = figure.subplots()
    names = list(dict.fromkeys(n for one in shown for n, e in one["libraries"].items() if "train" in e))
    colours = dict(zip(names, COLOURS, strict=False))
    for place, one in enumerate(shown):
        ours = one["libraries"]["pellucid"]["train"]
        well = {n: e for n, e in one["libraries"].items() if "train" in e}
        for k, (name, e) in enumerate(sorted(well.items(), key=lambda item: item[1]["train"])):
            low, high = (e["train"] - e["least"]) / ours, (e["most"] - e["train"]) / ours
            y = place + (k - (len(well) - 1) / 2) * 0.8 / max(len(names), 1)
            label = name if name not in axes.get_legend_handles_labels()[1] else None
            axes.errorbar(e["train"] / ours, y, xerr=[[low], [high]], fmt="o", color=colours[name], label=label, ms=5)
        axes.plot([one["floor"] / ours] * 2, [place - 0.4, place + 0.4], color="#999999", lw=2, zorder=0)
    axes.set_xscale("log")
    axes.set_yticks(range(len(shown)), [textwrap.fill(one["title"], 30) for one in shown], fontsize=9)
    axes.invert_yaxis()
    axes.axvline(1, color="#dddddd", zorder=-1)
    axes.set_xlabel("time of training, as a multiple of pellucid's (grey bar: the floor)")
    if shown:
        figure.legend(loc="outside lower center", ncols=len(names), frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)


def write(found: dict[str, Any], folder: Path) -> None:
    """Write the three files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.json").write_text(json.dumps(found, indent=1), "utf-8")
    (folder / "bench.md").write_text(markdown(found), "utf-8")
    picture(found, folder / "bench.png")
