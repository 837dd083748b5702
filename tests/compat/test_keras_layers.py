"""Layers of Keras 1: values against NumPy formulas and genuine Keras 3, layouts of weights, arguments and errors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.compat.keras import backend as K
from pellucid.compat.keras import constraints, initializations, layers, models, regularizers
from pellucid.compat.keras.named_objects import draw
from tests.named_case import name_case

pytestmark = pytest.mark.usefixtures("engine")

rng = np.random.default_rng(0)
KINDS = [n for n, v in vars(layers).items() if isinstance(v, type) and issubclass(v, layers.KerasLayer)]


@pytest.fixture(autouse=True)
def _ordering() -> Any:
    """Restore the order of the axes of images."""
    before = K.SETTINGS["ordering"]
    yield
    K.SETTINGS["ordering"] = before


def run(layer: Any, x: np.ndarray) -> np.ndarray:
    """Return what a layer predicts."""
    given = layers.Input(x.shape[1:], dtype=x.dtype)
    return models.Model(given, layer(given)).predict(x)


def draw_weights(layer: Any, scale: float = 0.5) -> list[np.ndarray]:
    weights = [scale * rng.normal(size=w.shape) for w in layer.get_weights()]
    layer.set_weights(weights)
    return weights


def sigmoid5(x: np.ndarray) -> np.ndarray:
    return np.clip(0.2 * x + 0.5, 0, 1)


def test_dense_takes_old_and_newer_names() -> None:
    x = rng.normal(size=(4, 3)).astype("float32")
    for layer in (layers.Dense(5, activation="tanh"), layers.Dense(output_dim=5, activation="tanh"),
                  layers.Dense(units=5, activation="tanh", kernel_initializer="uniform", use_bias=True)):  # fmt: skip
        run(layer, x)
        W, b = draw_weights(layer)
        np.testing.assert_allclose(run(layer, x), np.tanh(x @ W + b), atol=1e-6)
        assert layer.output_dim == 5
        assert (layer.input_shape, layer.output_shape, layer.count_params()) == ((None, 3), (None, 5), 20)
        assert layer.W.shape == (3, 5)
        assert layer.b.shape == (5,)


def test_weights_and_penalties_are_arguments() -> None:
    weights = [np.ones((2, 2)), np.zeros(2)]
    penalty = regularizers.activity_l2(0.5)
    layer = layers.Dense(2, weights=weights, W_regularizer=regularizers.l2(0.1), activity_regularizer=penalty)
    model = models.Sequential([layers.Dense(2, input_dim=2, weights=[np.eye(2), np.zeros(2)]), layer])
    model.compile("sgd", "mse")
    x = np.array([[1.0, 2.0], [0.0, 1.0]])
    out = x @ np.ones((2, 2))
    expected = ((out - 1) ** 2).mean() + 0.1 * 4 + 0.5 * (out**2).sum()
    assert model.evaluate(x, np.ones((2, 2)), verbose=0) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("ordering", ["tf", "th"])
def test_convolution_in_both_orderings(ordering: str) -> None:
    x = rng.normal(size=(2, 5, 6, 3)).astype("float32")
    layer = layers.Convolution2D(4, 3, 2, dim_ordering=ordering)
    given = x.transpose(0, 3, 1, 2) if ordering == "th" else x
    run(layer, given)
    W, b = draw_weights(layer)
    assert W.shape == ((4, 3, 3, 2) if ordering == "th" else (3, 2, 3, 4))
    kernel = W.transpose(2, 3, 1, 0) if ordering == "th" else W
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 2), axis=(1, 2))
    expected = np.einsum("nijcab,abcf->nijf", windows, kernel) + b
    result = run(layer, given)
    np.testing.assert_allclose(result.transpose(0, 2, 3, 1) if ordering == "th" else result, expected, atol=1e-5)
    for saved, w in zip(layer.get_weights(), (W, b), strict=True):
        np.testing.assert_allclose(saved, w, rtol=1e-6)


@pytest.mark.parametrize("ordering", ["tf", "th"])
def test_convolution_in_three_dimensions(ordering: str) -> None:
    x = rng.normal(size=(2, 4, 5, 6, 3)).astype("float32")
    layer = layers.Convolution3D(4, 3, 2, 1, dim_ordering=ordering)
    given = x.transpose(0, 4, 1, 2, 3) if ordering == "th" else x
    run(layer, given)
    W, b = draw_weights(layer)
    assert W.shape == ((4, 3, 3, 2, 1) if ordering == "th" else (3, 2, 1, 3, 4))
    kernel = W.transpose(2, 3, 4, 1, 0) if ordering == "th" else W
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 2, 1), axis=(1, 2, 3))
    expected = np.einsum("nijkcabd,abdcf->nijkf", windows, kernel) + b
    result = run(layer, given)
    np.testing.assert_allclose(result.transpose(0, 2, 3, 4, 1) if ordering == "th" else result, expected, atol=1e-5)


def test_shapes_of_border_modes_and_pooling() -> None:
    K.set_image_dim_ordering("th")
    x = layers.Input((3, 8, 8))
    shapes = [layers.Convolution2D(4, 3, 3, border_mode=mode)(x).shape[1:] for mode in ("valid", "same")]
    assert shapes == [(4, 6, 6), (4, 8, 8)]
    assert layers.MaxPooling2D(strides=(1, 1))(x).shape[1:] == (3, 7, 7)
    assert layers.GlobalAveragePooling2D()(x).shape[1:] == (3,)
    assert layers.ZeroPadding2D((1, 2))(x).shape[1:] == (3, 10, 12)
    assert layers.UpSampling2D((2, 3))(x).shape[1:] == (3, 16, 24)
    assert layers.Cropping2D(((1, 0), (2, 2)))(x).shape[1:] == (3, 7, 4)
    assert layers.Flatten()(x).shape[1:] == (192,)
    assert layers.BatchNormalization(axis=1)(x).shape == x.shape
    assert layers.Conv2D(2, (3, 2), strides=(2, 2), padding="same", data_format="channels_last")(
        layers.Input((8, 8, 3))
    ).shape[1:] == (4, 4, 2)
    sequence = layers.Input((9, 2))
    conv = layers.Convolution1D(4, 3, subsample_length=2)
    assert conv(sequence).shape[1:] == (4, 4)
    assert conv.get_weights()[0].shape == (3, 1, 2, 4)
    conv.set_weights(conv.get_weights())
    assert layers.MaxPooling1D(pool_length=3)(sequence).shape[1:] == (3, 2)


def test_recurrent_layers_have_the_formulas_and_weights_of_keras_1() -> None:
    x = rng.normal(size=(3, 4, 2)).astype("float32")
    layer = layers.LSTM(5, return_sequences=True)
    run(layer, x)
    names = ("W_i", "U_i", "b_i", "W_c", "U_c", "b_c", "W_f", "U_f", "b_f", "W_o", "U_o", "b_o")
    start = dict(zip(names, layer.get_weights(), strict=True))
    assert start["b_f"].tolist() == [1.0] * 5
    assert not start["b_i"].any()
    np.testing.assert_allclose(start["U_i"] @ start["U_i"].T, 1.21 * np.eye(5), atol=1e-5)
    w = dict(zip(names, draw_weights(layer), strict=True))
    h, c, steps = np.zeros((3, 5)), np.zeros((3, 5)), []
    for t in range(4):
        z = {g: x[:, t] @ w[f"W_{g}"] + h @ w[f"U_{g}"] + w[f"b_{g}"] for g in "icfo"}
        c = sigmoid5(z["f"]) * c + sigmoid5(z["i"]) * np.tanh(z["c"])
        h = sigmoid5(z["o"]) * np.tanh(c)
        steps.append(h)
    np.testing.assert_allclose(run(layer, x), np.stack(steps, 1), atol=1e-5)

    layer = layers.GRU(5)
    run(layer, x)
    W_z, U_z, b_z, W_r, U_r, b_r, W_h, U_h, b_h = draw_weights(layer)
    h = np.zeros((3, 5))
    for t in range(4):
        z, r = sigmoid5(x[:, t] @ W_z + h @ U_z + b_z), sigmoid5(x[:, t] @ W_r + h @ U_r + b_r)
        h = z * h + (1 - z) * np.tanh(x[:, t] @ W_h + (r * h) @ U_h + b_h)
    np.testing.assert_allclose(run(layer, x), h, atol=1e-5)

    layer = layers.Bidirectional(layers.SimpleRNN(4), merge_mode="sum")
    run(layer, x)
    draw_weights(layer)
    W, U, b, W2, U2, b2 = layer.get_weights()
    h, back = np.zeros((3, 4)), np.zeros((3, 4))
    for t in range(4):
        h, back = np.tanh(x[:, t] @ W + h @ U + b), np.tanh(x[:, 3 - t] @ W2 + back @ U2 + b2)
    np.testing.assert_allclose(run(layer, x), h + back, atol=1e-5)


def test_embedding_takes_indices_and_masks() -> None:
    layer = layers.Embedding(10, 3, mask_zero=True)
    x = np.array([[1, 2, 0]])
    table = np.arange(30.0).reshape(10, 3)
    run(layer, x)
    layer.set_weights([table])
    np.testing.assert_allclose(run(layer, x)[0], table[[1, 2, 0]])
    assert pel.nn.find_mask(layer(layers.Input((3,), dtype="int32"))) is not None


def test_dropout_of_an_embedding_drops_words() -> None:
    layer, x = layers.Embedding(40, 3, dropout=0.5, mask_zero=True), layers.Input((50,), dtype="int32")
    indices = rng.integers(0, 40, (4, 50))
    result = layer(x)
    f = K.function([x, K.learning_phase()], [result])
    [table] = draw_weights(layer)
    np.testing.assert_allclose(f([indices, 0])[0], table[indices], rtol=1e-6)
    factors = f([indices, 1])[0] / table[indices]
    of_words = [np.unique(factors[indices == word].round(4)).tolist() for word in np.unique(indices)]
    assert all(values in ([0.0], [2.0]) for values in of_words)
    assert 5 < of_words.count([0.0]) < 35
    assert pel.nn.find_mask(result) is not None


class Scale(layers.Layer):  # type: ignore[misc]  # ships no types
    """Layer in the spelling of Keras 1."""

    def __init__(self, factor: float, **options: Any) -> None:
        self.factor = factor
        super().__init__(**options)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.W = K.variable(np.ones(input_shape[-1]))
        self.fixed = K.variable(np.zeros(2))
        self.trainable_weights = [self.W]
        self.bound = self.add_weight((input_shape[-1],), "one", name="bound", regularizer=regularizers.l2(0.5))

    def call(self, x: Any, mask: Any = None) -> Any:
        assert (mask is None) == (x.ndim == 2)
        y = x * self.W * self.bound * self.factor
        return y if mask is None else y[:, :3]

    def get_output_shape_for(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        return None if mask is None else mask[:, :3]


def test_layers_of_scripts(tmp_path: Path) -> None:
    x = rng.normal(size=(8, 3))
    model = models.Sequential([Scale(2.0, input_shape=(3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    layer = model.layers[0]
    assert layer.output_shape == (None, 3)
    assert [w is v for w, v in zip(layer.trainable_weights, [layer.bound, layer.W], strict=True)] == [True] * 2
    loss = ((model.predict(x) - 1) ** 2).mean() + 0.5 * 3
    assert model.evaluate(x, np.ones((8, 1)), verbose=0) == pytest.approx(loss, rel=1e-5)
    model.fit(x, np.ones((8, 1)), nb_epoch=1, verbose=0)
    assert not K.get_value(layer.fixed).any()
    assert (K.get_value(layer.W) != 1).all()
    model.save(tmp_path / "model")
    again = models.load_model(tmp_path / "model", {"Scale": Scale})
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert layer.clone().factor == 2.0
    words = layers.Embedding(9, 3, mask_zero=True)(layers.Input((4,), dtype="int32"))
    assert pel.nn.find_mask(Scale(1.0)(words)).shape[1] == 3

    class Sum(layers.Layer):  # type: ignore[misc]
        supports_masking = True

        def call(self, x: Any) -> Any:
            return K.dot(x[0] + x[1], np.eye(3))

    assert pel.nn.find_mask(Sum()([words, words])) is not None
    bounded = Sum()
    bounded.constraints = {"W": constraints.maxnorm()}
    with pytest.raises(pel.OptionError, match="give regularizers and constraints to add_weight"):
        bounded([words, words])


def test_activation_layers() -> None:
    x = np.array([[-2.0, -0.5, 0.5, 3.0]], "float32")
    np.testing.assert_allclose(run(layers.LeakyReLU(alpha=0.1), x), [[-0.2, -0.05, 0.5, 3.0]], rtol=1e-6)
    np.testing.assert_allclose(run(layers.ThresholdedReLU(theta=1.0), x), [[0, 0, 0, 3.0]])
    np.testing.assert_allclose(run(layers.ELU(), x)[0, :2], np.expm1([-2.0, -0.5]), rtol=1e-5)
    np.testing.assert_allclose(run(layers.Activation("hard_sigmoid"), x), sigmoid5(x), rtol=1e-6)
    np.testing.assert_allclose(run(layers.Lambda(lambda v: K.square(v) + 1), x), x**2 + 1)
    np.testing.assert_allclose(run(layers.PReLU(), x), np.maximum(x, 0))
    assert run(layers.Reshape((2, 2)), x).shape == (1, 2, 2)
    assert run(layers.RepeatVector(3), x).shape == (1, 3, 4)


def test_merge_modes() -> None:
    a, b = rng.normal(size=(2, 3, 4)).astype("float32")
    first, second = layers.Input((4,)), layers.Input((4,))
    expected = {
        "sum": a + b, "mul": a * b, "ave": (a + b) / 2, "max": np.maximum(a, b), "concat": np.hstack([a, b]),
        "dot": (a * b).sum(1, keepdims=True),
    }  # fmt: skip
    for mode, value in expected.items():
        model = models.Model(input=[first, second], output=layers.merge([first, second], mode=mode))
        np.testing.assert_allclose(model.predict([a, b]), value, rtol=1e-5, atol=1e-6)
    custom = layers.merge([first, second], mode=lambda parts: parts[0] - parts[1])
    np.testing.assert_allclose(models.Model([first, second], custom).predict([a, b]), a - b, rtol=1e-5)
    with pytest.raises(pel.OptionError, match="expected mode to be one of sum"):
        layers.merge([first, second], mode="add")
    slope = layers.merge([first, second], mode=lambda parts: K.gradients(K.sum(parts[0] * parts[1]), parts[0]))
    product = layers.merge([slope, second], mode="mul")
    np.testing.assert_allclose(models.Model([first, second], product).predict([a, b]), b * b, rtol=1e-5)
    merged = layers.Merge(mode="sum")([first, second])
    np.testing.assert_allclose(models.Model([first, second], merged).predict([a, b]), a + b, rtol=1e-5)


def test_initializations() -> None:
    np.random.seed(3)
    first = layers.Dense(400, init="uniform", input_dim=300)
    first(layers.Input((300,)))
    W = first.get_weights()[0]
    assert abs(W).max() <= 0.05
    assert W.std() == pytest.approx(0.1 / np.sqrt(12), rel=0.02)
    np.random.seed(3)
    again = layers.Dense(400, init="uniform")
    again(layers.Input((300,)))
    np.testing.assert_array_equal(again.get_weights()[0], W)
    for name, deviation in (("he_normal", np.sqrt(2 / 300)), ("glorot_uniform", np.sqrt(2 / 700)),
                            ("lecun_uniform", np.sqrt(1 / 300)), ("normal", 0.05)):  # fmt: skip
        assert draw(name, (300, 400)).std() == pytest.approx(deviation, rel=0.02)
    assert draw("glorot_normal", (3, 3, 20, 50)).std() == pytest.approx(np.sqrt(2 / 630), rel=0.05)
    np.testing.assert_array_equal(draw("identity", (3, 3)), np.eye(3))
    own = layers.Dense(2, init=lambda shape, name=None: initializations.normal(shape, scale=0.01, name=name))
    own(layers.Input((300,)))
    assert own.get_weights()[0].std() < 0.02
    with pytest.raises(pel.OptionError, match="no initialization named 'glorot'"):
        layers.Dense(2, init="glorot")


def test_constraints_bound_norms() -> None:
    model = models.Sequential(
        [layers.Dense(3, input_dim=2, W_constraint=constraints.maxnorm(0.5), b_constraint="nonneg")]
    )
    model.compile("sgd", "mse")
    model.fit(rng.normal(size=(20, 2)), 9 * np.ones((20, 3)), nb_epoch=3, verbose=0)
    assert np.linalg.norm(model.get_weights()[0], axis=0).max() <= 0.5001


NOT_HONORED = [
    (lambda: layers.Dense(3, outptu_dim=3), "takes no argument 'outptu_dim'"),
    (lambda: layers.Dense(), "missing required argument: output_dim"),
    (lambda: layers.LSTM(3, stateful=True), "expected stateful to be False. Received: True. Give longer"),
    (lambda: layers.LSTM(3, forget_bias_init="uniform"), "expected forget_bias_init to be 'one' or 'zero'"),
    (lambda: layers.BatchNormalization(mode=1), "expected mode to be 0. Received: 1. For mode=1"),
    (lambda: layers.Convolution2D(1, 3, 3, dim_ordering="first"), "Expected dim_ordering to be 'tf'"),
    (lambda: layers.Convolution2D(1, 3, 3, dim_ordering="th", W_constraint=constraints.maxnorm()), "'tf' only"),
    (lambda: layers.Dense(2).output, "has no input yet"),
    (lambda: layers.Dense(2, W_regularizer="l3"), "no regularizer named 'l3'"),
    (lambda: layers.Dense(2, W_constraint="max"), "no constraint named 'max'"),
    (lambda: layers.Input(), "expected the shape of one sample"),
]


def test_arguments_that_cannot_be_honored() -> None:
    for make, message in NOT_HONORED:
        with name_case(message), pytest.raises(pel.PellucidError, match=message):
            make()


def test_an_image_in_the_other_ordering_has_a_hint() -> None:
    with pytest.raises(pel.ShapeError) as caught:
        models.Sequential([layers.Convolution2D(32, 3, 3, input_shape=(1, 28, 28))])
    assert "set_image_dim_ordering('th')" in "".join(caught.value.__notes__)


def test_missing_names() -> None:
    with pytest.raises(pel.NoSuchNameError, match=r"keras\.layers\.ConvLSTM2D of Keras 1\.2\.2 is not .* pel\.scan"):
        layers.ConvLSTM2D  # noqa: B018
    with pytest.raises(pel.NoSuchNameError, match=r"keras\.layers\.InputSpec of Keras .* Leave input_spec out"):
        layers.InputSpec  # noqa: B018
    with pytest.raises(pel.NoSuchNameError, match=r"keras\.backend has no 'sqroot'"):
        K.sqroot  # noqa: B018


PEERS: dict[str, tuple[tuple[int, ...], dict[str, Any], str, dict[str, Any]]] = {
    "Dense": ((4, 3), {"output_dim": 5, "activation": "softmax"}, "Dense", {"units": 5, "activation": "softmax"}),
    "Convolution2D": ((2, 7, 8, 3), {"nb_filter": 4, "nb_row": 3, "nb_col": 2, "border_mode": "same",
                      "subsample": (2, 2)},
                      "Conv2D", {"filters": 4, "kernel_size": (3, 2), "padding": "same", "strides": (2, 2)}),
    "MaxPooling2D": ((2, 5, 6, 3), {"border_mode": "same"}, "MaxPooling2D", {"padding": "same"}),
    "AveragePooling2D": ((2, 5, 6, 3), {"border_mode": "same"},
                         "AveragePooling2D", {"pool_size": 2, "padding": "same"}),
    "BatchNormalization": ((4, 3), {}, "BatchNormalization", {}),
    "PReLU": ((4, 3), {}, "PReLU", {}),
    "UpSampling2D": ((2, 3, 3, 1), {}, "UpSampling2D", {}),
    "ZeroPadding2D": ((2, 3, 3, 1), {"padding": (1, 2)}, "ZeroPadding2D", {"padding": (1, 2)}),
    "GlobalMaxPooling2D": ((2, 3, 3, 2), {}, "GlobalMaxPooling2D", {}),
}  # fmt: skip


@pytest.mark.peer
@pytest.mark.parametrize("name", PEERS)
def test_layers_agree_with_keras_3(name: str) -> None:
    keras = pytest.importorskip("keras")
    shape, ours, theirs_name, theirs = PEERS[name]
    x = rng.normal(size=shape).astype("float32")
    layer, peer = getattr(layers, name)(**ours), getattr(keras.layers, theirs_name)(**theirs)
    run(layer, x)
    peer(x)
    weights = [abs(w) for w in draw_weights(layer)]
    layer.set_weights(weights)
    peer.set_weights(weights)
    np.testing.assert_allclose(run(layer, x), np.asarray(peer(x)), rtol=1e-4, atol=1e-5)
