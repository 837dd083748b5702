"""Tests of embeddings and masked steps. The agreement with Keras is tested in test_recurrent.py."""

import re
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn

WORDS = np.array([[1, 3, 0], [3, 3, 0]], "int32")


@pytest.mark.parametrize("mode", ["numpy", "xla"])
def test_embedding_gathers_rows_and_its_gradient_scatters(mode: str) -> None:
    layer, dtypes = nn.Embedding(4, 2), ("int32", "uint8", "int64")
    words = [pel.tensor("words", ("n", None), dtype) for dtype in dtypes]
    results = [e for y in map(layer, words) for e in (y, pel.grad(y.sum(), layer.embeddings))]
    found = pel.function(words, results, mode=mode)(*(WORDS.astype(dtype) for dtype in dtypes))
    for dtype, value, gradient in zip(dtypes, found[::2], found[1::2], strict=True):
        assert value.dtype == np.float32, dtype
        np.testing.assert_array_equal(value, layer.embeddings.get_value()[WORDS], err_msg=dtype)
        wanted = np.bincount(WORDS.ravel(), minlength=4)[:, None] * np.ones(2)
        np.testing.assert_array_equal(gradient, wanted, err_msg=dtype)


@pytest.mark.parametrize("mode", ["numpy", "xla", "native"])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (4, "Received: 4 at [1, 1]. The layer e has 4 rows; it needs input_dim=5 or more, the largest index plus 1"),
        (-1, "Received: -1 at [1, 1]. The layer e has no rows for negative indices; number its words from 0"),
    ],
)
def test_an_index_out_of_range_is_rejected(mode: str, wrong: int, message: str) -> None:
    words = pel.tensor("words", ("n", 3), "int32")
    f = pel.function([words], nn.Embedding(4, 2, name="e")(words), mode=mode)
    value = WORDS.copy()
    value[1, 1] = wrong
    expected = f"Expected words to be from 0 to 3, because it is an index in e/embeddings[words]. {message}"
    with pytest.raises(ValueError, match=re.escape(expected)):
        f(value)


def test_mask_zero() -> None:
    words = pel.tensor("words", ("n", 3), "int32")
    layer = nn.Embedding(4, 2, mask_zero=True)
    assert nn.find_mask(layer(words)) is (words != 0)
    assert nn.find_mask(nn.Embedding(4, 2)(words)) is None


def test_regularizer_and_constraint() -> None:
    words = pel.tensor("words", ("n", 3), "int32")
    layer = nn.Embedding(4, 2, "ones", embeddings_regularizer="l2", embeddings_constraint="unit_norm")
    loss = layer(words).sum() + layer.regularization()
    assert float(pel.function([], layer.regularization(), mode="numpy")()) == pytest.approx(0.08)
    pel.function([words], loss, updates=nn.optimizers.SGD(0.1).updates(loss), mode="numpy")(WORDS)
    np.testing.assert_allclose(np.linalg.norm(layer.embeddings.get_value(), axis=0), 1, rtol=1e-5)


@pytest.mark.parametrize("mode", ["numpy", "xla"])
def test_masking_masks_steps_of_one_value(mode: str) -> None:
    x = pel.tensor3("x", shape=("n", 3, 2))
    y = nn.Masking(-1.0)(x)
    value = np.array([[[1, -1], [-1, -1], [0, 0]]], "float32")
    found, mask = pel.function([x], [y, nn.find_mask(y)], mode=mode)(value)
    np.testing.assert_array_equal(mask, [[True, False, True]])
    np.testing.assert_array_equal(found, [[[1, -1], [0, 0], [0, 0]]])


def test_longer_padding_changes_nothing(rng: np.random.Generator) -> None:
    words = pel.tensor("words", ("n", "t"), "int32")
    layers = [nn.Embedding(4, 2, mask_zero=True), nn.Bidirectional(nn.GRU(3, return_sequences=True)), nn.LSTM(2)]
    y = words
    for layer in layers:
        y = layer(y)
    f = pel.function([words], y, mode="numpy")
    np.testing.assert_allclose(f(np.pad(WORDS, ((0, 0), (0, 3)))), f(WORDS[:, :2]), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    "layer", [nn.Flatten(), nn.Reshape((3, 4)), nn.Reshape((12,)), nn.Maxout(2, axis=1)], ids=lambda layer: layer.name
)
def test_layers_that_change_the_time_axis_drop_the_mask(layer: Any) -> None:
    vectors = nn.Embedding(4, 2, mask_zero=True)(pel.tensor("words", ("n", 6), "int32"))
    assert nn.find_mask(vectors) is not None
    assert nn.find_mask(layer(vectors)) is None


def test_maxout_of_features_keeps_the_mask() -> None:
    x = pel.attach_mask(pel.tensor3("x", shape=("n", 6, 2)), pel.tensor("mask", ("n", 6), "bool"))
    assert nn.find_mask(nn.Maxout(2)(x)) is nn.find_mask(x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Embedding(0, 2, name="e"), "e: expected input_dim to be an integer of 1 or more"),
        (lambda: nn.Embedding(3, 2.5, name="e"), "e: expected output_dim to be an integer of 1 or more"),
        (
            lambda: nn.Embedding(3, 2, name="e")(pel.matrix("x")),
            "e: expected integers from 0 to 2. Received: x, which is float32",
        ),
        (
            lambda: nn.Masking(name="m")(pel.matrix("x", shape=("n", 3))),
            "m: expected an input (batch, time, features). Received: x, of shape (n, 3)",
        ),
    ],
)
def test_invalid_arguments_and_inputs_are_rejected(make: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        make()
