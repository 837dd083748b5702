"""Figures of the course without training: their numbers equal Python's, and keyboard and pointer reach everything."""

import importlib
import re

import numpy as np
import pytest

import pellucid as pel
from pellucid.course import figures
from pellucid.live.page import render_page
from pellucid.live.spec import assemble_figure
from pellucid.live.still import draw_still_pictures

sweep, backward, overflow, rewriting = (
    importlib.import_module(f"pellucid.course.figures.{name}")
    for name in ("regularization_sweep", "backward_pass", "overflow", "rewriting")
)
NAMES = ["backward_pass", "regularization_sweep", "rewriting", "overflow", "loss_surface"]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """A page with the figures, in the order of their names, in elements with these ids."""
    html = render_page("Figures", [getattr(figures, name)().to_spec() for name in NAMES])
    ids = iter(NAMES)
    html = re.sub("<pellucid-figure>", lambda _: f'<pellucid-figure id="{next(ids)}">', html, count=len(NAMES))
    path = tmp_path_factory.mktemp("figures") / "figures.html"
    path.write_text(html, "utf-8")
    return path


@pytest.fixture(scope="module")
def page(gallery, open_page):
    return open_page(gallery)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["phone", "desktop"])
def test_axe_finds_nothing_serious_and_nothing_is_cut_off(pages, gallery, scheme, size) -> None:
    page = pages.open(gallery, color_scheme=scheme, viewport=pages.SIZES[size], bypass_csp=True)
    page.locator("#rewriting").get_by_role("button", name="Next").click()
    pages.check(page)


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", NAMES[:-1])
def test_figures_without_training_have_no_timeline_and_a_still_picture(page, name) -> None:
    figure = page.locator(f"#{name}")
    assert figure.locator(".timeline").is_hidden()
    assert figure.locator(".status").inner_text() == ""
    assert figure.locator(".curve").count() == 0
    pictures = draw_still_pictures(getattr(figures, name)())
    assert pictures
    for picture in pictures:
        assert len(picture.reading) > 20
        picture.figure.draw_without_rendering()


# Backward pass ------------------------------------------------------------------------------------------------------


def compute_gradient(parameters, lam=0.01):
    by_hand = pel.byhand.moons
    shapes = (2, 3), (1, 3), (3, 2), (1, 2)
    start = by_hand.MoonsParameters(*(np.reshape(v, shape) for v, shape in zip(parameters, shapes, strict=True)))
    a1, log_p = by_hand.forward(start, backward.POINTS)
    loss = by_hand.loss(start, log_p, backward.LABELS, lam)
    return by_hand.gradient(start, backward.POINTS, backward.LABELS, a1, log_p, lam), a1, log_p, loss


def read_tables(figure):
    """Return the numbers of all tables, by the names of their expressions."""
    return figure.evaluate(
        """async (element) => {
          const { parts, outputs } = element.figure.panels[0].view;
          const read = (of) => [parts.expressions[of].name, Array.from(outputs[of].array)];
          return Object.fromEntries(parts.tables.map(read));
        }"""
    )


def test_the_backward_pass_equals_that_by_hand(page) -> None:
    figure = page.locator("#backward_pass")
    start = [part.round(1) for part in pel.byhand.moons.initialize()]
    gradient, a1, log_p, loss = compute_gradient(start)
    found = read_tables(figure)
    d2 = np.exp(log_p) - np.eye(2)[backward.LABELS]
    slope = 1 - a1**2
    expected = {
        "a1": a1,
        "p": np.exp(log_p),
        "L": loss,
        "d2": d2,
        "slope": slope,
        "d1": d2 @ start[2].T * slope,
        **{f"d{name}": value for name, value in zip(("W1", "b1", "W2", "b2"), gradient, strict=True)},
        **{f"new_{n}": v - 0.1 * g for n, v, g in zip(("W1", "b1", "W2", "b2"), start, gradient, strict=True)},
    }
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], np.ravel(value), rtol=1e-12, atol=1e-14, err_msg=name)


STEP_BY_KEYBOARD = """
async ([figure, count]) => {
  const root = figure.shadowRoot;
  const found = [];
  for (let k = 0; k < count; k++) {
    found.push([root.querySelector(".walk > span").innerText, root.querySelectorAll(".formula math").length]);
    const event = new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true, composed: true });
    root.activeElement.dispatchEvent(event);
    await new Promise(requestAnimationFrame);
  }
  return found;
}
"""


def test_steps_by_keyboard_show_their_formulas(page) -> None:
    figure = page.locator("#backward_pass")
    figure.get_by_role("button", name="z1", exact=True).click()
    names = []
    for text, formulas in page.evaluate(STEP_BY_KEYBOARD, [figure.element_handle(), 12]):
        names.append(re.match(r"Step \d+ of 12: (.*), (forward|backward|update)\.", text)[1])
        assert formulas == 1
    assert names == ["z1", "a1", "s", "p", "L", "d2", "dW2", "db2", "d1", "dW1", "db1", "new W, b"]


def test_a_step_shows_its_tables_and_its_parts_of_the_network(page) -> None:
    figure = page.locator("#backward_pass")
    figure.get_by_role("button", name="db1", exact=True).click()
    for _ in range(2):
        page.keyboard.press("ArrowLeft")
    place = figure.locator(".walk > span")
    assert place.inner_text() == "Step 9 of 12: d1, backward."
    headings = figure.locator(".tables h4 b").all_inner_texts()
    assert headings == ["d2", "W2", "da1", "a1", "slope", "d1"]
    used = figure.locator("svg [data-part].used").evaluate_all(
        "(parts) => [...new Set(parts.map((p) => p.dataset.part))]"
    )
    assert set(used) == {"output", "W2", "hidden"}


def test_a_number_shows_its_arithmetic(page) -> None:
    figure = page.locator("#backward_pass")
    figure.get_by_role("button", name="dW1", exact=True).click()
    figure.get_by_role("button", name=re.compile(r"^dW1\[1, 2\] = ")).click()
    lines = figure.locator(".panel .lines p").all_inner_texts()
    assert lines[0].startswith("dW1[1, 2] = ")
    assert lines[1].startswith("= X[0, 1] * d1[0, 2] + X[1, 1] * d1[1, 2]")
    assert "lam * W1[1, 2]" in lines[1]
    figure.locator(".panel .lines").get_by_role("button", name=re.compile(r"^d1\[0, 2\]")).first.click()
    assert figure.locator(".panel .lines p").nth(1).inner_text() == "= da1[0, 2] * slope[0, 2]"


def test_updates_change_the_weights_and_a_reset_undoes_them(page) -> None:
    figure = page.locator("#backward_pass")
    before = read_tables(figure)
    figure.get_by_role("button", name="new W, b").click()
    words = figure.locator(".said p").inner_text()
    assert f"The loss was {before['L'][0]:.4g}; with the new weights it is {before['new_L'][0]:.4g}." in words
    figure.get_by_role("button", name="Update and begin again").click()
    page.wait_for_function(
        "loss => document.querySelector('#backward_pass').figure.panels[0].view.describe().includes('after 1 update')"
    )
    new = [np.array(before[f"new_{name}"]) for name in ("W1", "b1", "W2", "b2")]
    for _ in range(100):
        after = read_tables(figure)
        if after["L"] != before["L"]:
            break
        page.wait_for_timeout(20)
    assert after["L"] == pytest.approx(before["new_L"], rel=1e-12)
    np.testing.assert_allclose(after["dW1"], compute_gradient(new)[0].W1.ravel(), rtol=1e-12)
    figure.get_by_role("button", name="Reset controls").click()
    page.wait_for_function(
        "() => !document.querySelector('#backward_pass').figure.panels[0].view.describe().includes('update.')"
    )
    assert read_tables(figure)["L"] == before["L"]


def test_messages_of_the_walkthrough() -> None:
    x = pel.named("x", pel.shared(1.0, "w") * 2)
    step = pel.live.Step("x", "forward", "x", "It is {x}.", [], [x], ["a part"])
    with pytest.raises(
        pel.InputError, match=r"the network has no part 'a part'\. Its parts: \['input'\]|no part 'a part'"
    ):
        pel.live.walkthrough([step], [pel.live.Units("input", ["x"])])
    with pytest.raises(pel.UseError, match=r"expected pel\.live\.Step"):
        pel.live.walkthrough([])
    unknown = pel.live.Step("x", "forward", "x", "It is {y}.", [], [x])
    with pytest.raises(pel.InputError, match=r"\{y\} in a text names no shown expression"):
        pel.live.Figure(views=[pel.live.walkthrough([unknown])]).to_spec()


# Sweep --------------------------------------------------------------------------------------------------------------


def read_networks():
    with np.load(sweep.STORED) as stored:
        return {name: stored[name] for name in ("W1", "b1", "W2", "b2")}


def test_the_boundary_is_that_of_the_chosen_network(page) -> None:
    figure = page.locator("#regularization_sweep")
    networks = read_networks()
    for row, column in ((0, 5), (3, 2), (6, 0)):
        found = figure.evaluate(
            """async (element, [strength, hidden]) => {
              await element.retrain({strength, hidden});
              const view = element.figure.panels[1].view;
              const request = element.figure.panels[1].requests(true).find(({ batches }) => batches);
              const [scores] = Object.values(await element.figure.evaluate([request]))[0];
              const points = Object.values(request.args)[0];
              return [0, 1000, 4000].map((k) => [points[2 * k], points[2 * k + 1], scores[2 * k], scores[2 * k + 1]]);
            }""",
            [row, column],
        )
        W1, b1, W2, b2 = (v[row * len(sweep.WIDTHS) + column] for v in networks.values())
        for x, y, *scores in found:
            expected = np.tanh(np.array([x, y]) @ W1 + b1) @ W2 + b2
            np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)


def test_scores_and_words_of_a_cell(page) -> None:
    figure = page.locator("#regularization_sweep")
    X, y = sweep.load_points()
    scores = sweep.compute_scores(read_networks(), X, y)
    best = np.unravel_index(scores["validation loss"].argmin(), scores["validation loss"].shape)
    assert figure.locator("td button").filter(has_text="★").count() == 1
    cell = figure.locator("tbody tr").nth(best[0]).locator("button").nth(best[1])
    assert cell.inner_text() == f"★ {scores['validation loss'][best]:.2g}"
    cell.click()
    verdict = figure.locator(".verdict")
    page.wait_for_function("() => document.querySelector('#regularization_sweep').state.controls.hidden === 2")
    assert "No cell has a lower validation loss." in verdict.inner_text()
    figure.evaluate("(element) => element.retrain({strength: 0, hidden: 5})")
    training, validation = (scores[f"{part} loss"][0, 5] for part in ("training", "validation"))
    text = verdict.inner_text()
    assert f"The gap between the two losses is {validation - training:.2g}." in text
    assert f"is {validation - scores['validation loss'][best]:.2g} above the lowest" in text
    assert "overfitting" in text
    figure.evaluate("(element) => element.retrain({strength: 6, hidden: 3})")
    assert "underfitting" in verdict.inner_text()


def test_arrow_keys_choose_cells_and_the_map_shows_other_scores(page) -> None:
    figure = page.locator("#regularization_sweep")
    figure.locator("tbody tr").nth(2).locator("button").nth(1).click()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    state = figure.evaluate("(element) => element.state.controls")
    assert (state["strength"], state["hidden"]) == (3, 2)
    assert figure.locator("td button[aria-pressed=true]").count() == 1
    figure.get_by_label("Show").select_option("training accuracy")
    X, y = sweep.load_points()
    expected = sweep.compute_scores(read_networks(), X, y)["training accuracy"]
    found = [float(t.strip("★ ")) for t in figure.locator("td button").all_inner_texts()]
    np.testing.assert_allclose(found, expected.ravel(), atol=0.006)
    figure.get_by_label("Show").select_option("validation loss")


def test_points_of_a_trained_network_stay_where_they_are(page) -> None:
    assert page.locator("#regularization_sweep").get_by_role("button", name="Undo").count() == 0
    assert sweep.STORED.stat().st_size < 100_000


@pytest.mark.slow
def test_training_the_networks_again_gives_the_stored_ones() -> None:
    X, y = sweep.load_points()
    stored, trained = (sweep.compute_scores(n, X, y) for n in (read_networks(), sweep.train_networks()))
    np.testing.assert_allclose(trained["validation loss"], stored["validation loss"], rtol=0.05)


def test_messages_of_the_choice_map() -> None:
    rows, columns = pel.live.choice(pel.iscalar("a"), [1, 2]), pel.live.choice(pel.iscalar("b"), [1, 2, 3])
    with pytest.raises(pel.UseError, match=r"expected choices, made by pel\.live\.choice"):
        pel.live.choice_map("rows", columns, {})
    with pytest.raises(pel.ShapeError, match=r"scores of shape \(2, 3\) for 'loss'.*Received: shape \(3,\)"):
        pel.live.choice_map(rows, columns, {"loss": [1, 2, 3]})
    with pytest.raises(pel.OptionError, match="gap among them"):
        pel.live.choice_map(rows, columns, {"loss": np.ones((2, 3))}, gap=("loss", "other"))


def test_held_out_points_have_one_mark_each() -> None:
    X, w = pel.matrix("X", shape=("n", 2)), pel.shared([[1.0], [2.0]], "w")
    view = pel.live.decision_boundary(pel.function([X], pel.sigmoid(X @ w)), held_out=[True])
    with pytest.raises(pel.ShapeError, match=r"one bool for each of 2 points\. Received: shape \(1,\)"):
        pel.live.Figure(data={X: np.zeros((2, 2))}, views=[view]).to_spec()


@pytest.mark.parametrize("shape", [(3, 2), ("n", 3)])
def test_a_decision_boundary_is_that_of_any_number_of_points(shape) -> None:
    X, w = pel.matrix("X", shape=shape), pel.shared(np.ones((shape[1], 1)), "w")
    view = pel.live.decision_boundary(pel.function([X], pel.sigmoid(X @ w)))
    with pytest.raises(pel.ShapeError, match=r"any number of rows, as in pel\.matrix\('X', shape=\('n', 2\)\). Rec"):
        pel.live.Figure(data={X: np.zeros((3, shape[1]))}, views=[view]).to_spec()


# Rewriting ----------------------------------------------------------------------------------------------------------


def test_rewrites_are_those_of_the_journal(page) -> None:
    figure = page.locator("#rewriting")
    figure.evaluate("(element) => element.retrain({formula: 1})")
    journal, z, k = pel.Journal(), pel.vector("z"), pel.iscalar("k")
    pel.simplify(-pel.log(pel.exp(z) / pel.exp(z).sum())[k], journal=journal)
    slider = figure.get_by_label("Rewrite", exact=True)
    assert slider.get_attribute("max") == str(len(journal.steps)) == "2"
    assert figure.locator(".side").count() == 1
    assert figure.locator(".value").inner_text() == "At z = (100, 200, 300), k = 0, it is nan."
    slider.focus()
    for step, values in zip(journal.steps, (["nan", "inf"], ["inf", "200"]), strict=True):
        page.keyboard.press("ArrowRight")
        assert figure.locator(".rule b").inner_text() == step.rule.name.replace("_", " ")
        assert figure.locator(".rule code").inner_text() == " ".join(str(step.rule).split())
        assert figure.locator(".side .changed").count() == 2
        found = [text.removesuffix(".").rpartition(" ")[2] for text in figure.locator(".value").all_inner_texts()]
        assert found == values
    assert figure.locator(".changed").first.evaluate("e => getComputedStyle(e).borderTopStyle") == "solid"


def test_every_rule_of_the_figure_has_a_reason() -> None:
    variants = figures.rewriting().variants
    used = {step.rule.name for _, figure in variants for view in figure.views for step in view.journal.steps}
    assert used == set(rewriting.REASONS)


def test_formulas_that_look_alike_are_written_as_calls() -> None:
    [_, (_, figure), *_] = figures.rewriting().variants
    [own] = assemble_figure(figure).own["views"]
    last = own["steps"][-1]
    assert "log_softmax" in last["after"]
    assert "log_softmax" not in last["before"]


def test_messages_of_rewriting() -> None:
    with pytest.raises(pel.OptionError, match="expected an expression that a rule rewrites"):
        pel.live.rewriting(pel.vector("z"))
    with pytest.raises(pel.UseError, match=r"expected an expression\. Received: 3"):
        pel.live.rewriting(3)


# Overflow -----------------------------------------------------------------------------------------------------------


def find_first(f, low, high):
    """Return the smallest number at which a function is not finite, by bisection."""
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if np.isfinite(f(middle)) else (low, middle)
    return high


def to_naive(formula):
    def evaluate(size):
        z = (size * overflow.DIRECTION).astype("float32")
        with np.errstate(all="ignore"):
            e = np.exp(z)
            p = e / e.sum()
            return [np.log(e.sum()), -np.log(p[2]), p[0]][formula]

    return evaluate


@pytest.mark.parametrize("formula", [0, 1, 2])
def test_values_and_thresholds_equal_numpy(page, formula) -> None:
    figure = page.locator("#overflow")
    naive = to_naive(formula)
    size = 40.0
    figure.evaluate("(element, values) => element.retrain(values)", {"formula": formula, "size": size})
    page.wait_for_function("() => document.querySelector('#overflow').shadowRoot.querySelector('.found').textContent")
    z = (size * overflow.DIRECTION).astype("float32")
    rows = figure.locator(".values tbody tr")
    figure.locator("thead td").filter(has_text="size of z = 40").wait_for()
    texts = [read_row(row) for row in rows.all()]
    np.testing.assert_allclose(texts[1], np.exp(z), rtol=0.06)
    np.testing.assert_allclose(texts[2], [np.exp(z).sum()], rtol=0.06)
    assert texts[3][0] == pytest.approx(naive(size), rel=1e-5)
    exact = size * overflow.DIRECTION
    truth = [
        np.logaddexp.reduce(exact),
        np.logaddexp.reduce(exact) - exact[2],
        np.exp(exact[0] - np.logaddexp.reduce(exact)),
    ]
    assert texts[4][0] == pytest.approx(truth[formula], rel=1e-5)
    assert texts[5][0] == pytest.approx(truth[formula], rel=1e-7)
    first = find_first(naive, 1.0, 150.0)
    kind = "NaN" if np.isnan(naive(first)) else "inf"
    assert f"As written, float32: {kind} from size of z = {first:.4g} on." in figure.locator(".found").inner_text()
    assert "Rewritten, float32: finite over the whole range." in figure.locator(".found").inner_text()


def read_row(row):
    text = row.locator("td").first.inner_text().replace("\u2212", "-").replace(",000", "000").strip("()")
    return [float(number.replace(",", "")) for number in text.split(", ")]


def test_a_click_in_the_plot_moves_the_slider(page) -> None:
    figure = page.locator("#overflow")
    figure.locator(".values svg").first.click(position={"x": 300, "y": 100})
    x = figure.evaluate("(element) => element.figure.panels[0].view.x.toValue(300)")
    assert figure.evaluate("(element) => element.state.controls.size") == pytest.approx(x, rel=1e-3)


def test_messages_of_value_curves() -> None:
    x = pel.scalar("x")
    slider = pel.live.slider(x, 0, 1)
    other = pel.scalar("other")
    with pytest.raises(pel.UseError, match=r"expected a slider, made by pel\.live\.slider"):
        pel.live.value_curves(x, {})
    with pytest.raises(pel.InputError, match=r"expected functions of x only\. Received: 'f'"):
        pel.live.value_curves(slider, {"f": pel.function([other], other)})
    with pytest.raises(pel.UseError, match="one number as output"):
        pel.live.value_curves(slider, {"f": pel.function([x], x * np.ones(2))})
    with pytest.raises(pel.InputError, match="'truth' is none of the curves"):
        pel.live.value_curves(slider, {"f": pel.function([x], x)}, reference="truth")


def test_axe_finds_nothing_serious_but_contrast(page, check_with_axe) -> None:
    check_with_axe(page)


def test_nothing_is_cut_off_on_a_phone(page, check_on_a_phone) -> None:
    check_on_a_phone(page)
