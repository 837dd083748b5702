"""Data of pandas, polars, Arrow, PyTorch, TensorFlow and Hugging Face give the same bits as NumPy arrays."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from tests.training.test_data_sources import (
    COUNT,
    HELD_OUT,
    Call,
    X,
    Y,
    check_equal,
    make,
    make_images,
    make_two_inputs,
    run,
)

pytestmark = [
    pytest.mark.peer,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # while TensorFlow is imported
    pytest.mark.filterwarnings("ignore:.*np.object:FutureWarning"),
]

NAMES = ["a", "b", "c"]
Case = tuple[tuple[Any, ...], Any, Any]


def load(name: str) -> Any:
    pytest.importorskip(name.partition(".")[0])
    return importlib.import_module(name)


def make_frame(**changes: Any) -> Any:
    frame = load("pandas").DataFrame(X, columns=NAMES)
    return frame.assign(label=Y, **changes)


def make_polars(**changes: Any) -> Any:
    polars = load("polars")
    return polars.DataFrame({**dict(zip(NAMES, X.T, strict=True)), "label": Y, **changes})


def make_arrow(**changes: Any) -> Any:
    return load("pyarrow").table({**dict(zip(NAMES, X.T, strict=True)), "label": Y, **changes})


def make_tensors(count: int = COUNT) -> Any:
    torch = load("torch")
    return torch.utils.data.TensorDataset(torch.tensor(X[:count]), torch.tensor(Y[:count]))


def make_loader(dataset: Any, batch_size: int = 8) -> Any:
    return load("torch").utils.data.DataLoader(dataset, batch_size=batch_size)


def make_hugging_face(count: int = COUNT, **columns: Any) -> Any:
    return load("datasets").Dataset.from_dict({"image": X[:count], "label": Y[:count], **columns})


def make_tensorflow(data: Any) -> Any:
    return load("tensorflow").data.Dataset.from_tensor_slices(data)


def pandas_columns() -> Case:
    frame = make_frame()
    return (frame, "label"), frame[:HELD_OUT], frame[NAMES]


def pandas_frame_and_series() -> Case:
    frame = make_frame()
    return (frame[NAMES], frame["label"]), (frame[NAMES][:HELD_OUT], frame["label"][:HELD_OUT]), frame[NAMES]


def pandas_nullable() -> Case:
    frame = make_frame().astype({"a": "Float32", "b": "Float64", "c": "float32", "label": "Int64"})
    return (frame, "label"), frame[:HELD_OUT].astype({"label": "category"}), frame[NAMES]


def polars_columns() -> Case:
    frame = make_polars()
    return (frame, "label"), frame[:HELD_OUT], frame.select(NAMES)


def polars_frame_and_series() -> Case:
    x, y = make_polars().select(NAMES), make_polars()["label"]
    return (x, y), (x[:HELD_OUT], y[:HELD_OUT]), x


def arrow_columns() -> Case:
    table = make_arrow()
    return (table, "label"), table.slice(0, HELD_OUT), table.select(NAMES)


def arrow_table_and_array() -> Case:
    x, y = make_arrow().select(NAMES), make_arrow()["label"]
    return (x, y), (x.slice(0, HELD_OUT), y.slice(0, HELD_OUT).combine_chunks()), x.to_batches()[0]


def torch_tensors() -> Case:
    torch = load("torch")
    x, y = torch.tensor(X, requires_grad=True), torch.tensor(Y)
    return (x, y), (x[:HELD_OUT], y[:HELD_OUT].long()), x.to_sparse()


def torch_data_sets() -> Case:
    return (make_tensors(),), make_tensors(HELD_OUT), make_tensors()


def hugging_face_names() -> Case:
    dataset = make_hugging_face()
    return (dataset, "label"), make_hugging_face(HELD_OUT), dataset.select_columns("image")


def hugging_face_formats() -> Case:
    train = make_hugging_face().with_format("numpy")
    return (train, "label"), make_hugging_face(HELD_OUT).with_format("torch"), train["image"]


def hugging_face_columns() -> Case:
    train, held_out = make_hugging_face(), make_hugging_face(HELD_OUT)
    return ((train["image"], train["label"]),), (held_out["image"], held_out["label"]), {"input_layer": train["image"]}


def hugging_face_transform() -> Case:
    def double(batch: dict[str, Any]) -> dict[str, Any]:
        return {"image": [2 * np.asarray(image, "float32") for image in batch["image"]], "label": batch["label"]}

    halved = load("datasets").Dataset.from_dict({"image": X / 2, "label": Y})
    return (halved.with_transform(double), "label"), make_hugging_face(HELD_OUT), X


def hugging_face_table() -> Case:
    dataset = load("datasets").Dataset.from_pandas(make_frame())
    return (dataset, "label"), dataset.select(range(HELD_OUT)), dataset.select_columns(NAMES)


IN_MEMORY = [
    pandas_columns,
    pandas_frame_and_series,
    pandas_nullable,
    polars_columns,
    polars_frame_and_series,
    arrow_columns,
    arrow_table_and_array,
    torch_tensors,
    torch_data_sets,
    hugging_face_names,
    hugging_face_formats,
    hugging_face_columns,
    hugging_face_transform,
    hugging_face_table,
]


def torch_loaders() -> Case:
    return (make_loader(make_tensors()),), make_loader(make_tensors(HELD_OUT)), make_loader(make_tensors())


def torch_loaders_of_dicts() -> Case:
    dataset = make_hugging_face().with_format("torch")
    held_out = make_hugging_face(HELD_OUT).with_format("torch")
    return (make_loader(dataset), "label"), make_loader(held_out), make_loader(dataset.select_columns("image"))


def torch_loaders_of_inputs() -> Case:
    torch = load("torch")
    return (make_loader(make_tensors()),), make_loader(make_tensors(HELD_OUT)), make_loader(torch.tensor(X))


def tensorflow_batches() -> Case:
    data = make_tensorflow((X, Y)).batch(8)
    return (data,), make_tensorflow((X[:HELD_OUT], Y[:HELD_OUT])).batch(8), data


STREAMS = [torch_loaders, torch_loaders_of_dicts, torch_loaders_of_inputs, tensorflow_batches]


def tensorflow_samples() -> Case:
    return (make_tensorflow((X, Y)),), make_tensorflow((X[:HELD_OUT], Y[:HELD_OUT])), make_tensorflow(X)


def hugging_face_streams() -> Case:
    train, held_out = make_hugging_face(), make_hugging_face(HELD_OUT)
    inputs = train.select_columns("image").to_iterable_dataset()
    return (train.to_iterable_dataset(), "label"), held_out.to_iterable_dataset(), inputs


SAMPLE_STREAMS = [tensorflow_samples, hugging_face_streams]


@pytest.fixture(scope="module")
def expected() -> dict[bool, list[np.ndarray]]:
    held_out = X[:HELD_OUT], Y[:HELD_OUT]
    return {shuffle: run((X, Y), held_out, X, shuffle) for shuffle in (False, True)}


@pytest.mark.parametrize("case", IN_MEMORY)
@pytest.mark.parametrize("shuffle", [False, True])
def test_data_in_memory_give_the_same_bits(case: Callable[[], Case], shuffle: bool, expected: Any) -> None:
    train, held_out, x = case()
    if isinstance(x, dict):
        x = x["input_layer"]
    check_equal(run(train, held_out, x, shuffle), expected[shuffle])


@pytest.mark.parametrize("case", [*STREAMS, *SAMPLE_STREAMS])
def test_streams_give_the_same_bits(case: Callable[[], Case], expected: Any) -> None:
    check_equal(run(*case(), batch_size=None if case in STREAMS else 8), expected[False])


def test_validation_split_of_data_sets(expected: Any) -> None:
    wanted = make().fit(X, Y, validation_split=0.3, seed=1, verbose=0).history
    for train in ((make_tensors(),), (make_hugging_face(), "label"), (make_frame(), "label")):
        assert make().fit(*train, validation_split=0.3, seed=1, verbose=0).history == wanted


def test_named_inputs() -> None:
    columns = {"a": X, "b": X[:, 0], "label": Y, "unused": ["text"] * COUNT}
    dataset = load("datasets").Dataset.from_dict(columns)
    frame = load("pandas").DataFrame({"a": list(X), "b": X[:, 0], "label": Y, "unused": "text"})
    named = {"a": X, "b": X[:, :1]}
    numbers = dataset.remove_columns("unused").with_format("torch")
    sources = [
        dataset,
        frame,
        make_loader(numbers, 32),
        make_tensorflow((named, Y)).batch(32),
        make_tensorflow((named, Y)),
    ]
    model = make_two_inputs()
    model.fit(named, Y, shuffle=False, verbose=0)
    weights, loss, prediction = model.get_weights(), model.evaluate(named, Y), model.predict(named)
    for source in sources:
        make_two_inputs().fit(source, shuffle=False, verbose=0)
        check_equal(model.get_weights(), weights)
        assert model.evaluate(source) == loss
        np.testing.assert_array_equal(model.predict(source), prediction)


def test_images_of_hugging_face_are_decoded() -> None:
    datasets, image = load("datasets"), load("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 255, (6, 8, 8, 3)).astype("uint8")
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})
    dataset = datasets.Dataset.from_dict({"image": [image.fromarray(p) for p in pixels], "label": [0, 1] * 3}, features)
    nn.set_random_seed(1)
    model = make_images()
    wanted = model.predict(pixels), model.evaluate(pixels, np.array([0, 1] * 3))
    for source in (dataset, dataset.to_iterable_dataset()):
        np.testing.assert_array_equal(model.predict(source), wanted[0])
        assert model.evaluate(source) == wanted[1]
    np.testing.assert_array_equal(model.predict(dataset["image"]), wanted[0])


def test_a_repeated_data_set_needs_steps() -> None:
    endless = make_tensorflow((X, Y)).repeat().batch(8)
    history = make().fit(endless, steps_per_epoch=3, epochs=2, verbose=0)
    assert len(history.epoch) == 2


def test_bfloat16_tensors_are_read() -> None:
    torch = load("torch")
    x = torch.tensor(X).bfloat16()
    np.testing.assert_array_equal(make().predict(x), make().predict(x.float()))


def test_tables_in_single_batches_and_functions() -> None:
    frame = make_frame()
    wanted = make().train_on_batch(X, Y)
    assert make().train_on_batch(frame[NAMES], frame["label"]) == wanted
    np.testing.assert_array_equal(make().predict_on_batch(frame[NAMES]), make().predict_on_batch(X))
    x = pel.matrix("x")
    tensor = load("torch").tensor(X, requires_grad=True)
    np.testing.assert_array_equal(pel.function([x], 2 * x)(tensor), 2 * X)


def test_tables_of_named_parts() -> None:
    frame = make_frame()
    inputs = {"a": X, "b": frame[["b"]]}
    assert make_two_inputs().evaluate(inputs, frame[["label"]]) == make_two_inputs().evaluate([X, X[:, 1:2]], Y)
    tensor = load("torch").tensor(X, requires_grad=True)
    np.testing.assert_array_equal(make().predict([tensor]), make().predict(X))


def make_channels_first() -> Any:
    torch = load("torch")
    return torch.utils.data.TensorDataset(torch.zeros(10, 3, 8, 8), torch.zeros(10, dtype=torch.int64))


CHANNELS = r"channels are first.*: x.permute\(0, 2, 3, 1\), or sample.permute\(1, 2, 0\) for each sample. A reshape"
MISSING = r"column 'b' of x to have no missing values. Received: 1 of 50 are missing, the first in row 7; dtype"
ERRORS: dict[str, tuple[Call, str]] = {
    "pandas missing": (
        lambda m: m.fit(make_frame(b=np.where(np.arange(COUNT) == 7, np.nan, 1)), "label"),
        MISSING + r" float64. Fill them in with x.fillna\(value\), or drop those rows with x.dropna",
    ),
    "pandas missing integers": (
        lambda m: m.fit(make_frame(b=load("pandas").array([1] * 7 + [None] + [1] * 42, "Int64")), "label"),
        MISSING + " Int64",
    ),
    "pandas missing targets": (
        lambda m: m.fit(X, load("pandas").Series([0, None] * 25, name="label", dtype="boolean")),
        r"column 'label' of y to have no missing values. Received: 25 of 50 are missing, the first in row 1",
    ),
    "pandas text": (
        lambda m: m.fit(make_frame(b="Rome"), "label"),
        r"column 'b' of x to hold numbers.*such as 'Rome' at \[0\]; leave the column out, or encode it",
    ),
    "pandas categories": (
        lambda m: m.fit(make_frame(b=load("pandas").Categorical(["x", "y"] * 25)), "label"),
        r"column 'b' of x to hold numbers.*such as 'x' at \[0\]",
    ),
    "pandas names of classes": (
        lambda m: m.fit(X, load("pandas").Series(["cat", "dog"] * 25)),
        r"Expected y to hold numbers.*such as 'cat' at \[0\]; number class names with np.unique\(y",
    ),
    "pandas times": (
        lambda m: m.fit(make_frame(b=load("pandas").Timestamp("2020-01-01")), "label"),
        r"column 'b' of x to hold numbers. Received: datetime64.*convert times to numbers",
    ),
    "pandas lists": (
        lambda m: m.fit(make_frame(b=[[1], [1, 2]] * 25), "label"),
        r"column 'b' of x to hold lists of equal length. Received: lengths 1 and 2",
    ),
    "pandas vectors": (
        lambda m: m.fit(make_frame(b=[[1, 2]] * 50), "label"),
        r"column 'b' of x to hold one number per row.*3 columns for one input. Received: values of shape \(2,\)",
    ),
    "pandas features": (
        lambda m: m.predict(make_frame()),
        r"samples of shape \(3,\). Received: x of shape \(50, 4\).*the columns are a, b, c, label. Leave out those",
    ),
    "pandas column": (lambda m: m.fit(make_frame(), "lable"), r"y='lable': expected a column.*Did you mean 'label'\?"),
    "pandas without targets": (lambda m: m.fit(make_frame()), r"a column with the targets.*such as y='label'"),
    "pandas names": (
        lambda m: m.fit(make_frame().rename(columns={"b": "a"}), "label"),
        r"columns of a table to have different names. Received: 'a' twice",
    ),
    "polars missing": (
        lambda m: m.fit(make_polars(b=[1.0] * 7 + [None] + [1.0] * 42), "label"),
        MISSING + r" Float64. Fill them in with x.fill_null\(value\), or drop those rows with x.drop_nulls\(\)",
    ),
    "polars NaN": (
        lambda m: m.fit(make_polars(b=X[:, 1] * np.float32("nan")), "label"),
        r"finite float32 numbers. Received: nan at \[0, 1\], column 'b'",
    ),
    "polars text": (
        lambda m: m.fit(make_polars(b=["Rome"] * COUNT), "label"),
        r"column 'b' of x to hold numbers.*'Rome'",
    ),
    "polars lazy": (lambda m: m.fit(make_polars().lazy(), "label"), r"Received: a polars lazy frame.*x.collect\(\)"),
    "Arrow missing": (
        lambda m: m.fit(make_arrow(b=[1.0] * 7 + [None] + [1.0] * 42), "label"),
        MISSING + r" double. Fill them in with pyarrow.compute.fill_null\(x, value\)",
    ),
    "Arrow text": (
        lambda m: m.fit(make_arrow(b=["Rome"] * COUNT), "label"),
        r"column 'b' of x to hold numbers.*'Rome'",
    ),
    "tensor channels": (lambda m: make_images().fit(*make_channels_first().tensors), CHANNELS),
    "data set channels": (
        lambda m: make_images().fit(make_channels_first()),
        CHANNELS + r"(.*\n)+  in sample 0 of the",
    ),
    "loader channels": (lambda m: make_images().fit(make_loader(make_channels_first())), CHANNELS),
    "predict channels": (lambda m: make_images().predict(make_loader(make_channels_first())), CHANNELS),
    "loader without targets": (
        lambda m: m.fit(make_loader(load("torch").utils.data.TensorDataset(load("torch").tensor(X)))),
        r"x \(a PyTorch data loader\): expected batches.*a list of 1 that begins with a PyTorch tensor of",
    ),
    "loader without keys": (
        lambda m: make_two_inputs().fit(
            make_loader(load("datasets").Dataset.from_dict({"a": X, "bb": Y, "label": Y}).with_format("torch"))
        ),
        r"no column for the input 'b'. Did you mean 'bb'\? Columns: a, bb",
    ),
    "loader with a batch size": (
        lambda m: m.fit(make_loader(make_tensors()), batch_size=8),
        r"no batch_size, since x \(a PyTorch data loader\) already yields batches",
    ),
    "loader with a split": (
        lambda m: m.fit(make_loader(make_tensors()), validation_split=0.2),
        r"Expected no validation_split, since x \(a PyTorch data loader\)",
    ),
    "Hugging Face without targets": (
        lambda m: m.fit(make_hugging_face()),
        r"Received: the columns image, label.*y='label'",
    ),
    "Hugging Face inputs": (
        lambda m: m.predict(make_hugging_face()),
        r"one column for the input.*Received: the columns image, label. Name the input after its column",
    ),
    "Hugging Face parts": (
        lambda m: m.fit(load("datasets").DatasetDict({"train": make_hugging_face()}), "label"),
        r"a Hugging Face dictionary of data sets with the keys 'train'; choose one of them, such as x\['train'\]",
    ),
    "Hugging Face text": (
        lambda m: m.fit(load("datasets").Dataset.from_dict({"v": ["Rome"] * 5, "label": [0] * 5}), "label"),
        r"column 'v' of x to hold numbers. Received: <U4 values, such as 'Rome'(.*\n)+  in sample 0 of the data set",
    ),
    "Hugging Face missing": (
        lambda m: m.fit(
            load("datasets").Dataset.from_dict({"v": [[1.0, 2, 3], [1, 2, None]], "label": [0, 1]}), "label"
        ),
        r"finite float32 numbers. Received: nan at \[0, 2\](.*\n)+  in sample 1 of the data set",
    ),
    "Hugging Face targets": (
        lambda m: m.fit(make_hugging_face().select_columns("image"), Y[1:]),
        r"a target for every sample. Received: 50 in x and 49 in y",
    ),
    "empty": (lambda m: m.fit(make_hugging_face(0), "label"), r"x to hold at least one sample. Received: none"),
    "TensorFlow keys": (
        lambda m: make_two_inputs().fit(make_tensorflow(({"a": X, "c": X[:, :1]}, Y)).batch(8)),
        r"there is no input 'c'.*Inputs: a, b",
    ),
    "TensorFlow without targets": (
        lambda m: m.fit(make_tensorflow(X).batch(8)),
        r"x \(a TensorFlow data set\): expected batches \(x, y\)",
    ),
    "TensorFlow ragged": (
        lambda m: m.predict(load("tensorflow").ragged.constant([[1.0], [1.0, 2.0]])),
        r"a TensorFlow ragged tensor; pad its rows to one length with x.to_tensor\(\)",
    ),
    "TensorFlow sparse": (
        lambda m: m.predict(load("tensorflow").sparse.from_dense(X)),
        r"a TensorFlow sparse tensor.*make it dense with tf.sparse.to_dense\(x\)",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_invalid_data_are_refused(case: str) -> None:
    call, message = ERRORS[case]
    with pytest.raises(ValueError, match=message):
        call(make())
