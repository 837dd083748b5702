"""Results of a study: the file, and its tables."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

TREES = "gradient-boosted trees"
TOLERANCE = 0.01
"""Relative difference of scores that counts as level."""


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def format_report(found: list[dict[str, Any]]) -> str:
    """Return a Markdown table for each kind of data: mean scores over the seeds, CPU times and paired ranks."""
    kinds = dict.fromkeys(result["kind"] for result in found)
    return "\n\n".join(format_kind([result for result in found if result["kind"] == kind]) for kind in kinds)


def format_kind(found: list[dict[str, Any]]) -> str:
    recipes = list(dict.fromkeys(result["recipe"] for result in found))
    sources = list(dict.fromkeys(result["data"] for result in found))
    scores = collect(found, "score")
    lines = [f"| data | seeds | {' | '.join(recipes)} |", f"|---|---|{'---|' * len(recipes)}"]
    for source in sources:
        rows = {recipe: scores[source, recipe] for recipe in recipes}
        best = max(np.mean(list(values.values())) for values in rows.values() if values)
        cells = [format_score(values, best) for values in rows.values()]
        lines.append(f"| {source} | {max(len(values) for values in rows.values())} | {' | '.join(cells)} |")
    ranks = compute_mean_ranks(scores, sources, recipes)
    lines.append(f"| mean rank | | {' | '.join(f'{rank:.2f}' for rank in ranks)} |")
    cpu = [np.mean([result["cpu"] for result in found if result["recipe"] == recipe]) for recipe in recipes]
    lines.append(f"| mean CPU time | | {' | '.join(f'{seconds:.1f} s' for seconds in cpu)} |")
    if TREES in recipes:
        lines += ["", *compare_with_trees(scores, sources, recipes)]
    return "\n".join(lines)


def collect(found: list[dict[str, Any]], key: str) -> dict[tuple[str, str], dict[int, float]]:
    """Return a value of all seeds by data and recipe."""
    values: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    for result in found:
        values[result["data"], result["recipe"]][result["seed"]] = result[key]
    return values


def format_score(values: dict[int, float], best: float) -> str:
    if not values:
        return ""
    numbers = np.array(list(values.values()))
    text = f"{numbers.mean():.4f}"
    return f"**{text}**" if numbers.mean() == best else text


def compute_mean_ranks(scores: Any, sources: list[str], recipes: list[str]) -> list[float]:
    """Return the mean rank of each recipe over all splits that every recipe has; 1 is the best."""
    ranks = []
    for source in sources:
        seeds = set.intersection(*(set(scores[source, recipe]) for recipe in recipes))
        for seed in seeds:
            values = np.array([scores[source, recipe][seed] for recipe in recipes])
            ranks.append([1 + (values > v).sum() + ((values == v).sum() - 1) / 2 for v in values])
    return list(np.mean(ranks, axis=0)) if ranks else [float("nan")] * len(recipes)


def compare_with_trees(scores: Any, sources: list[str], recipes: list[str]) -> list[str]:
    """Return a table: on how many data sets each recipe is ahead of the trees, within the tolerance, and behind."""
    percent = f"{TOLERANCE:.0%}"
    lines = [
        f"| compared with {TREES} | level or ahead | less than {percent} behind | more |",
        "|---|---|---|---|",
    ]
    for recipe in recipes:
        if recipe == TREES:
            continue
        gaps = []
        for source in sources:
            seeds = set(scores[source, recipe]) & set(scores[source, TREES])
            if seeds:
                ours, trees = (np.mean([scores[source, r][seed] for seed in seeds]) for r in (recipe, TREES))
                gaps.append(float((ours - trees) / abs(trees)))
        ahead = sum(gap >= 0 for gap in gaps)
        near = sum(-TOLERANCE <= gap < 0 for gap in gaps)
        lines.append(f"| {recipe} | {ahead} | {near} | {len(gaps) - ahead - near} |")
    return lines
