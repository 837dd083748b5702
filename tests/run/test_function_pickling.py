"""Pickles and copies of compiled functions compute the same bits with their own variables."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pellucid as pel

Duplicate = Callable[[Any], Any]


def make_step() -> tuple[pel.Function, Any]:
    x, rate, w = pel.matrix("x", shape=("n", 3)), pel.scalar("rate"), pel.shared(np.ones((3, 2), "float32"), "w")
    loss = pel.log(pel.exp(x @ w).sum(axis=1)).mean()
    step = pel.function(
        [x, rate], {"loss": loss, "w": w}, updates={w: w - rate * pel.grad(loss, w)}, defaults={rate: 0.5}
    )
    return step, w


most_are_slow = pytest.mark.parametrize(
    "duplicate",
    [
        "pickle",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("oldest protocol", "cloudpickle", "joblib", "deepcopy")
        ),
    ],
    indirect=True,
)
"""For tests that compile programs. The other tests make all kinds of duplicates."""


@most_are_slow
def test_a_duplicate_computes_the_same_bits(duplicate: Duplicate) -> None:
    step, w = make_step()
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    step(x)
    value = w.get_value()
    copied = duplicate(step)
    assert repr(copied) == repr(step)
    for arguments in ((x,), (x, 0.25)):
        a, b = step(*arguments), copied(*arguments)
        assert list(b) == ["loss", "w"]
        assert [v.tobytes() for v in a.values()] == [v.tobytes() for v in b.values()]
    loops = [f.repeat(3, x)["loss"].tobytes() for f in (step, copied)]
    assert loops[0] == loops[1]
    w.set_value(value)
    assert copied(x)["w"].tobytes() != value.tobytes()


@pytest.mark.parametrize("outputs", [None, "single", "list", "empty"])
def test_the_form_of_the_outputs_is_kept(outputs: str | None) -> None:
    w = pel.shared(1.0, "w")
    given = {None: None, "single": w + 1, "list": (w, w + 1), "empty": []}[outputs]
    step = pel.function([], given, updates={w: w + 1})
    loaded = pickle.loads(pickle.dumps(step))
    assert loaded() == step()


def test_functions_keep_sharing_their_variables(duplicate: Duplicate) -> None:
    w = pel.shared(1.0, "w")
    double, read = duplicate((pel.function([], updates={w: 2 * w}), pel.function([], w)))
    double()
    assert (read(), w.get_value()) == (2, 1)
    alone = duplicate(pel.function([], w))
    double()
    assert alone() == 1


def test_a_random_stream_continues(duplicate: Duplicate) -> None:
    draw = pel.function([], pel.random.Generator(3).normal(size=(2,)), mode="numpy")
    draw()
    copied = duplicate(draw)
    for _ in range(2):
        assert copied().tobytes() == draw().tobytes()


def test_a_batched_function_can_be_pickled(duplicate: Duplicate) -> None:
    x, w, ws = pel.scalar("x"), pel.shared(1.0, "w"), pel.shared([1.0, 2.0], "ws")
    f = pel.vmap(pel.function([x], w * x, updates={w: w + x}), {w: ws})
    copied = duplicate(f)
    assert copied(3.0).tolist() == f(3.0).tolist() == [3, 6]
    assert copied(3.0).tolist() == f(3.0).tolist() == [12, 15]


def test_modes_and_donation_are_kept() -> None:
    w = pel.shared(1.0, "w")
    loaded = pickle.loads(pickle.dumps(pel.function([], w, mode="numpy", donate=False)))
    assert (loaded.mode, loaded.program.donate) == ("numpy", False)


def test_a_shallow_copy_shares_variables() -> None:
    w = pel.shared(1.0, "w")
    f = pel.function([], w, updates={w: w + 1})
    assert (f(), copy.copy(f)(), f()) == (1, 2, 3)
