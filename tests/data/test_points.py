"""Points are scikit-learn's."""

import numpy as np
import pytest
from sklearn.datasets import make_moons

from pellucid.data import blobs, circles, moons
from pellucid.graph.config import config


def test_the_moons_are_the_workshops_own() -> None:
    np.random.seed(0)  # noqa: NPY002 (so the workshop draws them)
    points, classes = make_moons(200, noise=0.20)
    X, y = moons(200, 0.20, seed=0, dtype="float64")
    assert (points == X).all()
    assert (y == classes).all()


@pytest.mark.parametrize("draw", [moons, circles, blobs])
def test_points_come_from_the_seed_in_the_dtype_asked_for(draw, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = draw(60)
    assert X.shape == (60, 2)
    assert (X.dtype, y.dtype) == (np.float32, np.int32)
    assert (draw(60)[0] == X).all()
    assert (draw(60, seed=1)[0] != X).any()
    monkeypatch.setattr(config, "floatx", "float64")
    assert draw(60)[0].dtype == np.float64
    assert draw(60, dtype="float16")[0].dtype == np.float16
