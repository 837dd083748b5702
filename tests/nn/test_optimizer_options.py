"""Tests of options of all optimizers: weight decay, clipping, averages, gradient accumulation, multipliers."""

import numpy as np
import pytest

import pellucid as pel
from pellucid.nn.optimizers import NAMED, SGD, AdamW
from pellucid.nn.schedules import ExponentialDecay


def test_the_printed_formula_contains_the_options() -> None:
    assert str(SGD(0.5, clipvalue=2, weight_decay=0.1)) == "w ← w - 0.05 * w - 0.5 * clip(g, -2, 2)"
    assert str(SGD(0.5, use_ema=True)) == (
        "w ← w - 0.5 * g\naverage ← where(iterations == 0, w′, 0.99 * average + 0.01 * w′)\niterations ← iterations + 1"
    )
    assert str(SGD(0.5, gradient_accumulation_steps=4)) == (
        "gradient ← where((iterations + 1) % 4 == 0, 0, gradient + g)\n"
        "w ← where((iterations + 1) % 4 == 0, w - 0.5 * ((gradient + g) / 4), w)\niterations ← iterations + 1"
    )
    assert str(SGD(0.5, momentum=0.5, gradient_accumulation_steps=2)).splitlines()[2:] == [
        "w ← where((iterations + 1) % 2 == 0, w + momentum′, w)",
        "iterations ← iterations + 1",
    ]
    assert str(SGD(0.5, loss_scale_factor=1024)) == "w ← w - 0.5 * (g / 1024)"
    assert str(SGD(ExponentialDecay(0.5, 10, 0.9), multipliers={"b": 2})) == (
        "w ← w - 0.5 * 0.9 ** (iterations / 10) * g\niterations ← iterations + 1"
    )


def test_a_notebook_shows_the_formula() -> None:
    assert SGD(0.5, momentum=0.9)._repr_latex_() == (
        r"$\displaystyle \begin{split}" "\n"
        r"\mathit{momentum} &\leftarrow 0.9 \, \mathit{momentum} - 0.5 \, g \\" "\n"
        r"w &\leftarrow w + \mathit{momentum}^{\prime}" "\n"
        r"\end{split}$"
    )  # fmt: skip
    assert all("<math" in NAMED[name]()._repr_html_() for name in ("adam", "ftrl"))
    schedule = ExponentialDecay(0.5, 10, 0.9)
    assert schedule._repr_latex_() == r"$\displaystyle 0.5 \, 0.9^{\frac{\mathit{step}}{10}}$"
    assert "<math" in schedule._repr_html_()


@pytest.mark.sample(2)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("name", NAMED)
def test_every_dtype_is_kept_and_every_step_is_finite(name: str, dtype: str) -> None:
    w = pel.shared(np.ones((2, 3)), "w", dtype=dtype)
    settings = {"epsilon_1": 1e-7} if name == "adafactor" else {}
    options = {"clipnorm": 1.0, "weight_decay": 0.1, "use_ema": True, "ema_overwrite_frequency": 2}
    schedule = ExponentialDecay(0.1, 10, 0.9)
    optimizer = NAMED[name](schedule, gradient_accumulation_steps=2, **{**settings, **options})
    updates = optimizer.updates((w**2).mean())
    assert all(new.dtype == old.dtype for old, new in updates.items())
    assert {s.dtype for s in optimizer.state} <= {np.dtype(dtype), np.dtype("float32"), np.dtype("int64")}
    step = pel.function([], updates=updates, mode="numpy")
    for _ in range(4):
        step()
    assert np.isfinite(w.get_value()).all()
    assert (w.get_value() < 1).all()


def test_slots_of_parameters_with_equal_or_no_names_have_different_names() -> None:
    parameters = [pel.shared(1.0, "w"), pel.shared(2.0, "w"), pel.shared(3.0), pel.shared(4.0)]
    optimizer = SGD(momentum=0.5)
    optimizer.updates(sum(p**2 for p in parameters), parameters)
    assert sorted(optimizer.get_state()) == ["momentum", "momentum_1", "w/momentum", "w/momentum_1"]


def test_biases_do_not_decay() -> None:
    w, b = pel.shared(1.0, "w"), pel.shared(1.0, "b", regularizable=False)
    updates = SGD(0.5, weight_decay=0.5).updates(w + b)
    values = pel.function([], [updates[w], updates[b]], mode="numpy")()
    assert [float(v) for v in values] == [0.25, 0.5]


def test_averages_can_replace_parameters() -> None:
    w, x = pel.shared(4.0, "w"), pel.scalar("x")
    optimizer = SGD(0.25, use_ema=True, ema_momentum=0.5)
    step = pel.function([], updates=optimizer.updates(w**2), mode="numpy")
    for _ in range(3):
        step()  # w is 2, 1, 0.5, and its average 2, 1.5, 1
    predict = pel.function([x], pel.replace(w * x, optimizer.averages), mode="numpy")
    assert predict(3.0) == 3.0
    assert w.get_value() == 0.5
    optimizer.finalize_variable_values([])
    assert w.get_value() == 0.5
    optimizer.finalize_variable_values()
    assert w.get_value() == 1.0


def test_averages_include_the_constraint() -> None:
    w = pel.shared(0.25, "w")
    w.constraint = lambda value: pel.maximum(value, 0)
    optimizer = SGD(1.0, use_ema=True, ema_momentum=0.5)
    step = pel.function([], updates=optimizer.updates(w * 1.0, [w]), mode="numpy")
    step()
    step()
    assert w.get_value() == 0
    assert optimizer.averages[w].get_value() == 0


def test_learning_rate_multipliers_of_parameters() -> None:
    w, b, c = pel.shared(1.0, "w"), pel.shared(1.0, "b"), pel.shared(1.0, "c")
    for rate in (0.25, pel.shared(0.25, "rate", trainable=False)):
        updates = SGD(rate, multipliers={b: 2, "c": 0}).updates(w + b + c, [w, b, c])
        assert [float(v) for v in pel.function([], [updates[p] for p in (w, b, c)], mode="numpy")()] == [0.75, 0.5, 1.0]


def test_given_gradients_can_be_applied() -> None:
    w, g = pel.shared([1.0, 2.0], "w"), pel.vector("g")
    pel.function([g], updates=SGD(0.5).apply([g], [w]), mode="numpy")([2.0, 4.0])
    assert w.get_value().tolist() == [0.0, 0.0]


def test_accumulated_gradients_equal_those_of_a_larger_batch(rng: np.random.Generator) -> None:
    x = pel.vector("x", shape=("n",))
    points = rng.normal(size=12).astype("float32")
    values = []
    for steps, batches in ((None, [points]), (3, np.split(points, 3))):
        w = pel.shared(2.0, "w")
        optimizer = SGD(0.1, momentum=0.5, gradient_accumulation_steps=steps)
        step = pel.function([x], updates=optimizer.updates(((w - x) ** 2).mean()), mode="numpy")
        for batch in [*batches, *batches]:
            step(batch)
        values.append(w.get_value())
    assert values[0] == pytest.approx(values[1], rel=1e-6)


def test_a_clipped_gradient_that_is_zero_stays_zero() -> None:
    w = pel.shared([1.0, 1.0], "w")
    for options in ({"clipnorm": 1.0}, {"global_clipnorm": 1.0}):
        updates = SGD(0.5, **options).updates((0 * w).sum(), [w])
        assert pel.function([], updates[w], mode="numpy")().tolist() == [1.0, 1.0]


def test_config_has_the_arguments() -> None:
    made = AdamW(0.1, weight_decay=0.2, clipnorm=1.0)
    assert made.config == {
        "learning_rate": 0.1, "weight_decay": 0.2, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "amsgrad": False,
        "clipnorm": 1.0,
    }  # fmt: skip
    assert AdamW(**made.config).config == made.config
    assert repr(SGD(ExponentialDecay(0.1, 10, 0.5), clipvalue=1.0)) == (
        "SGD(learning_rate=ExponentialDecay(initial_learning_rate=0.1, decay_steps=10, decay_rate=0.5, "
        "staircase=False), momentum=0.0, nesterov=False, clipvalue=1.0)"
    )
