"""Parameters and optimizer state divided over devices: results, memory, checkpoints, and errors."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import callbacks, nn
from pellucid.run.parameter_sharding import choose_sharded_axis
from tests.training.test_distributed import check_same, collect_results, start_processes

SHARDED: dict[str, Any] = {"devices": "all", "shard": "parameters"}


def data() -> tuple[np.ndarray, np.ndarray]:
    """Return 60 samples, which eight devices do not divide evenly."""
    x = np.random.default_rng(0).normal(size=(60, 16)).astype("float32")
    return x, (x.sum(axis=1) > 0).astype("int32") + (x[:, 0] > 1)


def make() -> pel.Sequential:
    """Return a model with divided kernels, small parameters, a frozen layer, random numbers and running means."""
    nn.set_random_seed(1)
    frozen = nn.Dense(64, "relu")
    layers = [
        *(nn.Input((16,)), nn.Dense(256, "tanh"), nn.Dropout(0.3), nn.BatchNormalization()),
        *(nn.Dense(72, "tanh"), frozen, nn.Dense(3, "softmax")),
    ]
    model = pel.Sequential(layers)
    frozen.trainable = False
    model.compile(pel.optimizers.Adam(0.01, epsilon=1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def make_small(dropout: float = 0.3) -> pel.Sequential:
    """Return a model with a trained and a frozen kernel that are divided, and random numbers."""
    nn.set_random_seed(1)
    frozen = nn.Dense(64)
    layers = [nn.Input((16,)), nn.Dense(64, "tanh"), nn.Dropout(dropout), nn.Dense(64, "tanh"), frozen, nn.Dense(3)]
    model = pel.Sequential(layers)
    frozen.trainable = False
    loss = pel.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(pel.optimizers.SGD(0.1, momentum=0.9), loss, metrics=["accuracy"])
    return model


def fit(model: pel.Sequential, *given: Any, **settings: Any) -> dict[str, Any]:
    """Train a model, and return its history and a sample of its weights: pipes between processes are small."""
    history = model.fit(*(given or data()), **{"epochs": 3, "batch_size": 9, "seed": 5, **settings})
    return {"weights": sample(model), "history": history.history, "epochs": history.epoch}


def sample(model: Any) -> list[list[float]]:
    return [np.ravel(w)[::29].tolist() for w in model.get_weights()]


class Memory(callbacks.Callback):
    """Records the bytes of parameters and optimizer slots on each device of this process, after the validation."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        import jax

        values = [v.storage for v in self.model.state().values()]
        self.arrays = [v for v in values if isinstance(v, jax.Array)]
        counter: Counter[int] = Counter()
        for shard in (s for array in self.arrays for s in array.addressable_shards):
            counter[shard.device.id] += shard.data.nbytes
        self.bytes = list(counter.values())
        self.expected = sum(count_bytes(a.shape, a.dtype, jax.device_count()) for a in self.arrays)
        self.total = sum(a.nbytes for a in self.arrays)


def count_bytes(shape: tuple[int, ...], dtype: np.dtype[Any], device_count: int) -> int:
    """Return the size of a device's part of a value."""
    divided = choose_sharded_axis(shape, device_count) is not None
    return int(np.prod(shape)) * dtype.itemsize // (device_count if divided else 1)


def train(folder: Path = Path(), **placement: Any) -> dict[str, Any]:
    """Train with validation and restored weights, and return everything that can be read from the model."""
    memory, model = Memory(), make()
    stopping = callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True)
    found = fit(model, validation_split=0.2, epochs=20, callbacks=[memory, stopping], **placement)
    return found | read_model(model, memory, folder, **placement)


def read_model(
    model: pel.Sequential, memory: Memory, folder: Path, batch_size: int = 9, **placement: Any
) -> dict[str, Any]:
    """Return everything that can be read from a trained model."""
    x, _ = data()
    model.save(name := folder / f"{len(placement)}.pel")
    return {
        "bytes": memory.bytes,
        "expected": memory.expected,
        "total": memory.total,
        "predicted": model.predict(x, batch_size=batch_size, **placement).tolist(),
        "on_one": model.predict(x).tolist(),
        "loaded": sample(pel.load_model(name)),
        "summary": str(model.summary()),
        "entered": sample(model.history.at(5)),
    }


def resume() -> dict[str, Any]:
    """Train half of the epochs in one way, and resume from the checkpoint in another; train on a stream; evaluate."""
    model = make()
    found = {"stream": fit(model, iter([data()] * 3), steps_per_epoch=1, batch_size=None, **SHARDED)}
    found["evaluated"] = [model.evaluate(*data(), batch_size=7, **placement) for placement in ({}, SHARDED)]
    ways: list[dict[str, Any]] = [SHARDED, {}, {"devices": 3}, {"devices": 2, "shard": "parameters"}]
    for first, second in ((0, 1), (0, 2), (1, 3)):
        for epochs, way in ((2, first), (4, second)):
            backup = callbacks.BackupAndRestore(f"from {first} to {second}", delete_checkpoint=False)
            found[f"{first} {second}"] = fit(make(), epochs=epochs, callbacks=[backup], **ways[way])
    return found


def run_functions() -> dict[str, Any]:
    """Run, copy, pickle and map functions whose variables are divided."""
    x, value = pel.matrix("x"), np.random.default_rng(1).normal(size=(96, 64)).astype("float32")
    found: dict[str, Any] = {}
    for name, placement in {"one": {}, "all": SHARDED}.items():
        w, slot = pel.shared(value, "w"), pel.shared(0 * value, "slot", trainable=False)
        samples = pel.shared(np.ones((96, 96), "float32"), "samples", trainable=False)
        loss = (pel.tanh((x + samples[:4]) @ w) ** 2).mean()
        updates = {slot: 0.9 * slot + pel.grad(loss, w), w: w - slot}
        f = pel.function([x], loss, updates=updates, **placement)
        losses = [*f.repeat(3, value[:4, :1] * np.ones((4, 96), "float32")), f(np.ones((4, 96), "float32"))]
        other = pel.shared(2 * value, "other")
        swapped = f.copy(swap={w: other})(np.ones((4, 96), "float32"))
        found[name] = {
            "losses": [float(v) for v in (*losses, swapped)],
            "w": w.get_value().tolist(),
            "slot": slot.get_value().tolist(),
            "read": pel.function([], w.sum())().tolist(),
            "loaded": float(pickle.loads(pickle.dumps(f))(np.ones((4, 96), "float32"))),
            "next": float(f(np.ones((4, 96), "float32"))),
        }
    loop = next(loop for key, (loop, _) in f.backend.compiled.items() if key[0] == "repeat")
    text = loop.as_text()
    found["collectives"] = {name: text.count(f" {name}(") for name in ("all-gather", "all-to-all", "all-reduce")}
    found["shapes"] = [v.storage.addressable_shards[0].data.shape for v in (w, slot, samples)]
    ws = pel.shared(np.stack([value] * 8), "ws")
    g = pel.vmap(f, {w: ws, slot: pel.shared(np.stack([0 * value] * 8), "slots", trainable=False)})
    found["members"] = g(np.ones((4, 96), "float32")).tolist()
    found["member"] = float(pel.function([x], loss, givens={w: pel.constant(value)})(np.ones((4, 96), "float32")))
    return found


def train_on_eight() -> dict[str, Any]:
    """Run everything that eight devices of one process are tested with."""
    fit(make(), epochs=1, callbacks=[copied := Memory()], devices="all")
    found = {"one": train(), "copied": copied.bytes, "whole": copied.total, "divided": train(**SHARDED)}
    return found | {"functions": run_functions()}


def train_on_four(folder: Path) -> dict[str, Any]:
    """Run the same with a small network on four devices: batches that they divide, and a last one that they do not."""

    def run(**placement: Any) -> dict[str, Any]:
        memory, model = Memory(), make_small()
        stopping = callbacks.EarlyStopping("loss", min_delta=10, patience=1, restore_best_weights=True)
        x, y = data()
        found = fit(model, x[:34], y[:34], batch_size=16, epochs=9, callbacks=[memory, stopping], **placement)
        return found | read_model(model, memory, folder, 20, **placement)

    x, y = data()
    fit(make_small(0), x[:20], y[:20], batch_size=20, epochs=1, callbacks=[copied := Memory()], devices="all")
    found = {"one": run(), "copied": copied.bytes, "whole": copied.total, "divided": run(**SHARDED)}
    return found | {"functions": run_functions()}


@pytest.fixture(scope="module", params=[4, pytest.param(8, marks=pytest.mark.slow)])
def on_devices(
    request: pytest.FixtureRequest, use_four_devices: Any, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """Results of four devices of this process, or of eight of another one."""
    folder = tmp_path_factory.mktemp("devices")
    if request.param == 8:
        (found,) = collect_results(start_processes(folder, 1, "train_on_eight", devices=8, module=__file__))
        return {**found, "count": 8}
    with pytest.MonkeyPatch.context() as patch:
        use_four_devices(patch)
        return train_on_four(folder) | {"count": 4}


def test_divided_parameters_have_the_results_of_one_device(on_devices: dict[str, Any]) -> None:
    one, divided = on_devices["one"], on_devices["divided"]
    check_same(divided, one)
    assert 1 < len(one["epochs"]) < (20 if on_devices["count"] == 8 else 3)  # the weights of an epoch are restored
    for name in ("predicted", "on_one"):
        np.testing.assert_allclose(divided[name], one[name], rtol=5e-4, atol=1e-5)
    for a, b in zip(divided["entered"], one["entered"], strict=True):
        np.testing.assert_allclose(a, b, rtol=5e-4, atol=1e-5)
    assert divided["loaded"] == divided["weights"]
    assert divided["summary"].partition("\n")[2] == one["summary"].partition("\n")[2]  # the name has a number


def test_memory_per_device_falls_in_proportion(on_devices: dict[str, Any]) -> None:
    divided, count = on_devices["divided"], on_devices["count"]
    assert on_devices["copied"] == [on_devices["whole"]] * count
    assert divided["bytes"] == [divided["expected"]] * count
    if count == 8:
        assert divided["total"] == on_devices["whole"]
        assert divided["expected"] < divided["total"] / 3  # small parameters are copied
    else:
        large = 3 * 64 * 64 * 4  # bytes of two kernels and the slot of one; all others are copied
        assert divided["total"] - divided["expected"] == large * 3 // 4


@pytest.mark.slow
def test_a_checkpoint_does_not_depend_on_the_division(tmp_path: Path) -> None:
    (found,) = collect_results(start_processes(tmp_path, 1, "resume", devices=8, module=__file__))
    uninterrupted = fit(make(), epochs=4)
    for ways in ("0 1", "0 2", "1 3"):
        check_same(found[ways], uninterrupted)
    check_same(found["stream"], fit(make(), iter([data()] * 3), steps_per_epoch=1, batch_size=None))
    np.testing.assert_allclose(*found["evaluated"], rtol=1e-5)


def test_functions_divide_updated_and_trainable_variables(on_devices: dict[str, Any]) -> None:
    found, rows = on_devices["functions"], 96 // on_devices["count"]
    for name, values in found["one"].items():
        np.testing.assert_allclose(found["all"][name], values, rtol=2e-4, atol=2e-6)
    assert found["all"]["loaded"] == found["all"]["next"]
    assert [list(shape) for shape in found["shapes"]] == [[rows, 64], [rows, 64], [96, 96]]
    assert found["collectives"]["all-gather"] == 1  # the parameter; each device updates its part of the slot
    assert found["collectives"]["all-to-all"] == 0 < found["collectives"]["all-reduce"]
    np.testing.assert_allclose(found["members"], [found["member"]] * 8, rtol=1e-5)


def test_any_devices_evaluate_like_one(four_devices: None) -> None:
    model, (x, y) = make_small(), data()
    expected = model.evaluate(x, y)
    placement: dict[str, Any] = {"devices": [1, "cpu:3"], "shard": "parameters"}
    np.testing.assert_allclose(model.evaluate(x, y, batch_size=30, **placement), expected, rtol=1e-5)


class Weights(callbacks.Callback):
    """Reads the weights in every process."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.total = float(sum(w.sum() for w in self.model.get_weights()))


def train_in_group() -> dict[str, Any]:
    """Train with callbacks that save and restore, in several processes."""
    model, memory, weights = make(), Memory(), Weights()
    active = [
        *(memory, weights, callbacks.ModelCheckpoint("{epoch}.pel"), callbacks.TensorBoard("board", histogram_freq=1)),
        *(callbacks.EarlyStopping("loss", restore_best_weights=True), callbacks.BackupAndRestore("backup")),
    ]
    found = fit(model, callbacks=active, validation_split=0.2, **SHARDED)
    try:
        model.history.at(2)
        found["error"] = ""
    except pel.StateError as error:
        found["error"] = str(error)
    if not pel.distribution.process_id():
        model.save("whole.pel")
    x, y = data()
    found |= {"evaluated": model.evaluate(x, y, **SHARDED), "predicted": model.predict(x, **SHARDED).tolist()}
    divided = [not (a.is_fully_addressable or a.is_fully_replicated) for a in memory.arrays]
    found |= {"bytes": memory.bytes, "expected": memory.expected, "total": memory.total}
    return found | {"divided": sum(divided), "sum": weights.total}


def resume_in_group() -> dict[str, Any]:
    """Train half of the epochs, and resume from the checkpoint."""
    backup = callbacks.BackupAndRestore("backup", delete_checkpoint=False)
    fit(make(), epochs=2, callbacks=[backup], **SHARDED)
    return fit(make(), epochs=4, callbacks=[backup], **SHARDED)


@pytest.mark.slow
def test_processes_resume_with_their_parts(tmp_path: Path) -> None:
    first, second = collect_results(start_processes(tmp_path, 2, "resume_in_group", module=__file__))
    check_same(first, fit(make(), epochs=4))
    assert first["weights"] == second["weights"]


@pytest.mark.slow
def test_each_process_has_its_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two = start_processes(tmp_path, 2, "train_in_group", module=__file__)
    (tmp_path / "alone").mkdir()
    monkeypatch.chdir(tmp_path / "alone")
    alone = train_in_group()
    processes = collect_results(two)
    for found in processes:
        check_same(found, alone)
        for name in ("evaluated", "predicted", "sum"):
            np.testing.assert_allclose(found[name], alone[name], rtol=5e-4, atol=1e-5)
        assert found["divided"] == 7  # kernels of 256 x 72, of 72 x 64, and of the slots of those that are trained
        assert found["bytes"] == [found["expected"]]
        assert found["expected"] < 0.6 * found["total"]
        assert "several processes divide the parameters" in found["error"]
    assert processes[0]["weights"] == processes[1]["weights"]
    for name in ("1.pel", "3.pel", "whole.pel"):
        saved = [pel.load_model(folder / name).get_weights() for folder in (tmp_path, Path())]
        for a, b in zip(*saved, strict=True):
            np.testing.assert_allclose(a, b, rtol=5e-4, atol=1e-5)


def test_an_interrupted_process_saves_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, backup = make(), callbacks.BackupAndRestore(tmp_path)
    backup.set_model(model)
    written: list[str] = []
    monkeypatch.setattr(backup, "write_backup", lambda: written.append("whole"))
    backup.save_interrupted()
    assert written == ["whole"]
    model.trainable_parameters[0].storage = SimpleNamespace(is_fully_addressable=False, is_fully_replicated=False)
    backup.save_interrupted()
    assert written == ["whole"]


@pytest.mark.parametrize(
    ("shape", "count", "axis"),
    [
        ((512, 512), 8, 0),
        ((512, 768), 8, 1),
        ((3, 3, 64, 128), 8, 3),
        ((1000, 768), 3, 1),
        ((1001, 1001), 8, None),
        ((64, 63), 8, None),
        ((4096,), 4, 0),
        ((0, 8), 8, None),
        ((), 8, None),
    ],
)
def test_the_largest_divisible_axis_is_divided(shape: tuple[int, ...], count: int, axis: int | None) -> None:
    assert choose_sharded_axis(shape, count) == axis


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shard": "parameters"}, "over devices. Expected devices, such as devices='all'. Received: none"),
        ({"shard": "parameter", "devices": "all"}, r"'parameters' or None. Received: shard='parameter'. Did you mean"),
        ({"shard": True, "devices": "all"}, "'parameters' or None. Received: shard=True"),
        ({"shard": "parameters", "devices": "gpu:0"}, "Received: 'gpu:0'. Did you mean 'cpu:0'"),
        ({"shard": "parameters", "devices": 99}, "expected a number from 1 to 1. Received: 99"),
    ],
)
def test_what_cannot_be_divided_is_refused(settings: dict[str, Any], message: str) -> None:
    model, (x, y), v = make(), data(), pel.vector("v")
    for call in (
        lambda: model.fit(x, y, **settings),
        lambda: model.evaluate(x, y, **settings),
        lambda: model.predict(x, **settings),
        lambda: pel.function([v], v.sum(), **settings),
    ):
        with pytest.raises(pel.OptionError, match=message):
            call()


@pytest.mark.slow
def test_a_single_device_has_everything() -> None:
    x, y = data()
    results = [fit(make_small(0), x, y, batch_size=30, **placement) for placement in (SHARDED, {})]
    assert results[0] == results[1]
    w, v = pel.shared(np.ones(5000), "w"), pel.vector("v")
    function = pel.function([v], (w * v).sum(), **SHARDED)
    assert (function.shard, function.copy(mode="numpy").shard) == ("parameters", None)
    assert function(np.ones(5000)) == 5000
