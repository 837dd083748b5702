"""Functional models: several inputs and outputs, tracing of layers, nested, shared, frozen and cloned layers."""

from typing import Any, NamedTuple

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.model.errors import ModelError
from pellucid.nn.optimizers import SGD

pytestmark = pytest.mark.usefixtures("interpret_functions")


def make_model(rate: float = 0.0) -> pel.Model:
    """Return a model with two inputs, a shared layer, a sum between layers, and two outputs."""
    nn.set_random_seed(5)
    left, right = nn.Input((3,), name="left"), nn.Input((3,), name="right")
    shared = nn.Dense(4, activation="tanh", name="shared")
    h = nn.Dropout(rate, name="drop")(shared(left) + shared(right))
    kind = nn.Dense(3, activation="softmax", name="kind")(h)
    size = nn.Dense(1, name="size", kernel_regularizer=nn.regularizers.L2(0.1))(h)
    return pel.Model([left, right], [kind, size])


@pytest.fixture
def data(rng: np.random.Generator) -> tuple[list[np.ndarray], list[np.ndarray]]:
    x = [rng.normal(size=(32, 3)).astype("float32") for _ in range(2)]
    return x, [rng.integers(0, 3, 32), rng.normal(size=(32, 1)).astype("float32")]


Data = tuple[list[np.ndarray], list[np.ndarray]]


def test_layers_and_parameters_are_found_in_the_graph() -> None:
    model = make_model()
    assert [layer.name for layer in model.layers] == ["shared", "drop", "kind", "size"]
    assert (model.input_names, model.output_names) == (["left", "right"], ["kind", "size"])
    assert [p.name for p in model.parameters] == [
        f"{name}/{part}" for name in ("shared", "kind", "size") for part in ("kernel", "bias")
    ]
    assert len(model.functional_graph.nodes) == 5
    assert model.get_layer("kind") is model.get_layer(index=2) is model.layers[2]
    assert model.get_layer("shared").built
    assert list(model.paths()) == [str(p.name) for p in model.parameters]


def test_losses_and_metrics_of_several_outputs(data: Data) -> None:
    model, (x, y) = make_model(), data
    model.compile(
        SGD(0.0),
        loss={"kind": "sparse_categorical_crossentropy", "size": "mse"},
        loss_weights={"size": 0.5},
        metrics={"kind": ["accuracy"], "size": ["mae"]},
    )
    found = model.evaluate(x, dict(zip(["kind", "size"], y, strict=True)), batch_size=16, return_dict=True)
    p, v = model.predict({"right": x[1], "left": x[0]})
    kind = -np.log(p[np.arange(32), y[0]]).mean()
    size = np.square(v - y[1]).mean()
    penalty = 0.1 * np.square(model.get_layer("size").get_weights()[0]).sum()
    wanted = {
        "loss": kind + 0.5 * size + penalty,
        "kind_loss": kind,
        "size_loss": size,
        "kind_accuracy": (p.argmax(1) == y[0]).mean(),
        "size_mae": np.abs(v - y[1]).mean(),
    }
    assert found == pytest.approx(wanted, rel=1e-5)
    history = model.fit(x, y, batch_size=16, validation_data=(x, y), seed=0).history
    assert list(history) == [*wanted, *(f"val_{name}" for name in wanted)]
    assert [history[name][0] for name in wanted] == pytest.approx(list(wanted.values()), rel=1e-5)


def test_an_output_may_have_no_loss(data: Data) -> None:
    model, (x, y) = make_model(), data
    model.compile(SGD(0.1), loss=[None, "mse"])
    before = model.get_layer("kind").get_weights()[0]
    assert list(model.fit(x, [None, y[1]]).history) == ["loss", "size_loss"]
    np.testing.assert_array_equal(before, model.get_layer("kind").get_weights()[0])
    with pytest.raises(ModelError, match=r"y\['kind'\]: the output kind has neither a loss nor a metric"):
        model.fit(x, y)


def test_fit_equals_a_function_of_its_expressions(data: Data) -> None:
    model, other, (x, y) = make_model(0.2), make_model(0.2), data
    model.compile(SGD(0.2), ["sparse_categorical_crossentropy", "mse"])
    model.fit(x, y, batch_size=8, epochs=2, shuffle=False)
    left, right = other.inputs
    t, v = pel.ivector("t", shape=("n",)), pel.matrix("v", shape=("n", 1))
    loss = (
        pel.losses.sparse_categorical_crossentropy(t, other.outputs[0]).mean()
        + pel.losses.mean_squared_error(v, other.outputs[1]).mean()
        + other.regularization()
    )
    step = pel.function([left, right, t, v], loss, updates=SGD(0.2).updates(loss), mode="numpy")
    batches = [a.reshape(4, 8, *a.shape[1:]) for a in (*x, *y)]
    for _ in range(2):
        step.over(*batches)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_a_model_is_a_layer(data: Data) -> None:
    inner, x = make_model(), data[0]
    a, b = nn.Input((3,), name="a"), nn.Input((3,), name="b")
    kind, size = inner({"right": b, "left": a})
    outer = pel.Model({"one": a, "two": b}, {"both": nn.Concatenate()([kind, size]), "kind": kind})
    assert [layer.name for layer in outer.layers] == [inner.name, outer.layers[1].name]
    assert outer.parameters == inner.parameters
    found = outer.predict({"one": x[0], "two": x[1]})
    assert list(found) == ["both", "kind"] == outer.output_names
    np.testing.assert_array_equal(found["kind"], inner.predict(x)[0])
    assert next(iter(outer.paths())) == "model/shared/kernel"


def test_shared_variables_between_layers_are_parameters(rng: np.random.Generator) -> None:
    x = pel.matrix("x", shape=("n", 2))
    w = pel.shared(rng.normal(size=(2, 3)).astype("float32"), "w")
    layer = nn.Dense(2, use_bias=False, name="out")
    h = layer(pel.tanh(x @ w))
    model = pel.Model(x, h @ layer.kernel.T)
    assert [p.name for p in model.parameters] == ["out/kernel", "w"]
    clone = model.clone(weights=True)
    assert [p.name for p in clone.paths().values()] == [f"{clone.layers[0].name}/kernel", "w"]
    assert not set(clone.parameters) & set(model.parameters)
    values = rng.normal(size=(5, 2)).astype("float32")
    np.testing.assert_array_equal(clone.predict(values), model.predict(values))
    model.compile(SGD(0.1), "mse")
    model.fit(values, np.zeros((5, 3)))
    assert not np.array_equal(clone.get_weights()[1], w.get_value())


def test_clones_share_nothing_and_train_identically(data: Data) -> None:
    model, (x, y) = make_model(0.3), data
    clone, fresh = model.clone(weights=True), pel.clone_model(model)
    assert not np.array_equal(fresh.get_weights()[0], model.get_weights()[0])
    assert list(clone.state()) == list(model.state())
    for each in (model, clone):
        each.compile(SGD(0.2), ["sparse_categorical_crossentropy", "mse"])
        each.fit(x, y, batch_size=16, seed=1)
    for a, b in zip(model.get_weights(), clone.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_layers_can_be_frozen_after_compile(rng: np.random.Generator) -> None:
    x = rng.normal(size=(20, 2)).astype("float32")
    norm, first = nn.BatchNormalization(), nn.Dense(3)
    model = pel.Sequential([nn.Input((2,)), first, norm, nn.Dense(1)])
    model.compile(SGD(0.1), "mse")
    model.fit(x, x[:, 0])
    before = [layer.get_weights() for layer in model.layers]
    first.trainable = norm.trainable = False
    model.fit(x, x[:, 0])
    after = [layer.get_weights() for layer in model.layers]
    for layer in (0, 1):  # the moving averages of a frozen normalization do not change either
        for a, b in zip(before[layer], after[layer], strict=True):
            np.testing.assert_array_equal(a, b)
    assert not np.array_equal(before[2][0], after[2][0])
    model.trainable = True
    model.fit(x, x[:, 0])
    assert not np.array_equal(after[0][0], first.get_weights()[0])
    assert not np.array_equal(after[1][2], norm.get_weights()[2])


def test_identity_layers_are_found() -> None:
    x = pel.matrix("x", shape=("n", 2))
    h = nn.Dense(2, name="d")(x)
    model = pel.Model(x, nn.Activation("linear", name="last")(nn.Dropout(0.0, name="none")(h)))
    assert [layer.name for layer in model.layers] == ["d", "none", "last"]
    assert model.output_names == ["last"]
    assert model(pel.matrix("z", shape=("m", 2))).shape == ("m", 2)


def test_several_results_and_keywords_of_layers(rng: np.random.Generator) -> None:
    nn.set_random_seed(1)
    x = nn.Input((4, 2), name="x")
    sequence, state = nn.SimpleRNN(3, return_sequences=True, return_state=True, name="encoder")(x)
    again = nn.SimpleRNN(3, name="decoder")(sequence, initial_state=[state])
    model = pel.Model(x, again)
    assert [layer.name for layer in model.layers] == ["encoder", "decoder"]
    other = model.clone(weights=True)
    values = rng.normal(size=(3, 4, 2)).astype("float32")
    np.testing.assert_array_equal(other.predict(values), model.predict(values))


class Pair(NamedTuple):
    """Two expressions."""

    left: Any
    right: Any


class Split(nn.Layer):
    """Returns a named tuple."""

    def call(self, x: Any) -> Any:
        return Pair(pel.tanh(x), 2 * x)


class Join(nn.Layer):
    """Takes a named tuple as a keyword."""

    def call(self, x: Any, pair: Any = None) -> Any:
        return x + pair.left - pair.right


def test_named_tuples_are_arguments_of_layers() -> None:
    x = nn.Input((3,), name="x")
    model = pel.Model(x, Join()(x, pair=Split()(x)))
    z = pel.matrix("z", shape=("m", 3))
    assert str(model(z)) == str(z + pel.tanh(z) - 2 * z)
    values = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(model.clone().predict(values), model.predict(values))


def test_a_chain_of_many_layers_is_traversed_without_recursion() -> None:
    x = h = pel.matrix("x", shape=("n", 1))
    for _ in range(3000):
        h = h + 1
    layer = nn.Activation("tanh", name="t")
    model = pel.Model(x, layer(h))
    assert model.layers == [layer]
    assert model(pel.matrix("z", shape=("m", 1))).shape == ("m", 1)


def test_summary_shows_connections(capsys: pytest.CaptureFixture[str]) -> None:
    make_model().summary()
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "layer output parameters operations from" in lines
    assert "left float32 (n, 3)" in lines
    assert [line.split()[-1] for line in lines if "(D" in line] == ["left", "right", "shared", "drop", "drop"]
    assert any(line.startswith("kind (Dense) float32 (n, 3) 15 ") for line in lines)
    assert lines[-1].startswith("36 parameters, 144 bytes")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x, y: pel.Model(x, x + y), r"the outputs depend on y, which is not among the inputs x"),
        (lambda x, y: pel.Model([x, pel.scalar("s")], x), r"inputs whose first axis is the batch.*x \(n, 2\), s \(\)"),
        (lambda x, y: pel.Model(x, [x, 3]), r"expected outputs to be an expression, or a list or a dict.* Received: 3"),
        (lambda x, y: pel.Model([], x), r"expected inputs to be an expression, or a list.* Received: \[\]"),
        (lambda x, y: make_model()(x), r"expected 2 inputs, left, right. Received: 1"),
        (lambda x, y: make_model()([x, y]), r"expected left of shape \(n, 3\). Received: x, of shape \(n, 2\)"),
        (lambda x, y: make_model()({"left": x, "rigth": y}), r"there is no input 'rigth'.* Did you mean 'right'"),
        (lambda x, y: make_model()({"left": x}), r"the input right is missing"),
        (lambda x, y: make_model().get_layer("knd"), r"has no layer 'knd'.* Did you mean 'kind'"),
        (lambda x, y: make_model().get_layer(index=9), r"has 4 layers, counted from 0. Received: index=9"),
        (lambda x, y: make_model().get_layer(), r"give either name or index"),
    ],
)
def test_invalid_models_are_rejected(make: Any, message: str) -> None:
    x, y = (pel.matrix(name, shape=("n", 2)) for name in "xy")
    with pytest.raises((ValueError, TypeError), match=message):
        make(x, y)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": {"knd": "mse"}}, r"loss: there is no output 'knd'.* Did you mean 'kind'.*Outputs: kind, size"),
        ({"loss": ["mse"]}, r"loss: expected one item for each of the 2 outputs, kind, size. Received: 1"),
        ({"loss": "mse", "metrics": ["acc"]}, r"metrics: expected one item for each of the 2 outputs"),
        ({"loss": [None, None]}, r"Expected a loss for at least one output. Received: none"),
        (
            {"loss": "mse", "loss_weights": 3},
            r"loss_weights: expected a dict or a list with one item for each.*Received: 3",
        ),
    ],
)
def test_invalid_arguments_of_compile_are_rejected(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        make_model().compile("sgd", **settings)


def test_data_that_do_not_match_are_rejected(data: Data) -> None:
    model, (x, y) = make_model(), data
    model.compile("sgd", ["sparse_categorical_crossentropy", "mse"])
    with pytest.raises(ModelError, match=r"Expected x to be a list or a dict with one array per input: left, right"):
        model.fit(x[0], y)
    with pytest.raises(
        ModelError, match=r"expected the same number of samples for every input. Received: 32 in left, 31 in right"
    ):
        model.fit([x[0], x[1][1:]], y)
    with pytest.raises(ModelError, match=r"target for every sample. Received: 32 in x and 31 in y\['size'\]"):
        model.fit(x, [y[0], y[1][1:]])
    with pytest.raises(ModelError, match=r"Expected y\['size'\] to hold a target for every sample. Received: None"):
        model.fit(x, {"kind": y[0]})
    with pytest.raises(pel.ShapeError, match=r"Received: x\['right'\] of shape \(32, 2\)"):
        model.predict([x[0], x[1][:, :2]])
