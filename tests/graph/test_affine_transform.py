"""Tests of affine_transform against SciPy, in one, two and three dimensions."""

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

import pellucid as pel

SCIPY_MODES = {"constant": "grid-constant", "nearest": "nearest", "reflect": "reflect", "wrap": "grid-wrap"}


@pytest.mark.parametrize("sizes", [(9,), (7, 6), (4, 5, 3)])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("fill_mode", SCIPY_MODES)
def test_affine_transform_matches_scipy(
    rng: np.random.Generator, sizes: Any, interpolation: str, fill_mode: str
) -> None:
    axes = len(sizes)
    images = rng.normal(size=(2, *sizes, 2))
    transform = np.concatenate([np.eye(axes), np.zeros((axes, 1))], axis=1) + rng.normal(size=(2, axes, axes + 1))
    y = pel.affine_transform(images, transform, interpolation, fill_mode, 0.7)
    order, mode = int(interpolation == "bilinear"), SCIPY_MODES[fill_mode]
    for image, result, matrix in zip(images, pel.function([], y, mode="numpy")(), transform, strict=True):
        for channel in range(2):
            expected = ndimage.affine_transform(
                image[..., channel], matrix[:, :-1], matrix[:, -1], order=order, mode=mode, cval=0.7
            )
            np.testing.assert_allclose(result[..., channel], expected, rtol=1e-10, atol=1e-12)


def test_one_transform_for_a_batch_of_unknown_size(rng: np.random.Generator) -> None:
    x = pel.tensor4("x", shape=(None, 4, 5, 1))
    f = pel.function([x], pel.affine_transform(x, [[0.0, -1.0, 3.0], [1.0, 0.0, 0.0]]))
    value = rng.normal(size=(3, 4, 5, 1)).astype("float32")
    rotated = f(value)
    np.testing.assert_allclose(rotated[:, :, :4], np.rot90(value[:, :, :4], -1, axes=(1, 2)), rtol=1e-6)


X = pel.tensor4("x", shape=("n", 4, 5, 1))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: pel.affine_transform(X, np.eye(3)), r"expected a transform of shape \(2, 3\), or one per image"),
        (lambda: pel.affine_transform(X, np.zeros((4, 2, 3)).T), r"or one per image. Received: constant"),
        (lambda: pel.affine_transform(X, np.eye(2, 3), "linear"), "expected interpolation to be .* Did you mean 'bil"),
        (lambda: pel.affine_transform(X, np.eye(2, 3), fill_mode="mirror"), "expected fill_mode to be one of 'const"),
        (
            lambda: pel.affine_transform(pel.tensor4("t"), np.eye(2, 3)),
            "affine_transform: expected images .* known",
        ),
    ],
)
def test_invalid_arguments_raise_errors(build: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
