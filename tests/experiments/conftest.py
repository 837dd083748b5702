"""Small experiments that stand for the real ones."""

from pathlib import Path
from typing import Annotated, Literal

import pytest

from pellucid.experiments.runner import Experiment, Outcome, Range, Run, Score, experiment


@experiment("sample", "Something small that <works>", r"x^2 + \frac{1}{2}")
def sample(
    run: Run,
    *,
    passes: Annotated[int, Range(1), "passes over the data"] = 20,
    rate: Annotated[float, Range(0, 1, open=True), "length of a step"] = 0.1,
    shuffle: Annotated[bool, "whether to mix the data"] = True,
    solver: Annotated[Literal["sgd", "adam"], "how to descend"] = "sgd",
    label: Annotated[str, "a name in the title"] = "none",
    data: Annotated[Path | None, "a folder of pictures"] = None,
    sizes: Annotated[tuple[int, ...], Range(1), "hidden units"] = (1, 2, 50),
    strengths: Annotated[tuple[float, ...], Range(0), "L2 strengths"] = (0.0, 0.01),
) -> Outcome:
    """It adds `passes` ones. That is all."""
    from pellucid.show.plots import learning_curves

    with run.clock("adding"):
        total = sum(1 for _ in run.track(range(passes), "adding"))
    run.figure("curve", "A curve", learning_curves({"line": [1.0, 0.5]}), reading="A line that falls & falls.")
    run.text("words", "A text", "a < b")
    run.page("proof", "A page", "<html><body>\n<h1>Proof</h1>\n<p>It follows.</p></body></html>")
    return Outcome(Score("share", 0.75), Score("chance", 0.5), {"total": total, "worst": float("nan")}, ["all well"])


@experiment("broken", "Something that fails")
def broken(run: Run) -> Outcome:
    """It saves a text. Then it meets bad data."""
    run.text("before", "What was there before", "kept")
    raise ValueError("photos/: expected two classes; received one")


@experiment("stopped", "Something that is interrupted")
def stopped(run: Run) -> Outcome:
    """It saves a text. Then someone presses Ctrl-C."""
    run.text("before", "What was there before", "kept")
    raise KeyboardInterrupt


@pytest.fixture
def experiments() -> dict[str, Experiment]:
    return {each.name: each for each in (sample, broken, stopped)}
