"""Gradient transformations as optimizers: agreement with optax, saved state, and errors."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cloudpickle
import numpy as np
import pytest

import pellucid as pel
from pellucid import nn, optimizers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 4)).astype("float32")
Y = RNG.normal(size=(48, 1)).astype("float32")


class Transformation(NamedTuple):
    """A transformation as optax makes them."""

    init: Callable[..., Any]
    update: Callable[..., Any]


class MomentumState(NamedTuple):
    """State of `momentum`."""

    trace: Any
    hyperparams: dict[str, Any]


def momentum(rate: float = 0.1) -> Transformation:
    """Return gradient descent with momentum, whose learning rate is in its state."""
    import jax
    import jax.numpy as jnp

    def init(params: Any) -> MomentumState:
        return MomentumState(jax.tree.map(jnp.zeros_like, params), {"learning_rate": jnp.asarray(rate)})

    def update(gradients: Any, state: MomentumState, params: Any) -> Any:
        trace = jax.tree.map(lambda g, t: g + 0.9 * t, gradients, state.trace)
        return jax.tree.map(lambda t: -state.hyperparams["learning_rate"] * t, trace), state._replace(trace=trace)

    return Transformation(init, update)


def descent() -> Transformation:
    """Return gradient descent without state."""
    return Transformation(lambda params: (), lambda g, state, params: ({k: -0.1 * v for k, v in g.items()}, state))


def make(optimizer: Any) -> pel.Sequential:
    nn.set_random_seed(0)
    model = pel.Sequential([nn.Input((4,)), nn.Dense(3, "tanh", name="a"), nn.Dense(1, name="b")], name="net")
    model.compile(optimizer, "mse")
    return model


def fit(model: pel.Sequential, epochs: int = 2, **options: Any) -> Any:
    return model.fit(X, Y, batch_size=16, epochs=epochs, seed=3, verbose=0, **options)


def get_bits(model: pel.Sequential) -> dict[str, bytes]:
    return {path: shared.get_value().tobytes() for path, shared in model.state().items()}


def test_a_model_trains_as_with_the_same_optimizer() -> None:
    model, expected = make(momentum()), make(optimizers.SGD(0.1, momentum=0.9))
    np.testing.assert_allclose(fit(model).history["loss"], fit(expected).history["loss"], rtol=1e-5)
    for p, q in zip(model.parameters, expected.parameters, strict=True):
        np.testing.assert_allclose(p.get_value(), q.get_value(), rtol=1e-4, atol=1e-6)
    assert [path for path in model.state() if path.startswith("optimizer")] == [
        "optimizer/a/bias/trace",
        "optimizer/a/kernel/trace",
        "optimizer/b/bias/trace",
        "optimizer/b/kernel/trace",
        "optimizer/hyperparams/learning_rate",
    ]
    assert repr(model.optimizer) == "Optax(Transformation)"


@pytest.mark.parametrize("mode", ["xla", "numpy", "auto"])
def test_updates_of_level_1(mode: str) -> None:
    w, x = pel.shared([1.0, 2.0, 3.0], "w"), pel.vector("x", shape=(3,))
    optimizer = optimizers.get(momentum())
    loss = (w.sum() * x).sum()  # the gradient is smaller than w
    step = pel.function([x], loss, updates=optimizer.updates(loss), mode=mode)
    step.repeat(3, [1.0, 0.0, 0.0])
    np.testing.assert_allclose(w.get_value(), np.array([1, 2, 3]) - 0.1 * (1 + 1.9 + 2.71), rtol=1e-6)
    assert set(optimizer.get_state()) == {"w/trace", "hyperparams/learning_rate"}
    again = pel.function([x], updates=optimizer.updates(loss), mode=mode)
    again([1.0, 0.0, 0.0])
    np.testing.assert_allclose(optimizer.get_state()["w/trace"], 3.439, rtol=1e-6)


def test_dtypes_without_state_and_constraints() -> None:
    w, v = pel.shared(np.array([1.0, -1.0]), "w", dtype="float64"), pel.shared(1.0, "w")
    w.constraint = nn.constraints.get("non_neg")
    updates = optimizers.get(descent()).updates((w * v).sum() + w.sum())
    assert set(updates) == {w, v}
    pel.function([], updates=updates)()
    assert w.get_value().tolist() == [0.8, 0]
    assert v.get_value() == 1


def test_random_keys_in_the_state() -> None:
    import jax

    def update(gradients: Any, state: Any, params: Any) -> Any:
        key, now = jax.random.split(state["key"])
        return {k: jax.random.normal(now, g.shape) for k, g in gradients.items()}, {"key": key}

    w = pel.shared(0.0, "w")
    optimizer = optimizers.get(Transformation(lambda params: {"key": jax.random.key(0)}, update))
    step = pel.function([], w, updates=optimizer.updates(w * 1))
    found = np.diff(step.repeat(4))
    key, expected = jax.random.key(0), []
    for _ in range(3):
        key, now = jax.random.split(key)
        expected.append(jax.random.normal(now, ()))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_saved_model_goes_on_training_when_the_transformation_is_passed_again(tmp_path: Path) -> None:
    model = make(momentum())
    fit(model)
    model.save(tmp_path / "model.pel")
    alone = pel.load_model(tmp_path / "model.pel")
    assert alone.predict(X).tobytes() == model.predict(X).tobytes()
    message = r"optimizer is custom code, .*custom_objects=\{'optimizer': optimizer\}"
    with pytest.raises(pel.StorageError, match=message):
        fit(alone)
    alone.save(tmp_path / "again.pel")
    loaded = pel.load_model(tmp_path / "again.pel", custom_objects={"optimizer": momentum()})
    assert fit(loaded).history == fit(model).history
    assert get_bits(loaded) == get_bits(model)
    other = pel.load_model(tmp_path / "model.pel", custom_objects={"optimizer": counting()})
    with pytest.raises(pel.UseError, match=r"its saved state has hyperparams/learning_rate, .* has count\. Pass"):
        fit(other)
    other.compile(momentum(), "mse")
    assert np.isfinite(fit(other).history["loss"]).all()


def counting() -> Transformation:
    import jax.numpy as jnp

    return Transformation(
        lambda params: {"count": jnp.zeros((), jnp.int32)}, lambda g, state, params: (g, {"count": state["count"] + 1})
    )


def test_an_interrupted_run_is_resumed_bit_by_bit(tmp_path: Path) -> None:
    class Stop(pel.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if self.model.step == 4:
                raise KeyboardInterrupt

    whole = make(momentum())
    fit(whole, epochs=3)
    backup = pel.callbacks.BackupAndRestore(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        fit(make(momentum()), epochs=3, callbacks=[Stop(), backup])
    resumed = make(momentum())
    fit(resumed, epochs=3, callbacks=[pel.callbacks.BackupAndRestore(tmp_path)])
    assert get_bits(resumed) == get_bits(whole)
    assert get_bits(whole.history.at(9)) == get_bits(whole)


def test_copies_and_pickles_go_on_training() -> None:
    model = make(momentum())
    fit(model)
    copies = [copy.deepcopy(model), cloudpickle.loads(cloudpickle.dumps(model))]
    with pytest.raises(pel.StorageError, match=r"net cannot be pickled: it uses Transformation\(.* with cloudpickle"):
        pickle.dumps(model)
    fit(model)
    for copied in copies:
        fit(copied)
        assert get_bits(copied) == get_bits(model)


def test_frozen_layers_keep_their_state() -> None:
    model = make(momentum())
    model.layers[0].trainable = False
    fit(model, 1)
    assert "optimizer/a/kernel/trace" not in model.state()
    trace = model.optimizer.get_state()["b/kernel/trace"]
    model.layers[0].trainable = True
    fit(model, 1)
    assert "optimizer/a/kernel/trace" in model.state()
    assert trace.any()


def test_the_learning_rate_of_the_state_can_be_set() -> None:
    model = make(momentum(0.5))
    rates = []
    schedule = pel.callbacks.LearningRateScheduler(lambda epoch, rate: rates.append(rate) or rate / 2)
    fit(model, callbacks=[schedule])
    assert rates == [0.5, 0.25]
    assert model.optimizer.learning_rate == 0.125
    fixed = make(descent())
    message = r"the learning rate of Optax\(Transformation\) .* cannot be set\. Use optax\.inject_hyperparams\(optax"
    with pytest.raises(pel.ModelError, match=message):
        fit(fixed, callbacks=[schedule])
    with pytest.raises(pel.UseError, match=r"inside of the transformation\. Use optax\.inject_hyperparams"):
        fixed.optimizer.learning_rate = 0.1


def test_what_is_no_transformation_is_refused() -> None:
    with pytest.raises(pel.UseError, match=r"Optax: expected a gradient transformation .* Received: 3"):
        optimizers.Optax(3)
    with pytest.raises(pel.UseError, match=r"Received: <function descent .*>; write descent\(0\.001\)"):
        optimizers.get(descent)
    broken = Transformation(lambda params: (), lambda g, state, params: {}["value"])
    with pytest.raises(KeyError):
        make(broken).fit(X, Y)
    with pytest.raises(pel.ModelError, match=r"transformation=.* has no registered name"):
        make(descent()).to_source("toml")
    with pytest.raises(pel.UseError, match="The op optax_step is a function of JAX, which cannot be written as NumPy"):
        make(descent()).to_source("numpy")


def optax_optimizers() -> dict[str, Callable[[Any], Any]]:
    return {
        "adam": lambda o: o.adam(1e-2),
        "momentum": lambda o: o.sgd(0.1, momentum=0.9, nesterov=True),
        "adamw": lambda o: o.adamw(1e-2, weight_decay=0.1),
        "lion": lambda o: o.lion(1e-3),
        "clipped": lambda o: o.chain(o.clip_by_global_norm(0.1), o.adam(1e-2)),
        "schedule": lambda o: o.adam(o.warmup_cosine_decay_schedule(0.0, 1e-2, 3, 12)),
        "injected": lambda o: o.inject_hyperparams(o.adam)(learning_rate=o.exponential_decay(1e-2, 2, 0.5)),
        "by label": lambda o: o.multi_transform(
            {"weights": o.adam(1e-2), "biases": o.sgd(0.1)},
            lambda params: {name: "weights" if "kernel" in name else "biases" for name in params},
        ),
    }


@pytest.mark.peer
@pytest.mark.parametrize("name", optax_optimizers())
def test_steps_agree_with_optax_by_hand(name: str) -> None:
    import jax
    import jax.numpy as jnp

    optax = pytest.importorskip("optax")
    nn.set_random_seed(0)
    model = pel.Sequential([nn.Input((4,)), nn.Dense(8, "tanh", name="a"), nn.Dense(1, name="b")])
    model.compile(optax_optimizers()[name](optax), "mse")
    params = {path: jnp.asarray(p.get_value()) for path, p in model.paths().items()}
    found = model.fit(X, Y, batch_size=48, epochs=12, verbose=0).history["loss"]

    def compute_loss(p: Any) -> Any:
        h = jnp.tanh(X @ p["a/kernel"] + p["a/bias"])
        return jnp.mean((h @ p["b/kernel"] + p["b/bias"] - Y) ** 2)

    transformation = optax_optimizers()[name](optax)
    state, losses = transformation.init(params), []
    for _ in range(12):
        loss, gradients = jax.value_and_grad(compute_loss)(params)
        changes, state = transformation.update(gradients, state, params)
        params = optax.apply_updates(params, changes)
        losses.append(loss)
    np.testing.assert_allclose(found, losses, rtol=1e-5)
    for path, p in model.paths().items():
        np.testing.assert_allclose(p.get_value(), params[path], rtol=1e-4, atol=2e-6)


@pytest.mark.peer
def test_optax_is_imported_by_the_user_only() -> None:
    pytest.importorskip("optax")
    program = (
        "import sys, pellucid as pel; from pellucid import nn; m = pel.Sequential([nn.Input((1,)), nn.Dense(1)]);"
        "m.compile('adam', 'mse'); m.fit([[1.0]], [1.0], verbose=0); assert 'optax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
