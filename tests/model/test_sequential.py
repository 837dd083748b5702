"""Sequential models: adding and removing layers, building, and errors."""

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.model.errors import ModelError


def make_small_model() -> pel.Sequential:
    return pel.Sequential([nn.Input((3,)), nn.Dense(4, activation="relu"), nn.Dense(2)])


def test_a_model_with_an_input_is_built() -> None:
    model = make_small_model()
    assert model.inputs[0].shape == ("n", 3)
    assert model.outputs[0].shape == ("n", 2)
    assert [p.shape for p in model.parameters] == [(3, 4), (4,), (4, 2), (2,)]
    assert len(model.layers) == 2


def test_calls_share_the_parameters() -> None:
    model = make_small_model()
    x = pel.matrix("x", shape=("m", 3))
    y = model(x)
    assert y.shape == ("m", 2)
    assert set(pel.parameters(y)) == set(model.parameters)
    values = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(pel.function([x], y)(values), model.predict(values))


def test_the_first_call_builds_a_model() -> None:
    model = pel.Sequential([nn.Dense(4), nn.Dense(2)])
    assert model.parameters == []
    assert model(pel.matrix("x", shape=("m", 5))).shape == ("m", 2)
    assert model.inputs[0].shape == ("n", 5)


def test_a_model_can_be_a_layer() -> None:
    inner = pel.Sequential([nn.Dense(4, activation="tanh", kernel_regularizer="l2"), nn.Dense(3)])
    outer = pel.Sequential([nn.Input((5,)), inner, nn.Dense(2, kernel_regularizer=nn.regularizers.L2(0.5))])
    assert len(outer.parameters) == 6
    assert outer.parameters[:4] == inner.parameters
    penalty = pel.function([], outer.regularization(), mode="numpy")()
    wanted = 0.01 * np.square(outer.get_weights()[0]).sum() + 0.5 * np.square(outer.get_weights()[4]).sum()
    np.testing.assert_allclose(penalty, wanted, rtol=1e-6)


def test_a_repeated_layer_has_its_parameters_once() -> None:
    layer = nn.Dense(3, kernel_regularizer="l2")
    model = pel.Sequential([nn.Input((3,)), layer, layer])
    assert len(model.parameters) == 2
    np.testing.assert_allclose(
        pel.function([], model.regularization(), mode="numpy")(),
        0.01 * np.square(model.get_weights()[0]).sum(),
        rtol=1e-6,
    )


def test_layers_can_be_added_later() -> None:
    model = make_small_model()
    x = np.ones((2, 3), "float32")
    before = model.predict(x)
    model.add(nn.Activation("softmax"))
    np.testing.assert_allclose(model.predict(x), np.exp(before) / np.exp(before).sum(1, keepdims=True), rtol=1e-5)


def test_predictions_have_no_dropout() -> None:
    model = pel.Sequential([nn.Input((2,)), nn.Dropout(0.5)])
    x = np.ones((50, 2), "float32")
    np.testing.assert_array_equal(model.predict(x), x)


def test_predictions_do_not_depend_on_the_batch_size(rng: np.random.Generator) -> None:
    model, x = make_small_model(), rng.normal(size=(7, 3)).astype("float32")
    whole = model.predict(x, batch_size=7)
    assert whole.shape == (7, 2)
    assert whole.dtype == np.float32
    for size in (1, 3, 1000):
        np.testing.assert_allclose(model.predict(x, batch_size=size), whole, rtol=1e-5, atol=1e-6)


def test_integer_samples_are_cast_in_the_program() -> None:
    model = make_small_model()
    x = np.arange(6, dtype=np.uint8).reshape(2, 3)
    np.testing.assert_array_equal(model.predict(x), model.predict(x.astype("float32")))


def test_weights_are_read_and_set() -> None:
    model, other = make_small_model(), make_small_model()
    other.set_weights(model.get_weights())
    x = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(model.predict(x), other.predict(x))


def test_weights_that_do_not_match_change_nothing() -> None:
    model = make_small_model()
    before = model.get_weights()
    with pytest.raises(pel.ShapeError, match=r"has 4 parameters. Received: values for 3"):
        model.set_weights(before[:3])
    with pytest.raises(pel.ShapeError, match=r"kernel has shape \(4, 2\). Received: a value of shape \(2, 4\)"):
        model.set_weights([before[0] + 1, before[1], before[2].T, before[3]])
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_summary_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    model = pel.Sequential([nn.Input((3072,), name="pixels"), nn.Dense(768, name="first"), nn.Dense(2, name="last")])
    model.summary()
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    # A product with a kernel takes two operations per weight, and the bias one per unit.
    assert ["first", "(Dense)", "float32", "(n,", "768)", "2,360,064", f"{2 * 3072 * 768 + 768:,}"] in lines
    total = 2 * 3072 * 768 + 768 + 2 * 768 * 2 + 2
    assert ["2,361,602", "parameters,", "9,446,408", "bytes,", f"{total:,}", "operations", "per", "sample"] in lines


def test_repr_names_the_layers() -> None:
    model = pel.Sequential([nn.Dense(2, name="first")], name="tiny")
    assert repr(model) == "<Sequential tiny: first>"
    assert repr(pel.Sequential(name="empty")) == "<Sequential empty: no layers>"


@pytest.mark.parametrize("use", ["inputs", "outputs"])
def test_use_before_build_is_rejected(use: str) -> None:
    with pytest.raises(ModelError, match=r"is not built.*nn.Input\(shape\)"):
        getattr(pel.Sequential([nn.Dense(2)]), use)


def test_summary_and_weights_before_build_are_rejected() -> None:
    model = pel.Sequential([nn.Dense(2)])
    for use in (model.summary, model.get_weights, lambda: model.set_weights([])):
        with pytest.raises(ModelError, match="is not built"):
            use()


def test_values_that_are_not_layers_are_rejected() -> None:
    with pytest.raises(TypeError, match=r"expected a layer. Received: .*Dense.*; write Dense\(...\)"):
        pel.Sequential([nn.Dense])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"Received: 'relu'; wrap a function in nn.Activation\(f\)"):
        pel.Sequential(["relu"])  # type: ignore[list-item]


def test_an_input_must_be_the_first_layer() -> None:
    with pytest.raises(
        ModelError, match=r"nn.Input must come first, and only once. Received: input_layer.* after <Dense"
    ):
        pel.Sequential([nn.Dense(2), nn.Input((3,))])
    with pytest.raises(ModelError, match=r"Received: input_layer.* after one"):
        pel.Sequential([nn.Input((3,), name="one"), nn.Input((3,))])


def test_a_layer_that_does_not_match_leaves_the_model_unchanged() -> None:
    model = make_small_model()
    with pytest.raises(pel.ShapeError):
        model.add(nn.Conv2D(2, 3))
    assert len(model.layers) == 2
    assert model.outputs[0].shape == ("n", 2)


def test_a_scalar_input_is_rejected() -> None:
    with pytest.raises(pel.ShapeError, match=r"an input with a batch axis. Received: x, a scalar"):
        pel.Sequential([nn.Dense(2)])(pel.scalar("x"))
