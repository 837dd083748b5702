"""Trained models as pages: predictions, feature maps and reasons equal Python's; drawings, files and bad input."""

from pathlib import Path

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.live import model_page

CLASSES = ["zero", "one", "two"]


def get_results(page):
    """Return the input of the network and its outputs in the page, as flat lists."""
    return page.evaluate(
        """async () => {
          const { figure } = document.querySelector("pellucid-figure");
          const [request] = figure.panels[0].requests(true);
          if (!request) return null;
          const results = await figure.evaluate([request]);
          return [...Object.values(request.args), ...results[request.id]].map(values => Array.from(values, Number));
        }"""
    )


def wait_for(page, text):
    page.locator("section.view", has_text=text).first.wait_for()


@pytest.fixture(scope="module")
def digits():
    """A small convolutional network on images of 12 x 12 pixels, and images of rings, lines and crosses."""
    nn.set_random_seed(0)
    layers = [
        nn.Input((12, 12, 1), name="pixels"),
        nn.Rescaling(1 / 255),
        nn.Conv2D(4, 3, padding="same", name="first"),
        nn.BatchNormalization(),
        nn.ReLU(),
        nn.MaxPooling2D(2),
        nn.Conv2D(6, 3, activation="relu", name="second"),
        nn.GlobalAveragePooling2D(),
        nn.Dropout(0.5),
        nn.Dense(3, name="scores"),
    ]
    model = pel.Sequential(layers)
    model.compile("adam", nn.losses.SparseCategoricalCrossentropy(from_logits=True))
    images = np.zeros((3, 12, 12, 1), "float32")
    images[0, 2:10, 3:9] = 255
    images[0, 4:8, 5:7] = 0
    images[1, 1:11, 5:7] = 255
    images[2, 5:7, 1:11] = images[2, 1:11, 5:7] = 255
    return model, images


@pytest.fixture(scope="module")
def open_model(open_page, tmp_path_factory):
    """A function that writes the page of a model and opens it."""

    def open_model(model, **options):
        path = tmp_path_factory.mktemp("page") / "model.html"
        model.to_page(path, **options)
        return open_page(path)

    return open_model


@pytest.fixture(scope="module")
def opened_digits(digits, open_model):
    model, images = digits
    return open_model(model, title="Shapes", examples=(images, np.arange(3)), class_names=CLASSES)


@pytest.fixture
def digits_page(opened_digits):
    opened_digits.bring_to_front()
    return opened_digits


def predict(model, x):
    return pel.function(model.inputs, pel.inference(model.outputs), mode="numpy")(np.array(x, "float32"))[0]


@pytest.fixture(scope="module")
def evaluate(digits):
    """A function that returns probabilities, the gradient of the winning score, and outputs of the layers drawn."""
    model, _ = digits
    [x], [scores] = model.inputs, pel.inference(model.outputs)
    stages = pel.inference([e for e in model.stages if e.ndim == 4])
    drawn = [stages[k] for k in (4, 5, 6)]  # after the activation, the pooling and the second convolution
    return pel.function([x], [pel.softmax(scores), pel.grad(scores.max(), x), *drawn], mode="numpy")


def test_an_example_has_the_numbers_of_python(digits, evaluate, digits_page) -> None:
    _, images = digits
    pixels, *found = get_results(digits_page)
    np.testing.assert_array_equal(pixels, images[0].ravel())
    for values, expected in zip(found, evaluate(images[:1]), strict=True):
        np.testing.assert_allclose(values, expected.ravel(), rtol=1e-5, atol=1e-5)
    wait_for(digits_page, "Image 1 of 3: zero")
    text = digits_page.locator(".view").inner_text()
    probabilities = evaluate(images[:1])[0][0]
    for name, p in zip(CLASSES, probabilities, strict=True):
        assert f"{name}\n{100 * p:.1f} %" in text
    assert "second 6 maps of 4 × 4" in text.replace("\n", " ")


def test_a_drawing_is_scaled_centered_and_predicted(evaluate, digits_page) -> None:
    pad = digits_page.locator(".pad canvas")
    box = pad.bounding_box()
    digits_page.mouse.move(box["x"] + 40, box["y"] + 30)
    digits_page.mouse.down()
    digits_page.mouse.move(box["x"] + 40, box["y"] + 130, steps=2)
    digits_page.mouse.up()
    pixels, *found = get_results(digits_page)
    drawn = np.reshape(pixels, (12, 12))
    rows, _ = np.nonzero(drawn > 127)
    assert rows.max() - rows.min() == 9  # as long as the longest line of the examples
    assert abs((drawn.sum(axis=0) * (np.arange(12) + 0.5)).sum() / drawn.sum() - 6) < 0.01
    for values, expected in zip(found, evaluate(drawn[None, ..., None].astype("float32")), strict=True):
        np.testing.assert_allclose(values, expected.ravel(), rtol=1e-4, atol=1e-5)
    wait_for(digits_page, "Drawing.")


def test_a_drawing_is_cleared(digits_page) -> None:
    digits_page.get_by_role("button", name="Clear").click()
    wait_for(digits_page, "Nothing is drawn yet.")
    assert get_results(digits_page) is None


def test_the_keyboard_draws(digits_page) -> None:
    pad = digits_page.locator(".pad canvas")
    pad.focus()
    for key in ("Space", *["ArrowDown"] * 6, "Space", *["ArrowLeft"] * 6):  # the pen is up at the end
        digits_page.keyboard.press(key)
    drawn = np.reshape(get_results(digits_page)[0], (12, 12))
    assert drawn.sum(axis=1).astype(bool).sum() > drawn.sum(axis=0).astype(bool).sum()  # a vertical line
    digits_page.keyboard.press("Control+z")
    assert get_results(digits_page) is None


def test_files_are_opened_or_refused(digits_page, tmp_path: Path) -> None:
    from PIL import Image

    ring = np.full((60, 90), 250, "uint8")
    ring[20:40, 50:80] = 10
    Image.fromarray(ring).save(tmp_path / "ring.png")
    Image.fromarray(np.full((9, 9), 200, "uint8")).save(tmp_path / "blank.png")
    (tmp_path / "notes.txt").write_text("no image")
    message = digits_page.locator(".view .image .message")

    def open_file(name):
        with digits_page.expect_file_chooser() as chooser:
            digits_page.get_by_role("button", name="Open an image").click()
        chooser.value.set_files(tmp_path / name)

    open_file("notes.txt")
    wait_for(digits_page, "notes.txt (text/plain) is not an image that this browser can read.")
    open_file("blank.png")
    wait_for(digits_page, "blank.png is one uniform area: there is nothing to recognize.")
    open_file("ring.png")
    wait_for(digits_page, "Drawing.")
    assert not message.is_visible()
    drawn = np.reshape(get_results(digits_page)[0], (12, 12))
    rows, columns = np.nonzero(drawn > 200)  # the dark figure on light paper is light on dark, and fills 10 columns
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (6, 10)


@pytest.fixture(scope="module")
def features(open_model):
    """A linear model of two features, and its page."""
    nn.set_random_seed(0)
    model = pel.Sequential([nn.Input((2,)), nn.Normalization(mean=[1.0, 2.0], variance=[4.0, 1.0]), nn.Dense(1)])
    return model, open_model(model, feature_names=["height", "weight"])


def test_features_have_boxes_a_prediction_and_slopes(features) -> None:
    model, page = features
    page.bring_to_front()
    boxes = page.locator("input[type=number]")
    assert [float(boxes.nth(k).get_attribute("min")) for k in range(2)] == [-5, -1]
    boxes.nth(1).fill("3.5")
    values, prediction, slopes = get_results(page)
    np.testing.assert_allclose(prediction, predict(model, [values])[0], rtol=1e-5)
    kernel = model.layers[-1].parameters[0].get_value()[:, 0]
    np.testing.assert_allclose(slopes, kernel / [2, 1], rtol=1e-5)


@pytest.fixture(scope="module")
def sequences(open_model):
    """A recurrent model of sequences of four steps, and its page."""
    nn.set_random_seed(0)
    model = pel.Sequential([nn.Input((4, 2)), nn.LSTM(3), nn.Dense(2, activation="softmax")])
    return model, open_model(model)


def test_sequences_have_boxes_and_a_prediction(sequences) -> None:
    model, page = sequences
    page.bring_to_front()
    page.locator("input[type=number]").nth(1).fill("1.5")
    x, *_, prediction = get_results(page)
    assert x == [0, 1.5, *[0] * 6]
    expected = predict(model, np.reshape(x, (1, 4, 2)))
    np.testing.assert_allclose(prediction, expected[0], rtol=1e-5)
    wait_for(page, f"{100 * expected[0, 0]:.1f} %")


# In Python ------------------------------------------------------------------------------------------------------------


def make(*layers):
    return pel.Sequential([*layers, nn.Dense(3, activation="softmax", name="last")], name="net")


ROW, PICTURE = nn.Input((2,)), nn.Input((8, 8, 1))
TWO = [nn.Input((2,)), nn.Input((2,))]


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (lambda: pel.Sequential([nn.Dense(2)], name="net"), {}, "net is not built"),
        (lambda: pel.Model(TWO, nn.Dense(1)(TWO[0] + TWO[1]), name="net"), {}, "one input and one output"),
        (lambda: make(ROW), {"class_names": ["a", "b"]}, "expected 3 class names, one for each class. Received: 2"),
        (lambda: make(ROW), {"examples": np.zeros((4, 3))}, r"examples of shape \(n, 2\). Received: shape \(4, 3\)"),
        (lambda: make(ROW), {"examples": np.zeros((0, 2))}, "expected examples of shape"),
        (lambda: make(ROW), {"examples": (np.zeros((4, 2)), [1])}, r"examples=\(x, y\) with one number in y"),
        (lambda: make(ROW), {"feature_names": ["a"]}, "expected 2 different names"),
        (lambda: make(nn.Input((784,))), {}, r"up to 100 features. Received: 784 .* pass image_shape=\(28, 28\)"),
        (lambda: make(nn.Input((784,))), {"image_shape": (28, 27)}, "with 784 numbers"),
        (lambda: make(nn.Input((6, 6, 2)), nn.Flatten()), {}, r"\(height, width, 3\) with 72 numbers"),
        (lambda: make(nn.Input((2, 2, 2, 2)), nn.Flatten()), {}, "images, rows of features or sequences"),
        (
            lambda: make(ROW, nn.Lambda(lambda x: pel.sort(x), name="sorted")),
            {},
            r"net.to_page: the layer sorted \(Lambda\) cannot be compiled for a web page: it uses sort. Replace",
        ),
    ],
)  # fmt: skip
def test_messages(model, options, message, tmp_path: Path) -> None:
    with pytest.raises(pel.PellucidError, match=message):
        model().to_page(tmp_path / "page.html", **options)
    assert not list(tmp_path.iterdir())


def test_large_models_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(model_page, "MAX_PARAMETER_BYTES", 10)
    with pytest.raises(pel.ModelError, match=r"at most 0 MB of parameters.*model.export\('model.onnx'\)"):
        make(ROW).to_page(tmp_path / "page.html")


def test_pixels_have_the_range_that_the_first_layer_expects() -> None:
    assert model_page.find_pixel_range(make(PICTURE, nn.Rescaling(1 / 255), nn.Flatten()), None) == (0, 255)
    assert model_page.find_pixel_range(make(PICTURE, nn.Normalization(None, 33.0, 6000.0), nn.Flatten()), None) == (
        0,
        255,
    )
    assert model_page.find_pixel_range(make(PICTURE, nn.Normalization(None, 0.1, 0.1), nn.Flatten()), None) is None
    assert model_page.find_pixel_range(make(PICTURE, nn.Flatten()), None) is None
