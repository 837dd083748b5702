"""Models agree with the same networks in other frameworks, planted errors are found, unsupported parts are named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.inspect.cross_framework import compare
from pellucid.inspect.layer_trace import disable_randomness
from tests.model.workshop import NETWORKS, branching

FUNCTIONAL = ["torch", "tensorflow"]


def test_disable_randomness() -> None:
    x = pel.matrix("x", shape=("n", 3))
    norm = nn.BatchNormalization(name="norm")
    network = norm(nn.GaussianNoise(0.1)(nn.Dropout(0.5)(pel.tanh(x))))
    assert disable_randomness([network])[0].unlabeled is norm(pel.tanh(x)).unlabeled
    assert disable_randomness([network])[0] is not pel.inference(network)


def test_invalid_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x, _ = NETWORKS["moons"]()
    with pytest.raises(
        pel.OptionError, match=r"Expected a framework: 'keras', 'torch', 'tensorflow'\. Did you mean 'torch'\?"
    ):
        model.compare_with("pytorch")
    with pytest.raises(pel.ModelError, match=r"Expected both x and y, or neither\. Received: only x"):
        model.compare_with("keras", x)
    with pytest.raises(
        pel.ModelError, match=r"expects a model with one output\. Received: two with 2; compare a model of each"
    ):
        branching().compare_with("keras")
    given = nn.Input((3,), name="given")
    loose = pel.Model(given, nn.Dense(1)(pel.tanh(nn.Dense(2, name="first")(given))), name="loose")
    loose.compile("sgd", "mse")
    with pytest.raises(
        pel.ModelError, match=r"expects a model that consists of layer calls\. Received: tanh.* of loose"
    ):
        loose.compare_with("torch")
    steps = nn.Input((4, 3), name="steps")
    states = pel.Model(steps, nn.LSTM(2, return_state=True, name="lstm")(steps)[2], name="states")
    states.compile("sgd", "mse")
    with pytest.raises(pel.ModelError, match=r"return one result\. Received: the layer lstm of states"):
        states.compare_with("torch")
    monkeypatch.setattr(compare, "find_spec", lambda name: None)
    with pytest.raises(
        pel.ModelError, match=r"keras is not installed\. Install it by pip install keras, or compare with torch or tens"
    ):
        model.compare_with("keras")


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "framework"),
    [
        *((n, f) for n in NETWORKS for f in FUNCTIONAL),
        *((n, "keras") for n in ("moons", "conv32", "images-cnn", "adder")),
    ],
)
def test_networks_agree_with_other_frameworks(name: str, framework: str) -> None:
    nn.set_random_seed(0)
    model, x, y = NETWORKS[name]()
    before = model.get_weights()
    found = model.compare_with(framework, x, y, steps=2, batch_size=4)
    assert found, found
    assert {"output", "loss", *(f"gradient of {p.name}" for p in model.parameters if p.trainable)} <= set(
        found.differences
    )
    assert max(d.max() for d in found.differences.values()) < 1e-4
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def make_member_layer() -> nn.EinsumDense:
    return nn.EinsumDense("bkf,kfo->bko", (3, 5), activation="tanh", bias_axes="ko")


LAYERS: dict[str, tuple[tuple[int, ...], list[Any]]] = {
    "lstm": ((5, 3), [lambda: nn.LSTM(4, return_sequences=True), lambda: nn.LSTM(3, go_backwards=True)]),
    "gru": ((5, 3), [lambda: nn.GRU(4)]),
    "same": ((7, 6, 2), [lambda: nn.Conv2D(3, (3, 2), strides=2, padding="same", activation="gelu"), nn.Flatten]),
    "groups": ((7, 6, 2), [lambda: nn.Conv2D(4, 3, dilation_rate=2, groups=2), nn.GlobalAveragePooling2D]),
    "pools": ((7, 2), [lambda: nn.MaxPooling1D(3, 2, padding="same"), nn.AveragePooling1D, nn.GlobalMaxPooling1D]),
    "members": ((4,), [lambda: nn.EinsumDense("bf,kf->bkf", (3, None)), make_member_layer, nn.GlobalAveragePooling1D]),
    "norms": ((4, 3), [nn.BatchNormalization, lambda: nn.Activation("elu"), nn.LayerNormalization, nn.Flatten]),
}


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("framework", ["keras", *FUNCTIONAL])
@pytest.mark.parametrize("case", LAYERS)
def test_layers_agree_with_other_frameworks(case: str, framework: str) -> None:
    nn.set_random_seed(0)
    shape, layers = LAYERS[case]
    model = pel.Sequential([nn.Input(shape), *(layer() for layer in layers), nn.Dense(2)])
    model.compile(nn.optimizers.Adam(0.01), "mse")
    found = model.compare_with(framework, steps=2)
    assert found, found


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("framework", FUNCTIONAL)
def test_piecewise_linear_encodings_agree_with_other_frameworks(framework: str) -> None:
    nn.set_random_seed(0)
    encoding = nn.PiecewiseLinearEncoding(edges=[[-1, 0, 0.5], [0.0], [-0.5, 0.5]])
    model = pel.Sequential([nn.Input((3,)), encoding, nn.Dense(2)])
    model.compile(nn.optimizers.Adam(0.01), "mse")
    found = model.compare_with(framework, steps=2)
    assert found, found


def graph() -> pel.Model:
    """Return a functional model with two inputs and a layer that is called twice."""
    image, age = nn.Input((6, 6, 1), name="image"), nn.Input((4,), name="age")
    same = nn.Dense(4, activation="tanh", kernel_regularizer=nn.regularizers.L2(0.01), name="same")
    maps = nn.Conv2D(3, 3, padding="same", name="conv")(image)
    around = nn.Add(name="sum")([maps, nn.BatchNormalization(name="norm")(maps)])
    a, b = same(nn.Dense(4, name="to4")(nn.GlobalAveragePooling2D()(around))), same(age)
    parts = [nn.Multiply()([a, b]), nn.Subtract()([a, b]), nn.Average()([a, b]), nn.Dropout(0.4)(a)]
    model = pel.Model([image, age], nn.Dense(3, activation="softmax", name="kind")(nn.Concatenate()(parts)), name="two")
    model.compile(nn.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    return model


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("framework", ["keras", *FUNCTIONAL])
def test_functional_model_agrees_with_other_frameworks(framework: str, given: bool) -> None:
    nn.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(9, 6, 6, 1)).astype("f4"), rng.normal(size=(9, 4)).astype("f4")]
    found = graph().compare_with(framework, *([x, np.arange(9) % 3] if given else []), steps=3, batch_size=4)
    assert found, found
    assert {"output", "loss", "gradient of same/kernel", "gradient of conv/kernel"} <= set(found.differences)


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("framework", FUNCTIONAL)
def test_planted_error_is_found_in_its_tensor(framework: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from pellucid.inspect.cross_framework import layer_formulas

    dense = layer_formulas.FORMULAS["Dense"]
    monkeypatch.setitem(layer_formulas.FORMULAS, "Dense", lambda f, layer, w, x: dense(f, layer, w, x) * (1 + 1e-3))
    model, x, y = NETWORKS["logistic"]()
    found = model.compare_with(framework, x, y)
    assert not found
    assert found.largest_difference_of("gradient of line/kernel").size > 1e-4
    assert "differ from step 1" in str(found)


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("framework", ["keras", *FUNCTIONAL])
def test_unsupported_parts_are_named(framework: str) -> None:
    model = pel.Sequential(
        [nn.Input((4,)), nn.Maxout(2, name="most"), nn.Dense(1, activation=lambda x: x**2, name="odd")]
    )
    model.compile(nn.optimizers.Lion(), "mse")
    names = "most, a Maxout .*; odd, a Dense" if framework == "keras" else "most, a Maxout .*; its optimizer"
    with pytest.raises(pel.ModelError, match=f"cannot be built in .*Unsupported there: {names}"):
        model.compare_with(framework)
