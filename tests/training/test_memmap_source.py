"""Memory-mapped data are read in pieces: the same steps, every row once, and few pieces in memory."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import callbacks, nn
from pellucid.nn.optimizers import SGD
from pellucid.training import iterator_source, memmap_source, row_source
from pellucid.training.data_sources import opening
from pellucid.training.data_sources.opening import is_memory_mapped
from pellucid.training.memmap_source import BlockShuffle, MemmapDataset

COUNT = 203
X = np.random.default_rng(0).normal(size=(COUNT, 4)).astype("float32")
Y = (X[:, 0] > X[:, 1]).astype("int32")


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat every file as large, with pieces of 5 batches of 8 rows and blocks of 4 rows."""
    monkeypatch.setattr(opening, "MIN_MEMMAP_BYTES", 0)
    monkeypatch.setattr(memmap_source, "PIECE_BYTES", 5 * 8 * 20)
    monkeypatch.setattr(memmap_source, "BLOCK_BYTES", 4 * 20)


@pytest.fixture
def file(tmp_path: Path) -> np.memmap[Any, Any]:
    return save_memmap(tmp_path, X)


def save_memmap(folder: Path, array: np.ndarray[Any, Any], mode: Any = "r") -> np.memmap[Any, Any]:
    np.save(folder / "x.npy", array)
    found: np.memmap[Any, Any] = np.load(folder / "x.npy", mmap_mode=mode)
    return found


@pytest.fixture(scope="module")
def model() -> pel.Sequential:
    made = pel.Sequential([nn.Input((4,)), nn.Dense(5, activation="tanh"), nn.Dense(2, activation="softmax")])
    made.compile(SGD(0.2), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return made


@pytest.fixture(scope="module")
def start(model: pel.Sequential) -> list[np.ndarray]:
    return model.get_weights()


def train(model: pel.Sequential, start: list[np.ndarray], *data: Any, **how: Any) -> list[np.ndarray]:
    model.set_weights(start)
    model.fit(*data, **{"batch_size": 8, "epochs": 2, "seed": 3, "verbose": 0, **how})
    return model.get_weights()


def test_memmaps_give_the_same_steps_as_arrays(model: pel.Sequential, start: list[np.ndarray], file: Any) -> None:
    wanted = train(model, start, X, Y, shuffle=False)
    history = model.history
    found = train(model, start, file, Y, shuffle=False)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert model.history.history["loss"] == pytest.approx(history.history["loss"], rel=1e-6)


def test_memmaps_are_evaluated_and_predicted(model: pel.Sequential, file: Any) -> None:
    p = pel.function(model.inputs, model.outputs[0], mode="numpy")(X)
    np.testing.assert_allclose(model.predict(file, batch_size=8), p, rtol=1e-5)
    loss, accuracy = -np.log(p[np.arange(COUNT), Y]).mean(), (p.argmax(1) == Y).mean()
    assert model.evaluate(file, Y, batch_size=8) == pytest.approx([loss, accuracy], rel=1e-5)


def test_a_shuffled_epoch_follows_its_order(model: pel.Sequential, start: list[np.ndarray], file: Any) -> None:
    found = train(model, start, file, Y, epochs=1)
    rows = np.concatenate([list_rows(*piece) for piece in BlockShuffle(COUNT, 4, 40, True).iter_pieces(3, 0)])
    wanted = train(model, start, X[rows], Y[rows], epochs=1, shuffle=False)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert (rows != np.arange(COUNT)).mean() > 0.9


def list_rows(spans: list[tuple[int, int]], mixed: Any) -> np.ndarray:
    rows = np.concatenate([np.arange(*span) for span in spans])
    return rows if mixed is None else rows[mixed]


@pytest.mark.parametrize(("count", "block", "piece"), [(203, 4, 40), (40, 4, 40), (41, 7, 10), (5, 1, 2), (1, 1, 8)])
def test_an_order_contains_every_row_once(count: int, block: int, piece: int) -> None:
    order = BlockShuffle(count, block, piece, True)
    epochs = [[list_rows(*p) for p in order.iter_pieces(7, epoch)] for epoch in (0, 1, 0)]
    for parts in epochs:
        assert [len(p) for p in parts[:-1]] == [piece] * (len(parts) - 1)
        assert sorted(np.concatenate(parts)) == list(range(count))
    first, second, again = (np.concatenate(parts) for parts in epochs)
    np.testing.assert_array_equal(first, again)
    assert count < 10 or (first != second).any()
    for number, part in enumerate(epochs[0]):
        np.testing.assert_array_equal(list_rows(*next(order.iter_pieces(7, 0, number))), part)


def test_a_piece_has_rows_of_the_whole_file() -> None:
    rows = list_rows(*next(BlockShuffle(100_000, 10, 2_000, True).iter_pieces(0, 0)))
    assert np.histogram(rows, bins=10, range=(0, 100_000))[0].min() > 100
    assert abs(np.corrcoef(rows[:-1], rows[1:])[0, 1]) < 0.1


def test_chunk_boundaries_do_not_change_the_result(model: pel.Sequential, start: list[np.ndarray], file: Any) -> None:
    seen: list[int] = []
    at_once = train(model, start, file, Y)
    chunked = train(
        model, start, file, Y, callbacks=[callbacks.LambdaCallback(on_train_batch_end=lambda b, _: seen.append(b))]
    )
    assert seen == [*range(26), *range(26)]
    for a, b in zip(chunked, at_once, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_run_on_a_memmap_can_be_resumed(model: pel.Sequential, start: list[np.ndarray], file: Any) -> None:
    last = train(model, start, file, Y, validation_split=0.25)
    begin = model.step - 2 * 19
    there = model.history.at(begin + 19 + 7)
    assert (there.run.epoch, there.run.batch) == (1, 7)
    branch = model.history.branch(at=begin + 19 + 7)
    for a, b in zip(branch.model.get_weights(), last, strict=True):
        np.testing.assert_array_equal(a, b)
    assert branch.history["val_loss"] == model.history.history["val_loss"]


def test_steps_lists_and_weights(model: pel.Sequential, start: list[np.ndarray], file: Any) -> None:
    weights = np.linspace(0, 1, COUNT).astype("float32")
    before = model.step
    found = train(
        model, start, file, list(Y), steps_per_epoch=7, shuffle=False, sample_weight=weights, class_weight={1: 2}
    )
    assert model.step - before == 14
    wanted = train(model, start, X, Y, steps_per_epoch=7, shuffle=False, sample_weight=weights, class_weight={1: 2})
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_several_inputs_by_name(file: Any) -> None:
    a, b = nn.Input((4,), name="a"), nn.Input((4,), name="b")
    made = pel.Model([a, b], nn.Dense(2, activation="softmax")(nn.Concatenate()([a, b])))
    made.compile(SGD(0.2), "sparse_categorical_crossentropy")
    start = made.get_weights()
    ends = [
        train(made, start, {"a": x, "b": x}, Y[:40], shuffle=False, validation_data=({"a": x[:8], "b": X[:8]}, Y[:8]))
        for x in (X[:40], file[:40])
    ]
    np.testing.assert_allclose(ends[0][0], ends[1][0], rtol=1e-5, atol=1e-6)


def test_inputs_of_different_lengths_are_refused(file: Any) -> None:
    a, b = nn.Input((4,), name="a"), nn.Input((4,), name="b")
    made = pel.Model([a, b], nn.Dense(2, activation="softmax")(nn.Concatenate()([a, b])))
    made.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(pel.ModelError, match=r"for every sample. Received: 203 in x, 100 in x, 100 in y"):
        made.fit({"a": file, "b": X[:100]}, Y[:100])


def test_invalid_values_in_a_file_are_found(model: pel.Sequential, tmp_path: Path) -> None:
    bad = X.copy()
    bad[101, 2] = np.nan
    file = save_memmap(tmp_path, bad)
    with pytest.raises(pel.ModelError, match=r"Received: nan at \[\d, 2\]") as caught:
        model.fit(file, Y, batch_size=8, seed=0)
    at = int(str(caught.value).partition("nan at [")[2][0])
    (note,) = caught.value.__notes__
    assert note == f"  in rows {101 - at} to {101 - at + 3} of the file, counted from row {101 - at}"
    with pytest.raises(pel.ModelError, match=r"Expected a target and a weight for every sample. Received: 203 in x, 9"):
        model.fit(file, Y[:9])
    with pytest.raises(pel.ShapeError, match=r"Received: x of shape \(1, 1\)"):
        model.fit(file[:, :1], Y)
    with pytest.raises(pel.OptionError, match=r"203 samples make 7 batches of 32. Received: 8 steps"):
        model.fit(file, Y, steps_per_epoch=8)


def test_small_files_are_loaded_into_memory(monkeypatch: pytest.MonkeyPatch, file: Any) -> None:
    assert [is_memory_mapped(x) for x in (file, {"a": X, "b": file}, [X, file], X)] == [True, True, True, False]
    monkeypatch.setattr(opening, "MIN_MEMMAP_BYTES", file.nbytes)
    assert not is_memory_mapped(file)


def test_reading_releases_pages_but_keeps_written_data(tmp_path: Path) -> None:
    private = save_memmap(tmp_path, X, "c")
    private[:] = 7
    assert (MemmapDataset(private).read([(0, 3), (9, 10)]).x == 7).all()
    assert (private == 7).all()
    written = save_memmap(tmp_path, X, "r+")
    written[5] = 7
    assert (MemmapDataset(written[2:]).read([(3, 4)]).x == 7).all()
    np.testing.assert_array_equal(written[5:7], [np.full(4, 7), X[6]])


def test_only_a_few_pieces_are_in_memory(model: pel.Sequential, file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    original_read = MemmapDataset.read
    monkeypatch.setattr(MemmapDataset, "read", lambda self, spans: read.append(1) or original_read(self, spans))
    ahead = []

    def look(batch: int, logs: Any) -> None:
        time.sleep(0.002)
        ahead.append(len(read) - 1 - batch // 5)

    model.fit(file, Y, batch_size=8, callbacks=[callbacks.LambdaCallback(on_train_batch_end=look)], verbose=0)
    assert max(ahead) <= 1 + row_source.QUEUED_PIECES + 1  # in use, queued, and the one that is being read
    assert len(read) == 1 + 6


def test_the_prefetch_queue_is_limited(model: pel.Sequential, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iterator_source, "MAX_QUEUED_BYTES", 0)  # the minimum queue length is 2
    monkeypatch.setattr(iterator_source, "MAX_STACKED_BYTES", 3 * 8 * 20)
    made, ahead = [0], []

    def batches() -> Iterator[Any]:
        for start in range(0, 200, 8):
            made[0] += 1
            yield X[start : start + 8], Y[start : start + 8]

    def look(batch: int, logs: Any) -> None:
        time.sleep(0.002)
        ahead.append(made[0] - batch)

    model.fit(batches(), callbacks=[callbacks.LambdaCallback(on_train_batch_end=look)], verbose=0)
    assert len(ahead) == 25
    assert max(ahead) <= 3 + 1 + 2 + 1  # stacked, the one after it, queued, and the one that is being prepared
