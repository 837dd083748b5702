"""Pickles and deep copies of expressions keep values, identities and names."""

from __future__ import annotations

import copy
import importlib
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.op import OPS
from pellucid.graph.operators import FUNCTIONS

X = pel.matrix("X", shape=("n", 3))


def test_an_expression_is_the_same_after_pickling() -> None:
    W = pel.shared(np.arange(6.0).reshape(3, 2), "W", dtype="float32")
    y = pel.named("y", pel.tanh(X @ W)) + np.ones(40, "float32").reshape(20, 2)[:1]
    loaded = pickle.loads(pickle.dumps(y))
    assert (str(loaded), loaded.type) == (str(y), y.type)
    assert [e.name for e in pel.ancestors(loaded)] == [e.name for e in pel.ancestors(y)]
    values = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    assert loaded.eval({"X": values}).tobytes() == y.eval({X: values}).tobytes()


def test_expressions_in_one_pickle_share_their_variables_and_inputs() -> None:
    w, x = pel.shared(2.0, "w"), pel.vector("x")
    y, total, variable, source = pickle.loads(pickle.dumps((w * x, (w * x).sum(), w, x)))
    assert total.inputs[0] is y
    assert y.inputs == (variable, source)
    assert variable is not w
    assert pickle.loads(pickle.dumps(pel.constant(2.0))) is pel.constant(2.0)


def test_unknown_sizes_stay_unknown_and_distinct() -> None:
    x, y = pel.vector("x"), pel.vector("y")
    a, b, both = pickle.loads(pickle.dumps((x, y, x + x)))
    assert both.shape == a.shape != b.shape
    assert len({a.shape, b.shape, x.shape, y.shape}) == 4


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_variable_keeps_its_attributes(duplicate: Any) -> None:
    w = pel.shared(np.array([3.0, -4.0]), "w", dtype="bfloat16", trainable=False, regularizable=False)
    count = pel.shared(1, "count")
    w.constraint = lambda value: pel.maximum(value, 0)
    w.indexed_by, w.default_update = "embedding", w * count.astype("bfloat16")
    count.default_update = count + 1
    copied, copied_count = duplicate((w, count))
    assert copied is not w
    assert (copied.name, copied.type, copied.indexed_by) == (w.name, w.type, w.indexed_by)
    assert (copied.trainable, copied.regularizable, copied.trainable_by_default) == (False, False, False)
    assert copied.get_value().tobytes() == w.get_value().tobytes()
    assert set(pel.ancestors(copied.default_update)) >= {copied, copied_count}
    assert copied_count.default_update is copied_count + 1
    assert copied.constraint(copied).eval().tolist() == [3, 0]
    step = pel.function([], copied_count, updates={w: w * 0})
    assert [int(step()), int(step())] == [1, 2]
    assert count.get_value() == 1


def test_a_deep_copy_has_its_own_variables() -> None:
    w, x = pel.shared(2.0, "w"), pel.vector("x")
    y = pel.named("y", w * x)
    copied, variable, source = copy.deepcopy([y, w, x])
    assert (copied.name, copied.inputs, source) == ("y", (variable, x), x)
    variable.set_value(5.0)
    assert w.get_value() == 2
    assert copy.copy(w) is not w
    assert copy.deepcopy(x + 1) is x + 1


def test_a_loop_can_be_pickled() -> None:
    x, w = pel.vector("x"), pel.shared(0.5, "w")
    y = pel.scan(lambda x_t, s: w * s + x_t, x, 0.0)
    assert pickle.loads(pickle.dumps(y)).eval({"x": [1.0, 2.0]}).tolist() == [1.0, 2.5]


def test_an_unregistered_op_is_refused() -> None:
    double = pel.from_jax(lambda x: 2 * x, name="double")
    with pytest.raises(pel.StorageError, match=r"The op double is not registered.*pel\.op or pel\.composite"):
        pickle.dumps(double(X))


def write_op(folder: Path) -> None:
    """Write a module that defines an op."""
    (folder / "cube_op.py").write_text(
        "import pellucid as pel\n\n@pel.op()\ndef cube_for_pickling(xp, x):\n    return x * x * x\n"
    )


def test_a_pickle_imports_the_modules_of_custom_ops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_op(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    pickled = pickle.dumps(importlib.import_module("cube_op").cube_for_pickling(pel.vector("x")))
    for _ in range(2):  # as in a process that has not imported the module
        del sys.modules["cube_op"], OPS["cube_for_pickling"], FUNCTIONS["cube_for_pickling"]
        assert pickle.loads(pickled).eval({"x": [2.0]}, mode="numpy").tolist() == [8]
    del sys.modules["cube_op"], OPS["cube_for_pickling"], FUNCTIONS["cube_for_pickling"]


@pytest.mark.slow
def test_another_process_reads_a_pickle_with_a_custom_op(tmp_path: Path) -> None:
    write_op(tmp_path)
    write = "import pickle, pellucid as pel, cube_op; pickle.dump(cube_op.cube_for_pickling(pel.vector('x')), out)"
    read = "import pickle; print(pickle.load(open('cube.pkl', 'rb')).eval({'x': [2.0]}))"
    run = {"check": True, "cwd": tmp_path, "env": None}
    subprocess.run([sys.executable, "-c", f"out = open('cube.pkl', 'wb'); {write}"], **run)
    found = subprocess.run([sys.executable, "-c", read], capture_output=True, text=True, **run)
    assert found.stdout.strip() == "[8.]"
