"""Points are equal to scikit-learn's."""

import numpy as np
import pytest

from pellucid.data import blobs, circles, moons
from pellucid.graph.config import config
from pellucid.graph.errors import OptionError


def test_the_default_moons_are_those_of_the_workshop() -> None:
    from sklearn.datasets import make_moons

    np.random.seed(0)  # noqa: NPY002 (so the workshop draws them)
    points, classes = make_moons(200, noise=0.20)
    X, y = moons(200, 0.20, seed=0, dtype="float64")
    assert (points == X).all()
    assert (y == classes).all()


@pytest.mark.parametrize(("n", "noise", "seed"), [(1, 0.2, 0), (2, 0.0, 3), (21, 0.2, 1), (2000, 0.5, 7)])
def test_the_moons_are_bit_identical_to_scikit_learn(n: int, noise: float, seed: int) -> None:
    from sklearn.datasets import make_moons

    points, classes = make_moons(n, noise=noise, random_state=seed)
    X, y = moons(n, noise, seed, dtype="float64")
    assert np.array_equal(points, X)
    assert np.array_equal(classes, y)


def test_moons_with_no_points_or_negative_noise_are_refused() -> None:
    with pytest.raises(OptionError, match=r"n of 1 or more .*Received: n=0, noise=0\.2"):
        moons(0)
    with pytest.raises(OptionError, match=r"noise of 0 or more. Received: n=200, noise=-1"):
        moons(noise=-1)


@pytest.mark.parametrize("draw", [moons, circles, blobs])
def test_points_depend_on_the_seed_and_have_the_requested_dtype(draw, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = draw(60)
    assert X.shape == (60, 2)
    assert (X.dtype, y.dtype) == (np.float32, np.int32)
    assert (draw(60)[0] == X).all()
    assert (draw(60, seed=1)[0] != X).any()
    monkeypatch.setattr(config, "floatx", "float64")
    assert draw(60)[0].dtype == np.float64
    assert draw(60, dtype="float16")[0].dtype == np.float16
