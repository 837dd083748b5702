"""Tests of initializers: distributions equal to Keras's, and reproducible values."""

import math
from typing import Any

import numpy as np
import pytest

from pellucid import nn
from pellucid.nn import initializers
from tests.nn.peers import initializers as peers
from tests.nn.peers import store

SHAPE = (3, 3, 40, 60)  # a kernel with fan-in 3 * 3 * 40 and fan-out 3 * 3 * 60
FAN_IN, FAN_OUT, FAN_AVERAGE = 360, 540, 450


def compare(found: store.Values, wanted: store.Values) -> None:
    """Compare values and scales exactly, and distributions by a Kolmogorov-Smirnov test at significance level 0.001."""
    exact = [{key: value for key, value in values.items() if key != "quantiles"} for values in (found, wanted)]
    store.compare(*exact)
    many = peers.MATRICES if "grams" in found else math.prod(peers.MANY)
    for ours, theirs in zip(*(get_quantile_columns(values) for values in (found, wanted)), strict=True):
        assert compute_ks_distance(ours, theirs) < 1.95 * math.sqrt(2 / many)


def get_quantile_columns(values: store.Values) -> Any:
    return values["quantiles"].reshape(len(peers.LEVELS), -1).T if "quantiles" in values else ()


def compute_ks_distance(ours: Any, theirs: Any) -> Any:
    return np.abs(np.interp(theirs, ours, peers.LEVELS) - peers.LEVELS).max()


@pytest.mark.parametrize("case", peers.CASES)
def test_values_agree_with_keras(case: str) -> None:
    compare(peers.by_pellucid(case), store.load("initializers")[case])


@pytest.mark.peer
@pytest.mark.parametrize("case", peers.CASES)
def test_golden_values_are_those_of_keras(case: str) -> None:
    pytest.importorskip("keras")
    compare(peers.by_keras(case), store.load("initializers")[case])


def test_other_scales_are_detected() -> None:
    found = peers.by_pellucid("HeNormal")
    with pytest.raises(AssertionError):
        compare({**found, "quantiles": 1.05 * found["quantiles"]}, store.load("initializers")["HeNormal"])
    with pytest.raises(AssertionError):
        compare({**found, "scale": 1.0001 * found["scale"]}, store.load("initializers")["HeNormal"])


def test_sparse_matrices_are_those_of_lasagne(rng: np.random.Generator) -> None:
    values = initializers.Sparse(sparsity=0.3, std=0.2, seed=1)((50, 400))
    assert (np.count_nonzero(values, axis=0) == 15).all()
    assert np.abs(np.count_nonzero(values, axis=1) - 120).max() < 5 * math.sqrt(
        400 * 0.3 * 0.7
    )  # rows have equal probability
    drawn = np.quantile(values[values != 0], peers.LEVELS)
    normal = np.quantile(0.2 * rng.standard_normal(6000), peers.LEVELS)
    assert compute_ks_distance(drawn, normal) < 1.95 * math.sqrt(2 / 6000)


@pytest.mark.parametrize(
    ("initializer", "deviation", "limit"),
    [
        ("random_uniform", 0.1 / math.sqrt(12), 0.05),
        ("random_normal", 0.05, math.inf),
        ("truncated_normal", 0.05 * 0.8796, 0.1),
        ("glorot_uniform", math.sqrt(1 / FAN_AVERAGE), math.sqrt(3 / FAN_AVERAGE)),
        ("glorot_normal", math.sqrt(1 / FAN_AVERAGE), 2 * math.sqrt(1 / FAN_AVERAGE) / 0.8796),
        ("he_uniform", math.sqrt(2 / FAN_IN), math.sqrt(6 / FAN_IN)),
        ("he_normal", math.sqrt(2 / FAN_IN), 2 * math.sqrt(2 / FAN_IN) / 0.8796),
        ("lecun_uniform", math.sqrt(1 / FAN_IN), math.sqrt(3 / FAN_IN)),
        ("lecun_normal", math.sqrt(1 / FAN_IN), 2 * math.sqrt(1 / FAN_IN) / 0.8796),
        (initializers.VarianceScaling(3.0, "fan_out", "untruncated_normal"), math.sqrt(3 / FAN_OUT), math.inf),
        (initializers.RandomUniform(-1, 3), 4 / math.sqrt(12), 3),
        (initializers.RandomNormal(stddev=2), 2, math.inf),
    ],
)
def test_standard_deviation_and_range(initializer: Any, deviation: float, limit: float) -> None:
    nn.set_random_seed(0)
    values = initializers.get(initializer)(SHAPE)
    assert values.dtype == np.float32
    assert values.shape == SHAPE
    assert values.std() == pytest.approx(deviation, rel=0.01)
    assert np.abs(values).max() <= limit * 1.0001
    if math.isfinite(limit):
        assert np.abs(values).max() > 0.99 * limit


def test_means() -> None:
    assert initializers.TruncatedNormal(mean=3, stddev=0.1)((1000,)).mean() == pytest.approx(3, abs=0.02)
    assert initializers.RandomNormal(mean=-3)((1000,)).mean() == pytest.approx(-3, abs=0.02)
    assert initializers.get("glorot_uniform")((300, 300)).mean() == pytest.approx(0, abs=0.001)


@pytest.mark.parametrize("name", sorted(initializers.NAMED))
def test_repr_is_code(name: str) -> None:
    made = initializers.get(name)
    assert repr(eval(repr(made), vars(initializers))) == repr(made)


def test_constants() -> None:
    assert initializers.get("zeros")((2, 3)).tolist() == [[0, 0, 0]] * 2
    assert initializers.get("ones")((2,), dtype="float64").dtype == np.float64
    assert initializers.Constant(0.5)((2,)).tolist() == [0.5, 0.5]
    assert initializers.get("constant")(()).tolist() == 0


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (3, 2, 2, 5), (5, 5)])
def test_orthogonal_rows_or_columns(shape: tuple[int, ...]) -> None:
    flat = initializers.Orthogonal(gain=2.0)(shape, dtype="float64").reshape(-1, shape[-1])
    gram = flat.T @ flat if flat.shape[0] >= flat.shape[1] else flat @ flat.T
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)


def test_fans() -> None:
    assert initializers.fans(()) == (1, 1)
    assert initializers.fans((5,)) == (5, 5)
    assert initializers.fans((5, 7)) == (5, 7)
    assert initializers.fans(SHAPE) == (FAN_IN, FAN_OUT)


def test_the_same_seed_gives_the_same_values() -> None:
    seeded = initializers.GlorotUniform(seed=5)
    np.testing.assert_array_equal(seeded((3, 4)), seeded((3, 4)))
    nn.set_random_seed(1)
    first, second = initializers.get("he_normal")((3,)), initializers.get("he_normal")((3,))
    assert (first != second).any()
    nn.set_random_seed(1)
    np.testing.assert_array_equal(initializers.get("he_normal")((3,)), first)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: initializers.get("he_norml"), "no initializer named 'he_norml'. Did you mean 'he_normal'"),
        (lambda: initializers.Orthogonal()((3,)), r"two or more axes. Received: shape=\(3,\)"),
        (lambda: initializers.VarianceScaling(scale=0), r"Expected scale > 0\. Received: scale=0"),
        (lambda: initializers.VarianceScaling(mode="fan"), "Expected mode to be one of .* Received: mode='fan'"),
        (lambda: initializers.VarianceScaling(distribution="flat"), "Expected distribution to be one of"),
        (lambda: initializers.RandomNormal(seed=-1)((2,)), "Expected seed to be an integer"),
        (lambda: nn.set_random_seed(1.5), "Expected seed to be an integer of 0 or more. Received: seed=1.5"),
    ],
)
def test_invalid_arguments_are_rejected(write: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write()


def test_the_base_class_names_the_missing_method() -> None:
    with pytest.raises(NotImplementedError, match="Initializer does not implement draw"):
        initializers.Initializer()((2,))
