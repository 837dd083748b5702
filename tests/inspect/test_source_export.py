"""Networks opened into the levels below: every program trains as the model does, and the NumPy ones run alone."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.run.function_builder import function
from tests.model.workshop import NETWORKS, branching

TRAINING = {"epochs": 2, "batch_size": 4, "seed": 5}


def executed(code: str) -> dict[str, Any]:
    """Return what a program defines, without its main part."""
    scope: dict[str, Any] = {"__name__": "peeled"}
    exec(compile(code, "peeled", "exec"), scope)
    return scope


def alone(script: str, folder: Path, *arguments: str) -> str:
    """Run a script with nothing but what is installed, in an empty folder, and return what it prints."""
    path = folder / "script.py"
    path.write_text(script)
    command = [sys.executable, "-I", str(path), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder).stdout


@pytest.mark.parametrize("name", NETWORKS)
def test_every_level_of_every_network_of_the_workshop_trains_alike(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nn.set_random_seed(0)
    model, x, y = NETWORKS[name]()
    code = {level: model.peel(level, x, y, **TRAINING) for level in ("numpy", "expressions")}
    assert "pellucid." not in code["numpy"]
    assert "pel." not in code["numpy"]
    monkeypatch.setattr(pel, "function", partial(function, mode="numpy"))  # nothing is compiled for so few steps
    expressions, script = executed(code["expressions"]), executed(code["numpy"])
    losses = expressions["fit"](x, y)
    assert len(set(losses)) == 2
    assert script["fit"](x, y) == pytest.approx(losses, rel=2e-5)
    assert read(alone(code["numpy"], tmp_path)) == pytest.approx(losses, rel=2e-5, abs=1e-6)
    given = x.astype(model.inputs[0].dtype)
    np.testing.assert_allclose(expressions["predict"](given), script["predict"](given), rtol=1e-4, atol=1e-5)

    layers, file = model.peel("layers", weights=True, **TRAINING), model.peel("toml", **TRAINING)
    twin = executed(layers)["model"]
    assert twin.peel("layers", weights=True, **TRAINING) == layers
    again = pel.from_toml(file)
    assert again.training == TRAINING
    assert again.peel("toml") == file
    assert [w.shape for w in again.get_weights()] == [w.shape for w in model.get_weights()]


@pytest.mark.parametrize(
    "name", [n if n in ("moons", "adder") else pytest.param(n, marks=pytest.mark.slow) for n in NETWORKS]
)
def test_a_script_trains_as_fit_does(name: str) -> None:
    nn.set_random_seed(0)
    model, x, y = NETWORKS[name]()
    script = executed(model.peel("numpy"))
    losses = model.fit(x, y, **TRAINING, verbose=0).history["loss"]
    assert script["fit"](x, y, **TRAINING) == pytest.approx(losses, rel=2e-5, abs=1e-6)
    for parameter in model.parameters:
        name = parameter.name.replace("/", "_")
        np.testing.assert_allclose(script[name], parameter.get_value(), rtol=1e-4, atol=1e-5)


def test_the_layers_written_down_train_as_the_model_does() -> None:
    nn.set_random_seed(0)
    model, x, y = NETWORKS["moons"]()
    layers, file = model.peel("layers", weights=True), model.peel("toml", epochs=2, batch_size=3, seed=5)
    twin, again = executed(layers)["model"], pel.from_toml(file)
    again.set_weights(twin.get_weights())
    losses = model.fit(x, y, epochs=2, batch_size=3, seed=5, verbose=0).history["loss"]
    assert again.fit(x, y, **again.training, verbose=0).history["loss"] == losses


def read(printed: str) -> list[float]:
    """Return the losses that a script printed."""
    return [float(line.rsplit(" ", 1)[1]) for line in printed.splitlines()]


def test_a_model_that_branches_is_code_with_layers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.training.prediction.function", partial(function, mode="numpy"))
    nn.set_random_seed(0)
    model = branching()
    code = model.peel("layers", weights=True)
    assert 'both = nn.Concatenate(name="both")([pel.tanh(same + same_2), drop])' in code
    assert code.count("nn.Dense(") == 3
    twin = executed(code)["model"]
    assert twin.peel("layers", weights=True) == code
    x = [np.ones((3, 6, 6, 1), "float32"), np.ones((3, 4), "float32")]
    for ours, theirs in zip(model.predict(x), twin.predict(x), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(pel.ModelError, match=r"two: tanh.* stands between its layers, and a TOML file holds calls"):
        model.peel("toml")


def test_a_script_without_data_takes_a_file(tmp_path: Path) -> None:
    nn.set_random_seed(0)
    model, x, y = NETWORKS["moons"]()
    script = model.peel(0, **TRAINING)
    np.savez(tmp_path / "data.npz", x=x, y=y)
    printed = alone(script, tmp_path, "data.npz")
    assert read(printed) == pytest.approx(executed(script)["fit"](x, y), abs=1e-6)
    with pytest.raises(subprocess.CalledProcessError) as stopped:
        alone(script, tmp_path)
    assert "a file made by np.savez, with the arrays x and y" in stopped.value.stderr


def test_functions_and_expressions_open_into_the_same_values() -> None:
    x, W = pel.matrix("x", shape=("n", 3)), pel.shared(np.ones((3, 2), "float32"), "W")
    rng = np.random.default_rng(0)
    data = rng.normal(size=(4, 3)).astype("float32")
    h = pel.scan(lambda x_t, h: pel.tanh(x_t + h), x @ W, pel.zeros((2,)), reverse=True)
    loss = (pel.softplus(h) ** 2).mean()
    step = pel.function([x], {"loss": loss}, updates=pel.optimizers.SGD(0.5).updates(loss))
    code, script = executed(pel.peel(step, "expressions")), executed(pel.peel(step, "numpy"))
    for _ in range(3):
        wanted = step(data)["loss"]
        assert code["step"](data)["loss"] == pytest.approx(wanted, rel=1e-5)
        assert script["step"](data)["loss"] == pytest.approx(wanted, rel=1e-5)
    np.testing.assert_allclose(script["W"], W.get_value(), rtol=1e-5)
    compute = executed(pel.peel(loss, "expressions"))["compute"]
    assert compute(data) == pytest.approx(step(data)["loss"], rel=1e-5)


def test_code_of_expressions_is_the_same_expression() -> None:
    x, y = pel.matrix("x", shape=("n", 4)), pel.ivector("y", shape=("n",))
    e = pel.where(x > 0, x, 0.0)[:, ::2].sum(axis=0) + pel.constant(np.arange(2.0)) + y.astype("float64").mean()
    scope = executed(pel.peel(e, "expressions"))
    given = {"x": np.random.default_rng(1).normal(size=(3, 4)).astype("float32"), "y": np.arange(3)}
    np.testing.assert_array_equal(scope["compute"](*given.values()), e.eval(given))


def test_what_cannot_be_opened_is_refused() -> None:
    model, x, y = NETWORKS["moons"]()
    with pytest.raises(pel.OptionError, match=r"There is no level 'nunpy' to open into\. Did you mean 'numpy'\?"):
        model.peel("nunpy")
    with pytest.raises(
        pel.OptionError, match=r"no level 3 to open into\. Level 3 is the model itself\. Levels: 'numpy'"
    ):
        model.peel(3)
    with pytest.raises(pel.OptionError, match=r"A TOML file holds no data\. Received: x and y with level='toml'"):
        model.peel("toml", x, y)
    with pytest.raises(pel.OptionError, match=r"weights=True belongs to level 'layers'\. Received: level='numpy'"):
        model.peel("numpy", weights=True)
    with pytest.raises(pel.ModelError, match=r"A program holds x and y or neither\. Received: x alone"):
        model.peel("numpy", x)
    with pytest.raises(pel.OptionError, match=r"Expected epochs to be an integer of 1 or more\. Received: epochs=0"):
        model.peel("numpy", epochs=0)
    with pytest.raises(pel.ModelError, match=r"is level 1 already, and opens into 'expressions' and 'numpy'"):
        pel.peel(model.outputs[0], "layers")
    with pytest.raises(pel.OptionError, match=r"epochs belong to a model's training\. Received with a function or exp"):
        pel.peel(model.outputs[0], "numpy", epochs=3)
    with pytest.raises(pel.UseError, match=r"peel opens a model, a function or expressions\. Received: 'moons'"):
        pel.peel("moons", "numpy")
    odd = pel.Sequential([nn.Input((2,)), nn.Dense(2, activation=lambda x: x * x, name="odd")])
    with pytest.raises(pel.ModelError, match=r"odd: its activation is <function .*, which has no name that could be"):
        odd.peel("layers")
    with pytest.raises(pel.ModelError, match="is not compiled"):
        odd.peel("numpy")
