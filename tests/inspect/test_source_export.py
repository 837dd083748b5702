"""Exported programs train like the model, and NumPy scripts run without pellucid."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.inspect.source_export.backpropagation import assign_in_place
from pellucid.run.function_builder import function
from tests.model.workshop import NETWORKS, branching

pytestmark = pytest.mark.usefixtures("interpret_functions")

TRAINING = {"epochs": 2, "batch_size": 3, "seed": 5}
"""The last batch of an epoch is smaller: all networks have numbers of samples that 3 does not divide."""


def execute(code: str, name: str = "exported") -> dict[str, Any]:
    """Return the global variables of a program. Its main block runs only if its name is `__main__`."""
    scope: dict[str, Any] = {"__name__": name}
    exec(compile(code, "exported", "exec"), scope)
    return scope


def run_script(script: str, folder: Path, *arguments: str) -> str:
    """Run a script in an isolated interpreter, and return its output."""
    path = folder / "script.py"
    path.write_text(script)
    command = [sys.executable, "-I", str(path), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder).stdout


FAST = ("moons", "logistic", "conv32", "adder")


@pytest.mark.parametrize("name", [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in NETWORKS])
def test_all_levels_train_alike(name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    nn.set_random_seed(0)
    model, x, y = NETWORKS[name]()
    code = {level: model.to_source(level, x, y, **TRAINING) for level in ("numpy", "expressions")}
    assert "pellucid." not in code["numpy"]
    assert "pel." not in code["numpy"]
    monkeypatch.setattr(pel, "function", partial(function, mode="numpy"))  # compiling takes longer than a few steps
    expressions, script = execute(code["expressions"]), execute(code["numpy"])
    losses = expressions["fit"](x, y)
    assert len(set(losses)) == 2
    assert script["fit"](x, y) == pytest.approx(losses, rel=2e-5)
    capsys.readouterr()
    execute(code["numpy"], "__main__")
    assert parse_losses(capsys.readouterr().out) == pytest.approx(losses, rel=2e-5, abs=1e-6)
    given = x.astype(model.inputs[0].dtype)
    np.testing.assert_allclose(expressions["predict"](given), script["predict"](given), rtol=1e-4, atol=1e-5)

    layers, file = model.to_source("layers", weights=True, **TRAINING), model.to_source("toml", **TRAINING)
    twin = execute(layers)["model"]
    assert twin.to_source("layers", weights=True, **TRAINING) == layers
    again = pel.from_toml(file)
    assert again.training == TRAINING
    assert again.to_source("toml") == file
    assert [w.shape for w in again.get_weights()] == [w.shape for w in model.get_weights()]


@pytest.mark.parametrize(
    "name", [n if n in ("moons", "adder") else pytest.param(n, marks=pytest.mark.slow) for n in NETWORKS]
)
def test_script_trains_like_fit(name: str) -> None:
    nn.set_random_seed(0)
    model, x, y = NETWORKS[name]()
    script = execute(model.to_source("numpy"))
    losses = model.fit(x, y, **TRAINING, verbose=0).history["loss"]
    assert script["fit"](x, y, **TRAINING) == pytest.approx(losses, rel=2e-5, abs=1e-6)
    for parameter in model.parameters:
        name = parameter.name.replace("/", "_")
        np.testing.assert_allclose(script[name], parameter.get_value(), rtol=1e-4, atol=1e-5)


def test_exported_layers_train_like_the_model() -> None:
    nn.set_random_seed(0)
    model, x, y = NETWORKS["moons"]()
    layers, file = model.to_source("layers", weights=True), model.to_source("toml", epochs=2, batch_size=3, seed=5)
    twin, again = execute(layers)["model"], pel.from_toml(file)
    again.set_weights(twin.get_weights())
    losses = model.fit(x, y, epochs=2, batch_size=3, seed=5, verbose=0).history["loss"]
    assert again.fit(x, y, **again.training, verbose=0).history["loss"] == losses


def parse_losses(printed: str) -> list[float]:
    return [float(line.rsplit(" ", 1)[1]) for line in printed.splitlines()]


def test_functional_model_as_code_with_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.training.prediction.function", partial(function, mode="numpy"))
    nn.set_random_seed(0)
    model = branching()
    code = model.to_source("layers", weights=True)
    assert 'both = nn.Concatenate(name="both")([pel.tanh(same + same_2), drop])' in code
    assert code.count("nn.Dense(") == 3
    twin = execute(code)["model"]
    assert twin.to_source("layers", weights=True) == code
    x = [np.ones((3, 6, 6, 1), "float32"), np.ones((3, 4), "float32")]
    for ours, theirs in zip(model.predict(x), twin.predict(x), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(pel.ModelError, match=r"two: tanh.* is computed between the layers, but a TOML file holds only"):
        model.to_source("toml")


def test_script_without_data_reads_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nn.set_random_seed(0)
    model, x, y = NETWORKS["moons"]()
    script = model.to_source(0, **TRAINING)
    np.savez(tmp_path / "data.npz", x=x, y=y)
    printed = run_script(script, tmp_path, "data.npz")
    assert parse_losses(printed) == pytest.approx(execute(script)["fit"](x, y), abs=1e-6)
    monkeypatch.setattr(sys, "argv", ["script.py"])
    with pytest.raises(SystemExit, match=r"a file made by np\.savez, with the arrays x and y"):
        execute(script, "__main__")


def test_exported_functions_and_expressions_compute_the_same_values() -> None:
    x, W = pel.matrix("x", shape=("n", 3)), pel.shared(np.ones((3, 2), "float32"), "W")
    rng = np.random.default_rng(0)
    data = rng.normal(size=(4, 3)).astype("float32")
    h = pel.scan(lambda x_t, h: pel.tanh(x_t + h), x @ W, pel.zeros((2,)), reverse=True)
    loss = (pel.softplus(h) ** 2).mean()
    step = pel.function([x], {"loss": loss}, updates=pel.optimizers.SGD(0.5).updates(loss))
    code, script = execute(pel.to_source(step, "expressions")), execute(pel.to_source(step, "numpy"))
    for _ in range(3):
        wanted = step(data)["loss"]
        assert code["step"](data)["loss"] == pytest.approx(wanted, rel=1e-5)
        assert script["step"](data)["loss"] == pytest.approx(wanted, rel=1e-5)
    np.testing.assert_allclose(script["W"], W.get_value(), rtol=1e-5)
    compute = execute(pel.to_source(loss, "expressions"))["compute"]
    assert compute(data) == pytest.approx(step(data)["loss"], rel=1e-5)


def test_exported_expression_is_the_same_expression() -> None:
    x, y = pel.matrix("x", shape=("n", 4)), pel.ivector("y", shape=("n",))
    e = pel.where(x > 0, x, 0.0)[:, ::2].sum(axis=0) + pel.constant(np.arange(2.0)) + y.astype("float64").mean()
    scope = execute(pel.to_source(e, "expressions"))
    given = {"x": np.random.default_rng(1).normal(size=(3, 4)).astype("float32"), "y": np.arange(3)}
    np.testing.assert_array_equal(scope["compute"](*given.values()), e.eval(given))


def test_invalid_arguments() -> None:
    model, x, y = NETWORKS["moons"]()
    with pytest.raises(pel.OptionError, match=r"There is no level 'nunpy'\. Did you mean 'numpy'\?"):
        model.to_source("nunpy")
    with pytest.raises(pel.OptionError, match=r"no level 3\. Level 3 is the model itself\. Levels: 'numpy'"):
        model.to_source(3)
    with pytest.raises(pel.OptionError, match=r"A TOML file holds no data\. Received: x and y with level='toml'"):
        model.to_source("toml", x, y)
    with pytest.raises(pel.OptionError, match=r"weights=True is only for level 'layers'\. Received: level='numpy'"):
        model.to_source("numpy", weights=True)
    with pytest.raises(pel.ModelError, match=r"Expected both x and y, or neither\. Received: only x"):
        model.to_source("numpy", x)
    with pytest.raises(pel.OptionError, match=r"Expected epochs to be an integer of 1 or more\. Received: epochs=0"):
        model.to_source("numpy", epochs=0)
    for seed in (-1, 1.7, "3", True):
        with pytest.raises(pel.OptionError, match="Expected seed to be an integer of 0 or more"):
            model.to_source("numpy", seed=seed)
    with pytest.raises(pel.ModelError, match=r"can be exported as 'expressions' or 'numpy'"):
        pel.to_source(model.outputs[0], "layers")
    with pytest.raises(pel.OptionError, match=r"epochs: only for a model\. Received with a function or exp"):
        pel.to_source(model.outputs[0], "numpy", epochs=3)
    with pytest.raises(pel.UseError, match=r"to_source expects a model, a function or expressions\. Received: 'moons'"):
        pel.to_source("moons", "numpy")
    odd = pel.Sequential([nn.Input((2,)), nn.Dense(2, activation=lambda x: x * x, name="odd")])
    with pytest.raises(pel.ModelError, match=r"odd: activation=<function .* has no registered name"):
        odd.to_source("layers")
    with pytest.raises(pel.ModelError, match="is not compiled"):
        odd.to_source("numpy")


def small_cnn(loss: str = "categorical_crossentropy", **conv: Any) -> Any:
    """Return a convolutional network as in the course."""
    nn.set_random_seed(0)
    layers = [
        nn.Input((8, 8, 1), name="x"),
        nn.Conv2D(4, 3, activation="relu", name="conv", **conv),
        nn.MaxPooling2D(2, name="pool"),
        nn.Flatten(name="flat"),
        nn.Dense(3, activation="softmax", name="out"),
    ]
    model = pel.Sequential(layers, name="digits")
    model.compile(nn.optimizers.SGD(0.1), loss)
    return model


def find_dead_code(script: str) -> list[str]:
    """Return unused functions, imports, parameters and variables, and branches that are always or never taken."""
    tree = ast.parse(script)
    read = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found += [a.name for a in node.names if (a.asname or a.name.partition(".")[0]) not in read]
        elif isinstance(node, ast.If | ast.IfExp | ast.While) and isinstance(node.test, ast.Constant):
            found.append(ast.unparse(node.test))
        elif isinstance(node, ast.FunctionDef):
            found += [node.name] if node.name not in [*read, "predict", "fit"] else []
            local = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
            used = {n.id for n in local if isinstance(n.ctx, ast.Load)} | {
                name for n in ast.walk(node) if isinstance(n, ast.Global) for name in n.names
            }
            found += [n.id for n in local if isinstance(n.ctx, ast.Store) and n.id not in {*used, "_"}]
            found += [a.arg for a in node.args.args if a.arg not in used]
            returns = [number for number, statement in enumerate(node.body) if isinstance(statement, ast.Return)]
            found += ["code after return"] if returns and returns[0] < len(node.body) - 1 else []
    return found


@pytest.mark.parametrize(
    "settings",
    [{}, {"padding": "same"}, {"strides": 2}, {"dilation_rate": 2}, {"loss": "sparse_categorical_crossentropy"}],
    ids=str,
)
@pytest.mark.usefixtures("interpreted")
def test_script_of_a_small_convolutional_network_is_short(settings: dict[str, Any]) -> None:
    model = small_cnn(**settings)
    script = model.to_source("numpy")
    assert len(script.splitlines()) < 120
    assert not find_dead_code(script)
    assert ("np.pad" in script) == ("padding" in settings)
    assert pel.check_equivalence(model, execute(script), steps=3)


@pytest.mark.parametrize("name", ["moons", "conv32", "adder", "mnist-softmax"])
def test_scripts_have_no_dead_code(name: str) -> None:
    model, *_ = NETWORKS[name]()
    assert not find_dead_code(model.to_source("numpy"))


def test_script_writes_backpropagation_out() -> None:
    script = small_cnn().to_source("numpy")
    step = script[script.index("def step") : script.index("def predict")]
    for line in [
        "# Forward pass",
        "z1 = conv(x, conv_kernel)  # (n, 6, 6, 4), conv: convolution",
        "# Backward pass: d_z is the gradient of the loss with respect to z",
        "d_h1 = np.reshape(d_u2, h1.shape)  # (n, 3, 3, 4), back through change of shape",
        "d_z1 = max_pool_gradient(d_z2, u1, z1)  # (n, 6, 6, 4), back through max pooling",
        "d_conv_kernel = conv_kernel_gradient(x, d_z1, conv_kernel)  # (3, 3, 1, 4), back through convolution",
        "# Update",
        "conv_kernel = conv_kernel - rate * d_conv_kernel  # (3, 3, 1, 4)",
    ]:
        assert line in step
    formulas = [line for line in step.splitlines() if line.startswith("    ") and " = " in line]
    backward = formulas[: next(n for n, line in enumerate(formulas) if "rate =" in line)]
    assert all("  # " in line for line in backward)


def test_gradients_in_a_script_are_the_gradients() -> None:
    """Variables named after a gradient have its value."""
    model = small_cnn(padding="same")
    script = model.to_source("numpy").replace("    return loss\n", "    return dict(locals())\n")
    scope = execute(script)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 8, 8, 1)).astype("float32"), np.eye(3, dtype="float32")[[2, 0]]
    variables = scope["step"](x, y)
    loss = nn.losses.CategoricalCrossentropy()(target := pel.matrix("y", shape=("n", 3)), model.outputs[0])
    parameters = model.trainable_parameters
    gradients = pel.function([model.inputs[0], target], pel.grad(loss, parameters), mode="numpy")(x, y)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        np.testing.assert_allclose(variables[f"d_{parameter.name.replace('/', '_')}"], gradient, rtol=1e-4, atol=1e-6)
    assert sum(name.startswith("d_") for name in variables) >= 9


def test_values_are_assigned_in_place_unless_the_old_ones_are_used() -> None:
    lines = ["new_a = a + 1", "new_b = b * a"]
    assert assign_in_place(lines, {"a": "new_a", "b": "new_b"}, "loss") == (
        ["new_a = a + 1", "b = b * a"],
        {"a": "new_a"},
    )
    assert assign_in_place(["new_a = a + 1"], {"a": "new_a"}, "a * 2") == (["new_a = a + 1"], {"a": "new_a"})
    assert assign_in_place(["new_m = m / 2", "new_a = a - new_m"], {"m": "new_m", "a": "new_a"}, "loss") == (
        ["m = m / 2", "a = a - m"],
        {},
    )
