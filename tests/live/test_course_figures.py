"""Figures of the course: the numbers of the page are Python's, all works by keyboard, and nothing is cut off."""

import re

import numpy as np
import pytest

import pellucid as pel
from pellucid.course.figures import digit_reader, filter_editor, neuron
from pellucid.course.figures.filter_editor import KERNELS
from pellucid.course.figures.neuron import GATES, TRUTH_TABLES, list_activations
from pellucid.live.page import render_page
from pellucid.live.still import draw_still_pictures

ACTIVATIONS = {
    "step": lambda z: np.float64(z > 0),
    "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "gaussian": lambda z: np.exp(-(z**2)),
    "linear": lambda z: z,
}

GET_RESULTS = """
async k => {
  const { figure } = document.querySelectorAll("pellucid-figure")[k];
  const requests = figure.panels[0].requests(true);
  const results = await figure.evaluate(requests);
  return requests.map(({ id }) => results[id].map(values => Array.from(values, Number)));
}
"""

COMPUTE_NEURON = """
async values => {
  const element = document.querySelector("pellucid-figure");
  await element.retrain(values);
  const [request] = element.figure.panels[0].requests(true);
  const results = await element.figure.evaluate([request]);
  const read = name => element.shadowRoot.querySelector(name).innerText;
  const numbers = results[request.id].map(values => Array.from(values, Number));
  return { numbers, sum: read(".neuron-sum"), caption: read(".neuron-caption") };
}
"""


FILL = """
(inputs, values) => inputs.forEach((input, k) => {
  input.value = values[k];
  for (const kind of ["input", "change"]) input.dispatchEvent(new Event(kind, { bubbles: true }));
})
"""


class Course:
    """A page with the figures that do not train."""

    def __init__(self, page):
        self.page = page
        self.neuron, self.filter, self.reader = (page.locator("pellucid-figure").nth(k) for k in range(3))

    def get_results(self, figure):
        """Return the outputs of the first view of a figure, request by request."""
        return self.page.evaluate(GET_RESULTS, [self.neuron, self.filter, self.reader].index(figure))

    def set(self, **values):
        self.page.evaluate("values => document.querySelector('pellucid-figure').retrain(values)", values)

    def state(self):
        return self.page.evaluate("document.querySelector('pellucid-figure').state.controls")

    def wait_for_picture(self, figure):
        """Wait until the results of the current controls are drawn."""
        figure.evaluate("async element => { await element.retrain({}); await element.seek(0); }")

    def wait_for_text(self, figure, text):
        figure.get_by_text(text).first.wait_for()


@pytest.fixture(scope="module")
def specs():
    return [figure.to_spec() for figure in (neuron(), filter_editor(), digit_reader())]


@pytest.fixture(scope="module")
def path(specs, tmp_path_factory):
    path = tmp_path_factory.mktemp("course") / "figures.html"
    path.write_text(render_page("Figures", specs), "utf-8")
    return path


@pytest.fixture(scope="module")
def opened_course(path, open_page):
    return Course(open_page(path))


@pytest.fixture
def course(opened_course):
    opened_course.page.bring_to_front()
    return opened_course


def find_box(locator):
    """Return where an element is. It has no box if a drawing replaces it at this moment."""
    for _ in range(100):
        if (box := locator.bounding_box()) is not None:
            return box
        locator.page.wait_for_timeout(20)
    raise AssertionError("the element has no box")


def format_fixed(value, decimals=2):
    text = f"{abs(value):.{decimals}f}"
    return f"−{text}" if value < 0 and float(text) else text


def test_figures_without_training_have_no_timeline_and_no_loss(course, specs) -> None:
    assert [spec["variants"][0]["training"] for spec in specs] == [None] * 3
    for figure in (course.neuron, course.filter, course.reader):
        assert not figure.locator(".timeline").is_visible()
        assert figure.locator(".status").inner_text() == ""
    assert not course.neuron.get_by_text("Save parameters").is_visible()
    assert course.reader.get_by_text("Save parameters").is_visible()


# One neuron -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_neuron_computes_what_python_computes(course, name) -> None:
    x1, x2, w1, w2, b = values = np.random.default_rng(len(name)).uniform(-2, 2, 5).round(1)
    names = ["x1", "x2", "w1", "w2", "b"]
    number = list(ACTIVATIONS).index(name)
    controls = {**dict(zip(names, values.tolist(), strict=True)), "activation": number, "task": 0}
    found = course.page.evaluate(COMPUTE_NEURON, controls)
    products, z, a, slope, curve, corners, _, _ = found["numbers"]
    x = pel.scalar("x", dtype="float64")
    output = list_activations()[name](x)
    f = pel.function([x], [output, pel.grad(output, x, disconnected="zero")], mode="numpy")
    np.testing.assert_allclose(products, [w1 * x1, w2 * x2], rtol=1e-12)
    np.testing.assert_allclose(z, [w1 * x1 + w2 * x2 + b], rtol=1e-12)
    np.testing.assert_allclose([a[0], slope[0]], f(z[0]), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(curve, ACTIVATIONS[name](np.linspace(-15, 15, 1501)), rtol=1e-9, atol=1e-12)
    plane = [w1 * u + w2 * v + b for v in (2.2, -2.2) for u in (-2.2, 2.2)]
    np.testing.assert_allclose(corners, plane, rtol=1e-12)
    activation = f"{name}(z) = {name}({format_fixed(z[0])}) = {format_fixed(a[0])}"
    assert f"= {format_fixed(z[0])}\na\n= {activation}" in found["sum"]
    assert found["caption"].startswith(f"z is {'positive' if z[0] > 0 else 'negative'}, so {name} ")
    assert ("The curve is flat here" in found["caption"]) == (abs(slope[0]) < 0.005)


@pytest.fixture(scope="module")
def three_inputs(open_page):
    """A page with a neuron of three inputs and one activation function."""
    inputs = [pel.scalar(name, dtype="float64") for name in ("x1", "x2", "x3", "w1", "w2", "w3", "b")]
    view = pel.live.neuron(inputs[:3], inputs[3:6], inputs[6], {"tanh": pel.tanh})
    controls = [pel.live.slider(i, -3, 3, value) for i, value in zip(inputs, (1, 2, -1, 0.5, -1, 2, 0.25), strict=True)]
    return open_page(pel.live.Figure(controls=controls, views=[view]))


def test_a_neuron_may_have_three_inputs_and_one_activation(three_inputs) -> None:
    [[products, z, a, slope, _]] = three_inputs.evaluate(GET_RESULTS, 0)
    np.testing.assert_allclose([*products, *z], [0.5, -2, -2, -3.25])
    np.testing.assert_allclose([*a, *slope], [np.tanh(-3.25), 1 - np.tanh(-3.25) ** 2])
    assert three_inputs.locator(".neuron-plane").count() == 0
    three_inputs.bring_to_front()
    three_inputs.get_by_text("= 0.50 − 2.00 − 2.00 + 0.25 = −3.25").wait_for()


def test_captions_tell_what_the_numbers_say(course) -> None:
    caption = course.neuron.locator(".neuron-caption")
    course.set(x1=1, x2=0, w1=-1, w2=0, b=0, activation=3, task=0)
    assert caption.inner_text() == (
        "z is negative, so relu gives 0. The curve is flat here: a small change of z does not change the output."
    )
    course.set(b=2)
    assert caption.inner_text().startswith("z is positive, so relu leaves it unchanged. The slope is 1.00 here")
    course.set(w1=3, x1=2, b=3, activation=2)
    assert "z is outside of this picture" in course.neuron.locator(".neuron svg").first.text_content()
    assert "hardly changes" in caption.inner_text()


@pytest.mark.parametrize("gate", GATES)
def test_gates_set_weights_and_count_the_rows_that_are_right(course, gate) -> None:
    course.neuron.get_by_role("button", name=gate, exact=True).click()
    z = np.dot([(0, 0), (0, 1), (1, 0), (1, 1)], GATES[gate][:2]) + GATES[gate][2]
    count = int(((z > 0) == np.array(TRUTH_TABLES[gate])).sum())
    course.wait_for_text(course.neuron, f"{gate}: {count} of 4 right.")
    state, [outputs], task = course.page.evaluate(
        f"""async () => {{
          const element = document.querySelector("pellucid-figure");
          const results = await ({GET_RESULTS})(0);
          return [element.state.controls, results, element.shadowRoot.querySelector(".neuron-task").innerText];
        }}"""
    )
    assert (state["w1"], state["w2"], state["b"]) == GATES[gate]
    assert sum(outputs[-1]) == count
    no_line = "No line gets more than 3 of 4 right." in task
    assert (count, no_line) == ((3, True) if gate == "XOR" else (4, False))


def test_the_best_line_is_found_for_every_truth_table() -> None:
    from pellucid.live.views.neuron import count_best

    tables = [[(k >> bit) & 1 for bit in range(4)] for k in range(16)]
    assert sum(count_best(table) == 4 for table in tables) == 14
    assert {tuple(t) for t in tables if count_best(t) == 3} == {(0, 1, 1, 0), (1, 0, 0, 1)}


def test_inputs_change_by_keyboard_and_pointer(course) -> None:
    course.set(x1=0.5, x2=0.5, w1=1, w2=1, b=0, activation=2, task=0)
    plane = course.neuron.locator(".neuron-plane canvas").last
    plane.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        course.page.keyboard.press(key)
    assert (course.state()["x1"], course.state()["x2"]) == (0.7, 0.4)
    box = plane.bounding_box()
    course.page.mouse.click(box["x"] + 46 + (box["width"] - 54) / 2, box["y"] + 8 + (box["height"] - 44) / 2)
    assert (course.state()["x1"], course.state()["x2"]) == (0, 0)


def test_a_weight_is_dragged(course) -> None:
    course.set(w2=1)
    weight = find_box(course.neuron.locator(".neuron .weight", has_text="w2"))
    course.page.mouse.move(weight["x"] + 20, weight["y"] + 12)
    course.page.mouse.down()
    for right in (10, 25, 50):  # 0.02 for each pixel
        course.page.mouse.move(weight["x"] + 20 + right, weight["y"] + 12)
    course.page.mouse.up()
    assert course.state()["w2"] == 2
    course.page.mouse.move(weight["x"], weight["y"])
    assert course.state()["w2"] == 2


# Filters --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flip", "rectify", "stride", "padding"),
    [
        (0, 0, 1, "valid"),
        (1, 0, 1, "same"),
        (0, 1, 2, "same"),
        pytest.param(0, 1, 2, "valid", marks=pytest.mark.slow),
        pytest.param(1, 1, 2, "same", marks=pytest.mark.slow),
    ],
)
def test_feature_maps_equal_those_of_python(course, flip, rectify, stride, padding) -> None:
    kernel = np.random.default_rng(0).uniform(-2, 2, (3, 3)).round(2)
    course.filter.locator(".kernel input").evaluate_all(FILL, [str(value) for value in kernel.ravel()])
    pixels, _ = pel.data.mnist("test")
    x = np.round(pixels[0] / 255, 2)
    view = course.filter.locator(".convolution")
    view.get_by_label("Flip the kernel").set_checked(bool(flip))
    view.get_by_label("relu").set_checked(bool(rectify))
    view.get_by_label("Stride").select_option(str(stride))
    view.get_by_label("Padding").select_option(padding)
    used = kernel[::-1, ::-1] if flip else kernel
    sums = correlate(x, used, stride, padding)
    found = course.get_results(course.filter)[0]
    np.testing.assert_allclose(found[0], used.ravel())
    np.testing.assert_allclose(found[1], sums.ravel(), atol=1e-12)
    np.testing.assert_allclose(found[2], (np.maximum(sums, 0) if rectify else sums).ravel(), atol=1e-12)
    shape = " × ".join(map(str, sums.shape))
    course.wait_for_text(course.filter, f"{shape} numbers from")
    course.wait_for_picture(course.filter)
    check_written_sum(course, x, used, sums)


def correlate(x, kernel, stride, padding):
    """Return the sum over each window, with half of the padding, rounded down, at the top and at the left."""
    if padding == "same":
        total = [(-(-n // stride) - 1) * stride + 3 - n for n in x.shape]
        x = np.pad(x, [(n // 2, n - n // 2) for n in total])
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3))[::stride, ::stride]
    return (windows * kernel).sum(axis=(2, 3))


def check_written_sum(course, x, used, sums):
    """Compare the window, the weights and the sum that the page writes out, at a number chosen with the keyboard."""
    course.filter.locator(".tiles canvas").nth(1).focus()
    course.page.keyboard.press("ArrowDown")
    i, j = find_place(course)
    terms = [
        t.replace("−", "-").replace("+ ", "").strip("()") for t in course.filter.locator(".window td").all_inner_texts()
    ]
    factors = np.array([[float(f.strip("()")) for f in term.split(" · ")] for term in terms])
    np.testing.assert_allclose(factors[:, 1], used.ravel())
    assert factors.prod(axis=1).sum() == pytest.approx(sums[i, j], abs=1e-9)
    assert course.filter.locator(".window > p").inner_text().startswith(f"= {format_fixed(sums[i, j])}")


def find_place(course):
    """Return row and column of the number of the feature map that is written out."""
    return [int(n) for n in re.findall(r"\d+", course.filter.locator(".window h4").inner_text())]


def test_the_window_stays_when_the_stride_changes(course) -> None:
    course.filter.get_by_label("Stride").select_option("1")
    course.filter.get_by_label("Padding").select_option("valid")
    course.wait_for_text(course.filter, "26 × 26 numbers")
    course.filter.locator(".tiles canvas").nth(1).focus()
    for key in ("ArrowUp", "ArrowLeft", "ArrowLeft"):
        course.page.keyboard.press(key)
    before = find_place(course)
    course.filter.get_by_label("Stride").select_option("2")
    course.wait_for_text(course.filter, "13 × 13 numbers")
    np.testing.assert_allclose(find_place(course), np.array(before) / 2, atol=0.5)


def test_kernels_change_by_presets_keys_and_dragging(course) -> None:
    cells = course.filter.locator(".kernel input")
    outline = course.filter.get_by_role("button", name="outline")
    outline.click()
    assert [float(cells.nth(k).input_value()) for k in range(9)] == np.ravel(KERNELS["outline"]).tolist()
    assert outline.get_attribute("aria-pressed") == "true"
    course.wait_for_text(course.filter, "add up to 0: uniform areas give 0.")
    cells.nth(4).focus()
    course.page.keyboard.press("ArrowUp")
    assert float(cells.nth(4).input_value()) == 8.1
    assert outline.get_attribute("aria-pressed") == "false"
    box = cells.nth(0).bounding_box()
    course.page.mouse.move(box["x"] + 30, box["y"] + 20)
    course.page.mouse.down()
    course.page.mouse.move(box["x"] + 80, box["y"] + 20, steps=3)
    course.page.mouse.up()
    assert float(cells.nth(0).input_value()) == 0


def test_a_drawing_becomes_the_image_of_the_filter(course) -> None:
    course.filter.get_by_text("Draw an image").click()
    course.filter.get_by_role("button", name="identity").click()
    course.filter.get_by_label("Stride").select_option("1")
    course.filter.get_by_label("Padding").select_option("same")
    course.filter.get_by_label("Flip").uncheck()
    box = course.filter.locator(".pad canvas").bounding_box()
    course.page.mouse.move(box["x"] + 20, box["y"] + 115)
    course.page.mouse.down()
    course.page.mouse.move(box["x"] + 200, box["y"] + 115, steps=5)
    course.page.mouse.up()
    course.wait_for_text(course.filter, "Drawing.")
    drawn = np.reshape(course.get_results(course.filter)[0][1], (28, 28))
    middle = (drawn.sum(axis=1) * (np.arange(28) + 0.5)).sum() / drawn.sum()
    assert abs(middle - 114 / 8) < 0.2  # where it was drawn: images are not centered
    assert drawn.max() == 1


# Digits ---------------------------------------------------------------------------------------------------------------

STROKES = {
    "0": ["M110 40C50 40 50 190 112 190C175 190 175 40 110 40"],
    "1": ["M80 80L115 40L115 190"],
    "2": ["M65 80C70 30 160 30 155 85C150 120 90 150 62 188L165 186"],
    "3": ["M70 50C150 20 180 100 105 108C185 110 165 205 65 180"],
    "4": ["M95 40L60 125L165 125", "M140 70L135 195"],
    "5": ["M155 45L80 45L74 105C170 85 180 195 65 185"],
    "6": ["M140 40C60 80 50 190 110 190C175 185 160 105 75 140"],
    "7": ["M60 48L160 48L95 195"],
    "8": ["M150 60C110 20 60 70 105 105C180 150 140 205 100 192C50 170 90 120 120 100C150 80 155 70 150 60"],
    "9": ["M150 70C120 25 60 50 75 95C95 130 145 110 152 70L140 195"],
}
"""Digits as a person draws them on the pad, in its pixels."""

DRAW = """
async digits => {
  const figure = document.querySelectorAll("pellucid-figure")[2].figure;
  const { view } = figure.panels[0];
  const found = [];
  for (const strokes of digits) {
    view.pad.clear();
    for (const d of strokes) {
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("d", d);
      const length = path.getTotalLength();
      const points = Array.from({ length: 60 }, (_, k) => path.getPointAtLength((length * k) / 59));
      view.pad.strokes.push(points.map(({ x, y }) => [x, y]));
    }
    view.pad.update();
    const [request] = view.requests(true);
    const results = await figure.evaluate([request]);
    found.push(Array.from(results[request.id][0]));
  }
  return found;
}
"""


def test_the_network_reads_digits_drawn_by_hand(course) -> None:
    probabilities = course.page.evaluate(DRAW, list(STROKES.values()))
    read = {digit: str(np.argmax(p)) for digit, p in zip(STROKES, probabilities, strict=True)}
    assert sum(digit == found for digit, found in read.items()) >= 9, read


def test_the_weights_load_whatever_the_default_dtype_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pel.config, "floatx", "float64")
    assert digit_reader().views[0].predict.program.original_outputs[0].dtype == "float32"


def test_the_page_counts_the_held_out_digits_that_are_read_correctly(course) -> None:
    program = digit_reader().views[0].predict.program
    predict = pel.function(list(program.inputs), list(program.original_outputs), mode="numpy")
    pixels, labels = (a[:100] for a in pel.data.mnist("test"))
    expected = predict(pixels[..., None])[0].argmax(axis=1) == labels
    course.reader.get_by_role("button", name="Next", exact=True).click()
    found = course.get_results(course.reader)
    np.testing.assert_array_equal(found[-1][0], expected)
    assert expected.sum() >= 97
    course.wait_for_text(course.reader, f"{expected.sum()} of these 100 images are predicted correctly.")
    mistake = course.reader.get_by_role("button", name="Next mistake")
    assert mistake.is_visible() == (not expected.all())
    if mistake.is_visible():
        mistake.click()
        course.wait_for_text(course.reader, f"Image {int(np.argmin(expected)) + 1} of 100")
        course.wait_for_text(course.reader, "predicted wrongly")


# Sums -----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def adder(open_page):
    return open_page(pel.live.examples.adder())


STEP_THROUGH = """
async view => {
  const next = [...view.querySelectorAll("button")].find(button => button.textContent === "Next step");
  const found = [];
  for (let t = 0; t < 8; t++) {
    if (t) next.click();
    await new Promise(requestAnimationFrame);
    const cells = Array.from(view.querySelectorAll("table .cells span"), cell => cell.textContent);
    found.push([view.querySelector(".story").innerText, cells]);
  }
  return found;
}
"""
"""What the view says at each time step, and its cells."""


def test_a_sum_is_stepped_through_bit_by_bit(adder) -> None:
    adder.bring_to_front()
    view = adder.locator("section.view", has_text="A sum, bit by bit")
    view.get_by_label("first number").fill("23")
    view.get_by_label("second number").fill("58")
    view.get_by_text("The network answers 81, which is right.").wait_for()
    a, b = (np.array([(number >> t) & 1 for t in range(8)]) for number in (23, 58))
    carry, story = 0, view.locator(".story")
    for t, (told, cells) in enumerate(view.evaluate(STEP_THROUGH)):
        total = a[t] + b[t] + carry
        assert told.startswith(f"Step {t}: {a[t]} + {b[t]} + carry {carry}: write {total % 2}, carry {total // 2}.")
        assert round(float(told.split("writes ")[1].rstrip("."))) == total % 2
        assert [cell[4:] for cell in cells] == [f"h[{k}]" for k in range(16)]
        carry = total // 2
    assert t == 7
    view.get_by_role("button", name="Previous step").click()
    assert story.inner_text().startswith("Step 6")
    view.get_by_role("slider", name="Time step").press("ArrowRight")
    assert story.inner_text().startswith("Step 7")
    assert view.get_by_label("first number").get_attribute("max") == "127"


def test_units_that_follow_the_carry_are_those_of_python(adder) -> None:
    """The page names the unit with the largest correlation over 64 training sums."""
    adder.bring_to_front()
    view = adder.locator("section.view", has_text="A sum, bit by bit")
    values = adder.evaluate("document.querySelector('pellucid-figure').retrain().then(r => r.values)")
    Wx, Wh = (np.array(values[name]) for name in ("Wx", "Wh"))
    inputs, _ = pel.data.binary_addition(1000, 8, 0, "float64")
    states, carries = [], []
    for x in inputs[:64]:
        h, carry = np.zeros(16), 0
        for t in range(8):
            h = 1 / (1 + np.exp(-(x[t] @ Wx + h @ Wh)))
            carry = (x[t].sum() + carry) // 2
            states.append(h)
            carries.append(carry)
    found = [np.corrcoef(np.array(states)[:, unit], carries)[0, 1] for unit in range(16)]
    best = int(np.argmax(np.abs(found)))
    verb = (
        f"h[{best}] follows the carry out best: "
        if abs(found[best]) >= 0.8
        else f"the carry out; h[{best}] comes closest, "
    )
    assert f"{verb}correlation {format_fixed(found[best])}. Over 64 sequences of 8 steps." in view.inner_text()


# For everybody --------------------------------------------------------------------------------------------------------


def test_pages_are_accessible_and_fit_on_a_phone(course, check_with_axe, check_on_a_phone) -> None:
    check_with_axe(course.page)
    check_on_a_phone(course.page)


def test_the_layout_does_not_move_while_a_slider_does(course) -> None:
    tops = set()
    for x1, w1, activation in ((1, 0.5, 3), (-2, 3, 2), (2, 2.9, 0), (0, 0, 4)):
        course.set(x1=x1, x2=0.3, w1=w1, w2=-1.2, b=0.1, activation=activation, task=0)
        tops.add(
            tuple(course.neuron.locator(".neuron h4, .neuron .signed-legend, details").first.bounding_box().items())
        )
    assert len(tops) == 1


def test_notebooks_show_still_pictures_where_no_script_runs() -> None:
    pictures = [draw_still_pictures(figure) for figure in (neuron(), filter_editor(), digit_reader())]
    assert [len(found) for found in pictures] == [1, 1, 1]
    assert pictures[0][0].reading.startswith("A neuron with x1 = 1, x2 = 0.3, w1 = 0.5, w2 = -1.2, b = 0.1: z = 0.24")
    assert "vertical edge up to 2.98" in pictures[1][0].reading
    assert "of 100 images are predicted correctly" in pictures[2][0].reading


# Messages -------------------------------------------------------------------------------------------------------------

X1, X2, W1, W2, B, K = *(pel.scalar(name) for name in ("x1", "x2", "w1", "w2", "b")), pel.iscalar("k")
TANH = {"tanh": pel.tanh}
IMAGES = np.zeros((2, 8, 8), "uint8")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pel.live.neuron([1.0], [W1], B, TANH), r"scalar inputs with a control each.*Received: 1.0"),
        (lambda: pel.live.neuron([X1, X2], [W1], B, TANH), "one weight for each input. Received: 2 inputs and 1"),
        (lambda: pel.live.neuron([X1], [W1], B, {}), "one activation function, or several.*Received: 0 functions"),
        (lambda: pel.live.neuron([X1], [W1], B, TANH | {"relu": pel.relu}), "Received: 2 functions and None"),
        (lambda: pel.live.neuron([X1], [W1], B, TANH, tasks=(K, {"NOT": (1, 0, 1, 0)})), "tasks of two inputs"),
        (lambda: pel.live.neuron([X1, X2], [W1, W2], B, TANH, tasks=(K, {"AND": (0, 1)})), "tasks of two inputs"),
        (
            lambda: pel.live.Figure(views=[pel.live.neuron([X1], [W1], B, TANH)]).to_spec(),
            "expected a control for x1. Received: none",
        ),
        (lambda: pel.live.convolution(np.zeros((8, 8)), KERNELS), r"\(m, height, width\) and dtype uint8"),
        (lambda: pel.live.convolution(IMAGES, {}), "kernels of one shape"),
        (lambda: pel.live.convolution(IMAGES, {"a": [[1]], "b": [[1, 2]]}), "kernels of one shape"),
        (lambda: pel.live.convolution(IMAGES, KERNELS, names=["a"]), "2 names, one for each image. Received: 1"),
        (lambda: pel.live.choice(K, [0, 1], presets={"2": {}}), "presets for the options 0, 1. Received: '2'"),
        (
            lambda: pel.live.Figure(controls=[pel.live.choice(K, [0, 1], presets={"1": {B: 2.0}})]),
            "the preset '1' of k sets b, which has no control",
        ),
        (
            lambda: pel.live.Figure(
                controls=[pel.live.choice(K, [0, 1], presets={"1": {B: 2.0}}), pel.live.slider(B, 0, 1)]
            ),
            "sets b = 2.0, which is outside of its control",
        ),
    ],
)  # fmt: skip
def test_messages(make, message) -> None:
    with pytest.raises(pel.PellucidError, match=message):
        make()


def test_messages_of_sequences_and_images() -> None:
    x, V = pel.matrix("x", shape=(8, 2)), pel.shared(0.5 * np.eye(2, dtype="float32"), "V")
    predict = pel.function([x], pel.scan(lambda x_t, h: pel.tanh(x_t + h @ V), x, np.zeros(2, "float32"))[:, :1])
    images = pel.tensor3("images", ("n", 8, 8))
    logits = pel.function([images], pel.softmax(images.reshape((-1, 64)) @ np.ones((64, 3), "float32")))
    for view, message in (
        (pel.live.sequence(predict, names=["a", "b"], story="{c}"), "names among 'a', 'b', 'output'. Received: 'c'"),
        (pel.live.sequence(predict, integers=["a"]), "expected 2 names in integers, one for each input. Received: 1"),
        (pel.live.image(logits, IMAGES.astype("float32"), score=True), "images, labels and probabilities"),
    ):
        with pytest.raises(pel.PellucidError, match=message):
            pel.live.Figure(views=[view]).to_spec()
