"""Every kind of data gives the same bits as NumPy arrays, in fit, evaluate, predict and validation; and its errors."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.nn.optimizers import SGD
from pellucid.training.data_sources import samples
from pellucid.training.data_sources.items import ItemReader

COUNT, HELD_OUT = 50, 20
X = np.random.default_rng(0).normal(size=(COUNT, 3)).astype("float32")
X[X < -0.5] = 0
Y = (X[:, 0] > X[:, 1]).astype("int32")

Results = list[np.ndarray]
Call = Callable[[pel.Model], Any]


def reset(model: pel.Model, start: list[np.ndarray]) -> Any:
    model.set_weights(start)
    return model


def make() -> pel.Sequential:
    """Return the model with its first weights; its compiled programs are reused."""
    return reset(*build())


@functools.cache
def build() -> tuple[pel.Sequential, list[np.ndarray]]:
    nn.set_random_seed(3)
    model = pel.Sequential([nn.Input((3,)), nn.Dense(4, activation="tanh"), nn.Dense(2, activation="softmax")])
    model.compile(SGD(0.2), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, model.get_weights()


def make_images() -> pel.Sequential:
    model = pel.Sequential([nn.Input((8, 8, 3), name="image"), nn.Flatten(), nn.Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def make_two_inputs() -> pel.Model:
    return reset(*build_two_inputs())


@functools.cache
def build_two_inputs() -> tuple[pel.Model, list[np.ndarray]]:
    nn.set_random_seed(3)
    a, b = nn.Input((3,), name="a"), nn.Input((1,), name="b")
    model = pel.Model([a, b], nn.Dense(2, activation="softmax", name="label")(nn.Concatenate()([a, b])))
    model.compile(SGD(0.2), "sparse_categorical_crossentropy")
    return model, model.get_weights()


def run(
    train: tuple[Any, ...], held_out: Any, x: Any, shuffle: bool = False, batch_size: int | None = 8, **settings: Any
) -> Results:
    """Fit, validate, evaluate and predict, and return all numbers."""
    model, size = make(), {} if batch_size is None else {"batch_size": batch_size}
    history = model.fit(
        *train, epochs=2, shuffle=shuffle, verbose=0, seed=1, validation_data=held_out, **size, **settings
    ).history
    return [
        *model.get_weights(),
        np.array(history["loss"]),
        np.array(history["val_loss"]),
        np.array(model.evaluate(*train, **size)),
        model.predict(x, **size),
    ]


@pytest.fixture(scope="module")
def expected() -> dict[bool, Results]:
    """Results of NumPy arrays, without and with shuffling."""
    held_out = X[:HELD_OUT], Y[:HELD_OUT]
    return {shuffle: run((X, Y), held_out, X, shuffle) for shuffle in (False, True)}


def check_equal(found: Results, expected: Results) -> None:
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


class DLPackArray:
    """An array that offers nothing but DLPack."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __dlpack__(self, **settings: Any) -> Any:
        return self.array.__dlpack__(**settings)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()


class MapStyle:
    """Samples by number, as pairs or as dicts."""

    def __init__(self, get: Callable[[int], Any], count: int = COUNT) -> None:
        self.get, self.count = get, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: int) -> Any:
        return self.get(i)


class Stream:
    """Items in order, again in every epoch."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)


def make_pairs(count: int = COUNT) -> list[Any]:
    return [(X[i], int(Y[i])) for i in range(count)]


def make_batches(count: int = COUNT) -> list[Any]:
    return [(X[i : min(i + 8, count)], Y[i : min(i + 8, count)]) for i in range(0, count, 8)]


def make_records(i: int) -> dict[str, Any]:
    return {"features": X[i], "label": Y[i]}


def to_jax(array: np.ndarray) -> Any:
    import jax.numpy as jnp

    return jnp.asarray(array)


def to_sparse(array: Any, kind: str = "csr_array") -> Any:
    """Convert an array of two axes to a sparse matrix of SciPy."""
    import scipy.sparse

    return getattr(scipy.sparse, kind)(array) if array.ndim == 2 else array


ARRAYS = {
    "jax": to_jax,
    "dlpack": DLPackArray,
    "lists": np.ndarray.tolist,
    "csr": to_sparse,
    "coo": functools.partial(to_sparse, kind="coo_matrix"),
}


@pytest.mark.sample(2)
@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("shuffle", [False, True])
def test_arrays_give_the_same_bits(kind: str, shuffle: bool, expected: dict[bool, Results]) -> None:
    x, y, held_x, held_y = map(ARRAYS[kind], (X, Y, X[:HELD_OUT], Y[:HELD_OUT]))
    check_equal(run((x, y), (held_x, held_y), x, shuffle), expected[shuffle])


SAMPLES: dict[str, Callable[[], tuple[tuple[Any, ...], Any, Any]]] = {
    "tuple": lambda: (((X, Y),), [X[:HELD_OUT], Y[:HELD_OUT]], X),
    "pairs": lambda: ((make_pairs(),), make_pairs(HELD_OUT), make_pairs()),
    "records": lambda: (([make_records(i) for i in range(COUNT)], "label"), MapStyle(make_records, HELD_OUT), X),
    "map style": lambda: (
        (MapStyle(lambda i: (X[i], Y[i])),),
        MapStyle(lambda i: (X[i], Y[i]), HELD_OUT),
        MapStyle(X.__getitem__),
    ),
    "columns": lambda: (
        ({"v": X, "label": Y}, "label"),
        {"v": X[:HELD_OUT], "label": Y[:HELD_OUT]},
        X,
    ),
    "sparse column": lambda: (
        ({"v": to_sparse(X), "label": Y}, "label"),
        (X[:HELD_OUT], Y[:HELD_OUT]),
        to_sparse(X, "csc_array"),
    ),
}


@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.parametrize("shuffle", [False, True])
def test_samples_give_the_same_bits(kind: str, shuffle: bool, expected: dict[bool, Results]) -> None:
    check_equal(run(*SAMPLES[kind](), shuffle=shuffle), expected[shuffle])


STREAMS: dict[str, Callable[[], tuple[tuple[Any, ...], Any, Any, int | None]]] = {
    "samples": lambda: ((Stream(make_pairs()),), Stream(make_pairs(HELD_OUT)), Stream(make_pairs()), 8),
    "batches": lambda: ((Stream(make_batches()),), Stream(make_batches(HELD_OUT)), Stream(make_batches()), None),
    "list of batches": lambda: ((make_batches(),), make_batches(HELD_OUT), make_batches(), None),
    "lists [x, y]": lambda: (
        (Stream([list(b) for b in make_batches()]),),
        Stream([list(b) for b in make_batches(HELD_OUT)]),
        Stream([list(b) for b in make_batches()]),
        None,
    ),
    "dicts": lambda: (
        (Stream([{"v": x, "label": y} for x, y in make_batches()]), "label"),
        Stream([{"v": x, "label": y} for x, y in make_batches(HELD_OUT)]),
        Stream([{"v": x} for x, _ in make_batches()]),
        None,
    ),
    "sparse batches": lambda: (
        (Stream([(to_sparse(x), y) for x, y in make_batches()]),),
        Stream(make_batches(HELD_OUT)),
        Stream([to_sparse(x) for x, _ in make_batches()]),
        None,
    ),
}


@pytest.mark.parametrize("kind", STREAMS)
def test_streams_give_the_same_bits(kind: str, expected: dict[bool, Results]) -> None:
    *data, batch_size = STREAMS[kind]()
    check_equal(run(*data, batch_size=batch_size), expected[False])


def test_generators_of_samples(expected: dict[bool, Results]) -> None:
    model = make()
    endless = (pair for _ in range(3) for pair in make_pairs(48))
    model.fit(endless, batch_size=8, steps_per_epoch=6, epochs=2, verbose=0)
    np.testing.assert_array_equal(next(endless)[0], X[0])  # the third pass begins: no sample was lost
    found = model.get_weights()
    make().fit(X[:48], Y[:48], batch_size=8, epochs=2, shuffle=False, verbose=0)
    check_equal(found, model.get_weights())
    assert model.predict((x for x, _ in make_pairs()), batch_size=8, steps=2).shape == (16, 2)


def test_pieces_and_a_split_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples.IndexedDataset, "piece_bytes", 3 * 8 * 16)  # three batches of 8 samples
    found = []
    for data in ((X, Y), (to_sparse(X), Y), (MapStyle(lambda i: (X[i], Y[i])),)):
        model = make()
        settings: dict[str, Any] = {"validation_split": 0.32, "class_weight": {0: 2.0}, "steps_per_epoch": 4}
        history = model.fit(*data, batch_size=8, epochs=3, seed=5, verbose=0, **settings).history
        found.append([*model.get_weights(), np.array(history["loss"]), np.array(history["val_loss"])])
    check_equal(found[1], found[0])
    check_equal(found[2], found[0])


def test_a_run_on_samples_can_be_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples.IndexedDataset, "piece_bytes", 2 * 8 * 16)  # two batches of 8 samples
    model, dataset = make(), MapStyle(lambda i: (X[i], Y[i]))
    begin = model.step
    model.fit(dataset, batch_size=8, epochs=2, seed=5, verbose=0)
    last = model.get_weights()
    branch = model.history.branch(at=begin + 7 + 5)  # from the third piece of the second epoch on
    check_equal(branch.model.get_weights(), last)


def test_steps_of_an_iterable_of_samples_with_a_length() -> None:
    class Sized(Stream):
        def __len__(self) -> int:
            return len(self.items)

    model = make()
    begin = model.step
    model.fit(Sized(make_pairs()), batch_size=8, epochs=2, verbose=0)
    assert model.step - begin == 2 * 7


def test_columns_with_the_names_of_inputs_are_chosen() -> None:
    model = make()
    name = model.input_names[0]
    table = {"id": np.arange(COUNT), name: X, "label": Y}
    assert model.evaluate(table, "label") == model.evaluate(X, Y)
    assert model.evaluate({name: X, "label": Y}) == model.evaluate(X, Y)
    assert model.evaluate(Stream([table]), "label") == pytest.approx(model.evaluate(X, Y))
    numbers = {name: X[:, 0], "b": X[:, 1], "c": X[:, 2], "label": Y}  # as many columns as the input has features
    assert model.evaluate(numbers, "label") == model.evaluate(X, Y)


def test_sample_weights_of_samples_and_columns() -> None:
    w = np.arange(COUNT, dtype="float32")
    wanted = make().evaluate(X, Y, sample_weight=w)
    triples = [(X[i], Y[i], w[i]) for i in range(COUNT)]
    table = {"v": X, "label": Y, "w": w}
    records = Stream([{name: column[i] for name, column in table.items()} for i in range(COUNT)])
    for data in ((triples,), ((X, Y, w),), (Stream(triples),)):
        assert make().evaluate(*data) == wanted
    for source in (table, records):
        assert make().evaluate(source, "label", sample_weight="w") == wanted
    assert make().evaluate(to_sparse(X), Y, sample_weight=w) == wanted
    assert wanted != make().evaluate(X, Y)


def test_several_inputs_everywhere() -> None:
    a, b, y = X[:32], X[:32, :1] * 2, Y[:32]
    pairs = [({"a": a[i], "b": b[i]}, y[i]) for i in range(32)]
    records = [{"a": a[i], "b": b[i, 0], "label": y[i], "unused": None} for i in range(32)]
    batches = [({"a": a, "b": b}, y)]
    sources: list[Any] = [
        pairs,
        records,
        batches,
        Stream(batches),
        Stream(records),
        MapStyle(pairs.__getitem__, 32),
        MapStyle(lambda i: ((a[i], b[i]), y[i]), 32),
        Stream([((x["a"], x["b"]), y) for x, y in batches]),
        {"a": to_sparse(a), "b": b[:, 0], "label": y},
        (({"a": a, "b": b}), y),
        ([a, b], y),
    ]
    model = make_two_inputs()
    model.fit([a, b], y, shuffle=False, verbose=0)
    weights, prediction, loss = model.get_weights(), model.predict([a, b]), model.evaluate([a, b], y)
    for source in sources:
        make_two_inputs().fit(source, shuffle=False, verbose=0)
        check_equal(model.get_weights(), weights)
        assert model.evaluate(source) == loss
        if not isinstance(source, (tuple, dict)):  # a tuple is the inputs
            np.testing.assert_array_equal(model.predict(source), prediction)
    np.testing.assert_array_equal(model.predict(Stream([[a, b]])), prediction)


def test_an_unbuilt_model_is_built_from_the_first_samples() -> None:
    results = []
    x, y = X[:48], Y[:48]
    batches = Stream(make_batches(48))
    for data in ((x, y), (make_pairs(48),), (batches,), (to_sparse(x), y), ({"v": x, "y": y}, "y")):
        nn.set_random_seed(3)
        model = pel.Sequential([nn.Dense(2, activation="softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        size = {} if isinstance(data[0], Stream) else {"batch_size": 8}
        model.fit(*data, shuffle=False, verbose=0, **size)
        results.append(model.get_weights())
    for result in results[1:]:
        check_equal(result, results[0])


def test_one_number_per_sample_needs_no_second_axis() -> None:
    model = pel.Sequential([nn.Input((1,)), nn.Dense(1)])
    column = X[:, 0]
    wanted = model.predict(column[:, None])
    for x in (column, column.tolist(), Stream([column[:32], column[32:]]), MapStyle(column.__getitem__), {"x": column}):
        named = {model.input_names[0]: x["x"]} if isinstance(x, dict) else x
        np.testing.assert_array_equal(model.predict(named), wanted)


@pytest.mark.slow
def test_several_target_columns() -> None:
    model = pel.Sequential([nn.Input((1,)), nn.Dense(2)])
    model.compile("sgd", "mse")
    table = dict(zip("abc", X.T, strict=True))
    assert model.evaluate(table, ["b", "c"]) == model.evaluate(X[:, :1], X[:, 1:])
    x = nn.Input((1,), name="a")
    outputs = [nn.Dense(1, name=name)(x) for name in "bc"]
    two = pel.Model(x, outputs)
    two.compile("sgd", "mse")
    wanted = two.evaluate(X[:, :1], [X[:, 1:2], X[:, 2:]])
    assert two.evaluate(table) == two.evaluate(table, ["b", "c"]) == wanted


def test_prediction_reads_one_batch_at_a_time() -> None:
    read: list[int] = []

    def get(i: int) -> np.ndarray:
        read.append(i)
        return X[i]

    assert make().predict(MapStyle(get), batch_size=8, steps=2).shape == (16, 2)
    assert sorted(set(read)) == list(range(16))


def test_sparse_matrices_are_made_dense_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    import scipy.sparse

    rows: list[int] = []
    original = scipy.sparse.csr_array.toarray

    def toarray(self: Any) -> Any:
        rows.append(self.shape[0])
        return original(self)

    monkeypatch.setattr(scipy.sparse.csr_array, "toarray", toarray)
    monkeypatch.setattr(samples.IndexedDataset, "piece_bytes", 100)
    x = to_sparse(X)
    model = make()
    model.fit(x, Y, batch_size=8, verbose=0, validation_data=(x, Y))
    model.evaluate(x, Y, batch_size=8)
    model.predict(x, batch_size=8)
    assert max(rows) <= 8


def break_at(number: int, value: Any) -> MapStyle:
    return MapStyle(lambda i: value if i == number else (X[i], Y[i]))


def raise_error(i: int) -> Any:
    if i == 3:
        raise OSError("the file is gone")
    return X[i], Y[i]


FIRST = X[:8], Y[:8]
ERRORS: dict[str, tuple[Call, str]] = {
    "batch_size of batches": (
        lambda m: m.fit(Stream(make_batches()), batch_size=8),
        r"no batch_size, since x \(a Stream\) already yields batches. Received: batch_size=8. Leave it out",
    ),
    "batch_size of predict": (
        lambda m: m.predict(Stream([X]), batch_size=8),
        r"Expected no batch_size.*Received: batch",
    ),
    "validation_batch_size": (
        lambda m: m.fit(X, Y, validation_data=Stream([FIRST]), validation_batch_size=8),
        r"since validation x \(a Stream\) already yields batches",
    ),
    "only x": (
        lambda m: m.fit(Stream([X])),
        r"expected batches \(x, y\).* Received: a NumPy array of shape \(50, 3\).*can only predict",
    ),
    "only x in samples": (lambda m: m.fit(MapStyle(X.__getitem__)), r"x \(a MapStyle\): expected samples \(x, y\)"),
    "only x in a list": (lambda m: m.fit(Stream([[X]])), r"Received: a list of 1 that begins with a NumPy array of"),
    "y with pairs": (lambda m: m.fit(make_pairs(), Y), r"Expected no y, since x \(a list of 50\) yields \(x, y\)"),
    "y with a data set": (
        lambda m: m.fit(MapStyle(lambda i: (X[i], Y[i])), Y),
        r"Expected no y, since x \(a MapStyle\) yields \(x, y\).* Received: y, a NumPy array.*; leave it out",
    ),
    "weights with a stream": (
        lambda m: m.evaluate(Stream([FIRST]), sample_weight=Y),
        r"Expected no sample_weight, since",
    ),
    "a name for tuples": (lambda m: m.fit(Stream([FIRST]), "label"), r"y='label' names a key, and x \(a Stream\)"),
    "a name for an array": (lambda m: m.fit(X, "label"), r"y='label' names a column, and x has none.*NumPy array"),
    "a split of a stream": (
        lambda m: m.fit(Stream([FIRST]), validation_split=0.5),
        r"Expected no validation_split, since x",
    ),
    "no such column": (
        lambda m: m.fit({"v": X, "lable": Y}, "label"),
        r"y='label': expected a column of x. Did you mean 'lable'\? Columns: v, lable",
    ),
    "no such weights": (
        lambda m: m.fit({"v": X, "y": Y}, "y", sample_weight="w"),
        r"sample_weight='w': expected a column of x",
    ),
    "no targets named": (
        lambda m: m.fit({"v": X, "label": Y}),
        r"a column with the targets, named like the output: dense.*Received: the columns v, label.*y='label'",
    ),
    "only targets": (lambda m: m.fit({"label": Y}, "label"), r"a column with the inputs. Received: no column besides"),
    "several columns for one input": (
        lambda m: m.fit({"v": X, "w": X, "label": Y}, "label"),
        r"one column for the input input_layer.*columns v, w. Name the input after its column, such as .*name='v'",
    ),
    "too many columns": (
        lambda m: m.fit({**dict(zip("abcd", [*X.T, X[:, 0]], strict=True)), "label": Y}, "label"),
        r"samples of shape \(3,\). Received: x of shape \(50, 4\).*columns are a, b, c, d. Leave out those that are no",
    ),
    "too few columns": (lambda m: m.fit({"a": Y, "b": Y, "y": Y}, "y"), r"shape \(50, 2\).*the columns are a, b\n"),
    "columns of several lengths": (
        lambda m: m.fit({"a": Y, "b": Y[1:], "c": Y, "y": Y}, "y"),
        r"columns of x to have equal lengths. Received: 50 in 'a' and 49 in 'b'",
    ),
    "text in a column": (
        lambda m: m.fit({"a": Y, "b": ["Rome"] * COUNT, "c": Y, "y": Y}, "y"),
        r"Expected column 'b' of x to hold numbers. Received: <U4 values, such as 'Rome' at \[0\]; leave",
    ),
    "NaN in a column": (
        lambda m: m.fit({"a": Y, "b": Y * np.nan, "c": Y, "y": Y}, "y"),
        r"finite float32 numbers. Received: nan at \[0, 1\], column 'b', the first of 50",
    ),
    "times": (lambda m: m.predict(np.full((2, 3), "2020", "datetime64[Y]")), r"hold numbers.*convert times to numbers"),
    "None in a list": (lambda m: m.predict([[1, 2, 3], [1, 2, None]]), r"object values, such as None at \[1, 2\]"),
    "text in an object array": (lambda m: m.predict(np.array([[1, 2, "a"]], object)), r"such as 'a' at \[0, 2\]"),
    "ragged lists": (
        lambda m: m.predict([[1, 2, 3], [1, 2]]),
        r"samples of equal shapes.*sample 0 has shape \(3,\) and sample 1 \(2,\). Pad or cut them",
    ),
    "ragged inside": (lambda m: m.predict([[[1], [1, 2], [3]]]), r"sample 0 itself holds lists of different lengths"),
    "ragged objects": (
        lambda m: m.predict(np.array([[1, 2], [1, 2, 3]], object)),
        r"x to hold lists of equal length. Received: lengths 2 and 3",
    ),
    "masked values": (
        lambda m: m.predict(np.ma.masked_greater(X, X.max() - 1e-6)),
        r"x to have no missing values. Received: 1 of 150 are missing, the first in row \d+; dtype float32.*x.filled",
    ),
    "many columns": (
        lambda m: m.evaluate({**{f"c{i}": Y for i in range(99)}, "y": Y}, "y"),
        r"x of shape \(50, 99\).*the columns are c0, .*, c9 and 89 more. Leave out",
    ),
    "text": (lambda m: m.predict("data.csv"), r"Expected x to be data. Received: 'data.csv'; load the file first"),
    "nothing": (lambda m: m.fit(), r"Expected x to be data. Received: None"),
    "a wrong sample": (
        lambda m: m.fit(break_at(7, (X[7, :2], 0))),
        r"Received: x of shape \(1, 2\)(.*\n)+  in sample 7 of",
    ),
    "a sample with NaN": (lambda m: m.fit(break_at(9, (X[9] * np.nan, 0))), r"finite float32(.*\n)+  in sample 9 of"),
    "an error in a sample": (
        lambda m: m.fit(MapStyle(raise_error)),
        r"the file is gone\n  in sample 3 of the data set",
    ),
    "NaN in a sparse matrix": (
        lambda m: m.fit(to_sparse(np.where(X.max() == X, np.nan, X)), Y),
        rf"nan at \[0, \d\](.*\n)+  in sample {np.argmax(X.max(1))} of the data set",
    ),
    "too few targets for sparse rows": (
        lambda m: m.fit(to_sparse(X), Y[1:]),
        r"a target for every sample. Received: 50 in x and 49 in y",
    ),
    "too few weights for sparse rows": (
        lambda m: m.fit(to_sparse(X), Y, sample_weight=Y[1:]),
        r"a weight for every sample. Received: 50 in x and 49 in sample_weight",
    ),
    "a second epoch of a generator": (
        lambda m: m.fit((batch for batch in make_batches()), epochs=2, verbose=0),
        r"Epoch 2 had no batches: the iterator is exhausted. Give steps_per_epoch, or an iterable that restarts",
    ),
    "an exhausted generator": (
        lambda m: m.predict(iter([])),
        r"Received: an iterable without any; a generator that was",
    ),
    "three parts of validation": (lambda m: m.fit(X, Y, validation_data=[X, Y, Y, Y]), r"validation_data to be a pair"),
    "validation without targets": (lambda m: m.fit(X, Y, validation_data=to_jax(X)), r"Received: a JAX array of"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_invalid_data_are_refused(case: str) -> None:
    call, message = ERRORS[case]
    with pytest.raises((ValueError, OSError), match=message):
        call(make())


def test_samples_without_a_key_are_named() -> None:
    records = [{"a": X[i], "b": X[i, :1], "label": Y[i]} for i in range(COUNT)]
    del records[5]["b"]
    for source in (records, Stream(records)):
        with pytest.raises(
            pel.ModelError, match=r"the key 'b' in every sample. Received: sample 5 with the keys a, lab|'b'"
        ):
            make_two_inputs().fit(source, verbose=0)
    batches = [{"a": X, "bb": X[:, :1], "label": Y}]
    with pytest.raises(pel.ModelError, match=r"no column for the input 'b'. Did you mean 'bb'\? Columns: a, bb"):
        make_two_inputs().fit(Stream(batches))


def test_samples_of_free_length_must_agree_within_a_batch() -> None:
    model = pel.Sequential([nn.Input((None, 1)), nn.LSTM(2)])
    rows = [np.zeros((3 + (i == 2), 1)) for i in range(4)]
    with pytest.raises(
        pel.ModelError, match=r"same shape in every sample.*\(3, 1\) in sample 0 and \(4, 1\) in sample 2"
    ):
        model.predict(MapStyle(rows.__getitem__, 4))
    assert len(model.predict(MapStyle(rows.__getitem__, 2))) == 2


def test_channels_come_last() -> None:
    images = np.zeros((4, 3, 8, 8), "float32")
    for source in (images, MapStyle(images.__getitem__, 4), Stream([images])):
        with pytest.raises(
            pel.ShapeError, match=r"channels are first.*: x.transpose\(0, 2, 3, 1\). A reshape would scr"
        ):
            make_images().predict(source)
    assert make_images().predict(images.transpose(0, 2, 3, 1)).shape == (4, 2)


def test_samples_and_batches_are_told_apart() -> None:
    reader = ItemReader(make(), None, samples_wanted())
    assert reader.is_sample((X[0], 1))
    assert not reader.is_sample((X, Y))
    assert reader.is_sample({"v": X[0], "label": 1})
    assert not reader.is_sample([X, Y])
    assert not reader.is_sample((np.zeros(8), np.zeros(8)))  # a batch without its second axis
    images = ItemReader(make_images(), None, samples_wanted())
    assert images.is_sample((np.zeros((3, 8, 8)), 1))
    assert not images.is_sample((np.zeros((2, 3, 8, 8)), [0, 1]))


def samples_wanted() -> Any:
    from pellucid.training.data_sources.columns import TargetNames

    return TargetNames(y="label")
