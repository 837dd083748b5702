"""Training in a page gives the losses of training in Python."""

from functools import partial

import numpy as np
import pytest

import pellucid as pel
from pellucid.live.page import render_page
from pellucid.live.still import copy_variables, run_training

STEPS = 1000
SHORT = {
    "digits": partial(pel.live.examples.digits, steps=20),
    "adder": partial(pel.live.examples.adder, steps=100),
    "convolution": partial(pel.live.examples.digits_convolution, steps=10),
}
"""Short training runs of figures whose modules the package has; the rounding errors of long ones grow."""

FIGURES = {
    "moons": partial(pel.live.examples.moons, steps=STEPS),
    "digits": partial(pel.live.examples.digits, steps=100),
    "adder": partial(pel.live.examples.adder, steps=STEPS),
    "convolution": partial(pel.live.examples.digits_convolution, steps=100),
}
RETRAIN = """
async ({ number, changes }) => {
  const figure = document.querySelectorAll("pellucid-figure")[number];
  return await figure.retrain(changes, { record: "all" });
}
"""


def write_page(path, figures):
    path.write_text(render_page("figures", [figure.to_spec() for figure in figures]), "utf-8")
    return path


def compare(found, figure, tolerance, mode=None):
    """Compare losses and final values with those of the training step in Python."""
    copies = copy_variables(figure.train)
    losses = run_training(figure, figure.train.copy(swap=copies, mode=mode))
    np.testing.assert_allclose(found["losses"], losses, rtol=tolerance)
    for variable, copy in copies.items():
        if variable.trainable:
            value = found["values"][str(variable)]
            np.testing.assert_allclose(value, copy.get_value(), rtol=0, atol=1000 * tolerance)


def check_losses(pages, folder, names, dtype, tolerance):
    figures = [FIGURES[name](dtype=dtype) for name in names]
    page = pages.open(write_page(folder / "figures.html", figures))
    for number, figure in enumerate(figures):
        compare(page.evaluate(RETRAIN, {"number": number, "changes": {}}), figure, tolerance)


@pytest.fixture(scope="module")
def short(moons, open_page, tmp_path_factory):
    """Figures with short training runs, and their page."""
    figures = {"moons": moons, **{name: make() for name, make in SHORT.items()}}
    path = write_page(tmp_path_factory.mktemp("training") / "figures.html", figures.values())
    return figures, open_page(path)


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", ["moons", *SHORT])
def test_losses_of_short_runs_are_those_of_python(short, name) -> None:
    figures, page = short
    found = page.evaluate(RETRAIN, {"number": list(figures).index(name), "changes": {}})
    compare(found, figures[name], 1e-5, mode="numpy")


@pytest.mark.slow
def test_losses_in_float32_are_those_of_python(pages, tmp_path) -> None:
    check_losses(pages, tmp_path, FIGURES, "float32", 1e-5)


@pytest.mark.slow
def test_losses_in_float64_are_those_of_python(pages, tmp_path) -> None:
    check_losses(pages, tmp_path, ["moons"], "float64", 1e-12)


@pytest.mark.slow
def test_losses_of_other_networks_in_float64_are_those_of_python(pages, tmp_path) -> None:
    check_losses(pages, tmp_path, ["digits", "adder", "convolution"], "float64", 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
def test_losses_of_every_size_are_those_of_python(pages, tmp_path, dtype, tolerance) -> None:
    # At larger rates the smallest networks are at the edge of stability, where rounding errors grow exponentially.
    figure = pel.live.examples.moons_sizes(steps=STEPS, rate=0.002, dtype=dtype)
    page = pages.open(write_page(tmp_path / "figure.html", [figure]))
    for when, variant in figure.variants:
        compare(page.evaluate(RETRAIN, {"number": 0, "changes": when}), variant, tolerance)
