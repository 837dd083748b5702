"""What a person reads of a trained network: its measures beside baselines, where things are, what to do next."""

from collections.abc import Mapping
from typing import Any

from pellucid.experiments.runner.pluralize import counted

CALLED = {"mae": "mean absolute error", "rmse": "root mean squared error", "r2": "R²"}


def in_words(result: Mapping[str, Any]) -> None:
    """Print the result beside its baselines, where things are, and what to do next."""
    rows = {f"this network ({result['model']})": result["test"], **result["baselines"]}
    print()
    in_table(rows, f"on {result['samples']['test']:,} samples that it has not met")
    folder, epochs = result["folder"], result["epochs"]
    pictures = ", ".join(picture["file"] for picture in result["pictures"])
    print(
        f"\n{verdict(result)}{counted(epochs, 'epoch')} in {result['seconds']['epochs']:.1f} s; "
        f"the best is {result['best_epoch']}.\n"
        f"In {folder}: model.pel, experiment.toml, history.csv, {pictures}, result.json\n"
        f"Ask it:      pellucid predict {folder} FILES\n"
        f"Again:       pellucid train {folder}/experiment.toml\n"
        f'From Python: pel.load_model("{folder}/model.pel").explain()'
    )


def verdict(result: Mapping[str, Any]) -> str:
    """Say so where a network is no better than a baseline.

    Examples
    --------
    >>> verdict({"test": {"accuracy": 0.5}, "baselines": {"most frequent class": {"accuracy": 0.6}}})[:67]
    'No better than most frequent class: a longer training (--epochs), a'
    >>> verdict({"test": {"mae": 2.0}, "baselines": {"mean": {"mae": 3.0}}})
    ''
    """
    measure, sign = ("accuracy", 1) if "accuracy" in result["test"] else ("mae", -1)
    reached = sign * result["test"][measure]
    if reached == 1:
        return ""
    better = [name for name, found in result["baselines"].items() if sign * found[measure] >= reached]
    if not better:
        return ""
    advice = "a longer training (--epochs), another network or rate, or more data may help"
    return f"No better than {', '.join(better)}: {advice}.\n"


def in_table(rows: Mapping[str, Mapping[str, float]], title: str) -> None:
    """Print measures as a table, those of the first row as columns."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    measures = list(next(iter(rows.values())))
    print(title)
    table = Table(show_edge=False)
    table.add_column("")
    for name in measures:
        table.add_column(CALLED.get(name, name), justify="right")
    for label, found in rows.items():
        table.add_row(Text(label), *(f"{found[name]:.4g}" if name in found else "" for name in measures))
    Console().print(table)
