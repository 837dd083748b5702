"""Layers on sequences: results, and gradients of a random projection with respect to input, states and weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.nn.peers.store import Values, draw_normal

BATCH, TIME, FEATURES, UNITS = 3, 5, 2, 3
MASK = np.array([[1, 1, 1, 1, 1], [0, 1, 0, 1, 1], [1, 1, 1, 0, 0]], bool)


@dataclass(frozen=True)
class Case:
    """A chain of layers, of Keras or pellucid, and its inputs.

    Attributes
    ----------
    make : function
        Takes the module of the layers and returns a list of layers.
    masked : bool
        Whether the last layer gets a mask.
    states : int
        Number of initial states of the last layer.
    words : int
        Vocabulary size of an integer input, 0 for a floating-point input.
    inner : tuple of int
        Shape of a step.
    """

    make: Callable[[Any], list[Any]]
    masked: bool = False
    states: int = 0
    words: int = 0
    inner: tuple[int, ...] = (FEATURES,)


def _make_layer_cases() -> dict[str, Case]:
    """Return every recurrent layer with all kinds of settings."""
    found = {}
    kinds = {
        "SimpleRNN": ("SimpleRNN", {}, 1),
        "LSTM": ("LSTM", {}, 2),
        "GRU": ("GRU", {}, 1),
        "GRU before": ("GRU", {"reset_after": False}, 1),
    }
    ways: dict[str, tuple[dict[str, Any], bool, bool]] = {
        "last": ({}, False, False),
        "last, masked": ({}, True, False),
        "sequence, backwards, begun": ({"return_sequences": True, "go_backwards": True}, False, True),
        "sequence, states, masked, begun": ({"return_sequences": True, "return_state": True}, True, True),
        "all backwards": ({"return_sequences": True, "return_state": True, "go_backwards": True}, True, True),
        "zeros where masked": ({"return_sequences": True, "zero_output_for_mask": True}, True, False),
        "no bias, states": ({"use_bias": False, "return_state": True}, False, True),
        "other activations": ({"activation": "relu", "go_backwards": True}, False, False),
    }
    for kind, (name, settings, states) in kinds.items():
        for way, (more, masked, initial) in ways.items():
            gates = {"recurrent_activation": "softsign"} if way == "other activations" and name != "SimpleRNN" else {}
            arguments = {**settings, **more, **gates}

            def make(layers: Any, name: str = name, arguments: dict[str, Any] = arguments) -> list[Any]:
                return [getattr(layers, name)(UNITS, **arguments)]

            found[f"{kind}: {way}"] = Case(make, masked, states if initial else 0)
    return found


CASES: dict[str, Case] = {
    **_make_layer_cases(),
    **{
        f"Bidirectional: {mode}": Case(
            lambda layers, mode=mode: [layers.Bidirectional(layers.GRU(UNITS, return_sequences=True), merge_mode=mode)],
            masked=mode != "concat",
        )
        for mode in ("concat", "sum", "mul", "ave", None)
    },
    "Bidirectional: last": Case(lambda layers: [layers.Bidirectional(layers.LSTM(UNITS))], masked=True),
    "Bidirectional: states": Case(
        lambda layers: [layers.Bidirectional(layers.LSTM(UNITS, return_state=True, return_sequences=True))], states=4
    ),
    "Bidirectional: another layer back": Case(
        lambda layers: [
            layers.Bidirectional(layers.SimpleRNN(UNITS), backward_layer=layers.GRU(UNITS, go_backwards=True))
        ],
        masked=True,
    ),
    "TimeDistributed: Dense": Case(lambda layers: [layers.TimeDistributed(layers.Dense(4, activation="tanh"))]),
    "TimeDistributed: Conv2D": Case(
        lambda layers: [layers.TimeDistributed(layers.Conv2D(2, 2))], inner=(4, 3, FEATURES)
    ),
    "Embedding": Case(lambda layers: [layers.Embedding(6, FEATURES)], words=6),
    "Embedding: masked, into LSTM": Case(
        lambda layers: [layers.Embedding(3, FEATURES, mask_zero=True), layers.LSTM(UNITS)], words=3
    ),
    "Masking into GRU": Case(lambda layers: [layers.Masking(0.5), layers.GRU(UNITS, return_sequences=True)]),
    "two layers, masked": Case(
        lambda layers: [layers.Masking(0.5), layers.LSTM(UNITS, return_sequences=True), layers.SimpleRNN(2)]
    ),
}

VALUE_MASKED = {"Masking into GRU", "two layers, masked"}


def make_inputs(name: str) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the input and the initial states."""
    case = CASES[name]
    if case.words:
        return np.random.default_rng(1).integers(0, case.words, (BATCH, TIME)).astype("int32"), []
    x = draw_normal(f"{name} x", (BATCH, TIME, *case.inner))
    if name in VALUE_MASKED:
        x[~MASK] = 0.5
    return x, [draw_normal(f"{name} s{i}", (BATCH, UNITS)) for i in range(case.states)]


def make_weights(name: str, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    """Return random weights; both libraries have them in the same order."""
    return [draw_normal(f"{name} w{i}", shape, 0.7) for i, shape in enumerate(shapes)]


def make_keywords(case: Case, mask: Any, states: Any) -> dict[str, Any]:
    """Return the keyword arguments of the last layer."""
    return {**({"mask": mask} if case.masked else {}), **({"initial_state": states} if case.states else {})}


def concatenate(arrays: Any) -> np.ndarray:
    """Return the elements of all arrays as one vector."""
    return np.concatenate([np.ravel(np.asarray(a)) for a in arrays])


def by_keras(name: str) -> Values:
    """Compute a case with Keras on JAX."""
    import jax
    import jax.numpy as jnp
    import keras

    case, (x, states) = CASES[name], make_inputs(name)
    layers = case.make(keras.layers)
    y = x
    for layer in layers:
        y = layer(y)
    w = make_weights(name, [v.shape for layer in layers for v in layer.trainable_variables])

    def results(x: Any, states: Any, w: Any) -> list[Any]:
        y, left, mask = x, list(w), None
        for layer in layers:
            own = [left.pop(0) for _ in layer.trainable_variables]
            fixed = [v.value for v in layer.non_trainable_variables]
            more = make_keywords(case, MASK, states) if layer is layers[-1] else {}
            mask_keyword = {} if mask is None else {"mask": mask}
            # A stateless call does not propagate the mask.
            mask = layer.compute_mask(y, mask)
            y, _ = layer.stateless_call(own, fixed, y, **mask_keyword, **more)
        return list(y) if isinstance(y, (list, tuple)) else [y]

    def projection(x: Any, states: Any, w: Any) -> Any:
        return sum(jnp.sum(y * draw_normal(f"{name} p{i}", y.shape)) for i, y in enumerate(results(x, states, w)))

    if case.words:
        gradients = jax.grad(projection, 2)(x, states, w)
    else:
        dx, ds, dw = jax.grad(projection, (0, 1, 2))(x, states, w)
        gradients = [dx, *ds, *dw]
    return {"values": concatenate(results(x, states, w)), "gradients": concatenate(gradients)}


def by_pellucid(name: str, mode: str = "xla") -> Values:
    """Compute a case with pellucid."""
    import pellucid as pel

    case, (x, states) = CASES[name], make_inputs(name)
    layers = case.make(pel.nn)
    start = pel.tensor("x", ("n", *x.shape[1:]), x.dtype)
    initial = [pel.tensor(f"s{i}", ("n", UNITS)) for i in range(len(states))]
    mask = pel.tensor("mask", ("n", TIME), "bool")
    y: Any = start
    for layer in layers:
        y = layer(y, **(make_keywords(case, mask, initial) if layer is layers[-1] else {}))
    results = list(y) if isinstance(y, (list, tuple)) else [y]
    parameters = [p for layer in layers for p in layer.parameters]
    w = make_weights(name, [p.shape for p in parameters])
    for p, value in zip(parameters, w, strict=True):
        p.set_value(value)
    weighted = [pel.tensor(f"p{i}", ("n", *y.shape[1:])) for i, y in enumerate(results)]
    projection = sum((y * p).sum() for y, p in zip(results, weighted, strict=True))
    by = [*([] if case.words else [start]), *initial, *parameters]
    inputs = [start, *initial, *([mask] if case.masked else []), *weighted]
    f = pel.function(inputs, [*results, *pel.grad(projection, by)], mode=mode)
    projections = [draw_normal(f"{name} p{i}", (BATCH, *y.shape[1:])) for i, y in enumerate(results)]
    found = f(x, *states, *([MASK] if case.masked else []), *projections)
    return {"values": concatenate(found[: len(results)]), "gradients": concatenate(found[len(results) :])}
