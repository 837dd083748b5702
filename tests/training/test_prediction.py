"""A small array is predicted by one call, with the results and the errors of the general path."""

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.graph.errors import OptionError, ShapeError
from pellucid.model.errors import ModelError
from pellucid.training import prediction


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The data that were opened as batches."""
    data: list[object] = []
    original = prediction.open_input_batches
    monkeypatch.setattr(
        prediction, "open_input_batches", lambda model, x, size: data.append(x) or original(model, x, size)
    )
    return data


def make_network() -> pel.Sequential:
    nn.set_random_seed(0)
    return pel.Sequential([nn.Input((3,)), nn.Dense(4, activation="tanh"), nn.Dense(2)])


@pytest.mark.parametrize("count", [1, 5, 32])
def test_a_small_array_needs_no_batches(count, opened, rng):
    model, x = make_network(), rng.normal(size=(count, 3)).astype("float32")
    direct = model.predict(x)
    assert not opened
    assert np.array_equal(direct, model.predict(x, callbacks=[]))
    assert np.array_equal(direct, model.predict_on_batch(x))
    assert len(opened) == 1
    direct[:] = 7
    assert not (model.predict(x) == 7).any()


def test_other_data_are_read_in_batches(opened, rng):
    model, x = make_network(), rng.normal(size=(40, 3)).astype("float32")
    assert model.predict(x).shape == (40, 2)
    for options in ({"batch_size": 3}, {"steps": 1}, {"verbose": 2}, {"callbacks": [pel.callbacks.Callback()]}):
        model.predict(x[:4], **options)
    model.predict(x[:4].tolist())
    assert len(opened) == 6
    model.predict(x, batch_size=40)
    assert len(opened) == 6


def test_errors_are_those_of_batches(opened, rng):
    model, x = make_network(), np.ones((2, 3), "float32")
    model.predict(x)
    hole = np.array([[0.0, np.nan, 0.0]], "float32")
    errors = []
    for wrong in (np.ones((1, 4), "float32"), np.ones(3, "float32"), hole, np.array(["a"]), np.ones((1, 3), complex)):
        found = []
        for options in ({}, {"callbacks": []}):
            with pytest.raises((ModelError, ShapeError)) as error:
                model.predict(wrong, **options)
            found.append(str(error.value))
        assert found[0] == found[1]
        errors.append(found[0])
    assert "finite float32 numbers" in errors[2]
    with pytest.raises(ModelError, match="at least one sample"):
        model.predict(x[:0])
    with pytest.raises(OptionError, match="verbose"):
        model.predict(x, verbose="no")
    with pytest.raises(OptionError, match="batch_size"):
        model.predict(x, batch_size=0)


def test_indices_are_checked_at_every_call():
    model = pel.Sequential([nn.Input((2,), dtype="int32"), nn.Embedding(5, 3), nn.Flatten()])
    assert model.predict(np.array([[0, 4]], "int32")).shape == (1, 6)
    for _ in range(2):
        with pytest.raises(pel.InputError, match="from 0 to 4"):
            model.predict(np.array([[0, 5]], "int32"))


def test_new_weights_are_seen(rng):
    model, x = make_network(), rng.normal(size=(2, 3)).astype("float32")
    before = model.predict(x)
    model.compile("sgd", "mse")
    model.fit(x, np.zeros((2, 2), "float32"), epochs=2, verbose=0)
    after = model.predict(x)
    assert not np.array_equal(before, after)
    model.layers[-1].bias.set_value(model.layers[-1].bias.get_value() + 1)
    np.testing.assert_allclose(model.predict(x), after + 1, rtol=1e-5)


def test_an_unbuilt_model_is_built_for_the_samples(opened, rng):
    model, x = pel.Sequential([nn.Dense(2)]), rng.normal(size=(2, 3)).astype("float32")
    assert model.predict(x).shape == (2, 2)
    assert not opened
