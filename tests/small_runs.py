"""Fixtures of small experiments and data sets, for tests of runs."""

import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest

from pellucid.tracking import Experiment, ExperimentResult, Range, RunContext, Score, experiment


@pytest.fixture(scope="module")
def quick_runs(compile_once: None, blank_pictures: None) -> Iterator[None]:
    """Runs load programs that other runs have compiled, draw nothing, and compute few points of decision boundaries."""
    from pellucid.show.plots import plots

    make_mesh = plots.make_mesh
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "make_mesh", lambda points, *_: make_mesh(points, 12))
        yield


@pytest.fixture
def drawn_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are drawn."""
    from matplotlib.figure import Figure

    from pellucid.show.plots import plot_style, plots

    monkeypatch.setattr(Figure, "savefig", inspect.unwrap(Figure.savefig))
    monkeypatch.setattr(plots, "make_mesh", plot_style.make_mesh)


@pytest.fixture
def small_grids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grids of images have three panels at most: a panel takes a hundredth of a second."""
    from pellucid.show.plots import plots

    draw = plots.image_grid

    def draw_few(images: Any, titles: Sequence[str] = (), wrong: Sequence[bool] = (), **options: Any) -> Any:
        return draw(images[:3], titles[:3], wrong=wrong[:3], **options)

    monkeypatch.setattr(plots, "image_grid", draw_few)


@pytest.fixture
def few_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small data set instead of MNIST: noisy copies of ten patterns, the first of which is most frequent."""
    rng = np.random.default_rng(0)
    patterns = rng.integers(0, 200, (10, 28, 28))

    def draw(count: int) -> tuple[Any, Any]:
        labels = (np.maximum(np.arange(count) % 12 - 1, 0) % 10).astype("uint8")
        return (patterns[labels] + rng.integers(0, 56, (count, 28, 28))).astype("uint8"), labels

    parts = draw(600), draw(240)
    monkeypatch.setattr("pellucid.data.mnist", lambda: parts)


@pytest.fixture(scope="session")
def three_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images of three classes."""
    from pellucid.data import write_digit_folder

    folder = tmp_path_factory.mktemp("three") / "digits"
    return write_digit_folder(folder, digits=(0, 1, 7), per_class=16, layout="folder-per-class")


@pytest.fixture
def small_dense_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The experiment `images` has a network of one layer."""
    import pellucid as pel
    from pellucid import nn

    def build(classes: int, rate: float, seed: int) -> pel.Sequential:
        nn.set_random_seed(seed)
        model = pel.Sequential([nn.Input((3072,)), nn.Dense(classes, activation="softmax")])
        model.compile(nn.optimizers.SGD(rate), "binary_crossentropy", metrics=["accuracy"])
        return model

    monkeypatch.setattr("pellucid.course.networks.images.build_model", build)


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
    from pellucid.show.plots.plots import learning_curves

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
