"""Functions on several devices compared with one device, and the errors for devices that do not exist.

The fast comparisons are in `test_several_devices.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.errors import StateError
from pellucid.run.data_parallel import DataParallelProgram
from pellucid.run.device_selection import choose_devices, find_devices
from pellucid.run.distributed import process_group
from pellucid.run.distributed.process_group import translate_losses

FOUR = {
    "XLA_FLAGS": "--xla_force_host_platform_device_count=4 --xla_backend_optimization_level=0",
    "PELLUCID_CACHE": "0",
    "JAX_PLATFORMS": "cpu",
}

ON_FOUR = """
import json
import numpy as np
import pellucid as pel
from pellucid import nn

rng = np.random.default_rng(0)
x = rng.standard_normal((23, 6)).astype("float32")
t = rng.integers(0, 3, 23).astype("int32")

def train(devices):
    nn.set_random_seed(0)
    X, y = pel.matrix("X", shape=("n", 6)), pel.ivector("y", shape=("n",))
    normal = nn.BatchNormalization()(nn.Dense(8, activation="tanh")(X))
    dropped = nn.Dropout(0.5)(normal)
    p = nn.Dense(3, activation="softmax")(dropped)
    loss = pel.losses.sparse_categorical_crossentropy(y, p).mean()
    mask = pel.cast(pel.equal(dropped, 0.0), "int32")
    f = pel.function([X, y], [loss, mask], updates=pel.optimizers.SGD(0.5).updates(loss), devices=devices)
    runs = [f.over(x[:21].reshape(3, 7, 6), t[:21].reshape(3, 7))]  # 7 samples cannot be divided equally
    runs += [f(x, t), f.repeat(4, x, t), f(x[:1], t[:1])]
    state = [p.get_value().tolist() for p in pel.parameters(loss)]
    elsewhere = pel.function([X], pel.inference(p))(x[:2])  # the same variables on one device
    return {
        "losses": np.concatenate([np.ravel(loss) for loss, _ in runs]).tolist(),
        "masks": [mask.tolist() for _, mask in runs],
        "state": [np.ravel(v).tolist() for v in state],
        "elsewhere": elsewhere.ravel().tolist(),
        "backend": type(f.backend).__name__,
        "again": float(f.over(x[:7][None], t[:7][None])[0][0]),
    }

def run_members(devices):
    u, w = pel.vector("u"), pel.shared(1.0, "w")
    f = pel.function([u], (w * u).sum(), updates={w: w - 0.01 * (w * u * u).sum()}, devices=devices)
    ws = pel.shared(np.arange(1.0, 6.0, dtype="float32"), "ws")
    g = pel.vmap(f, {w: ws})
    return g.repeat(3, [1.0, 2.0, 3.0]).tolist(), ws.get_value().tolist()

found = {}
for name, devices in {"one": None, "4": "all", "some": ["cpu:3", 1, 0]}.items():
    found[name] = train(devices)
found["members"] = run_members(None), run_members(4)
images, y = pel.tensor4("x", shape=("n", 8, 8, 3)), pel.ivector("y", shape=("n",))
h = nn.MaxPooling2D(2)(nn.Conv2D(4, 3, activation="relu")(images))
p = nn.Dense(3, activation="softmax")(nn.Dropout(0.5)(nn.Flatten()(nn.BatchNormalization()(h))))
loss = pel.losses.sparse_categorical_crossentropy(y, p).mean()
f = pel.function([images, y], loss, updates=pel.optimizers.Adam(0.05).updates(loss), devices=4)
f.repeat(2, rng.standard_normal((8, 8, 8, 3)).astype("float32"), t[:8])
(compiled,) = (loop[0] for key, loop in f.backend.compiled.items() if key[0] == "repeat")
text = compiled.as_text()
found["collectives"] = {name: text.count(f" {name}(") for name in ("all-reduce", "all-gather", "all-to-all")}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def on_four() -> dict[str, Any]:
    """Results of a process with four devices."""
    environment = {**{k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}, **FOUR}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ON_FOUR],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("devices", ["4", "some"])
def test_several_devices_have_the_results_of_one(on_four: dict[str, Any], devices: str) -> None:
    one, many = on_four["one"], on_four[devices]
    assert (one["backend"], many["backend"]) == ("AutoProgram", "DataParallelProgram")
    np.testing.assert_allclose(many["losses"], one["losses"], rtol=2e-5)
    np.testing.assert_allclose(many["elsewhere"], one["elsewhere"], rtol=2e-4)
    np.testing.assert_allclose(many["again"], one["again"], rtol=2e-4)
    for a, b in zip(many["state"], one["state"], strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize("devices", ["4", "some"])
def test_random_numbers_do_not_depend_on_the_number_of_devices(on_four: dict[str, Any], devices: str) -> None:
    assert on_four[devices]["masks"] == on_four["one"]["masks"]
    assert 0 < np.mean(on_four["one"]["masks"][0]) < 1


@pytest.mark.slow
def test_members_are_divided_over_devices(on_four: dict[str, Any]) -> None:
    one, many = on_four["members"]  # five members on four devices
    for a, b in zip(one, many, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-6)


@pytest.mark.slow
def test_devices_communicate_by_all_reduce_only(on_four: dict[str, Any]) -> None:
    collectives = on_four["collectives"]
    assert collectives["all-reduce"] > 0
    assert collectives["all-gather"] == collectives["all-to-all"] == 0


NAMES = ["gpu:0", "gpu:1"]


@pytest.mark.parametrize(
    ("devices", "message"),
    [
        ("al", r"'all', a number of devices, or a list of numbers or names. Received: 'al'. Did you mean 'all'\?"),
        ("gpu:2", r"Did you mean 'gpu:\d'\? This machine has 2: gpu:0, gpu:1"),
        (9, "expected a number from 1 to 2. Received: 9. This machine has 2: gpu:0, gpu:1\n"),
        (0, "expected a number from 1 to 2. Received: 0"),
        (True, "a list of numbers or names. Received: True"),
        ([], r"a list of numbers or names. Received: \[\]"),
        (2.0, r"a list of numbers or names. Received: 2\.0"),
        ([0, "gpu:0"], r"expected each device once. Received: \[0, 'gpu:0'\]"),
        ([0, 2], "There is no device 2. This machine has 2: gpu:0, gpu:1\n"),
        (["gpu:7"], r"There is no device 'gpu:7'. This machine has 2: gpu:0, gpu:1. Did you mean"),
    ],
)
def test_devices_that_do_not_exist_are_refused(devices: Any, message: str) -> None:
    with pytest.raises(pel.OptionError, match=message):
        find_devices(devices, NAMES)


def test_an_error_says_how_to_divide_a_cpu() -> None:
    x = pel.vector("x")
    with pytest.raises(pel.OptionError, match="set XLA_FLAGS=--xla_force_host_platform_device_count=4 before Py"):
        pel.function([x], x.sum(), devices=9)
    assert pel.function([x], x.sum(), devices="all")([1.0, 2.0]) == 3.0
    assert choose_devices(1) is choose_devices(None) is None


def test_all_processes_must_have_the_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = (SimpleNamespace(process_index=n, platform="gpu") for n in (0, 1))
    fake = SimpleNamespace(devices=lambda: [here, here, there], local_devices=lambda: [here, here])
    monkeypatch.setattr("pellucid.run.device_selection.jax", lambda: fake)
    assert choose_devices(1) == (here, there)
    with pytest.raises(pel.OptionError, match=r"devices of every process. Received: 2; process 1 has 1"):
        choose_devices(2)


@pytest.fixture
def three_processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pretend to be the second of three processes."""
    monkeypatch.setattr(process_group, "num_processes", lambda: 3)
    monkeypatch.setattr(process_group, "process_id", lambda: 1)
    yield
    process_group._peer_failed.clear()


def test_the_loss_of_a_peer_is_distinguished_from_other_errors(three_processes: None) -> None:
    gloo = ValueError("UNKNOWN: Gloo all-reduce failed: Connection closed by peer\nand more")
    with (
        pytest.raises(pel.DistributionError, match=r"^Process 1 of 3 lost contact with another.*closed by peer\n"),
        translate_losses(),
    ):
        raise gloo
    for own in (ValueError("shapes differ"), RuntimeError("RESOURCE_EXHAUSTED: out of memory"), KeyError("UNKNOWN: a")):
        with pytest.raises(type(own)) as caught, translate_losses():
            raise own
        assert caught.value is own


def test_a_failed_program_loses_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    import jax

    w = pel.shared(1.0, "w")
    f = pel.Function(pel.function([], w, updates={w: w + 1}).program, w, "auto", None, (jax.devices()[0],))
    assert (f(), f(), w.get_value()) == (1.0, 2.0, 3.0)
    assert isinstance(f.backend, DataParallelProgram)

    def fail(*args: Any) -> None:
        w.storage.delete()
        raise RuntimeError("INTERNAL: a device fell off the bus")

    monkeypatch.setattr(f.backend, "compiled", dict.fromkeys(f.backend.compiled, fail))
    with pytest.raises(pel.DistributionError, match="on several devices failed: INTERNAL: a device fell off the bus"):
        f()
    with pytest.raises(StateError, match="set_value"):
        w.get_value()
    w.set_value(5.0)
    monkeypatch.undo()
    assert f() == 5.0


def test_values_move_back_to_the_default_device() -> None:
    import jax

    w = pel.shared([1.0, 2.0], "w")
    f = pel.function([], w, updates={w: 2 * w})
    on_one = pel.Function(f.program, [w], "xla", None, (jax.devices()[0],))
    on_one()
    assert w.storage.committed
    np.testing.assert_array_equal(f(), [2.0, 4.0])
    assert not w.storage.committed
    np.testing.assert_array_equal(on_one()[0], [4.0, 8.0])
