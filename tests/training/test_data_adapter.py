"""Data and arguments that do not fit are refused before training, with a message that suggests a fix."""

from collections.abc import Callable

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.model.errors import ModelError
from pellucid.training.data_sources.conversion import ValueRanges, check_finite

Data = tuple[np.ndarray, np.ndarray]
Make = Callable[..., pel.Sequential]


def test_fit_before_compile_is_rejected(data: Data) -> None:
    model = pel.Sequential([nn.Input((2,)), nn.Dense(2)], name="fresh")
    for use in (model.fit, model.evaluate):
        with pytest.raises(ModelError, match=r"fresh is not compiled. Call model.compile"):
            use(*data)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, r"compile needs a loss. Known: bce, binary_crossentropy"),
        ({"loss": "binary_crosentropy"}, r"no loss named 'binary_crosentropy'.* Did you mean 'binary_crossentropy'"),
        ({"loss": "mse", "metrics": ["acuracy"]}, r"no metric named 'acuracy'.* Did you mean 'accuracy'"),
        ({"loss": "mse", "optimizer": "adm"}, r"no optimizer named 'adm'.* Did you mean 'adam'"),
        ({"loss": "mse", "metrics": "accuracy"}, r"Expected metrics to be a list.*write metrics=\['accuracy'\]"),
        ({"loss": "mse", "metrics": ["acc", "acc"]}, r"Two metrics are named 'acc'"),
    ],
)
def test_invalid_arguments_of_compile_are_rejected(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pel.Sequential([nn.Dense(2)]).compile(**settings)


COUNTS = ["batch_size", "epochs", "steps_per_epoch", "validation_steps", "validation_batch_size"]


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("value", [0, -1, 2.5, True, "3"])
def test_counts_are_positive(data: Data, make: Make, name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"Expected {name} to be an integer of 1 or more. Received: {name}="):
        make().fit(*data, **{name: value})


@pytest.mark.parametrize("method", ["evaluate", "predict"])
@pytest.mark.parametrize("name", ["batch_size", "steps"])
def test_counts_of_evaluation_and_prediction_are_positive(data: Data, make: Make, method: str, name: str) -> None:
    arguments = data if method == "evaluate" else data[:1]
    with pytest.raises(ValueError, match=f"Expected {name} to be an integer of 1 or more. Received: {name}=0"):
        getattr(make(), method)(*arguments, **{name: 0})


def test_invalid_verbose_is_rejected(data: Data, make: Make) -> None:
    model = make()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"Expected verbose to be 'auto', 0, 1 or 2. Received: verbose=3"):
        model.fit(*data, verbose=3)
    assert np.array_equal(before[0], model.get_weights()[0])


def test_a_seed_is_an_integer(data: Data, make: Make) -> None:
    with pytest.raises(ValueError, match="Expected seed to be an integer of 0 or more"):
        make().fit(*data, seed=-1)


def test_big_endian_arrays_are_accepted(data: Data, make: Make) -> None:
    found = []
    for order in "<>":
        x, y = (a.astype(a.dtype.newbyteorder(order)) for a in data)
        model = make()
        model.fit(x, y, sample_weight=np.ones(len(x), f"{order}f4"), batch_size=80, epochs=2, verbose=0)
        found.append([*model.get_weights(), model.predict(x[:1]), model.evaluate(x, y, batch_size=80, verbose=0)])
    for little, big in zip(*found, strict=True):
        np.testing.assert_array_equal(little, big)


def test_different_lengths_are_rejected(data: Data, make: Make) -> None:
    with pytest.raises(ModelError, match=r"a target for every sample. Received: 160 in x and 159 in y"):
        make().fit(data[0], data[1][:-1])


def test_samples_of_another_shape_are_rejected(make: Make) -> None:
    model = make()
    with pytest.raises(
        pel.ShapeError, match=r"first layer dense.* expects samples of shape \(2,\). Received: x of shape \(5, 3\)"
    ):
        model.predict(np.zeros((5, 3)))
    with pytest.raises(pel.ShapeError, match=r"pass a single sample as x\[None\]"):
        model.predict(np.zeros(2))
    with pytest.raises(pel.ShapeError, match=r"reshape them with x.reshape\(-1, 2\)"):
        model.predict(np.zeros((5, 1, 2)))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((0, 2)), r"at least one sample. Received: shape \(0, 2\)"),
        (3.0, r"at least one sample. Received: shape \(\)"),
        (np.array([["a", "b"]]), r"Expected x to hold numbers. Received: <U1 values"),
        (np.array([[1j, 2j]]), r"Expected x to hold real numbers. Received: complex128"),
        (pel.matrix("v"), r"Received: the expression v; call the model on an expression, model\(x\)"),
        ([[0.0, 1.0], [np.nan, 2.0], [np.inf, 1.0]], r"finite float32.*nan at \[1, 0\], the first of 2.*in 2 samples"),
        ([[0.0, 1e300]], r"finite float32 numbers. Received: inf at \[0, 1\]"),
    ],
)
def test_invalid_samples_are_rejected(make: Make, x: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        make().predict(x)


def test_large_finite_values_are_accepted(make: Make) -> None:
    assert make().predict(np.full((4, 2), 3e38, "float32")).shape == (4, 2)


def test_string_targets_are_rejected(data: Data, make: Make) -> None:
    with pytest.raises(ModelError, match=r"Expected y to hold numbers.*np.unique\(y, return_inverse=True\)"):
        make().fit(data[0], np.where(data[1], "cat", "dog"))


def test_nonfinite_targets_are_rejected(data: Data) -> None:
    model = pel.Sequential([nn.Input((2,)), nn.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ModelError, match=r"Expected y to be finite float32 numbers. Received: nan at \[0\]"):
        model.fit(data[0], np.full(160, np.nan))


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "binary_crossentropy", "mse"])
def test_labels_instead_of_one_hot_columns_are_rejected(data: Data, make: Make, loss: str) -> None:
    model = make()
    model.compile("sgd", loss)
    with pytest.raises(
        ModelError,
        match=r"needs targets with 2 columns.* Received: y of shape \(160,\), integer labels. "
        r"One-hot encode them with np.eye\(2, dtype='float32'\)\[y\], or .*sparse_categorical_crossentropy",
    ):
        model.fit(*data)


def test_one_hot_columns_instead_of_labels_are_rejected(data: Data, make: Make) -> None:
    with pytest.raises(pel.ShapeError, match="For one-hot labels use categorical_crossentropy"):
        make().fit(data[0], np.eye(2)[data[1]])


def test_fractional_labels_are_rejected(data: Data, make: Make) -> None:
    with pytest.raises(pel.DtypeError, match=r"expected integer labels.*float32.*astype\('int32'\)"):
        make().fit(data[0], data[1].astype(float))


@pytest.mark.parametrize(("shift", "hint"), [(1, "from 1 to 2; renumber them with np.unique"), (-1, "from -1 to 0\n")])
def test_labels_out_of_range_are_rejected(data: Data, make: Make, shift: int, hint: str) -> None:
    with pytest.raises(
        ModelError, match=f"takes labels from 0 to 1, for the 2 columns.*Received: y with labels {hint}"
    ):
        make().fit(data[0], data[1] + shift)


def test_validation_labels_out_of_range_are_rejected(data: Data, make: Make) -> None:
    with pytest.raises(ModelError, match="Received: validation y with labels from 3 to 4"):
        make().fit(*data, validation_data=(data[0], data[1] + 3))


def test_targets_outside_0_and_1_are_rejected(data: Data, make: Make) -> None:
    model = make()
    model.compile("sgd", "binary_crossentropy")
    with pytest.raises(ModelError, match=r"takes targets in \[0, 1\]. Received: y with values from -1.0 to 1.0"):
        model.fit(data[0], 2 * np.eye(2)[data[1]] - 1)


@pytest.mark.parametrize("weights", [{0: "heavy"}, {"cat": 1.0}, {0: -1.0}, {0: float("nan")}])
def test_invalid_class_weights_are_rejected(data: Data, make: Make, weights: object) -> None:
    with pytest.raises(pel.OptionError, match="class_weight: expected integer classes and weights of 0 or more"):
        make().fit(*data, class_weight=weights)


def test_labels_beyond_int32_are_rejected(data: Data, make: Make) -> None:
    with pytest.raises(pel.DtypeError, match=r"y is int32. Received: int64 values that int32 cannot hold"):
        make().fit(data[0], data[1].astype("int64") + 2**40)


def test_targets_of_another_shape_are_rejected(data: Data, make: Make) -> None:
    model = make()
    model.compile("sgd", "mse")
    with pytest.raises(pel.ShapeError, match=r"expected y_true to have the shape of y_pred.*\(n, 3\).*\(n, 2\)"):
        model.fit(data[0], np.zeros((160, 3)))


def test_a_model_without_parameters_is_rejected(data: Data) -> None:
    model = pel.Sequential([nn.Input((2,)), nn.Activation("softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(pel.GradientError, match="Nothing to train"):
        model.fit(*data)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_nonfinite_values_among_others_are_found(data: Data, make: Make, wrong: float) -> None:
    x = np.array(data[0], "float32")
    x[7, 1] = wrong
    with pytest.raises(ModelError, match=rf"Expected x to be finite float32 numbers. Received: {wrong} at \[7, 1\]"):
        make().fit(x, data[1])
    assert check_finite(np.empty((2, 0), "float32"), "x", ranges=ValueRanges()).shape == (2, 0)
