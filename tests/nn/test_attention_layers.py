"""Tests of attention layers: formulas and masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn

BATCH, STEPS, SIZE = 2, 5, 4
X = pel.tensor3("x", shape=("n", STEPS, SIZE))
MASK = pel.tensor("mask", ("n", STEPS), "bool")
PAIRS = pel.tensor("pairs", ("n", STEPS, STEPS), "bool")
COUNTS = np.array([[True, True, True, False, False], [True, True, True, True, False]])


@pytest.fixture
def value(rng: np.random.Generator) -> Any:
    return rng.normal(size=(BATCH, STEPS, SIZE)).astype("float32")


def softmax(scores: Any) -> Any:
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def run_numpy_attention(layer: Any, x: Any, allowed: Any) -> Any:
    """Compute attention head by head with the weights of the layer."""
    q, qb, k, kb, v, vb, o, ob = layer.get_weights()
    result = np.zeros((*x.shape[:2], o.shape[-1])) + ob
    for head in range(q.shape[1]):
        query, key, values = (x @ w[:, head] + b[head] for w, b in ((q, qb), (k, kb), (v, vb)))
        scores = query @ key.swapaxes(1, 2) / np.sqrt(q.shape[2])
        result = result + softmax(np.where(allowed, scores, -np.inf)) @ values @ o[head]
    return result


@pytest.mark.parametrize("mode", ["numpy", "xla"])
def test_multi_head_attention_agrees_with_its_formula(value: Any, mode: str) -> None:
    layer = nn.MultiHeadAttention(2, 3, bias_initializer="random_normal")
    causal, padded = layer(X, X, use_causal_mask=True), layer(X, pel.attach_mask(X, MASK))
    found = pel.function([X, MASK], [causal, padded], mode=mode)(value, COUNTS)
    after = np.tri(STEPS, dtype=bool)
    np.testing.assert_allclose(found[0], run_numpy_attention(layer, value, after), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[1], run_numpy_attention(layer, value, COUNTS[:, None]), rtol=1e-4, atol=1e-5)


LAYERS = {
    "MultiHeadAttention": lambda: nn.MultiHeadAttention(2, 3),
    "GroupQueryAttention": lambda: nn.GroupQueryAttention(3, 4, 2),
    "Attention": nn.Attention,
    "AdditiveAttention": nn.AdditiveAttention,
}


@pytest.mark.parametrize("name", LAYERS)
def test_causal_mask_excludes_later_steps(value: Any, name: str) -> None:
    y = LAYERS[name]()([X, X], use_causal_mask=True)
    later = value.copy()
    later[:, 3:] += 1
    f = pel.function([X], y, mode="numpy")
    np.testing.assert_allclose(f(value)[:, :3], f(later)[:, :3], rtol=1e-6)
    assert (abs(f(value)[:, 3:] - f(later)[:, 3:]) > 1e-4).any()
    slope = pel.function([X], pel.grad((y[:, :3] ** 2).sum(), X), mode="numpy")(value)
    assert not slope[:, 3:].any()
    assert slope[:, :3].any()


@pytest.mark.parametrize("name", LAYERS)
def test_masked_steps_are_excluded(value: Any, name: str) -> None:
    y = LAYERS[name]()([X, pel.attach_mask(X, MASK)])
    other = value.copy()
    other[~COUNTS] = 100
    f = pel.function([X, MASK], y, mode="numpy")
    np.testing.assert_allclose(f(value, COUNTS)[COUNTS], f(other, COUNTS)[COUNTS], rtol=1e-5)
    assert (f(value, COUNTS) != f(value, np.ones_like(COUNTS))).any()


def test_masks_are_combined(value: Any) -> None:
    pairs = np.random.default_rng(1).random((BATCH, STEPS, STEPS)) > 0.3
    pairs[:, :, 0] = True
    layer = nn.MultiHeadAttention(2, 3)
    y, scores = layer(
        X, pel.attach_mask(X, MASK), attention_mask=PAIRS, use_causal_mask=True, return_attention_scores=True
    )
    result, found = pel.function([X, MASK, PAIRS], [y, scores], mode="numpy")(value, COUNTS, pairs)
    allowed = pairs & COUNTS[:, None] & np.tri(STEPS, dtype=bool)
    np.testing.assert_allclose(result, run_numpy_attention(layer, value, allowed), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-5)
    assert not found[~np.broadcast_to(allowed[:, None], found.shape)].any()


@pytest.mark.parametrize(("name", "mode"), [*((name, "numpy") for name in LAYERS), ("MultiHeadAttention", "xla")])
def test_results_are_finite_if_all_steps_are_masked(value: Any, name: str, mode: str) -> None:
    y = LAYERS[name]()([X, pel.attach_mask(X, MASK)])
    found = pel.function([X, MASK], [y, pel.grad((y**2).sum(), X)], mode=mode)(value, np.zeros_like(COUNTS))
    assert all(np.isfinite(f).all() for f in found)


def test_additive_attention_names_the_size_of_its_parameters() -> None:
    layer, other = nn.AdditiveAttention(name="a"), pel.tensor3("other", shape=("n", 5, 9))
    layer([X, X])
    with pytest.raises(
        pel.ShapeError, match=r"^a: its parameters were made for inputs whose last axis is \d+\. Received: other"
    ):
        layer([other, other])


def test_the_query_keeps_its_mask() -> None:
    given = pel.attach_mask(X, MASK)
    for layer in (nn.MultiHeadAttention(2, 3), nn.Attention(), nn.AdditiveAttention()):
        assert nn.find_mask(layer([given, X])) is MASK


def test_dropout_is_active_in_training_only(value: Any) -> None:
    layer = nn.MultiHeadAttention(2, 3, dropout=0.5)
    y, scores = layer(X, X, return_attention_scores=True)
    f = pel.function([X], [y, scores, *pel.inference([y, scores])], mode="numpy")
    first, second = f(value), f(value)
    assert (first[0] != second[0]).any()
    np.testing.assert_array_equal(first[2], second[2])
    np.testing.assert_allclose(first[3].sum(-1), 1, rtol=1e-5)


@pytest.mark.slow
def test_attention_learns_to_copy_the_previous_word() -> None:
    rng = np.random.default_rng(0)
    words = rng.integers(0, 6, (64, STEPS)).astype("int32")
    w = pel.tensor("w", ("n", STEPS), "int32")
    h = nn.Embedding(6, 8)(w) + nn.Embedding(STEPS, 8)(pel.constant(np.arange(STEPS, dtype="int32")))
    p = nn.Dense(6, activation="softmax")(nn.MultiHeadAttention(2, 8)(h, h, use_causal_mask=True))
    loss = pel.losses.sparse_categorical_crossentropy(w[:, :-1], p[:, 1:]).mean()
    step = pel.function([w], loss, updates=nn.optimizers.Adam(0.02).updates(loss))
    history = step.repeat(300, words)
    assert history[-1] < 0.1 * history[0]  # the previous word is found by its position


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: nn.MultiHeadAttention(2, 3, name="a")(X), "^a: expected a query, a value and optionally a key"),
        (lambda: nn.MultiHeadAttention(2, 3, name="a")(X, key=X), "^a: expected a value with the key"),
        (lambda: nn.MultiHeadAttention(2, 3, name="a")([X, X, X], X), "^a: expected a query, a value and optionally"),
        (lambda: nn.MultiHeadAttention(2, 3, name="a")(X[0], X[0]), "^a: expected a query and a value "),
        (
            lambda: nn.MultiHeadAttention(2, 3, name="a")(X, X, attention_mask=X),
            "^a: expected an attention_mask of booleans, True where a query may attend to a key. Received: x",
        ),
        (
            lambda: nn.MultiHeadAttention(2, 3, name="a")(X, X, attention_mask=PAIRS[:, :, :2]),
            r"expected a boolean mask that broadcasts to the scores of shape \(n, 2, 5, 5\)",
        ),
        (
            lambda: nn.GroupQueryAttention(2, 3, 2, name="a"),
            "^a: expected num_key_value_heads to divide num_query_heads. Received: num_q",
        ),
        (lambda: nn.Attention(name="a")([X, X[:, :, :2]]), r"^a: expected a query \(batch, queries, size\)"),
        (lambda: nn.Attention(score_mode="dat", name="a"), "^a: expected score_mode to be .*Did you mean 'dot'"),
        (lambda: nn.MultiHeadAttention(2, 3, attention_axes=0, name="a")(X, X), "^a: expected attention_axes"),
    ],
)
def test_invalid_arguments_and_inputs_are_rejected(write: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        write()
