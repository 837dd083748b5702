"""Small experiments for tests."""

from pathlib import Path
from typing import Annotated, Literal

import pytest

from pellucid.experiments.runner import Experiment, ExperimentResult, Range, RunContext, Score, experiment


@pytest.fixture(scope="module", autouse=True)
def _programs_are_compiled_once(compile_once: None) -> None:
    """Runs load programs that other runs have compiled."""


@experiment("sample", "Something small that <works>", r"x^2 + \frac{1}{2}, \quad y = 2", chapters=(3, 4))
def sample(
    run: RunContext,
    *,
    passes: Annotated[int, Range(1), "passes over the data"] = 20,
    rate: Annotated[float, Range(0, 1, open=True), "learning rate"] = 0.1,
    shuffle: Annotated[bool, "whether to shuffle the data"] = True,
    solver: Annotated[Literal["sgd", "adam"], "optimizer"] = "sgd",
    label: Annotated[str, "a name in the title"] = "none",
    data: Annotated[Path | None, "a folder of images"] = None,
    sizes: Annotated[tuple[int, ...], Range(1), "hidden units"] = (1, 2, 50),
    strengths: Annotated[tuple[float, ...], Range(0), "L2 strengths"] = (0.0, 0.01),
) -> ExperimentResult:
    """It adds `passes` ones. That is all."""
    from pellucid.show.plots import learning_curves

    with run.clock("adding"):
        total = sum(1 for _ in range(passes))
    run.save_figure("curve", "A curve", learning_curves({"line": [1.0, 0.5]}), reading="A line that falls & falls.")
    run.save_text("words", "A text", "a < b")
    run.save_page("proof", "A page", "<html><body>\n<h1>Proof</h1>\n<p>It follows.</p></body></html>")
    measures = {"total": total, "worst": float("nan")}
    return ExperimentResult(Score("share", 0.75), Score("chance", 0.5), measures, ["all well"], ["It `adds`: 20 < 21."])


@experiment("broken", "Something that fails")
def broken(run: RunContext) -> ExperimentResult:
    """It saves a text. Then it reads bad data."""
    run.save_text("before", "The text saved first", "kept")
    raise ValueError("photos/: expected two classes; received one")


@experiment("stopped", "Something that is interrupted")
def stopped(run: RunContext) -> ExperimentResult:
    """It saves a text. Then Ctrl-C is pressed."""
    run.save_text("before", "The text saved first", "kept")
    raise KeyboardInterrupt


@pytest.fixture
def experiments() -> dict[str, Experiment]:
    return {each.name: each for each in (sample, broken, stopped)}
