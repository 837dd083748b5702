"""NumPy scripts: executed, and compared with the original graph."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.byhand import moons as by_hand
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Input
from pellucid.graph.op import OPS
from pellucid.show.sources.numpy_script import source
from pellucid.show.sources.numpy_source import VariableNames
from pellucid.show.sources.pellucid_source import PelWriter
from tests.every_op import build_cases
from tests.named_case import name_case


def run(script: str, name: str = "compute") -> Any:
    """Return a function that a script defines."""
    scope: dict[str, Any] = {"__name__": "script"}
    exec(compile(script, "script", "exec"), scope)
    assert "pellucid" not in script
    return scope[name]


EXPENSIVE = {"add_at", "multiply_at", "max_at", "cofactors_derivative", "binomial_log_probability"}
"""Ops whose examples take a tenth of a second."""

FAST = [name for name in sorted(OPS)[::2] if name not in EXPENSIVE]
SLOW = [name for name in sorted(OPS) if name not in FAST]
PARTS = 8


@pytest.mark.parametrize("part", range(PARTS))
def test_an_op_and_its_gradient_have_an_equivalent_script(part: int) -> None:
    for name in FAST[part::PARTS]:
        with name_case(name):
            check_script(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_every_other_op_and_its_gradient_have_an_equivalent_script(name: str) -> None:
    check_script(name)


def check_script(name: str) -> None:
    for inputs, wanted, operands in build_cases(name):
        used = [i for i in inputs if i in pel_inputs(wanted)]
        values = dict(zip(inputs, operands, strict=True))
        results = run(source(wanted))(*[values[i].copy() for i in order_inputs(wanted)])
        results = results if len(wanted) > 1 else [results] if not isinstance(results, list) else results
        assert used or not inputs
        for result, expected, e in zip(results, evaluate(np, wanted, values), wanted, strict=True):
            assert np.asarray(result).dtype == e.dtype
            np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)


def order_inputs(outputs: list[Any]) -> list[Any]:
    """Return the inputs in the order of the script's parameters."""
    from pellucid.graph.traversal import topological

    return [n for n in topological(outputs) if isinstance(n, Input)]


def pel_inputs(outputs: list[Any]) -> set[Any]:
    """Return the inputs that outputs depend on."""
    return set(order_inputs(outputs))


def moons_step() -> Any:
    """Compile a training step of the moons network; its output is the loss of the tutorial."""
    X, y = pel.matrix("X", shape=("n", 2), dtype="float64"), pel.ivector("y", shape=("n",))
    start = by_hand.initialize(seed=0)._asdict()
    W1, b1, W2, b2 = parameters = [pel.shared(value, name) for name, value in start.items()]
    p = pel.softmax(pel.tanh(X @ W1 + b1) @ W2 + b2)
    loss = pel.losses.sparse_categorical_crossentropy(y, p).sum() + 0.005 * ((W1**2).sum() + (W2**2).sum())
    return pel.function([X, y], loss / 200, updates=pel.optimizers.SGD(0.01).updates(loss, parameters))


MOONS_LOSSES = "after 1 updates: 0.432387\nafter 1001 updates: 0.068947\n"


def test_the_moons_script_prints_the_losses_of_the_tutorial(capsys: pytest.CaptureFixture[str]) -> None:
    script = source(moons_step(), *pel.data.moons(), after=[1, 1001])
    exec(compile(script, "script", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out == MOONS_LOSSES


@pytest.mark.slow
def test_the_moons_script_runs_in_a_process(tmp_path: Path) -> None:
    step = moons_step()
    path = tmp_path / "moons.py"
    path.write_text(source(step, *pel.data.moons(), after=[1, 1001]))
    command = [sys.executable, "-I", str(path)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert printed == MOONS_LOSSES
    history = step.repeat(1002, *pel.data.moons())
    assert f"{history[1]:.6f} {history[1001]:.6f}" == "0.432387 0.068947"


def test_updates_and_outputs_use_old_values() -> None:
    a, b = pel.shared(1.0, "a"), pel.shared(10.0, "b")
    f = pel.function([], [a, b], updates={a: b, b: a + b})
    step = run(source(f), "step")
    for _ in range(3):
        assert step() == [float(v) for v in f()]


def test_an_op_may_have_many_operands() -> None:
    inputs = [pel.scalar(f"x{i}") for i in range(70)]
    stacked = pel.stack(inputs)
    np.testing.assert_array_equal(run(source(stacked))(*range(70)), np.arange(70))
    writer = PelWriter(VariableNames(["pel"]))
    for x in inputs:
        writer.add_leaf(x, x.name or "")
    [written] = writer.write([stacked], {})
    scope = {"pel": pel, **{f"x{i}": x for i, x in enumerate(inputs)}}
    exec("\n".join(writer.lines), scope)
    assert eval(written, scope) is stacked


def test_python_keywords_are_not_used_as_names() -> None:
    x, y, z = pel.scalar("lambda"), pel.scalar("np"), pel.scalar("x 1")
    script = source(pel.function([x, y, z], x - y * z))
    assert run(script)(1.0, 2.0, 3.0) == -5.0


def test_equal_names_are_distinguished() -> None:
    x, y = pel.scalar("x"), pel.scalar("x")
    assert run(source(pel.function([x, y], x - y)))(5.0, 2.0) == 3.0


def test_constants_keep_their_dtype() -> None:
    x = pel.vector("x", shape=("n",))
    e = pel.concatenate([x * 0.1 + 1e10, pel.broadcast_to(pel.constant(0.1), (2,))])
    given = np.array([1, 2], "float32")
    result = run(source(e))(given)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, e.eval({x: given}))


def test_arrays_are_bit_identical() -> None:
    rng = np.random.default_rng(0)
    for dtype in ("float32", "float64", "int32", "bool"):
        for shape in ((3, 2), (100, 50), (0, 3)):
            value = (100 * rng.normal(size=shape)).astype(dtype)
            np.testing.assert_array_equal(run(source(pel.constant(value) + pel.zeros((), dtype)))(), value)
    odd = np.array([np.nan, np.inf, -np.inf, -0.0])
    np.testing.assert_array_equal(run(source(pel.constant(odd) * 1.5))(), odd * 1.5)


def test_a_function_with_dict_outputs_returns_a_dict() -> None:
    x = pel.scalar("x")
    assert run(source(pel.function([x], {"double": 2 * x, "square": x**2})))(3.0) == {"double": 6.0, "square": 9.0}


def test_invalid_arguments_are_refused() -> None:
    x = pel.scalar("x")
    w = pel.shared(0.0, "w")
    with pytest.raises(
        TypeError, match=r"source: expected an expression, a list of expressions or a function\. Received: 3"
    ):
        source(3)
    with pytest.raises(pel.InputError, match=r"expected non-negative numbers of updates\. Received: after=-1"):
        source(x, after=-1)
    with pytest.raises(pel.InputError, match="after= needs values for the inputs"):
        source(pel.function([x], updates={w: w + x}), after=10)
    with pytest.raises(pel.InputError, match="expected after=0, because the function has no updates"):
        source(2 * x, 3.0, after=10)


def test_a_loop_of_no_steps_has_the_sizes_of_its_operands() -> None:
    xs, s, w = pel.tensor("xs", ("t", 3)), pel.tensor("s", (None,)), pel.tensor("w", ("m",))
    results = pel.scan(lambda x, s: (s + x.sum(), w[1:] * 2, (w[1:] * 2)[::2], s[:2]), xs, s)
    f = pel.function([xs, s, w], list(results), mode="numpy")
    names: dict[str, Any] = {}
    exec(pel.to_source(f, "numpy"), names)
    values = np.ones((0, 3), "float32"), np.ones(4, "float32"), np.ones(6, "float32")
    assert [r.shape for r in names["compute"](*values)] == [r.shape for r in f(*values)]
