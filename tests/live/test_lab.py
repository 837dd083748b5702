"""Pages for a person's own data: data, split, networks and baselines as formulas, and the page itself."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.data import DataError, DataWarning
from pellucid.live.lab import lab, lab_figure, networks
from pellucid.live.lab.baselines import score_baselines
from pellucid.live.lab.division import divide_rows
from pellucid.live.lab.inputs import make_inputs
from pellucid.live.lab.networks import make_dense_network, set_initial_values
from pellucid.live.lab.row_order import count_places
from pellucid.live.lab.training_step import evaluate, make_training_step
from pellucid.live.lab.user_data import read_rows
from pellucid.live.module_plan import plan_modules
from pellucid.live.spec import assemble_figure
from pellucid.live.still import copy_variables, draw_still_pictures, run_training
from pellucid.live.views.numbers import Numbers

NAMES = ("sepal length", "sepal width", "petal length", "petal width", "species")
CONTROLS = {"rate": 0.3, "decay": 0.01, "noise": 0.0, "held_out": 0.3, "split": 1, "batch": 1024, "units": 4}
STEPS = 50


def read(data, **options):
    return read_rows(data, **{"target": None, "features": None, "task": None, "strict": False, **options})


def write_csv(path, header, rows):
    path.write_text("\n".join([",".join(header), *(",".join(map(str, row)) for row in rows)]) + "\n", "utf-8")
    return path


@pytest.fixture(scope="module")
def iris():
    """Iris flowers as scikit-learn has them."""
    from sklearn.datasets import load_iris

    return load_iris()


@pytest.fixture(scope="module")
def iris_csv(iris, tmp_path_factory):
    rows = [[*x, iris.target_names[y]] for x, y in zip(iris.data, iris.target, strict=True)]
    return write_csv(tmp_path_factory.mktemp("iris") / "iris.csv", NAMES, rows)


@pytest.fixture(scope="module")
def iris_rows(iris_csv):
    return read(iris_csv)


def choose_networks(patch, layers, activations):
    """Let pages have fewer networks: each takes a third of a second to compile."""
    patch.setattr(lab_figure, "LAYERS", layers)
    patch.setattr(lab_figure, "ACTIVATIONS", activations)
    patch.setattr(lab_figure, "DEFAULT", {"layers": 1, "activation": "tanh"})


@pytest.fixture
def one_network(monkeypatch):
    choose_networks(monkeypatch, (1,), ("tanh",))


def make_compute(inputs, rows, outputs):
    """Return a function that computes expressions of the lab for the data and values of the controls."""
    arguments = inputs.list_train_inputs(has_units=True)
    data = inputs.list_data(rows)
    f = pel.function(arguments, outputs, mode="numpy", on_unused_input="ignore")

    def compute(**controls):
        chosen = {**CONTROLS, **controls}
        return f(*(data[i] if i in data else np.asarray(chosen[i.name], i.dtype) for i in arguments))

    return compute


def compute(inputs, rows, outputs, **controls):
    return make_compute(inputs, rows, outputs)(**controls)


class TestRows:
    def test_principal_components_of_a_table(self, iris, iris_rows) -> None:
        from sklearn.decomposition import PCA

        rows = iris_rows
        expected = PCA(2).fit((iris.data - iris.data.mean(0)) / iris.data.std(0))
        assert rows.class_names == ("setosa", "versicolor", "virginica")
        assert (rows.target_name, rows.name, len(rows.X)) == ("species", "iris.csv", 150)
        np.testing.assert_allclose(rows.X.var(axis=0), expected.explained_variance_ * 149 / 150, rtol=1e-5)
        shares = [f"{share:.0%}" for share in expected.explained_variance_ratio_]
        assert f"They explain {shares[0]} and {shares[1]} of the variance" in rows.facts[1]
        assert rows.facts[2].startswith("Component 1 = 0.58 petal length + 0.56 petal width + 0.52 sepal length")

    def test_two_features_by_name(self, iris, iris_csv) -> None:
        rows = read(iris_csv, features=("petal width", "sepal length"))
        order = np.lexsort(rows.X.T)
        np.testing.assert_allclose(rows.X[order], iris.data[:, [3, 0]][np.lexsort(iris.data[:, [3, 0]].T)], rtol=1e-6)
        assert "The network sees petal width and sepal length. The other 2 columns are not used." in rows.facts

    def test_categories_are_features(self, tmp_path) -> None:
        table = [[i % 7, "town" if i % 3 else "land", i * 1.5] for i in range(30)]
        path = write_csv(tmp_path / "flats.csv", ("rooms", "place", "price"), table)
        rows = read(path, features=("rooms", "place = town"))
        assert rows.class_names == ()
        assert set(rows.X[:, 1]) == {0.0, 1.0}

    def test_cells_that_cannot_be_used_are_on_the_page(self, tmp_path) -> None:
        table = [[i / 2, "oops" if i == 7 else "" if i == 9 else i % 5, "ab"[i % 2]] for i in range(40)]
        path = write_csv(tmp_path / "bad.csv", ("a", "b", "label"), table)
        with pytest.warns(DataWarning, match=r"line 9, column 'b': expected a number, received 'oops'"):
            rows = read(path)
        assert "Missing numbers are replaced by the median of their column: 2 in b." in rows.facts
        where = "line 9, column 'b': expected a number, received 'oops'"
        assert f"bad.csv: treated 1 cell as missing: {where}." in rows.facts
        with pytest.raises(DataError, match=re.escape(f"bad.csv, {where}")):
            read(path, strict=True)

    def test_columns_that_are_left_out_are_on_the_page(self, tmp_path) -> None:
        table = [[i, i / 2, i % 5, "x", "ab"[i % 2]] for i in range(40)]
        rows = read(write_csv(tmp_path / "ids.csv", ("id", "a", "b", "c", "label"), table))
        assert "Columns that are left out: id (an identifier: it counts the rows), c (always 'x')." in rows.facts

    def test_names_of_a_data_frame(self) -> None:
        class Frame(np.ndarray):
            columns = ("height", "weight")

        X, y = pel.data.moons(40)
        rows = read((X.view(Frame), np.array(["up", "down"], object)[y]))
        assert rows.feature_names == ("height", "weight")
        assert rows.class_names == ("down", "up")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda X, y: (X[:, :1], y), "expected two or more features, received only 'x1'"),
            (lambda X, y: (X[:5], y[:5]), "expected 10 to 32,760 rows, received 5. Add rows"),
            (lambda X, y: (np.zeros((40_000, 2)), np.arange(40_000) % 2), "received 40,000. Use a part of them"),
            (lambda X, y: (X * [1, 0], y), "the feature 'x2' is always 0. Choose another with features"),
            (
                lambda X, y: (np.add(X, [0, 1e7]), y),
                r"the feature 'x2' varies by 0\.\d+ around 1e\+07, too little for float32",
            ),
            (lambda X, y: (np.stack([X, X], 1), y), r"expected X of shape \(rows, features\), received \(60, 2, 2\)"),
            (lambda X, y: (X, np.arange(60) % 12), "at most 10 classes, one for each color, received 12"),
            (lambda X, y: (X, X), "expected one number to predict, received 2"),
            (lambda X, y: (X, X[:, 0] * 0 + 0.5), "the target is always 0.5"),
            (lambda X, y: (np.where(X > 1.5, np.nan, X), y), "expected finite numbers in X, received nan at"),
            (
                lambda X, y: X,
                r"expected a table such as a CSV file, a built-in name such as 'moons', a pair \(X, y\), or a model",
            ),
        ],
    )
    def test_messages(self, change, message) -> None:
        with pytest.raises(pel.PellucidError, match=message):
            lab(change(*pel.data.moons(60, dtype="float64")))

    def test_messages_about_arguments(self, iris_csv) -> None:
        X, y = pel.data.moons(60)
        for options, message in [
            (
                {"features": "x1"},
                r"expected features=\(first, second\), two different columns. Received: features='x1'",
            ),
            ({"features": ("x1", "x1")}, "two different columns"),
            ({"features": (0, 5)}, "no feature 5. The features are 'x1', 'x2'"),
            ({"target": "x2"}, r"target='x2' names a column of a table. Of the arrays \(X, y\), y is the target"),
            ({"steps": 0}, "steps to be an integer of 1 or more"),
            ({"data": (X, y)}, "expected a model before the data. Received: tuple"),
        ]:
            with pytest.raises(pel.PellucidError, match=message):
                lab((X, y), **options)
        with pytest.raises(DataError, match=r"no feature 'petal widht'\. Did you mean 'petal width'"):
            lab(iris_csv, features=("petal length", "petal widht"))


class TestDivision:
    def test_splits_are_the_folds_of_a_cross_validation(self, iris_rows) -> None:
        rows = iris_rows
        inputs = make_inputs(rows, "float32")
        divide = make_compute(inputs, rows, divide_rows(inputs).weights)
        for fraction in (0.0, 0.2, 0.3, 0.8):
            seen = np.zeros(inputs.places)
            for split in (1, 2, 3):
                training, held_out = divide(held_out=fraction, split=split)
                np.testing.assert_array_equal(training + held_out, inputs.list_data(rows)[inputs.present])
                assert held_out.sum() == round(fraction * 150)
                counts = np.bincount(rows.y, weights=held_out[:150])
                assert np.ptp(counts) <= 1  # as many of each class
                seen += held_out
            assert seen.max() == (0 if fraction == 0 else 1 if fraction < 0.5 else 3), fraction

    def test_an_epoch_sees_each_training_row_once(self, iris_rows) -> None:
        rows = iris_rows
        inputs = make_inputs(rows, "float32")
        division = divide_rows(inputs)
        step = make_compute(inputs, rows, [*division.batch, division.weights[0], division.next_offset])
        for batch in (1, 16, 1024):
            seen = np.zeros(inputs.places)
            inputs.offset.set_value(0)
            steps = -(-105 // batch)
            for _ in range(steps):
                index, weight, training, offset = step(batch=batch, split=3)
                np.add.at(seen, index, weight)
                inputs.offset.set_value(offset)
            extra = steps * min(batch, 105) - 105
            assert seen.sum() == 105 + extra, batch
            assert set(seen[training == 0]) == {0}
            assert (seen[training == 1] >= 1).all()

    def test_at_least_one_row_is_for_training(self) -> None:
        X, y = pel.data.moons(10)
        rows = read((X, y))
        inputs = make_inputs(rows, "float32")
        data = inputs.list_data(rows)
        data[inputs.present][1:] = 0
        f = pel.function([inputs.present, inputs.held_out, inputs.split], divide_rows(inputs).weights, mode="numpy")
        training, held_out = f(data[inputs.present], np.float32(0.8), 2)
        assert (training.sum(), held_out.sum()) == (1, 0)

    def test_places(self) -> None:
        assert [count_places(n) for n in (10, 56, 57, 1016, 1017, 32_760)] == [64, 64, 128, 1024, 2048, 32_768]


class TestTraining:
    @pytest.mark.parametrize("activation", lab_figure.ACTIVATIONS)
    def test_unused_units_do_not_matter(self, activation, monkeypatch) -> None:
        """A network with 3 of 8 units trains like one that has 3."""
        rows = read(pel.data.moons(60))
        inputs = make_inputs(rows, "float64")
        wide = make_dense_network(inputs, 2, activation)
        set_initial_values(wide, inputs, 3)
        monkeypatch.setattr(networks, "WIDTH", 3)
        narrow = make_dense_network(replace(inputs, parameters={}), 2, activation)
        for a, b in zip(wide.parameters, narrow.parameters, strict=True):
            b.set_value(a.get_value()[tuple(slice(n) for n in b.storage.shape)])
        data = inputs.list_data(rows)
        arguments = inputs.list_train_inputs(has_units=True)
        values = {**CONTROLS, "noise": 0.1, "units": 3}
        values = [data[i] if i in data else np.asarray(values[i.name], i.dtype) for i in arguments]
        losses = [make_training_step(inputs, n).copy(mode="numpy") for n in (wide, narrow)]
        losses = [[float(step(*values)) for _ in range(20)] for step in losses]
        np.testing.assert_allclose(losses[0], losses[1], rtol=1e-9)
        assert losses[0][-1] < losses[0][0]
        for p in wide.parameters:
            outside = p.get_value().copy()
            outside[tuple(slice(3 if n == 8 else n) for n in outside.shape)] = 0
            assert not outside.any()

    def test_noise_moves_the_points(self) -> None:
        rows = read(pel.data.moons(200))
        inputs = make_inputs(rows, "float32")
        X, noisy = compute(inputs, rows, [inputs.X, inputs.noisy_X], noise=0.5)
        np.testing.assert_allclose((noisy - X)[:200].std(axis=0), 0.5 * rows.X.std(axis=0), rtol=0.15)

    def test_scores_and_held_out_loss(self, iris_rows) -> None:
        rows = iris_rows
        inputs = make_inputs(rows, "float32")
        network = make_dense_network(inputs, 1, "relu")
        set_initial_values(network, inputs, 4)
        named = evaluate(inputs, network)
        p, training, held_out, *found = compute(
            inputs, rows, [network.predict(inputs.noisy_X), *divide_rows(inputs).weights, *named.values()]
        )
        p, y, parts = p[:150], rows.y, [training[:150] > 0, held_out[:150] > 0]
        loss = -np.log(p[parts[1], y[parts[1]]]).mean()
        right = p.argmax(axis=1) == y
        np.testing.assert_allclose(found, [loss, right[parts[0]].mean(), right[parts[1]].mean()], rtol=1e-5)

    def test_numbers_are_predicted_in_their_units(self) -> None:
        X = np.random.default_rng(0).normal(size=(80, 2))
        rows = read((X, 1000 + 50 * X[:, 0]))
        inputs = make_inputs(rows, "float32")
        network = make_dense_network(inputs, 0, "linear")
        W = network.parameters[0]
        W.set_value(np.array([[1], [0]], "float32"))
        prediction, *scores = compute(
            inputs, rows, [network.predict(inputs.noisy_X), *evaluate(inputs, network).values()]
        )
        np.testing.assert_allclose(prediction[:80, 0], rows.y, rtol=1e-4)
        assert max(scores) < 0.1


class TestBaselines:
    def test_classes(self, iris_rows) -> None:
        """The baselines of every split are those of scikit-learn."""
        from sklearn.linear_model import LogisticRegression

        rows = iris_rows
        inputs = make_inputs(rows, "float32")
        division = divide_rows(inputs)
        scores = score_baselines(inputs, division)
        assert list(scores) == ["most frequent class", "logistic regression"]
        outputs = [inputs.noisy_X, *division.weights, *(e for pair in scores.values() for e in pair)]
        score = make_compute(inputs, rows, outputs)
        for split, noise in ((1, 0.0), (2, 0.5), (3, 0.0), (3, 0.5)):
            X, training, held_out, *found = score(split=split, noise=noise)
            z = (X[:150] - rows.X.mean(axis=0)) / rows.X.std(axis=0)
            parts = [training[:150] > 0, held_out[:150] > 0]
            majority = np.bincount(rows.y[parts[0]]).argmax()
            model = LogisticRegression().fit(z[parts[0]], rows.y[parts[0]])
            expected = [(rows.y[part] == majority).mean() for part in parts]
            expected += [model.score(z[part], rows.y[part]) for part in parts]
            np.testing.assert_allclose(found, expected, atol=1e-6, err_msg=f"split {split}, noise {noise}")

    def test_numbers(self) -> None:
        from sklearn.linear_model import LinearRegression

        rng = np.random.default_rng(1)
        X = rng.normal(size=(100, 2)) @ [[1, 0.9], [0, 0.3]]
        rows = read((X, 3 * X[:, 0] - X[:, 1] + rng.normal(size=100)))
        inputs = make_inputs(rows, "float64")
        division = divide_rows(inputs)
        scores = score_baselines(inputs, division)
        assert list(scores) == ["mean", "linear regression"]
        score = make_compute(inputs, rows, [*division.weights, *(e for pair in scores.values() for e in pair)])
        for split in (1, 2):
            training, held_out, *found = score(split=split)
            parts = [training[:100] > 0, held_out[:100] > 0]
            model = LinearRegression().fit(rows.X[parts[0]], rows.y[parts[0]])
            expected = [np.abs(rows.y[part] - rows.y[parts[0]].mean()).mean() for part in parts]
            expected += [np.abs(rows.y[part] - model.predict(rows.X[part])).mean() for part in parts]
            np.testing.assert_allclose(found, expected, rtol=1e-4, err_msg=f"split {split}")

    def test_equal_columns_have_a_linear_regression(self) -> None:
        x = np.linspace(0, 1, 40)
        rows = read((np.stack([x, x], axis=1), 2 * x + 0.01))
        inputs = make_inputs(rows, "float32")
        scores = score_baselines(inputs, divide_rows(inputs))["linear regression"]
        assert max(compute(inputs, rows, scores)) < 1e-3


class TestModels:
    @pytest.mark.parametrize(
        ("last", "targets"),
        [
            ([nn.Dense(2, activation="softmax")], "classes"),
            pytest.param([nn.Dense(1, activation="sigmoid")], "classes", marks=pytest.mark.slow),
            ([nn.Dropout(0.5), nn.Dense(1)], "numbers"),
        ],
    )
    def test_a_trained_model_is_step_0(self, last, targets) -> None:
        X, y = pel.data.moons(60)
        y = y if targets == "classes" else X[:, 0] * 2
        nn.set_random_seed(0)
        model = pel.Sequential([nn.Input((2,)), nn.Dense(5, activation="tanh"), *last], name="small")
        page = lab(model, (X, y), steps=20)
        assert [c.id for c in page.controls][:2] == ["rate", "decay"]
        inputs = make_inputs(page.rows, "float32")
        predictions = page.views[0].predict(page.rows.X.astype("float32"))
        np.testing.assert_allclose(predictions, model.predict(page.rows.X.astype("float32")), rtol=1e-5)
        copies = copy_variables(page.train)
        losses = run_training(page, page.train.copy(swap=copies, mode="numpy"))
        assert losses[-1] < losses[0]
        assert inputs.classes == (2 if targets == "classes" else 0)
        assert page.rows.facts[-1].startswith("Step 0 shows small as it was")

    @pytest.mark.parametrize(
        ("layers", "labels", "message"),
        [
            ([nn.Input((3,)), nn.Dense(2, activation="softmax")], 2, "one input of two features"),
            ([nn.Input((2,)), nn.Dense(2)], 2, "Received: 2 outputs of add. End the model with activation='softmax'"),
            (
                [nn.Input((2,)), nn.Dense(2, activation="softmax")],
                3,
                "predicts 2 classes, and the data have 3: 0, 1, 2",
            ),
        ],
    )
    def test_messages(self, layers, labels, message) -> None:
        X, _ = pel.data.moons(60)
        with pytest.raises(pel.PellucidError, match=message):
            lab(pel.Sequential(layers), (X, np.arange(60) % labels))

    def test_a_model_needs_data_and_parameters(self) -> None:
        model = pel.Sequential([nn.Input((2,)), nn.Dense(2, activation="softmax")])
        with pytest.raises(pel.OptionError, match="expected a model and its data"):
            lab(model)
        model.trainable = False
        with pytest.raises(pel.OptionError, match="with trainable parameters"):
            lab(model, pel.data.moons(60))


def list_keys(page):
    """Return the keys of the modules of a page without its view of numbers, whose arithmetic takes longest."""
    from pellucid.run.wasm.module_store import make_key

    for _, variant in page.variants:
        variant.views = [view for view in variant.views if not isinstance(view, Numbers)]
    parts = [assemble_figure(variant) for _, variant in page.variants]
    return [make_key(module) for module in plan_modules([p.functions.sources for p in parts]).modules]


@pytest.fixture(scope="module")
def keys_of_moons():
    with pytest.MonkeyPatch.context() as patch:
        choose_networks(patch, (1,), ("tanh",))
        return list_keys(lab(pel.data.moons(100)))


def test_modules_do_not_depend_on_the_data(keys_of_moons, one_network) -> None:
    assert list_keys(lab(pel.data.circles(110))) == keys_of_moons


def test_modules_depend_on_the_number_of_classes(keys_of_moons, one_network) -> None:
    assert set(list_keys(lab(pel.data.blobs(110)))).isdisjoint(keys_of_moons)


def test_arithmetic_is_found_once(one_network, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path))

    def assemble():
        return [assemble_figure(variant) for _, variant in lab(pel.data.moons(60)).variants]

    first = assemble()
    monkeypatch.setattr(Numbers, "build", None)
    assert [p.own for p in assemble()] == json.loads(json.dumps([p.own for p in first]))
    assert [p.functions.functions for p in assemble()] == [p.functions.functions for p in first]


def test_a_page_has_13_networks() -> None:
    page = lab(pel.data.moons(60))
    assert [when for when, _ in page.variants][:3] == [
        {"layers": 0},
        {"layers": 1, "activation": "tanh"},
        {"layers": 1, "activation": "relu"},
    ]
    assert len(page.variants) == 13
    assert page.train is dict(enumerate(figure.train for _, figure in page.variants))[5]  # 2 layers, tanh


PROBE = """
async (changes) => {
  const figure = document.querySelector("pellucid-figure");
  const { losses, values, steps } = await figure.retrain(changes, { record: "all" });
  const cells = Array.from(figure.shadowRoot.querySelectorAll(".scores td"), (cell) => cell.textContent);
  const captions = Array.from(figure.shadowRoot.querySelectorAll(".heat figcaption"), (c) => c.textContent);
  return { losses, values, cells, captions, text: figure.shadowRoot.querySelector(".scores").textContent };
}
"""


def read_cells(cells):
    return [float(re.sub("[ ,%]", "", cell)) / (100 if "%" in cell else 1) for cell in cells]


@pytest.fixture(scope="module")
def iris_page(iris_csv, open_page):
    """The lab of Iris with three networks, its size in bytes, its page, and the values of its controls."""
    path = iris_csv.with_name("lab.html")
    with pytest.MonkeyPatch.context() as patch:
        choose_networks(patch, (0, 1), ("tanh", "relu"))
        made = lab(iris_csv, steps=STEPS)
        made.save(path)
    page = open_page(path)
    return made, path.stat().st_size, page, page.evaluate("document.querySelector('pellucid-figure').state.controls")


def test_a_page_is_small(iris_page) -> None:
    assert iris_page[1] < 400_000


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, marks=pytest.mark.slow),
        {"split": 2, "noise": 0.5, "batch": 16, "units": 7, "seed": 0},
        {"layers": 0, "held_out": 0.5, "split": 2},
    ],
    ids=["initial controls", "noise and mini-batches", "no hidden layer"],
)
def test_losses_scores_and_baselines_of_a_page_are_those_of_python(iris_page, changes) -> None:
    """They depend on the split and the noise of the controls."""
    made, _, page, controls = iris_page
    found = page.evaluate(PROBE, {**controls, **changes})
    state = page.evaluate("document.querySelector('pellucid-figure').state.controls")
    when = {k: state[k] for k in (("layers", "activation") if state["layers"] else ("layers",))}
    figure = next(figure for chosen, figure in made.variants if chosen == when)
    check_page(found, state, figure, made.rows)
    units = state["units"]
    hidden = [f"W1 (2 × {units})", f"b1 ({units})", f"W2 ({units} × 3)", "b2 (3)"]
    assert found["captions"] == (hidden if state["layers"] else ["W1 (2 × 3)", "b1 (3)"])
    for label in ("units per layer", "units per layer, number", "activation"):
        assert page.get_by_label(label, exact=True).is_enabled() == (state["layers"] > 0)


def test_a_page_may_hold_out_no_rows(iris_page) -> None:
    _, _, page, controls = iris_page
    text = page.evaluate(PROBE, {**controls, "held_out": 0})["text"]
    assert "All 150 rows train the network." in text
    assert "–" in text


# Timers are due when the test says so: after the network has changed, and before the new one is trained.
CHANGE_NETWORK_WITH_TIMERS_PENDING = """
async ([values, layers]) => {
  const element = document.querySelector("pellucid-figure");
  const { figure } = element;
  const { setTimeout, clearTimeout, requestAnimationFrame } = window;
  const sleep = (milliseconds) => new Promise((done) => setTimeout.call(window, done, milliseconds));
  await element.retrain(values);
  // A picture sets a timer of 200 ms, which may draw the next one.
  do await sleep(250);
  while (figure.scheduled || !figure.frame.finished);
  const timers = new Map();
  let last = 1e6;
  window.setTimeout = (call, _, ...values) => (timers.set(++last, () => call(...values)), last);
  window.clearTimeout = (id) => timers.delete(id) || clearTimeout.call(window, id);
  window.requestAnimationFrame = () => 0;
  const runTimers = () => {
    const due = [...timers.values()];
    timers.clear();
    for (const call of due) call();
  };
  // Waits for the picture of the trained network, which is not drawn yet.
  const waitForPicture = async () => {
    while (!figure.incoming?.trained) {
      if (figure.incoming) runTimers(); // the training run continues when its picture is drawn
      await sleep(1);
    }
  };
  try {
    element.set({ noise: 0.1 });
    await waitForPicture();
    runTimers(); // draws the picture, so that the view of numbers waits for rest
    element.set({ noise: 0.2 });
    await waitForPicture(); // it is pending
    element.set({ layers });
    runTimers();
    await waitForPicture();
    runTimers();
  } finally {
    Object.assign(window, { setTimeout, clearTimeout, requestAnimationFrame });
  }
  return (await element.retrain({}, { record: "all" })).losses.length;
}
"""


def test_the_network_of_a_page_changes_while_pictures_are_pending(iris_page) -> None:
    _, _, page, controls = iris_page
    assert page.evaluate(CHANGE_NETWORK_WITH_TIMERS_PENDING, [controls, 0]) == STEPS
    assert page.evaluate("document.querySelector('pellucid-figure').state.controls.layers") == 0


# Work on the main thread delays the new network until the timers of the previous one are due.
CHANGE_NETWORK_AND_WORK = """
async () => {
  const figure = document.querySelector("pellucid-figure");
  for (const changes of [{ layers: 0 }, { layers: 1 }, { layers: 0 }]) {
    figure.set(changes);
    const start = performance.now();
    while (performance.now() < start + 300);
    await figure.retrain({});
  }
}
"""

# Without animation frames, a picture waits 200 ms to be drawn.
CHANGE_NETWORK_BEFORE_A_PICTURE = """
async (delay) => {
  const figure = document.querySelector("pellucid-figure");
  window.requestAnimationFrame = () => 0;
  for (const changes of [{ layers: 0 }, { layers: 1, units: 7 }, { layers: 0 }, { layers: 1, units: 6 }]) {
    figure.set({ noise: 0.1 });
    await new Promise((resolve) => setTimeout(resolve, delay));
    await figure.retrain(changes);
  }
}
"""


@pytest.mark.slow
def test_the_network_of_a_page_changes_while_the_page_is_busy(pages, iris_csv, monkeypatch) -> None:
    choose_networks(monkeypatch, (0, 1), ("tanh",))
    lab(iris_csv, steps=50).save(iris_csv.with_name("busy.html"))
    opened = pages.open(iris_csv.with_name("busy.html"))
    opened.evaluate(CHANGE_NETWORK_AND_WORK)
    for delay in (20, 60, 120, 180):
        opened.evaluate(CHANGE_NETWORK_BEFORE_A_PICTURE, delay)
    assert opened.evaluate("document.querySelector('pellucid-figure').state.controls.layers") == 1
    assert pages.errors == []


def check_page(found, state, figure, rows) -> None:
    inputs = make_inputs(rows, "float32")
    network = make_dense_network(inputs, state["layers"], state.get("activation", "linear"))
    set_initial_values(network, inputs, int(state["units"]))
    arguments = inputs.list_train_inputs(has_units=True)
    data = inputs.list_data(rows)
    values = [data[i] if i in data else np.asarray(state[i.name], i.dtype) for i in arguments]
    losses = make_training_step(inputs, network).copy(mode="numpy").repeat(STEPS, *values)
    np.testing.assert_allclose(found["losses"], losses, rtol=1e-4)
    scores = score_baselines(inputs, divide_rows(inputs))
    outputs = [*list(evaluate(inputs, network).values())[1:], *(e for pair in scores.values() for e in pair)]
    expected = compute(inputs, rows, outputs, **{i.name: state[i.name] for i in arguments if i not in data})
    np.testing.assert_allclose(read_cells(found["cells"]), expected, atol=0.0006)
    held_out = round(state["held_out"] * 150)
    assert f"{150 - held_out} rows train the network; {held_out} are held out" in found["text"]


@pytest.mark.slow
def test_a_page_of_1000_rows_is_small_and_10000_rows_work(pages, tmp_path, one_network) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10_000, 2))
    y = 50 * X[:, 0] * X[:, 1]
    path = tmp_path / "lab.html"
    lab((X, y), steps=100).save(path)
    opened = pages.open(path)
    found = opened.evaluate(PROBE, {"batch": 1024, "rate": 0.1})
    assert found["losses"][-1] < found["losses"][0]
    assert "7,000 rows train the network; 3,000 are held out" in found["text"]
    assert read_cells(found["cells"])[0] < read_cells(found["cells"])[2]


def test_still_pictures_have_no_free_places(one_network) -> None:
    page = lab(pel.data.moons(60), steps=50)
    page.train = page.train.copy(mode="numpy")
    assert page.title == "Prediction of the class"
    assert "of 60 points" in draw_still_pictures(page)[0].reading
