"""Tests of layers: formulas, gradients, parameters, names and error messages."""

import copy
import inspect
import re
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn

MODES = ["numpy", "xla"]


def run(inputs: list[Any], output: Any, values: list[Any], mode: str) -> Any:
    return pel.function(inputs, output, mode=mode)(*values)


@pytest.mark.parametrize("mode", MODES)
def test_dense_agrees_with_its_formula(rng: np.random.Generator, mode: str) -> None:
    x = pel.matrix("x", shape=("n", 4))
    layer = nn.Dense(3, activation="tanh", bias_initializer="ones")
    value = rng.normal(size=(5, 4)).astype("float32")
    result = run([x], layer(x), [value], mode)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, np.tanh(value @ layer.kernel.get_value() + 1), rtol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_dense_applies_to_the_last_axis(rng: np.random.Generator, mode: str) -> None:
    x = pel.tensor3("x", shape=("n", "t", 4))
    layer = nn.Dense(3, use_bias=False)
    value = rng.normal(size=(2, 5, 4)).astype("float32")
    result = run([x], layer(x), [value], mode)
    assert layer(x).shape == ("n", "t", 3)
    np.testing.assert_allclose(result, value @ layer.kernel.get_value(), rtol=1e-4, atol=1e-6)


def iterate_windows(x: Any, size: tuple[int, int], strides: tuple[int, int], rate: tuple[int, int] = (1, 1)) -> Any:
    """Yield the position of each window in the result and its values, (batch, rows, columns, channels)."""
    reach = [(k - 1) * r + 1 for k, r in zip(size, rate, strict=True)]
    for i, a in enumerate(range(0, x.shape[1] - reach[0] + 1, strides[0])):
        for j, b in enumerate(range(0, x.shape[2] - reach[1] + 1, strides[1])):
            yield (i, j), x[:, a : a + reach[0] : rate[0], b : b + reach[1] : rate[1], :]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("settings", "border"),
    [
        ({}, ((0, 0), (0, 0))),
        ({"padding": "same"}, ((1, 1), (0, 1))),
        ({"padding": "same", "strides": 2}, ((1, 1), (0, 0))),
        ({"dilation_rate": (2, 1), "strides": (1, 2)}, ((0, 0), (0, 0))),
    ],
)
def test_conv2d_agrees_with_its_formula(rng: np.random.Generator, mode: str, settings: Any, border: Any) -> None:
    x = pel.tensor4("x", shape=("n", 7, 6, 2))
    layer = nn.Conv2D(3, (3, 2), activation="relu", bias_initializer="random_normal", **settings)
    value = rng.normal(size=(2, 7, 6, 2)).astype("float32")
    result = run([x], layer(x), [value], mode)
    kernel, bias = (p.get_value() for p in layer.parameters)
    wide = np.pad(value, ((0, 0), *border, (0, 0)))
    wanted = np.zeros_like(result)
    for (i, j), window in iterate_windows(wide, (3, 2), layer.strides, layer.dilation_rate):
        wanted[:, i, j] = np.maximum(np.einsum("nabc,abcf->nf", window, kernel) + bias, 0)
    assert result.dtype == np.float32
    assert result.shape == (2, *layer(x).shape[1:])
    np.testing.assert_allclose(result, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("strides", [None, 1, (2, 1)])
def test_max_pooling_agrees_with_its_formula(rng: np.random.Generator, mode: str, strides: Any) -> None:
    x = pel.tensor4("x", shape=("n", 7, 6, 2))
    layer = nn.MaxPooling2D((3, 2), strides=strides)
    value = rng.normal(size=(2, 7, 6, 2)).astype("float32")
    result = run([x], layer(x), [value], mode)
    for (i, j), window in iterate_windows(value, (3, 2), layer.strides):
        np.testing.assert_array_equal(result[:, i, j], window.max(axis=(1, 2)))
    assert result.shape == (2, *layer(x).shape[1:])


def test_max_pooling_with_same_padding(rng: np.random.Generator) -> None:
    x = pel.tensor4("x", shape=("n", 5, 5, 1))
    value = -1 - rng.random((1, 5, 5, 1)).astype("float32")
    result = run([x], nn.MaxPooling2D(2, padding="same")(x), [value], "numpy")
    assert result.shape == (1, 3, 3, 1)
    assert result.max() < 0  # padding is never the maximum
    assert result[0, 2, 2, 0] == value[0, 4, 4, 0]


@pytest.mark.parametrize("mode", MODES)
def test_flatten_and_reshape(rng: np.random.Generator, mode: str) -> None:
    x = pel.tensor3("x", shape=("n", 4, 3))
    value = rng.normal(size=(2, 4, 3)).astype("float32")
    np.testing.assert_array_equal(run([x], nn.Flatten()(x), [value], mode), value.reshape(2, 12))
    np.testing.assert_array_equal(run([x], nn.Reshape((2, -1))(x), [value], mode), value.reshape(2, 2, 6))
    assert nn.Flatten()(pel.vector("v", shape=("n",))).shape == ("n", 1)


@pytest.mark.parametrize("mode", MODES)
def test_activation_is_a_layer(rng: np.random.Generator, mode: str) -> None:
    x = pel.matrix("x", shape=("n", 3))
    value = rng.normal(size=(2, 3)).astype("float32")
    np.testing.assert_allclose(
        run([x], nn.Activation("leaky_relu")(x), [value], mode), np.where(value > 0, value, np.float32(0.2) * value)
    )
    assert nn.Activation(lambda e: e + 1)(x).unlabeled is x + 1


@pytest.mark.parametrize("mode", MODES)
def test_dropout_rate_and_mean(mode: str) -> None:
    x = pel.matrix("x", shape=("n", 100))
    f = pel.function([x], nn.Dropout(0.25, seed=3)(x), mode=mode)
    value = np.ones((200, 100), "float32")
    first, second = f(value), f(value)
    assert sorted(np.unique(first)) == pytest.approx([0, 4 / 3])
    assert (first == 0).mean() == pytest.approx(0.25, abs=0.01)
    assert (first != second).any()
    assert (first == pel.function([x], nn.Dropout(0.25, seed=3)(x), mode="numpy")(value)).all()


def test_inference_removes_dropout() -> None:
    x = pel.matrix("x", shape=("n", 3))
    dense, dropout = nn.Dense(2), nn.Dropout(0.5)
    assert pel.inference(dense(dropout(x))) is dense(x).unlabeled
    assert pel.simplify(nn.Dropout(0)(x)) is x


def test_dropout_uses_one_mask_for_value_and_gradient() -> None:
    x = pel.matrix("x", shape=("n", 50))
    y = nn.Dropout(0.5)(x)
    value, gradient = pel.function([x], [y, pel.grad(y.sum(), x)], mode="numpy")(np.ones((2, 50), "float32"))
    np.testing.assert_array_equal(value, gradient)
    assert set(np.unique(value)) == {0.0, 2.0}


def test_each_dropout_has_a_separate_stream() -> None:
    x = pel.matrix("x", shape=("n", 64))
    layer = nn.Dropout(0.5)
    a, b, c = pel.function([x], [layer(x), layer(x), nn.Dropout(0.5)(x)], mode="numpy")(np.ones((1, 64), "float32"))
    assert (a != b).any()
    assert (a != c).any()
    assert (b != c).any()
    assert layer.generator.state.name == f"{layer.name}/state"


def test_gradients_agree_with_finite_differences(rng: np.random.Generator, check_gradients: Any) -> None:
    x = pel.tensor("x", ("n", 6, 5, 2), "float64")
    layers = [
        nn.Conv2D(3, 2, padding="same", activation="tanh", bias_initializer="random_normal"),
        nn.MaxPooling2D(2),
        nn.Conv2D(2, (2, 1), strides=(1, 2), activation="sigmoid", kernel_regularizer="l2"),
        nn.Flatten(),
        nn.Dense(3, activation="softmax", kernel_regularizer=nn.regularizers.L1L2(0.1, 0.2), bias_regularizer="l2"),
    ]
    h = x
    for layer in layers:
        h = layer(h)
    loss = (h * np.arange(3.0)).sum() + sum(layer.regularization() for layer in layers)
    check_gradients(loss, pel.parameters(h), [x], [rng.normal(size=(2, 6, 5, 2))])


def test_parameters_are_named_tagged_and_created_once() -> None:
    x = pel.matrix("x", shape=("n", 4))
    layer = nn.Dense(3, name="hidden")
    assert layer.parameters == []
    first = layer(x)
    kernel, bias = layer.parameters
    assert (kernel.name, bias.name) == ("hidden/kernel", "hidden/bias")
    assert (kernel.regularizable, bias.regularizable) == (True, False)
    assert layer(x) is first
    assert layer.parameters[0] is kernel
    other = layer(pel.matrix("other", shape=("m", 4)))
    assert set(pel.parameters([first, other])) == {kernel, bias}


def test_automatic_names_are_numbered_like_in_keras() -> None:
    names = [nn.MaxPooling2D().name for _ in range(2)]
    assert re.fullmatch(r"max_pooling2d(_\d+)?", names[0])
    assert names[1] == f"max_pooling2d_{int((names[0].rsplit('2d')[1] or '_0')[1:]) + 1}"
    assert nn.SimpleRNN(1).name.startswith("simple_rnn")
    assert nn.Conv2D(1, 1).name.startswith("conv2d")
    assert nn.Input((1,)).name.startswith("input_layer")


def test_dtypes_follow_the_input() -> None:
    assert nn.Dense(2)(pel.matrix("x", shape=("n", 3), dtype="float64")).dtype == np.float64
    assert nn.Dense(2)(pel.matrix("x", shape=("n", 3), dtype="int32")).dtype == np.float32
    bytes_in = pel.tensor4("x", shape=("n", 4, 4, 1), dtype="uint8")
    layer = nn.Conv2D(2, 3)
    assert layer(bytes_in).dtype == layer.kernel.dtype == np.float32
    assert nn.Flatten()(bytes_in).dtype == np.uint8


def test_the_batch_may_be_unknown(rng: np.random.Generator) -> None:
    x = pel.tensor4("x", shape=(None, 6, 6, 1))
    h = nn.Dense(2, activation="softmax")(nn.Flatten()(nn.MaxPooling2D()(nn.Conv2D(2, 3)(x))))
    f = pel.function([x], h, mode="numpy")
    for n in (1, 3):
        assert f(rng.random((n, 6, 6, 1), "float32")).shape == (n, 2)


def test_input() -> None:
    image = nn.Input((8, 8, 3), dtype="uint8", name="image")
    assert (image.shape, image.dtype, image.name) == (("n", 8, 8, 3), np.uint8, "image")
    assert nn.Flatten()(image).shape == ("n", 192)
    assert nn.Input((None, 2), batch_size=5).shape[0] == 5


def test_regularization_is_the_sum_of_penalties() -> None:
    layer = nn.Dense(2, kernel_regularizer=nn.regularizers.L2(0.5), bias_initializer="ones", bias_regularizer="l1")
    assert layer.regularization() == 0.0
    layer(pel.matrix("x", shape=("n", 3)))
    value = pel.function([], layer.regularization(), mode="numpy")()
    assert value == pytest.approx(0.5 * (layer.kernel.get_value() ** 2).sum() + 0.02, rel=1e-5)


def test_custom_layer() -> None:
    class Scale(nn.Layer):
        def build(self, x: Any) -> None:
            self.factor = self.parameter("factor", (), nn.initializers.Constant(3), x)

        def call(self, x: Any) -> Any:
            return x * self.factor

    x = pel.vector("x")
    layer = Scale()
    assert pel.function([x], layer(x), mode="numpy")([1.0, 2.0]).tolist() == [3, 6]
    assert re.fullmatch(r"scale(_\d+)?/factor", layer.parameters[0].name or "")


@pytest.mark.parametrize("initializer", ["ones", 1.0, np.ones(3), np.ones, nn.initializers.Ones()])
def test_parameters_of_custom_layers_take_all_kinds_of_initial_values(initializer: Any) -> None:
    class Scale(nn.Layer):
        def build(self, x: Any) -> None:
            self.factor = self.parameter("factor", (3,), initializer, x)

        def call(self, x: Any) -> Any:
            return x * self.factor

    layer = Scale()
    layer(pel.matrix("x", shape=("n", 3)))
    np.testing.assert_array_equal(layer.factor.get_value(), np.ones(3, "float32"))


def test_initial_values_of_custom_layers_are_suggested_by_name() -> None:
    class Scale(nn.Layer):
        def build(self, x: Any) -> None:
            self.factor = self.parameter("factor", (), "onse", x)

    with pytest.raises(ValueError, match=r"onse.*Did you mean.*ones"):
        Scale()(pel.vector("x"))


X = pel.matrix("x", shape=("n", 4))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: nn.Dense(2, name="a")(pel.vector("v")), r"a: expected an input \(batch, ..., features\)"),
        (lambda: nn.Dense(2, name="a")(pel.matrix("v")), r"whose last axis has a known length. Received: v, of shape"),
        (lambda: nn.Conv2D(2, 3, name="c")(X), r"c: expected an input of 4 axes. Received: x, of shape \(n, 4\)"),
        (lambda: nn.MaxPooling2D(name="m")(X), "m: expected an input of 4 axes"),
        (lambda: nn.SimpleRNN(2, name="r")(X), "r: expected an input of 3 axes"),
        (lambda: nn.Flatten(name="f")(pel.tensor3("t", shape=("n", None, 3))), "f: expected .* known lengths"),
        (lambda: nn.Dense(0, name="a"), "a: expected units to be an integer of 1 or more. Received: units=0"),
        (lambda: nn.Conv2D(2.5, 3, name="c"), "c: expected filters to be an integer"),
        (lambda: nn.Conv2D(2, (3, 3, 3)), "expected kernel_size to be"),
        (lambda: nn.Dropout(1.0, name="d"), "d: expected a rate of 0 or more and below 1. Received: rate=1.0"),
        (lambda: nn.Dropout(0.5, seed=-1), "Expected seed to be an integer of 0 or more"),
        (lambda: nn.Dense(2, activation="sofmax"), "no activation named 'sofmax'. Did you mean 'softmax'?"),
        (lambda: nn.Dense(2, kernel_initializer="glorot"), "no initializer named 'glorot'. Use 'glorot_uniform'"),
        (lambda: nn.Dense(2, kernel_regularizer="l3"), "no regularizer named 'l3'. Known: l1, l1_l2, l2"),
        (
            lambda: nn.Dense(2, name="a", kernel_initializer=lambda shape, dtype: np.zeros(3))(X),
            r"a: its kernel has shape \(4, 2\). Received: a value of shape \(3,\)",
        ),
        (lambda: nn.Dense(1, activation="softmax")(X), "A softmax of one element is always 1.*Use a sigmoid"),
        (lambda: nn.Reshape((3, 2))(X.reshape("n", 4)), "reshape"),
        (lambda: nn.Permute(2, name="p"), "p: expected dims to be a permutation of the axes from 1 to 1"),
        (lambda: nn.Permute((1, "b"), name="p"), "p: expected dims to be an integer, or several. Received: dims="),
    ],
)
def test_invalid_arguments_and_inputs_are_rejected(write: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write()


def test_other_features_at_the_second_call_are_rejected() -> None:
    layer = nn.Dense(2, name="shared")
    layer(X)
    with pytest.raises(
        pel.ShapeError, match=r"shared: its parameters were made for inputs whose last axis is 4. .*create a new"
    ):
        layer(pel.matrix("y", shape=("n", 5)))
    assert layer(pel.matrix("unknown")).shape[1] == 2


def test_a_layer_without_call_is_rejected() -> None:
    with pytest.raises(NotImplementedError, match="Layer does not implement call"):
        nn.Layer()(X)


def test_a_misspelled_layer_has_a_hint() -> None:
    misspelled = "Dens"
    with pytest.raises(AttributeError, match=r"pellucid\.nn has no 'Dens'\. Did you mean 'Dense'\?"):
        getattr(nn, misspelled)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: nn.Dense(3, activaton="relu"), "^Dense takes no argument 'activaton'. Did you mean 'activation'"),
        (lambda: nn.Dense(3, dtype="float64"), "'dtype'. A layer computes in the dtype of its input: nn.Input"),
        (lambda: nn.Conv2D(2, 3, data_format="channels_first"), r"'data_format'. Channels are the last axis; x.transp"),
        (lambda: nn.Dense(3, trainable=False), r"'trainable'. Write layer.trainable = False"),
        (lambda: nn.Dense(), "^Dense: missing required argument: units"),
        (lambda: nn.Conv2D(), "^Conv2D: missing required arguments: filters, kernel_size"),
        (lambda: nn.Flatten("a", "b"), "^Flatten takes at most 1 positional argument: name. Received: 2"),
        (lambda: nn.Flatten(input_shape=(2,)), r"'input_shape'. Begin the model with nn.Input\(shape\)"),
        (lambda: nn.Identity(steps=3), "^Identity takes no argument 'steps'. It takes: name"),
        (lambda: nn.Dense(3, units=3), "^Dense: expected one value for units. Received: a positional and a"),
    ],
)
def test_unknown_arguments_have_a_hint(write: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        write()


def test_layers_have_a_signature_and_can_be_copied() -> None:
    assert str(inspect.signature(nn.Flatten)).startswith("(name:")
    assert list(inspect.signature(nn.Dropout).parameters) == ["rate", "noise_shape", "seed", "name"]
    assert "inputs" in inspect.signature(nn.Flatten()).parameters
    layer = copy.deepcopy(nn.Dense(3, activation="relu", name="a"))
    assert layer.config == nn.Dense(3, activation="relu", name="a").config


def test_constraints_of_dense_hold_after_a_step() -> None:
    layer = nn.Dense(3, kernel_constraint="non_neg", bias_constraint=nn.constraints.MaxNorm(0.1))
    loss = -(layer(X) ** 2).sum() - 10 * layer(X).sum()
    step = pel.function([X], loss, updates=nn.optimizers.SGD(0.1).updates(-loss), mode="numpy")
    step(np.ones((2, 4), "float32"))
    assert (layer.kernel.get_value() >= 0).all()
    assert np.linalg.norm(layer.bias.get_value()) == pytest.approx(0.1, rel=1e-5)
