"""Tests of custom layers, written as functions or classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn

X = pel.matrix("x", shape=("n", 3))
DATA = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")


class Block(nn.Layer):
    """Sublayers and variables in attributes."""

    def __init__(self, units: int, name: str | None = None) -> None:
        super().__init__(name)
        self.wide = nn.Dense(units, activation="relu", kernel_regularizer="l2")
        self.back = [nn.Dense(3), nn.Dropout(0.5)]
        self.gain = pel.shared([2.0, 2.0, 2.0])

    def call(self, x: Any) -> Any:
        dense, dropout = self.back
        return x + self.gain * dropout(dense(self.wide(x)))


class Power(nn.Layer):
    """Keyword arguments passed on to the base class, as in Keras."""

    def __init__(self, exponent: float = 2.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.exponent = exponent

    def call(self, x: Any) -> Any:
        return pel.absolute(x) ** self.exponent


class Sums(nn.Layer):
    """Positional arguments only, without a name."""

    def __init__(self, *weights: float) -> None:
        super().__init__()
        self.weights = weights

    def call(self, x: Any) -> Any:
        return sum(w * x for w in self.weights)


def scaled_tanh(x: Any, by: float = 1.0) -> Any:
    return by * pel.tanh(x) * pel.shared([1.0, 2.0, 3.0], "scale")


def make_model() -> Any:
    layers = [nn.Lambda(scaled_tanh, arguments={"by": 0.5}), Block(4), Power(1.5), nn.Dense(2, activation="softmax")]
    return pel.Sequential([nn.Input((3,)), *layers])


def test_lambda_layer() -> None:
    layer = nn.Lambda(scaled_tanh, arguments={"by": 2.0}, name="mine")
    y = layer(X)
    np.testing.assert_allclose(pel.function([X], y, mode="numpy")(DATA), 2 * np.tanh(DATA) * [1, 2, 3], rtol=1e-5)
    assert layer(X) is y
    assert [p.name for p in layer.parameters] == ["scale"]
    assert nn.Lambda(np.tanh)(X).unlabeled is pel.tanh(X)
    assert nn.Lambda(lambda pair: pair[0] * pair[1])([X, y]).unlabeled is X * y
    two = nn.Lambda(lambda x: (x + 1, x - 1))(X)
    assert two[0].unlabeled is X + 1
    dense = nn.Dense(3)
    around = nn.Lambda(lambda x: x + dense(x))
    assert around(X).unlabeled is X + dense(X).unlabeled
    assert around.parameters == dense.parameters


def test_attributes_become_parts() -> None:
    block = Block(4, name="block")
    y = block(X)
    names = [p.name.split("/")[-1] for p in block.parameters]
    assert names == ["kernel", "bias", "kernel", "bias", "gain"]
    assert set(block.parameters) == set(pel.parameters(y))
    penalty = float(pel.function([], block.regularization(), mode="numpy")())
    assert penalty == pytest.approx(0.01 * (block.wide.kernel.get_value() ** 2).sum(), rel=1e-5)
    block.trainable = False
    assert pel.parameters(y, trainable=True) == []
    frozen = Block(4)
    frozen.trainable = False
    assert pel.parameters(frozen(X), trainable=True) == []


@pytest.mark.parametrize("wrap", [nn.TimeDistributed, lambda layer: nn.Lambda(layer)], ids=["sublayer", "function"])
def test_a_frozen_sublayer_stays_frozen(wrap: Any) -> None:
    dense = nn.Dense(3)
    dense.trainable = False
    outer = wrap(dense)
    outer(pel.tensor3("x", shape=("n", 5, 2)))
    assert outer.trainable
    assert not dense.trainable
    assert [p.trainable for p in outer.parameters] == [False, False]
    outer.trainable = True
    assert all(p.trainable for p in outer.parameters)


class Tagged(nn.Layer):
    """A keyword-only argument."""

    def __init__(self, units: int, *, tag: str = "") -> None:
        super().__init__()


def test_wrong_arguments_of_custom_layers_are_named() -> None:
    class Scaled(Power):
        def __init__(self, factor: float, **kwargs: Any) -> None:
            super().__init__(**kwargs)

    with pytest.raises(TypeError, match=r"^Scaled: missing required argument: factor\n"):
        Scaled(name="s")
    with pytest.raises(TypeError, match=r"^Tagged takes at most 1 positional argument: units. Received: 2"):
        Tagged(1, "a")


def test_clones_have_the_same_arguments_and_share_nothing() -> None:
    assert Power(3.0, name="p").config == {"exponent": 3.0, "name": "p"}
    assert Power(3.0, name="p").clone().exponent == 3
    assert Power(3.0).clone(name="q", exponent=4.0).name == "q"
    assert Sums(1.0, 2.0).clone().weights == (1, 2)
    block = Block(4)
    other = block.clone()
    block(X), other(X)
    assert not set(block.parameters) & set(other.parameters)


def test_a_model_is_cloned_with_all_its_layers() -> None:
    shared = nn.Dense(3, activation="tanh")
    first = pel.Sequential([nn.Input((3,)), shared, shared])
    first.add(nn.Dense(2))
    second = first.clone()
    assert second.layers[0] is second.layers[1]
    assert len(second.layers) == 3
    assert not set(first.parameters) & set(second.parameters)
    second.set_weights(first.get_weights())
    np.testing.assert_array_equal(first.predict(DATA), second.predict(DATA))
    outer = pel.Sequential([first, nn.Dense(1)])
    assert outer.clone().layers[0].layers[0] is not shared


def test_custom_layers_are_summarized_explained_and_trained(capsys: pytest.CaptureFixture[str]) -> None:
    mine = make_model()
    mine.summary()
    output = capsys.readouterr().out
    assert all(f"({kind})" in output for kind in ("Lambda", "Block", "Power"))
    assert f"{4 * 4 + 15 + 3 + 3 + 8:,} parameters" in output
    explained = str(mine.explain())
    assert "h1 = 0.5 * tanh(x) * scale1" in explained
    assert "(Block)" in explained
    mine.compile(nn.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    before = mine.get_weights()
    mine.fit(DATA, (DATA[:, 0] > 0).astype("int32"), verbose=0)
    assert all((a != b).any() for a, b in zip(before, mine.get_weights(), strict=True))


def test_custom_layers_are_saved_with_and_without_their_code(tmp_path: Path) -> None:
    mine = make_model()
    expected = mine.predict(DATA)
    mine.save(tmp_path / "mine.pel")
    without, by = pel.load_model(tmp_path / "mine.pel"), {"Block": Block, "Power": Power, "scaled_tanh": scaled_tanh}
    within = pel.load_model(tmp_path / "mine.pel", custom_objects=by)
    np.testing.assert_array_equal(without.predict(DATA), expected)
    np.testing.assert_array_equal(within.predict(DATA), expected)
    assert isinstance(within.layers[1], Block)


class WithTraining(nn.Layer):
    def call(self, x: Any, training: bool = False) -> Any:
        return x


class WithoutInit(nn.Layer):
    def __init__(self) -> None:
        self.rate = 3

    def call(self, x: Any) -> Any:
        return x


class WithoutReturn(nn.Layer):
    def call(self, x: Any) -> Any:
        self.result = x


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: WithTraining(name="t")(X), "^t: expected a call without the argument training.*pel.training_only"),
        (lambda: WithoutInit()(X), r"^WithoutInit: expected its __init__ to begin with super\(\).__init__\(name\)"),
        (lambda: WithoutReturn(name="s")(X), "^s: expected its call to return an expression. Received: None"),
        (lambda: nn.Lambda(lambda x: None, name="l")(X), "^l: expected its function to return an expression. Received"),
        (lambda: nn.Lambda("tanh", name="l"), "^l: expected a function of an expression. Received: 'tanh'"),
        (lambda: nn.Dropout(0.5, name="d")(X, training=True), "^d: its call takes no argument 'training'. Expressions"),
        (lambda: nn.LSTM(2, name="l")(X, initial_states=[]), "no argument 'initial_states'. Use initial_state"),
        (lambda: nn.MultiHeadAttention(1, 2)(X, X, use_causl_mask=True), "Did you mean 'use_causal_mask'"),
        (lambda: nn.Dense(2, name="d")(X, axis=1), "^d: its call takes no argument 'axis'. It takes: mask"),
        (lambda: nn.Dense(2, name="d")([X, X]), r"^d: expected one expression. Received: x, x; .*nn.Concatenate\(\)"),
        (lambda: nn.Dense(2, name="d")(X, X), "^d: expected one expression. Received: x, x; combine them"),
        (
            lambda: nn.Dense(2, name="d")(nn.Dense(3)),
            r"^d: expected an expression. Received: <Dense dense.*call it, as in",
        ),
        (lambda: nn.Add(name="a")([X, None]), "^a: expected an expression. Received: None"),
        (lambda: nn.Dense(2, use_bias="no"), "^Dense: expected use_bias to be True or False. Received: use_bias='no'"),
        (lambda: Power(2.0, nme="p"), "^Layer takes no argument 'nme'|unexpected keyword argument 'nme'"),
    ],
)
def test_invalid_layers_and_calls_are_rejected(write: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        write()


class MeanAndScale(NamedTuple):
    mean: Any
    scale: Any


class TwoHeads(nn.Layer):
    def build(self, x: Any) -> None:
        self.w = self.parameter("w", x.shape[-1:], np.ones, x)

    def call(self, x: Any) -> Any:
        return MeanAndScale(x * self.w, x + self.w)


def test_a_layer_that_returns_a_named_tuple_is_part_of_the_model() -> None:
    x = nn.Input((3,), name="x")
    heads = TwoHeads(name="heads")(x)
    assert isinstance(heads, MeanAndScale)
    for output in (heads.mean, heads.scale):
        assert [layer.name for layer in pel.Model(x, output).layers] == ["heads"]


def test_a_function_that_creates_other_parameters_is_rejected() -> None:
    shapes = iter([3, 1])
    layer = nn.Lambda(lambda x: x * pel.shared(np.ones(next(shapes), "float32"), "w"), name="l")
    layer(X)
    with pytest.raises(
        pel.UseError, match=r"^l: expected its function to create the parameters of its first call, \[w\]"
    ):
        layer(X)


def test_messages_name_the_layer_once() -> None:
    with pytest.raises(pel.ShapeError) as caught:
        nn.Dense(2, name="d")(pel.matrix("y"))
    assert "  in the layer d (Dense)" in caught.value.__notes__
