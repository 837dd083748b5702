"""Views of networks, weights, images, features and sequences: numbers equal Python's, and all can be reached."""

import re

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.live.image_layers import find_image_layers
from pellucid.live.network_structure import find_activation, find_dense_layers
from pellucid.live.spec import assemble_figure
from pellucid.live.views.tile_layout import make_tile_layout

STEPS = 20


class Networks:
    """A figure with all views: a small network that is trained, and others whose values do not change."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)

        def draw(name, *shape):
            return pel.shared(rng.normal(size=shape).astype("float32"), name)

        X, y, rate = pel.matrix("X", ("n", 4)), pel.ivector("y", ("n",)), pel.scalar("rate")
        self.parameters = W1, b1, W2, b2 = draw("W1", 4, 3), draw("b1", 3), draw("W2", 3, 2), draw("b2", 2)
        self.h = pel.named("h", pel.tanh(X @ W1 + b1))
        self.p = pel.named("p", pel.softmax(self.h @ W2 + b2))
        self.loss = pel.losses.sparse_categorical_crossentropy(y, self.p).mean()
        self.X, self.y = X, y
        self.points, self.classes = rng.normal(size=(6, 4)).astype("float32"), np.array([0, 1, 0, 1, 1, 0], "int32")
        step = pel.function([X, y, rate], self.loss, updates=pel.optimizers.SGD(rate).updates(self.loss))

        x = pel.tensor4("x", ("n", 6, 6, 1))
        maps = pel.relu(pel.conv(x, draw("K1", 3, 3, 1, 2), padding="same") + draw("c1", 2))
        self.maps = [maps, pel.max_pool(maps, 2), pel.relu(pel.conv(pel.max_pool(maps, 2), draw("K2", 2, 2, 2, 3)))]
        self.scores = self.maps[-1].reshape((-1, 12)) @ draw("V", 12, 3)
        self.x, self.images = x, rng.random((4, 6, 6, 1)).astype("float32")
        self.labels = np.array([0, 1, 2, 1], "int32")

        s = pel.matrix("s", (5, 2))
        Wx, Wh = draw("Wx", 2, 3), draw("Wh", 3, 3)
        state = pel.named("state", pel.scan(lambda a, b: pel.tanh(a @ Wx + b @ Wh), s, np.zeros(3, "float32")))
        self.s, self.state, self.o = s, state, pel.named("o", pel.sigmoid(state @ draw("Wo", 3, 1)))
        self.sequences = rng.integers(0, 2, (3, 5, 2)).astype("float32")

        wide = pel.matrix("wide", ("n", 60))
        self.figure = pel.live.Figure(
            train=step,
            steps=STEPS,
            data={X: self.points, y: self.classes},
            controls=[pel.live.slider(rate, 0.1, 1.0, 0.5)],
            views=[
                pel.live.network(),
                pel.live.heat_map(),
                pel.live.feature_inputs(pel.function([X], self.p)),
                pel.live.image(pel.function([x], pel.softmax(self.scores)), self.images, self.labels),
                pel.live.sequence(pel.function([s], self.o), examples=self.sequences, names=["a", "b"]),
                pel.live.network(pel.function([wide], wide @ draw("U", 60, 2)), title="Wide network"),
            ],
            features=["a", "b", "c", "d"],
        )

    def evaluate(self, outputs, inputs):
        return pel.function(list(inputs), outputs, on_unused_input="ignore", mode="numpy")(*inputs.values())


@pytest.fixture(scope="module")
def networks():
    return Networks()


@pytest.fixture(scope="module")
def page(networks, open_page):
    """The page of the figure after the training, whose parameters are also those in Python from now on."""
    opened = open_page(networks.figure)
    values = opened.evaluate("document.querySelector('pellucid-figure').retrain().then(r => r.values)")
    for variable in networks.parameters:
        variable.set_value(np.array(values[str(variable)], "float32"))
    return opened


def get_results(page, view):
    """Return what the worker computes for a view of the final frame, as flat lists."""
    return page.evaluate(
        """async view => {
          const { figure } = document.querySelector("pellucid-figure");
          const results = await figure.evaluate(figure.panels[view].requests(true));
          return Object.values(results)[0].map(values => Array.from(values, Number));
        }""",
        view,
    )


def assert_equal(found, expected, tolerance=1e-5):
    np.testing.assert_allclose(found, np.ravel(expected), rtol=tolerance, atol=tolerance)


def read_number(text):
    """Return the last number of a text; the page writes real minus signs and thousands separators."""
    return float(re.findall(r"-?[\d.]+(?:e-?\d+)?", text.replace("\u2212", "-").replace(",", ""))[-1])


def locate(page, view):
    return page.locator("section.view").nth(view)


def test_the_network_shows_the_values_of_a_point(networks, page) -> None:
    found = get_results(page, 0)
    expected = networks.evaluate([networks.X, networks.h, networks.p], {networks.X: networks.points[:1]})
    for values, array in zip(found, expected, strict=True):
        assert_equal(values, array)


def test_units_and_edges_can_be_reached_by_pointer_and_keyboard(networks, page) -> None:
    view = locate(page, 0)
    readout = view.locator(".readout")
    view.locator("circle").nth(4).hover(force=True)  # the first hidden unit
    [h] = networks.evaluate([networks.h], {networks.X: networks.points[:1]})
    b1 = networks.parameters[1].get_value()
    assert readout.inner_text().startswith("h[0] = ")
    assert read_number(readout.inner_text().partition(" for point")[0]) == pytest.approx(h[0, 0], abs=1e-4)
    assert read_number(readout.inner_text()) == pytest.approx(b1[0], abs=1e-3)
    view.locator("svg").first.focus()
    for key in ("ArrowRight", "ArrowDown", "Enter", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    assert readout.inner_text().startswith("W1[2, 1] = ")
    assert "from c to h[1]" in readout.inner_text()
    number = read_number(readout.inner_text().partition(", from")[0])
    assert number == pytest.approx(networks.parameters[0].get_value()[2, 1], abs=1e-3)


def test_edges_show_size_and_sign(networks, page) -> None:
    drawn = (
        locate(page, 0)
        .locator("line.edge")
        .evaluate_all("lines => lines.map(l => [parseFloat(l.style.strokeWidth), l.style.strokeDasharray !== ''])")
    )
    W1, _, W2, _ = (v.get_value() for v in networks.parameters)
    weights = np.concatenate([W1.T.ravel(), W2.T.ravel()])  # edges are listed by the unit that they enter
    widths, dashes = np.array(drawn).T
    assert_equal(widths / widths[0], np.abs(weights / weights[0]), 1e-3)
    np.testing.assert_array_equal(dashes.astype(bool), weights < 0)


def test_wide_layers_are_one_box(page) -> None:
    view = locate(page, 5)
    assert view.locator("circle").count() == 3  # two outputs, and the mark of the chosen unit
    assert "wide is one box for 60 units" in view.locator(".net-legend").inner_text()


def test_heat_maps_tell_weights_and_gradients(networks, page) -> None:
    expected = networks.evaluate(
        pel.grad(networks.loss, list(networks.parameters)), {networks.X: networks.points, networks.y: networks.classes}
    )
    for values, array in zip(get_results(page, 1), expected, strict=True):
        assert_equal(values, array)
    view = locate(page, 1)
    view.locator("canvas").first.focus()
    for key in ("ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    text = view.locator(".readout").inner_text()
    assert text.startswith("W1[1, 1] = ")
    W1 = networks.parameters[0].get_value()
    assert read_number(text.partition(", gradient")[0]) == pytest.approx(W1[1, 1], abs=1e-3)
    assert read_number(text) == pytest.approx(expected[0][1, 1], abs=1e-4)


def test_cells_of_heat_maps_are_green_or_purple(networks, page) -> None:
    W1 = networks.parameters[0].get_value()
    colors = (
        locate(page, 1)
        .locator("canvas")
        .first.evaluate(
            """canvas => [0, 1, 2, 3].flatMap(i => [0, 1, 2].map(j => {
          const [red, green, blue] = canvas.getContext("2d").getImageData((j + .5) * canvas.width / 3, (i + .5) * canvas.height / 4, 1, 1).data;
          return green - (red + blue) / 2;
        }))"""  # noqa: E501
        )
    )
    large = np.abs(W1.ravel()) > 0.2
    np.testing.assert_array_equal(np.array(colors)[large] > 0, W1.ravel()[large] > 0)


def test_scales_stay_fixed_while_steps_are_shown(page) -> None:
    legend = locate(page, 1).locator(".signed-legend").first
    seen = []
    for step in (0, 5, STEPS):
        page.evaluate("step => document.querySelector('pellucid-figure').seek(step)", step)
        seen.append(legend.inner_text())
    page.evaluate("document.querySelector('pellucid-figure').seek(0)")
    assert legend.inner_text() == seen[-1] == seen[0]
    page.evaluate(f"document.querySelector('pellucid-figure').seek({STEPS})")


def test_features_are_set_and_explained(networks, page) -> None:
    view = locate(page, 2)
    for k, value in enumerate((0.5, -0.25, 1.0, -1.0)):
        view.locator("input[type=number]").nth(k).fill(str(value))
    prediction, saliency = get_results(page, 2)
    point = np.array([[0.5, -0.25, 1.0, -1.0]], "float32")
    logits = networks.h @ networks.parameters[2] + networks.parameters[3]
    expected = networks.evaluate([networks.p, pel.grad(logits.max(), networks.X)], {networks.X: point})
    assert_equal(prediction, expected[0])
    assert_equal(saliency, expected[1])
    view.filter(has_text=f"{100 * expected[0][0, 0]:.1f} %").wait_for()
    view.get_by_role("button", name="Next example").click()
    assert_equal(get_results(page, 2)[0], networks.evaluate([networks.p], {networks.X: networks.points[:1]}))


def test_images_have_predictions_reasons_and_feature_maps(networks, page) -> None:
    view = locate(page, 3)
    view.get_by_role("button", name="Next").click()
    prediction, saliency, *maps = get_results(page, 3)
    expected = networks.evaluate(
        [pel.softmax(networks.scores), pel.grad(networks.scores.max(), networks.x), *networks.maps],
        {networks.x: networks.images[1:2]},
    )
    for found, array in zip((prediction, saliency, *maps), expected, strict=True):
        assert_equal(found, array)
    verdict = "correctly" if expected[0].argmax() == 1 else "wrongly"
    view.filter(has_text=f"Image 2 of 4: class 1, predicted {verdict}.").wait_for()
    assert "K1 2 maps of 6 × 6" in view.inner_text().replace("\n", " ")
    view.locator(".maps canvas").first.focus()
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert "Kernel of map 1; bias" in view.inner_text()


def test_sequences_are_shown_step_by_step(networks, page) -> None:
    view = locate(page, 4)
    x = networks.sequences[0].copy()
    for values, array in zip(get_results(page, 4), [x, *networks.evaluate([networks.state, networks.o], {networks.s: x})], strict=True):  # fmt: skip  # noqa: E501
        assert_equal(values, array)
    view.locator("canvas").first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "Enter"):  # the second input at time step 2
        page.keyboard.press(key)
    x[2, 1] = 1 - x[2, 1]
    changed = networks.evaluate([networks.state, networks.o], {networks.s: x})
    for values, array in zip(get_results(page, 4), [x, *changed], strict=True):
        assert_equal(values, array)
    view.filter(has_text="Changed sequence").wait_for()
    numbers = [cell.split("state")[0] for cell in view.locator("table .cells span").all_text_contents()]
    assert_equal([read_number(n) for n in numbers], changed[0][2], 0.006)


def test_views_are_described_in_words(networks, page) -> None:
    W1 = networks.parameters[0].get_value()
    i, j = np.unravel_index(np.abs(W1).argmax(), W1.shape)
    page.locator("details.words p", has_text="The largest weight of W1").wait_for(state="attached")
    words = page.locator("details.words p").evaluate_all("all => all.map(p => p.textContent)")
    assert f"The largest weight of W1 goes from {'abcd'[i]} to h[{j}]" in words[0]
    assert f"{(W1 > 0).sum()} of 12 numbers are positive" in words[1]
    assert "Predicted: " in words[3]


def test_pages_are_accessible_and_fit_on_a_phone(page, check_with_axe, check_on_a_phone) -> None:
    check_with_axe(page)
    check_on_a_phone(page)


# In Python ------------------------------------------------------------------------------------------------------------


def test_layers_have_the_names_of_their_outputs(networks) -> None:
    layers = find_dense_layers(networks.loss)
    assert [(x.name, x.activation) for x in layers] == [("h", "tanh"), ("p", "softmax")]
    model = pel.Sequential([nn.Input((2,)), nn.Dense(3, activation="relu", name="first"), nn.Dense(1, name="second")])
    assert [(x.name, x.activation) for x in find_dense_layers(model.outputs[0])] == [
        ("first", "relu"),
        ("second", None),
    ]


def test_units_without_a_name_have_no_values_to_choose() -> None:
    """A layer is then called after its weights, whose numbers are others."""
    X = pel.matrix("X", ("n", 2))
    W1, W2 = pel.shared(np.ones((2, 3), "float32"), "W1"), pel.shared(np.ones((3, 2), "float32"), "W2")
    p = pel.named("p", pel.softmax(pel.tanh(X @ W1) @ W2))
    view = pel.live.network(pel.function([X], p))
    figure = pel.live.Figure(data={X: np.ones((4, 2), "float32")}, views=[view])
    [parts] = assemble_figure(figure).own["views"]
    assert [(x["name"], x["values"]) for x in parts["layers"]] == [("X", "X"), ("W1", None), ("p", "p")]


@pytest.mark.parametrize(
    ("compute", "name"),
    [
        (lambda z: z, None),
        (lambda z: 2 * z - 1, None),
        (lambda z: -z / 3, None),
        (lambda z: z.reshape(-1), None),
        (lambda z: z[:, 0], None),
        (lambda z: pel.relu(z), "relu"),
        (lambda z: pel.softmax(z), "softmax"),
        (lambda z: 2 * pel.tanh(z), "activation"),
        (lambda z: z * pel.sigmoid(z), "activation"),
        (lambda z: z * z, "activation"),
        (lambda z: 1 / z, "activation"),
    ],
)
def test_activations_are_named_and_linear_functions_are_none(compute, name) -> None:
    z = pel.matrix("x", shape=("n", 2)) @ pel.shared(np.ones((2, 2), "float32"), "W")
    assert find_activation(z, compute(z)) == name


def test_image_layers_end_with_their_activation() -> None:
    model = pel.Sequential(
        [
            nn.Input((8, 8, 1)),
            nn.Conv2D(2, 3, name="first"),
            nn.BatchNormalization(),
            nn.ReLU(),
            nn.AveragePooling2D(2),
            nn.SeparableConv2D(3, 2, name="second"),
        ]
    )
    [output] = pel.inference(model.outputs)
    layers = find_image_layers(output)
    names = [layer.name for layer in layers]
    assert names == ["first", "first, average pool", "second", "second"]
    assert layers[0].output.op.name == "relu"
    assert str(layers[0].bias) == "first/bias"


def test_columns_of_a_matrix_are_images() -> None:
    W = np.arange(2 * 3 * 4).reshape(6, 4)
    layout = make_tile_layout(W.shape, (2, 3))
    places = np.indices(layout["counts"]).reshape(4, -1).T @ layout["strides"]
    np.testing.assert_array_equal(W.ravel()[places].reshape(4, 2, 3), W.T.reshape(4, 2, 3))


def test_kernels_are_tiles_in_a_row_for_each_input() -> None:
    W = np.arange(3 * 2 * 4 * 5).reshape(3, 2, 4, 5)
    layout = make_tile_layout(W.shape)
    places = np.indices(layout["counts"]).reshape(4, -1).T @ layout["strides"]
    np.testing.assert_array_equal(W.ravel()[places].reshape(4, 5, 3, 2), W.transpose(2, 3, 0, 1))


x, X = pel.tensor4("x", ("n", 6, 6, 1)), pel.matrix("X", ("n", 4))
IMAGES = pel.function([x], pel.softmax(x.reshape((-1, 36))))
ROWS = pel.function([X], pel.softmax(X))
s = pel.matrix("s", (5, 2))
SEQUENCE = pel.function([s], pel.scan(lambda a, b: a + b, s, np.zeros(2, "float32")))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pel.live.image(IMAGES), "expected images, data of the figure for x, or pad=True"),
        (lambda: pel.live.image(IMAGES, labels=[1]), "expected images for the labels"),
        (lambda: pel.live.image(IMAGES, np.zeros((2, 5, 5, 1))), r"expected images of shape \(6, 6, 1\)"),
        (lambda: pel.live.image(IMAGES, np.zeros((2, 6, 6, 1)), [1, 2, 3]), "one label for each of 2 images"),
        (lambda: pel.live.image(IMAGES, pad=True, shape=(5, 5)), r"with 36 numbers.*shape=\(5, 5\)"),
        (lambda: pel.live.image(IMAGES, pad=True, value_range=(1, 0)), r"value_range=\(black, white\)"),
        (lambda: pel.live.image(ROWS, np.zeros((2, 3)), pad=True), r"expected images of shape \(4,\) for X"),
        (lambda: pel.live.feature_inputs(IMAGES), "a function of one matrix with a row for each sample"),
        (lambda: pel.live.feature_inputs(ROWS, np.zeros((2, 3))), r"examples of shape \(n, 4\) for X"),
        (lambda: pel.live.feature_inputs(ROWS, names=["a"]), "expected 4 different names. Received: 1"),
        (lambda: pel.live.feature_inputs(ROWS, ranges={"a": (0, 1)}), "Received: {'a': "),
        (lambda: pel.live.feature_inputs(ROWS, ranges={"x1": (1, 0)}), "minimum < maximum"),
        (lambda: pel.live.feature_inputs(ROWS, np.zeros((2, 4)), [1]), "one number for each example in labels"),
        (lambda: pel.live.sequence(ROWS), "expected examples, data of the figure for X, or an input of known size"),
        (lambda: pel.live.sequence(ROWS, examples=np.zeros((1, 5, 4))), "a function with a scan over 5 time steps"),
        (lambda: pel.live.sequence(SEQUENCE, examples=np.zeros((5, 2))), r"examples of shape \(m, steps, d\)"),
        (lambda: pel.live.sequence(SEQUENCE, names=["a"]), "expected 2 names. Received: 1"),
        (lambda: pel.live.sequence(SEQUENCE, states={"z": s.sum()}), "values at each of 5 time steps. Received: z"),
        (lambda: pel.live.network(IMAGES), "chains of fully connected layers"),
        (lambda: pel.live.heat_map(3), "expected shared variables such as W1"),
        (lambda: pel.live.heat_map(image_shape=(2,)), r"image_shape=\(height, width\)"),
    ],
)  # fmt: skip
def test_messages(make, message) -> None:
    with pytest.raises(pel.PellucidError, match=message):
        pel.live.Figure(views=[make()]).to_spec()


def test_images_of_a_heat_map_need_a_row_for_each_pixel() -> None:
    W = pel.shared(np.zeros((6, 2), "float32"), "W")
    with pytest.raises(pel.ShapeError, match=r"a matrix with 4 rows for image_shape=\(2, 2\). Received: W of shape"):
        pel.live.heat_map(W, image_shape=(2, 2))
