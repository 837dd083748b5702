"""Event files, read back by TensorBoard's own reader."""

import io
import sys

import numpy as np
import pytest
from lazy_modules import LazyModule

import pellucid as pel
from pellucid import nn
from pellucid.interop.tensorboard import EventWriter
from pellucid.interop.tensorboard.writer import import_tensorboard

hparams = LazyModule("tensorboard.plugins.hparams.metadata")


def read(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    found.Reload()
    return found


def tensors(found, name):
    from tensorboard.util import tensor_util

    return [(e.step, tensor_util.make_ndarray(e.tensor_proto)) for e in found.Tensors(name)]


def plugin(found, name):
    return found.SummaryMetadata(name).plugin_data.plugin_name


def test_scalars(tmp_path):
    with EventWriter(tmp_path) as writer:
        for step, loss in enumerate([1.0, 0.5, float("nan")]):
            writer.scalars({"epoch/loss": loss, "epoch/accuracy": np.float32(step / 2)}, step)
    found = read(tmp_path)
    steps, values = zip(*tensors(found, "epoch/loss"), strict=True)
    assert steps == (0, 1, 2)
    np.testing.assert_array_equal(np.array(values), np.array([1.0, 0.5, np.nan], np.float32))
    assert plugin(found, "epoch/accuracy") == "scalars"


def test_histogram_ignores_non_finite_values(tmp_path):
    numbers = np.array([[0.0, 1.0, 1.0], [2.0, np.inf, np.nan]])
    with EventWriter(tmp_path) as writer:
        writer.histogram("weights", numbers, 7, buckets=4)
        writer.histogram("same", np.full(5, 3.0), 7)
        writer.histogram("none", [np.nan], 7)
    found = read(tmp_path)
    ((step, rows),) = tensors(found, "weights")
    assert step == 7
    np.testing.assert_allclose(rows, [[0, 0.5, 1], [0.5, 1, 0], [1, 1.5, 2], [1.5, 2, 1]])
    assert tensors(found, "same")[0][1][:, 2].sum() == 5
    assert tensors(found, "none")[0][1].shape == (0, 3)
    assert plugin(found, "weights") == "histograms"


def test_images(tmp_path):
    from PIL import Image

    gray = np.linspace(0, 1, 12).reshape(3, 4)
    colored = np.random.default_rng(0).integers(0, 256, (5, 2, 2, 3), dtype=np.uint8)
    with EventWriter(tmp_path) as writer:
        writer.image("gray", gray, 0)
        writer.image("colored", colored, 1, max_images=2)
    found = read(tmp_path)
    ((_, parts),) = tensors(found, "gray")
    assert parts[:2].tolist() == [b"4", b"3"]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(parts[2]))), np.round(gray * 255))
    ((_, parts),) = tensors(found, "colored")
    assert len(parts) == 2 + 2
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(parts[3]))), colored[1])
    assert plugin(found, "gray") == "images"


def test_text_and_figures(tmp_path):
    from pellucid.show.plots.plots import learning_curves

    with EventWriter(tmp_path) as writer:
        writer.text("note", "**bold**, and ü")
        writer.figure("curves", learning_curves({"loss": [1.0, 0.5]}), 3)
    found = read(tmp_path)
    assert tensors(found, "note")[0][1].item().decode() == "**bold**, and ü"
    width, height = (int(n) for n in tensors(found, "curves")[0][1][:2])
    assert width > height > 100


def test_graph_of_a_model_is_grouped_by_layer(tmp_path):
    from tensorboard.compat.proto.graph_pb2 import GraphDef

    layers = [nn.Input((2,)), nn.Dense(3, "tanh", name="hidden"), nn.Dropout(0.5, name="drop"), nn.Dense(1, name="out")]
    with EventWriter(tmp_path) as writer:
        writer.graph(pel.Sequential(layers))
    graph = GraphDef.FromString(read(tmp_path).Graph().SerializeToString())
    nodes = {node.name: node for node in graph.node}
    assert {"hidden/kernel", "hidden/bias", "hidden/matmul", "hidden/tanh", "out/add"} <= set(nodes)
    assert {node.split("/")[0] for node in nodes if "/" in node} == {"hidden", "drop", "out"}
    assert list(nodes["hidden/matmul"].input)[1] == "hidden/kernel"
    assert nodes["hidden/kernel"].op == "Variable"
    assert [d.size for d in nodes["hidden/tanh"].attr["_output_shapes"].list.shape[0].dim] == [-1, 3]
    assert all(source in nodes for node in graph.node for source in node.input)


def test_graph_of_an_expression(tmp_path):
    x, y = pel.vector("x"), pel.vector("a b")
    with EventWriter(tmp_path) as writer:
        writer.graph([pel.tanh(x) + pel.tanh(y), (x * 2).sum()])
    names = [node.name for node in read(tmp_path).Graph().node]
    assert {"x", "a_b", "tanh", "tanh_1", "sum"} <= set(names)
    assert len(set(names)) == len(names)


def test_hyperparameters_start_and_end_a_session(tmp_path):
    settings = {"rate": 0.1, "hidden": np.int64(3), "nesterov": True, "activation": "tanh", "sizes": (1, 2)}
    with EventWriter(tmp_path / "run") as writer:
        writer.hyperparameters(settings)
        with pytest.raises(pel.UseError, match="of a run can be written once"):
            writer.hyperparameters(settings)
    found = read(tmp_path / "run")
    content = found.SummaryMetadata(hparams.SESSION_START_INFO_TAG).plugin_data.content
    start = hparams.parse_session_start_info_plugin_data(content)
    assert start.hparams["rate"].number_value == 0.1
    assert start.hparams["hidden"].number_value == 3
    assert start.hparams["nesterov"].bool_value is True
    assert start.hparams["sizes"].string_value == "(1, 2)"
    assert start.group_name == "run"
    content = found.SummaryMetadata(hparams.SESSION_END_INFO_TAG).plugin_data.content
    assert hparams.parse_session_end_info_plugin_data(content).status == import_tensorboard().Status.Value(
        "STATUS_SUCCESS"
    )


def test_failed_run_is_marked(tmp_path):
    def broken():
        with EventWriter(tmp_path) as writer:
            writer.hyperparameters({"rate": 1.0})
            writer.scalar("loss", 3.0, 0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    found = read(tmp_path)
    content = found.SummaryMetadata(hparams.SESSION_END_INFO_TAG).plugin_data.content
    assert hparams.parse_session_end_info_plugin_data(content).status == import_tensorboard().Status.Value(
        "STATUS_FAILURE"
    )
    assert len(tensors(found, "loss")) == 1


def test_flushed_values_can_be_read_during_the_run(tmp_path):
    writer = EventWriter(tmp_path)
    writer.scalar("loss", 1.0, 0)
    writer.flush()
    assert len(tensors(read(tmp_path), "loss")) == 1
    writer.close()
    writer.close()
    with pytest.raises(pel.UseError, match=r"is closed. Create another EventWriter"):
        writer.scalar("loss", 1.0, 1)


def test_invalid_arguments(tmp_path):
    with EventWriter(tmp_path) as writer:
        with pytest.raises(pel.ShapeError, match=r"loss: expected one number. Received: an array of shape \(2,\)"):
            writer.scalar("loss", [1.0, 2.0], 0)
        with pytest.raises(pel.ShapeError, match=r"img: expected images of shape .* Received: shape \(2, 2, 5\)"):
            writer.image("img", np.zeros((2, 2, 5)), 0)
        with pytest.raises(pel.OptionError, match=r"Expected a name, .* Received: ''"):
            writer.scalar("", 1.0, 0)
        with pytest.raises(pel.OptionError, match=r"loss: expected a step that is an integer. Received: step=0.5"):
            writer.scalar("loss", 1.0, 0.5)
        with pytest.raises(pel.OptionError, match=r"buckets to be an integer of 1 or more\. Received: buckets=0"):
            writer.histogram("w", [1.0], 0, buckets=0)
        with pytest.raises(pel.UseError, match=r"Expected a model or expressions\. Received: 3"):
            writer.graph(3)


def test_error_without_tensorboard_names_the_package(tmp_path, monkeypatch):
    import_tensorboard.cache_clear()
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    with pytest.raises(pel.MissingPackageError, match=r"event files needs TensorBoard.*'pellucid\[tensorboard\]'"):
        EventWriter(tmp_path)


def fitted(folder, **options):
    model = pel.Sequential([nn.Input((2,)), nn.Dense(3, "tanh", name="hidden"), nn.Dense(1, name="out")])
    model.compile(pel.optimizers.SGD(0.1), "mse", metrics=["mae"])
    x, y = np.random.default_rng(0).normal(size=(2, 8, 2))
    board = pel.callbacks.TensorBoard(folder, **options)
    history = model.fit(x, y[:, :1], batch_size=2, epochs=3, validation_split=0.5, callbacks=[board], verbose=0)
    return model, history.history


def test_callback_writes_training_and_validation_metrics(tmp_path):
    _, history = fitted(tmp_path, histogram_freq=2, write_images=True, hyperparameters={"rate": 0.1})
    train, validation = read(tmp_path / "train"), read(tmp_path / "validation")
    for found, prefix in ((train, ""), (validation, "val_")):
        for name in ("loss", "mae"):
            written = tensors(found, f"epoch_{name}")
            assert [step for step, _ in written] == [0, 1, 2]
            np.testing.assert_allclose([value for _, value in written], history[prefix + name], rtol=1e-6)
    assert tensors(train, "epoch_learning_rate")[0][1] == np.float32(0.1)
    assert [step for step, _ in tensors(train, "hidden/kernel/histogram")] == [1]
    assert tensors(train, "out/kernel/image")[0][1][:2].tolist() == [b"1", b"3"]
    assert [step for step, _ in tensors(validation, "evaluation_loss_vs_iterations")] == [2, 4, 6]
    assert {"hidden/matmul", "out/kernel"} <= {node.name for node in train.Graph().node}
    assert hparams.SESSION_START_INFO_TAG in read(tmp_path).Tags()["tensors"]


def test_callback_writes_batches(tmp_path):
    fitted(tmp_path / "every", update_freq="batch", write_graph=False, write_steps_per_second=True)
    fitted(tmp_path / "third", update_freq=3)
    every, third = read(tmp_path / "every" / "train"), read(tmp_path / "third" / "train")
    assert [step for step, _ in tensors(every, "batch_loss")] == [1, 2, 3, 4, 5, 6]
    assert [step for step, _ in tensors(third, "batch_loss")] == [3, 6]
    assert tensors(every, "epoch_steps_per_second")[0][1] > 0
    assert not every.Tags()["graph"]


def test_callback_writes_the_learning_rate_of_an_epoch_once(tmp_path):
    model = pel.Sequential([nn.Input((2,)), nn.Dense(1)])
    model.compile(pel.optimizers.SGD(0.25), "mse")
    reduce = pel.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)
    board = pel.callbacks.TensorBoard(tmp_path, write_graph=False)
    model.fit(np.ones((4, 2)), np.ones(4), epochs=4, callbacks=[reduce, board], verbose=0)
    written = tensors(read(tmp_path / "train"), "epoch_learning_rate")
    assert [(step, float(value)) for step, value in written] == [(0, 0.25), (1, 0.25), (2, 0.125), (3, 0.0625)]


def test_callback_writes_evaluation_metrics(tmp_path):
    model, _ = fitted(tmp_path / "fit")
    model.evaluate(np.ones((4, 2)), np.ones((4, 1)), callbacks=[pel.callbacks.TensorBoard(tmp_path / "later")])
    ((step, _),) = tensors(read(tmp_path / "later" / "validation"), "evaluation_mae_vs_iterations")
    assert step == 6


def test_callback_refuses_invalid_frequencies():
    with pytest.raises(pel.OptionError, match=r"update_freq to be 'epoch', 'batch' or a number .* Received: 'epochs'"):
        pel.callbacks.TensorBoard(update_freq="epochs")
    with pytest.raises(pel.OptionError, match="histogram_freq"):
        pel.callbacks.TensorBoard(histogram_freq=-1)


def test_trials_of_a_sweep_have_hyperparameters(tmp_path):
    def build(hidden, kind):
        model = pel.Sequential([nn.Input((2,)), nn.Dense(hidden, activation=kind), nn.Dense(1)])
        model.compile("sgd", "mse")
        return model

    x = np.random.default_rng(0).normal(size=(12, 2)).astype("float32")
    found = pel.sweep(build, x, x[:, 0], hidden=[1, 2], kind="tanh", seed=5, epochs=7, validation_data=(x, x[:, 1]))
    folders = found.to_tensorboard(tmp_path, max_epochs=3)
    assert [folder.name for folder in folders] == ["trial_0", "trial_1"]
    for number, folder in enumerate(folders):
        events = read(folder)
        content = events.SummaryMetadata(hparams.SESSION_START_INFO_TAG).plugin_data.content
        settings = hparams.parse_session_start_info_plugin_data(content).hparams
        assert (settings["hidden"].number_value, settings["kind"].string_value, settings["seed"].number_value) == (
            found.table["hidden"][number],
            found.table["kind"][number],
            5,
        )
        steps, values = zip(*tensors(events, "val_loss"), strict=True)
        assert steps == (0, 3, 6)
        np.testing.assert_array_equal(values, found.curves["val_loss"][number][[0, 3, 6]].astype("float32"))
        assert len(tensors(events, "loss")) == 3
    last, _ = found.to_tensorboard(tmp_path / "last", max_epochs=1)
    assert [step for step, _ in tensors(read(last), "loss")] == [6]
    with pytest.raises(pel.OptionError, match="max_epochs"):
        found.to_tensorboard(tmp_path, max_epochs=0)
