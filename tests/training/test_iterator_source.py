"""Batches from iterables: the same steps as from arrays, prefetching, and errors."""

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import callbacks, nn
from pellucid.graph.errors import TrainingWarning
from pellucid.nn.optimizers import SGD
from pellucid.training.iterator_source import BatchStream, get_stack_capacity

X = np.random.default_rng(0).normal(size=(40, 2)).astype("float32")
Y = (X[:, 0] > X[:, 1]).astype("int32")


def iterate_batches(count: int = 5, start: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for i in range(start, start + count):
        at = 8 * (i % 5)
        yield X[at : at + 8], Y[at : at + 8]


class Restarting:
    """An iterable that restarts in every epoch."""

    def __iter__(self) -> Iterator[Any]:
        return iterate_batches()


class Items:
    """Like Keras's PyDataset: a length, items, and `on_epoch_end`."""

    def __init__(self) -> None:
        self.ends = 0

    def __len__(self) -> int:
        return 5

    def __getitem__(self, i: int) -> Any:
        return X[8 * i : 8 * i + 8], Y[8 * i : 8 * i + 8]

    def on_epoch_end(self) -> None:
        self.ends += 1


@pytest.fixture(scope="module")
def model() -> pel.Sequential:
    made = pel.Sequential([nn.Input((2,)), nn.Dense(4, activation="tanh"), nn.Dense(2, activation="softmax")])
    made.compile(SGD(0.2), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return made


@pytest.fixture(scope="module")
def start(model: pel.Sequential) -> list[np.ndarray]:
    return model.get_weights()


@pytest.fixture(scope="module")
def of_arrays(model: pel.Sequential, start: list[np.ndarray]) -> tuple[dict[str, list[float]], list[np.ndarray]]:
    """The history and the weights after a fit of arrays."""
    model.set_weights(start)
    return model.fit(X, Y, batch_size=8, epochs=3, shuffle=False).history, model.get_weights()


@pytest.mark.parametrize(
    "make", [Restarting, Items, lambda: make_list_loader(iterate_batches())], ids=["iterable", "items", "loader"]
)
def test_batches_give_the_same_steps_as_arrays(
    model: pel.Sequential, start: list[np.ndarray], of_arrays: Any, make: Any
) -> None:
    wanted, weights = of_arrays
    model.set_weights(start)
    source = make()
    found = model.fit(source, epochs=3).history
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6)
    for a, b in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    if isinstance(source, Items):
        assert source.ends == 3
    assert model.evaluate(source) == pytest.approx(model.evaluate(X, Y, batch_size=8), rel=1e-5)


def test_a_loader_of_unknown_length(model: pel.Sequential, start: list[np.ndarray]) -> None:
    class Loader(Restarting):
        """Like a torch DataLoader of an iterable data set: it defines a length and does not know it."""

        def __len__(self) -> int:
            raise TypeError("object of type 'Stream' has no len()")

    model.set_weights(start)
    assert model.fit(Loader(), epochs=2).epoch == [0, 1]
    assert model.evaluate(Loader()) == pytest.approx(model.evaluate(X, Y, batch_size=8), rel=1e-5)


def make_list_loader(made: Iterator[Any]) -> Any:
    class Loader:
        def __init__(self) -> None:
            self.kept = list(made)

        def __iter__(self) -> Iterator[Any]:
            return iter(self.kept)

        def __len__(self) -> int:
            return len(self.kept)

    return Loader()


def test_an_endless_iterator_continues_across_epochs(model: pel.Sequential, start: list[np.ndarray]) -> None:
    model.set_weights(start)
    endless = (batch for i in itertools.count() for batch in iterate_batches(1, i))
    model.fit(endless, epochs=3, steps_per_epoch=3)
    weights, batches_taken = model.get_weights(), next(endless)[0]
    model.set_weights(start)
    model.fit(iterate_batches(9), steps_per_epoch=9)
    np.testing.assert_array_equal(weights[0], model.get_weights()[0])
    np.testing.assert_array_equal(batches_taken, X[32:40])  # the tenth batch: none was fetched without being used
    assert len(model.evaluate(iterate_batches(), steps=2)) == 2


def test_chunk_boundaries_do_not_change_the_result(model: pel.Sequential, start: list[np.ndarray]) -> None:
    ends, seen = [], []
    for extra_callbacks in ([], [callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))]):
        model.set_weights(start)
        model.fit(Restarting(), epochs=2, callbacks=extra_callbacks)
        ends.append(model.get_weights())
    assert seen == [0, 1, 2, 3, 4] * 2
    np.testing.assert_array_equal(ends[0][0], ends[1][0])


def test_batches_of_several_sizes(model: pel.Sequential, start: list[np.ndarray]) -> None:
    model.set_weights(start)
    parts = [(X[a:b], Y[a:b]) for a, b in ((0, 8), (8, 24), (24, 32), (32, 40))]

    class Parts:
        def __iter__(self) -> Iterator[Any]:
            return iter(parts)

    with pytest.warns(TrainingWarning, match=r"ended after 4 of 9 batches of epoch 1, and training stops"):
        model.fit(iter(parts), steps_per_epoch=9, epochs=2)
    assert model.evaluate(Parts()) == pytest.approx(model.evaluate(X, Y, batch_size=8), rel=1e-5)


def test_batches_may_have_sample_weights(model: pel.Sequential) -> None:
    w = np.arange(40, dtype="float32")
    streamed = model.evaluate((X[i : i + 8], Y[i : i + 8], w[i : i + 8]) for i in range(0, 40, 8))
    assert streamed == pytest.approx(model.evaluate(X, Y, batch_size=8, sample_weight=w), rel=1e-5)
    assert streamed[0] > 2 * model.evaluate(X, Y, batch_size=8)[0]


def test_validation_may_be_streamed(model: pel.Sequential) -> None:
    history = model.fit(X, Y, validation_data=Restarting(), batch_size=8).history
    assert history["val_loss"][0] == pytest.approx(model.evaluate(X, Y, batch_size=8)[0], rel=1e-5)
    assert np.isfinite(
        model.fit(X, Y, batch_size=8, validation_data=Restarting(), validation_steps=2).history["val_loss"][0]
    )


def test_a_shorter_validation_begins_with_the_first_batch(model: pel.Sequential) -> None:
    rate, model.optimizer.learning_rate = model.optimizer.learning_rate, 0.0
    history = model.fit(X, Y, batch_size=8, epochs=3, validation_data=Restarting(), validation_steps=2).history
    model.optimizer.learning_rate = rate
    assert history["val_loss"] == pytest.approx([model.evaluate(X[:16], Y[:16], batch_size=8)[0]] * 3, rel=1e-5)


def test_predictions_of_a_stream(model: pel.Sequential) -> None:
    whole = model.predict(X)
    np.testing.assert_allclose(model.predict(x for x, _ in iterate_batches()), whole, rtol=1e-6)
    batches = iterate_batches()
    np.testing.assert_allclose(model.predict(batches, steps=2), whole[:16], rtol=1e-6)
    np.testing.assert_array_equal(next(batches)[0], X[16:24])  # no batch was fetched without being used


def test_errors_in_the_background_thread_are_raised(model: pel.Sequential) -> None:
    def broken() -> Iterator[Any]:
        yield from iterate_batches(2)
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError, match="the disk is gone") as caught:
        model.fit(broken())
    assert "in or after batch" in "".join(caught.value.__notes__)
    with pytest.raises(pel.ShapeError, match=r"samples of shape \(2,\). Received: x of shape \(3, 1\)"):
        model.fit(iter([(X[:3], Y[:3]), (X[:3, :1], Y[:3])]))
    assert not [t for t in threading.enumerate() if t.name == "pellucid prefetch"]


@pytest.mark.parametrize(
    ("x", "settings", "message"),
    [
        (
            iter([X]),
            {},
            r"expected batches \(x, y\) or \(x, y, sample_weight\).* Received: a NumPy array of shape \(40, 2\)",
        ),
        (iter([(X, Y, Y, Y)]), {}, r"Received: a tuple of 4"),
        (iter([]), {}, r"Expected batches. Received: an iterable without any"),
        (iterate_batches(), {"epochs": 2}, r"Epoch 2 had no batches: the iterator is exhausted. Give steps_per_epoch"),
        (
            Restarting(),
            {"y": Y},
            r"Expected no y, since x \(a Restarting\).*Received: y, a NumPy array of shape \(40,\)",
        ),
        (
            Restarting(),
            {"validation_split": 0.5},
            r"Expected no validation_split, since x \(a Restarting\).*Split the data before",
        ),
        (X, {"y": Y, "steps_per_epoch": 3}, r"40 samples make 2 batches of 32. Received: 3 steps"),
    ],
)
def test_invalid_iterables_are_rejected(model: pel.Sequential, x: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model.fit(x, **settings)


def test_steps_per_epoch_of_data_in_memory(model: pel.Sequential) -> None:
    before = model.step
    model.fit(X, Y, batch_size=8, steps_per_epoch=2, epochs=3)
    assert model.step - before == 6


def test_kinds_of_iterables(model: pel.Sequential) -> None:
    source = BatchStream(Restarting(), 3)
    assert [len(list(source.iter_epoch())) for _ in range(2)] == [3, 3]
    assert len(list(BatchStream(Items(), None).iter_epoch(first_step=2))) == 3
    samples: Any = type("Samples", (), {"arrays": [np.zeros(2**20, "float32")]})()
    assert get_stack_capacity(samples) == 1
