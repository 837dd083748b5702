"""Loss surfaces: path, surface and sentences equal those of NumPy; pointer and keyboard choose the start."""

import functools
import importlib

import numpy as np
import pytest

import pellucid as pel
from pellucid.live.spec import assemble_figure
from pellucid.live.still import draw_still_pictures

module = importlib.import_module("pellucid.course.figures.loss_surface")
STEPS, SURFACES = module.STEPS, module.SURFACES
NAMES = list(SURFACES)
READ = "document.querySelector('pellucid-figure').figure"


LOSSES = [
    lambda w, b: ((module.X * w + b - module.ON_LINE) ** 2).mean(),
    lambda w, b: ((module.FAR_X * w + b - module.FAR_ON_LINE) ** 2).mean(),
    lambda w, b: np.log(1 + np.exp(-(2 * module.CLASSES - 1) * (module.CLASS_X * w + b))).mean(),
    lambda w1, w2: (w1**2 - 1) ** 2 / 2 + 0.2 * w1 + w2**2 / 2 + 0.25,
    lambda w1, w2: ((np.tanh(module.X * w1) * w2 - module.ON_CURVE) ** 2).mean(),
]
"""The losses in NumPy."""


def differentiate(number, place):
    """Return the gradient by complex steps, which are exact to the last digits."""
    x, y = place
    loss, step = LOSSES[number], 1e-30
    return np.array([loss(x + 1j * step, y).imag, loss(x, y + 1j * step).imag]) / step


def descend(number, rate, start=None):
    """Return the places and the losses of all steps of gradient descent."""
    place, places, losses = np.array(start or SURFACES[NAMES[number]].start), [], []
    with np.errstate(all="ignore"):
        for _ in range(STEPS + 1):
            places.append(place)
            losses.append(float(LOSSES[number](*place)))
            place = place - rate * differentiate(number, place)
    return np.array(places), np.array(losses)


def compute_curvatures(x):
    """Return the eigenvalues of the Hessian of the mean squared error of a line."""
    design = np.stack([x, np.ones_like(x)], axis=1)
    return np.linalg.eigvalsh(2 * design.T @ design / len(x))


@pytest.fixture(scope="module")
def page(open_page):
    return open_page(pel.course.figures.loss_surface())


@pytest.fixture(scope="module")
def trained(page):
    """A function that returns what `train` returns; it trains once for each surface and rate."""
    return functools.cache(functools.partial(train, page))


def train(page, surface, rate):
    """Train in the page; return the result, the path, the sentence, and some points of the surface."""
    return page.evaluate(
        f"""async ([surface, rate]) => {{
          const figure = {READ};
          const result = await figure.retrain({{surface, rate}}, {{record: "all"}});
          await figure.showStep(figure.state.steps);
          const path = Object.values(figure.frame.curve.evaluations).map((values) => Array.from(values));
          const words = figure.root.querySelector(".surface-outcome").textContent;
          const [request] = figure.panels[0].requests(true);
          const [values] = Object.values(await figure.evaluate([request]))[0];
          const places = Object.values(request.args);
          const heights = [0, 777, values.length - 1].map((k) => [...places.map((a) => a[k]), values[k]]);
          return {{...result, path, words, heights, start: path.slice(0, 2).map((values) => values[0])}};
        }}""",
        [surface, rate],
    )


@pytest.mark.sample(2)
@pytest.mark.parametrize("number", range(len(NAMES)))
def test_path_and_surface_equal_numpy(trained, number) -> None:
    found = trained(number, 0.1)
    places, losses = descend(number, 0.1)
    np.testing.assert_allclose(found["losses"], losses[:-1], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(np.array(found["path"][:2]).T, places, rtol=1e-9, atol=1e-12)
    slopes = [differentiate(number, place) for place in places]
    np.testing.assert_allclose(np.array(found["path"][2:4]).T, slopes, rtol=1e-9, atol=1e-9)
    for x, y, value in found["heights"]:
        assert value == pytest.approx(LOSSES[number](x, y), rel=1e-9)


def test_convergence_is_found_on_the_path(trained) -> None:
    found = trained(0, 0.1)
    _, losses = descend(0, 0.1)
    far = np.flatnonzero(np.abs(losses - losses[-1]) > 0.001 * (losses[0] - losses[-1]))
    assert found["words"].startswith(f"Converged to a loss of {losses[-1]:.3g} after {far[-1] + 1} steps.")
    assert "the only minimum" in found["words"]


def test_divergence_names_the_step_and_the_largest_stable_rate(page) -> None:
    _, losses = descend(1, 3.0)
    largest = compute_curvatures(module.FAR_X)[-1]
    found = train(page, 1, 3.0)
    first = int(np.flatnonzero(~np.isfinite(losses))[0])
    assert found["words"].startswith(f"Diverges: the loss is not finite from step {first} on.")
    assert f"Every rate below {2 / largest:.3g} " in found["words"]
    assert "3 is above it" in found["words"]
    assert page.locator(".message").first.is_hidden()  # the view explains it


def test_rates_on_both_sides_of_the_limit(trained) -> None:
    limit = 2 / compute_curvatures(module.X)[-1]
    assert trained(0, round(limit * 1.05, 4))["words"].startswith("Diverges: the loss rises from 5.45 to")
    assert trained(0, round(limit * 0.9, 4))["words"].startswith("Converged")


def test_slow_descent_tells_the_factor_of_the_flattest_direction(trained) -> None:
    smallest = compute_curvatures(module.FAR_X)[0]
    words = trained(1, 0.1)["words"]
    assert words.startswith("Still falling after 200 steps")
    assert f"keeps {100 * (1 - 0.1 * smallest):.4g} %" in words


def test_a_local_minimum_is_compared_with_the_lower_one(trained) -> None:
    words = trained(3, 0.1)["words"]
    places, _ = descend(3, 0.1)
    lower, losses = descend(3, 0.1, (-1.5, 0.1))
    assert f"stuck in a local minimum at w1 = {places[-1][0]:.2f}, w2 = 0." in words
    assert f"The minimum near w1 = \u2212{-lower[-1][0]:.2f}, w2 = 0 is lower: {losses[-1]:.3f}"[:-1] in words


def test_a_saddle_point_is_no_minimum(page, trained) -> None:
    places, _ = descend(4, 0.1)
    slopes = [np.linalg.norm(differentiate(4, place)) for place in places]
    slowest = next(k for k in range(1, STEPS) if slopes[k - 1] >= slopes[k] < slopes[k + 1])
    words = trained(4, 0.1)["words"]
    assert f"It slowed down at step {slowest}, near the saddle point w1 = 0, w2 = 0." in words
    assert "saddle" not in trained(3, 0.3)["words"]  # it passes at a distance
    train(page, 4, 0.1)
    page.evaluate(f"{READ}.startFrom({{w1: [0], w2: [0]}})")
    page.wait_for_function(
        f"() => {READ}.root.querySelector('.surface-outcome').textContent.includes('a saddle point, not')"
    )
    assert "The gradient is 0 at the start" in page.locator(".surface-outcome").inner_text()


def test_the_start_is_chosen_by_keys_and_pointer(page) -> None:
    start = train(page, 0, 0.1)["start"]
    read = f"() => {READ}.frame.curve.evaluations['0.0'][0]"
    plane = page.locator(".plane canvas").last
    plane.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"{read} > {start[0]}")
    low, high = SURFACES[NAMES[0]].x_range
    assert page.evaluate(read) == pytest.approx(start[0] + 0.02 * (high - low))
    box = plane.bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 150)
    page.mouse.up()
    x = page.evaluate(f"{READ}.panels[0].view.plane.x.toValue(200)")
    page.wait_for_function(f"() => Math.abs({READ}.frame.curve.evaluations['0.0'][0] - {x}) < 1e-3")
    page.get_by_role("button", name="Reset controls").click()
    page.wait_for_function(f"() => {READ}.frame.curve.evaluations['0.0'][0] === {start[0]}")


def test_a_finger_that_scrolls_leaves_the_start_where_it_is(page) -> None:
    start = train(page, 0, 0.1)["start"]
    plane = page.locator(".plane canvas").last
    box = plane.bounding_box()
    at = {"pointerType": "touch", "button": 0, "clientX": box["x"] + 150, "clientY": box["y"] + 100}
    read = f"() => {READ}.frame.curve.evaluations['0.0'][0]"
    for kind in ("pointerdown", "pointermove", "pointercancel"):
        plane.dispatch_event(kind, at)
    assert page.evaluate(f"{READ}.starts") == {}
    for kind in ("pointerdown", "pointerup"):
        plane.dispatch_event(kind, at)
    page.wait_for_function(f"{read} > {start[0] + 0.1}")
    page.get_by_role("button", name="Reset controls").click()


def test_the_shown_step_is_that_of_the_timeline(page) -> None:
    train(page, 0, 0.1)
    places, _ = descend(0, 0.1)
    page.evaluate("document.querySelector('pellucid-figure').seek(7)")
    words = page.evaluate(f"{READ}.panels[0].describe()")
    assert f"Shown: step 7 at w = \u2212{-places[7][0]:.2f}, b = {places[7][1]:.2f}." in words


def make(view, *, rate=None, loss=None, updates=None, data=None, inputs=()):
    w = make.w
    step = pel.function([*inputs, rate], loss, updates=updates or {w: w - rate * pel.grad(loss, w)})
    controls = [pel.live.slider(rate, 0.01, 1.0)]
    return pel.live.Figure(train=step, steps=5, data=data or {}, controls=controls, views=[view])


make.w = pel.shared(np.array([1.0, 2.0]), "w")


def test_one_variable_of_two_elements() -> None:
    w, rate = make.w, pel.scalar("rate", dtype="float64")
    loss = (w**2).sum() + w[0] * w[1]
    view = pel.live.loss_surface(w, x_range=(-2, 2), y_range=(-2, 2), rate=rate)
    figure = make(view, rate=rate, loss=loss)
    [own] = assemble_figure(figure).own["views"]
    assert own["labels"] == ["w[0]", "w[1]"]
    assert own["quadratic"]
    [picture, _] = draw_still_pictures(figure)
    assert "Contours of the loss" in picture.reading


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: pel.live.loss_surface(x_range=(0, 1), y_range=(0, 1)), r"two scalar shared variables.*Received: none"),
        (
            lambda: pel.live.loss_surface(pel.shared(np.zeros(3), "v"), x_range=(0, 1), y_range=(0, 1)),
            r"Received: v of shape \(3,\)",
        ),
        (
            lambda: pel.live.loss_surface(make.w, x_range=(1, 1), y_range=(0, 1)),
            r"x_range=\(low, high\) with low < high",
        ),
        (lambda: pel.live.loss_surface(make.w, x_range=(0, 1), y_range=(0, 1), labels=["a"]), "two labels. Received"),
    ],
)
def test_messages_of_arguments(build, message) -> None:
    with pytest.raises(pel.PellucidError, match=message):
        build()


def test_messages_of_figures() -> None:
    w, rate, x = make.w, pel.scalar("rate", dtype="float64"), pel.vector("x", dtype="float64")
    ranges = {"x_range": (0, 1), "y_range": (0, 1)}
    loss = (w**2).sum()
    with pytest.raises(pel.UseError, match="needs a training step"):
        pel.live.Figure(views=[pel.live.loss_surface(w, **ranges)]).to_spec()
    other = pel.shared(np.zeros(2), "other")
    with pytest.raises(pel.UseError, match="does not use other"):
        make(pel.live.loss_surface(other, **ranges), rate=rate, loss=loss).to_spec()
    doubled = {w: w - 2 * rate * pel.grad(loss, w)}
    with pytest.raises(pel.UseError, match=r"expected plain gradient descent.*Leave out the rate"):
        make(pel.live.loss_surface(w, rate=rate, **ranges), rate=rate, loss=loss, updates=doubled).to_spec()
    eta = pel.scalar("eta", dtype="float64")
    with pytest.raises(pel.UseError, match="expected a control for the learning rate eta"):
        make(pel.live.loss_surface(w, rate=eta, **ranges), rate=rate, loss=loss).to_spec()
    batches = {x: np.ones((4, 2))}
    with pytest.raises(pel.UseError, match=r"the same data at every step\. Received: batches for x"):
        make(
            pel.live.loss_surface(w, **ranges), rate=rate, loss=loss + (x * w).sum(), data=batches, inputs=[x]
        ).to_spec()
