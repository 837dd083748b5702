"""Comparison of training recipes for `pellucid train` on many data sets.

    python benchmarks/recipes.py tables                          all tables, five seeds
    python benchmarks/recipes.py tables --only ames --seeds 2
    python benchmarks/recipes.py images photos.zip digits/       image folders, and the built-in digits
    python benchmarks/recipes.py --report study.jsonl            print the tables of finished results

Every recipe sees the same training, validation and test samples of a seed. The reference recipe is the default of
``pellucid train``; its CPU time on a data set is the budget of the others, whose number of epochs is set to use it up.
The baselines of scikit-learn train on the same training samples. Results are appended to ``--out`` one by one, so an
interrupted study continues where it stopped. The score is R² for numbers and accuracy for classes.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

from recipe_study import candidates, results, tables, trials

DIGITS = "mnist"


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", nargs="?", choices=("tables", "images"), help="kind of data")
    parser.add_argument("data", nargs="*", help="folders or zip archives of images")
    parser.add_argument("--only", nargs="+", help="names of tables or images")
    parser.add_argument("--recipes", nargs="+", help="names of recipes (default: all)")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds (default 5)")
    parser.add_argument("--samples", type=int, help="largest number of training images (default: all)")
    parser.add_argument("--out", type=Path, default=Path("study.jsonl"), help="file of results (default study.jsonl)")
    parser.add_argument("--report", type=Path, help="only print the tables of a file of results")
    given = parser.parse_args(words)
    if given.report is not None:
        print(results.format_report(results.read(given.report)))
        return 0
    if given.kind is None:
        parser.error("expected tables or images")
    known = candidates.TABLES if given.kind == "tables" else candidates.IMAGES
    names = given.recipes or list(known)
    for name in names:
        if name not in known:
            parser.error(f"no recipe {name!r}; the recipes are {', '.join(known)}")
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        if given.kind == "tables":
            sources = tables.write_tables(Path(folder), given.only)
        else:
            sources = {Path(data).stem: {"data": data} for data in (*given.data, DIGITS)}
            sources = {name: source for name, source in sources.items() if not given.only or name in given.only}
        for seed in range(given.seeds):
            for source, settings in sources.items():
                run_seed(source, {**settings, "seed": seed}, {n: known[n] for n in names}, given)
    print(results.format_report(results.read(given.out)))
    return 0


def run_seed(source: str, settings: dict[str, Any], recipes: dict[str, candidates.Candidate], given: Any) -> None:
    """Run all recipes on one split of a data set, the reference first, because it sets the budget."""
    found = {(r["data"], r["seed"], r["recipe"]): r for r in results.read(given.out)}
    budget: float | None = None
    for name, recipe in recipes.items():
        key = (source, settings["seed"], name)
        if key not in found:
            result = trials.run_trial(recipe, settings, budget, given.samples)
            found[key] = {"kind": given.kind, "data": source, "seed": settings["seed"], "recipe": name, **result}
            with given.out.open("a") as file:
                file.write(json.dumps(found[key]) + "\n")
            print(
                f"{source}, seed {settings['seed']}, {name}: {result['score']:.4f}, {result['cpu']:.1f} s CPU",
                flush=True,
            )
        if recipe.is_reference:
            budget = found[key]["training_cpu"]


if __name__ == "__main__":
    sys.exit(main())
