"""Tests of image augmentation and normalization layers: agreement with Keras, distributions and inference."""

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from tests.nn.peers import images, store

X = pel.tensor4("x", shape=("n", 9, 8, 3))

RANDOM: dict[str, Any] = {
    "RandomBrightness": lambda **more: nn.RandomBrightness(0.3, value_range=(-2, 2), **more),
    "RandomContrast": lambda **more: nn.RandomContrast(0.3, value_range=(-2, 2), **more),
    "RandomCrop": lambda **more: nn.RandomCrop(4, 5, **more),
    "RandomFlip": lambda **more: nn.RandomFlip(**more),
    "RandomRotation": lambda **more: nn.RandomRotation(0.2, **more),
    "RandomTranslation": lambda **more: nn.RandomTranslation(0.2, 0.3, fill_mode="constant", **more),
    "RandomZoom": lambda **more: nn.RandomZoom(0.3, 0.2, fill_mode="wrap", **more),
}


def value(count: int = 4) -> Any:
    """Return a batch of equal images."""
    return np.repeat(np.random.default_rng(0).normal(size=(1, 9, 8, 3)), count, axis=0).astype("float32")


@pytest.mark.parametrize("case", images.CASES)
def test_layers_agree_with_keras_for_given_draws(case: str) -> None:
    store.compare(images.by_pellucid(case), store.load("images")[case])


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in Keras
@pytest.mark.parametrize("case", images.CASES)
def test_golden_values_are_those_of_keras(case: str) -> None:
    pytest.importorskip("keras")
    store.compare(images.by_keras(case), store.load("images")[case])


@pytest.mark.parametrize("name", RANDOM)
def test_a_seed_draws_the_same_in_numpy_and_xla(name: str) -> None:
    f = pel.function([X], RANDOM[name](seed=3)(X), mode="numpy")
    g = pel.function([X], RANDOM[name](seed=3)(X), mode="numpy")
    for _ in range(2):
        np.testing.assert_allclose(f(value()), g(value()), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", RANDOM)
def test_steps_and_images_have_independent_draws(name: str) -> None:
    f = pel.function([X], RANDOM[name](seed=4)(X), mode="numpy")
    first, second = f(value(8)), f(value(8))
    assert (first != second).any()
    differ = (first != first[:1]).any()
    assert differ != (name == "RandomCrop")  # which has one position for the whole batch


@pytest.mark.parametrize("name", ["RandomBrightness", "RandomContrast", "RandomFlip"])
def test_images_may_be_of_any_size(name: str) -> None:
    x = pel.tensor("x", ("n", None, None, 3))
    found = [pel.function([e], RANDOM[name](seed=3)(e), mode="numpy")(value()) for e in (x, X)]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("name", sorted(set(RANDOM) - {"RandomCrop"}))
def test_inference_removes_augmentation(name: str) -> None:
    assert pel.inference(RANDOM[name]()(X)) is X


def test_random_crop_is_a_center_crop_in_inference() -> None:
    for height, width, part in [(4, 4, value()[:, :8]), (9, 6, value()[:, :, 1:7]), (20, 20, value()[:, :8])]:
        layer, whole = nn.RandomCrop(height, width), pel.tensor4("p", shape=("n", *part.shape[1:]))
        found = pel.function([X], pel.inference(layer(X)), mode="numpy")(value())
        wanted = pel.function([whole], pel.resize(whole, (height, width)), mode="numpy")(part)
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
        if height > 9:
            assert pel.inference(layer(X)) is layer(X)


def test_flips_are_independent_in_each_direction() -> None:
    x = pel.tensor4("x", shape=(None, 2, 2, 1))
    corners = np.tile(np.arange(4.0).reshape(1, 2, 2, 1), (4000, 1, 1, 1)).astype("float32")
    first = pel.function([x], nn.RandomFlip(seed=1)(x)[:, 0, 0, 0], mode="numpy")(corners)
    # The first corner is each of the four with probability 1/4; four standard deviations are 110.
    np.testing.assert_allclose(np.bincount(first.astype(int), minlength=4), 1000, atol=110)


def draw_transforms(layer: Any, count: int = 2000) -> Any:
    """Return the transform of each image, shape (count, 2, 3)."""
    made = pel.stack([pel.stack(row, axis=-1) for row in layer.get_transform(X, 9, 8)], axis=1)
    return pel.function([X], made, mode="numpy")(np.zeros((count, 9, 8, 3), "float32"))


def check_uniform(found: Any, low: float, high: float) -> None:
    """Compare the range, mean and standard deviation with those of a uniform distribution."""
    assert low <= found.min() < low + 0.01 * (high - low)
    assert high - 0.01 * (high - low) < found.max() <= high
    assert found.mean() == pytest.approx((low + high) / 2, abs=0.03 * (high - low))
    assert found.std() == pytest.approx((high - low) / 12**0.5, rel=0.05)


def test_rotation_angles_are_uniform() -> None:
    found = draw_transforms(nn.RandomRotation((-0.1, 0.2), seed=1))
    check_uniform(np.arctan2(found[:, 0, 1], found[:, 0, 0]) / (2 * np.pi), -0.1, 0.2)
    np.testing.assert_allclose(found @ [4.0, 3.5, 1.0], np.tile([4.0, 3.5], (2000, 1)), atol=1e-5)


def test_zoom_factors_are_uniform() -> None:
    equal, separate = (
        draw_transforms(nn.RandomZoom(0.3, seed=1)),
        draw_transforms(nn.RandomZoom((-0.5, 0.1), 0.2, seed=1)),
    )
    check_uniform(equal[:, 0, 0], 0.7, 1.3)
    np.testing.assert_array_equal(equal[:, 0, 0], equal[:, 1, 1])
    check_uniform(separate[:, 0, 0], 0.5, 1.1)
    check_uniform(separate[:, 1, 1], 0.8, 1.2)
    assert abs(np.corrcoef(separate[:, 0, 0], separate[:, 1, 1])[0, 1]) < 0.1
    np.testing.assert_allclose(separate @ [4.0, 3.5, 1.0], np.tile([4.0, 3.5], (2000, 1)), atol=1e-5)


def test_translations_are_uniform() -> None:
    found = draw_transforms(nn.RandomTranslation((-0.3, 0.1), 0.5, seed=1))
    check_uniform(-found[:, 0, 2] / 9, -0.3, 0.1)
    check_uniform(-found[:, 1, 2] / 8, -0.5, 0.5)
    np.testing.assert_array_equal(found[:, :, :2], np.tile(np.eye(2), (2000, 1, 1)))


def test_signs_of_rotation_and_translation() -> None:
    x = pel.tensor4("x", shape=(None, 3, 3, 1))
    right = np.zeros((1, 3, 3, 1), "float32")
    right[0, 1, 2] = 1
    turned = pel.function([x], nn.RandomRotation((0.25, 0.25))(x), mode="numpy")(right)
    assert turned[0, 0, 1] == pytest.approx(1, abs=1e-5)
    step = nn.RandomTranslation((1 / 3, 1 / 3), (-1 / 3, -1 / 3), fill_mode="constant")
    assert pel.function([x], step(x), mode="numpy")(right)[0, 2, 1] == pytest.approx(1, abs=1e-5)


def test_brightness_and_contrast_are_uniform_and_clipped() -> None:
    count = 2000
    gray = np.zeros((count, 9, 8, 3), "float32")
    gray[:, :4] = 100
    brighter = pel.function([X], nn.RandomBrightness((-0.2, 0.4), seed=1)(X), mode="numpy")(gray)
    check_uniform(brighter[:, 0, 0, 0], 100 - 51, 100 + 102)
    assert brighter.min() == 0
    contrast = pel.function([X], nn.RandomContrast(0.3, seed=1)(X), mode="numpy")(gray + 100)
    check_uniform((contrast[:, 0, 0, 0] - contrast[:, 8, 0, 0]) / 100, 0.7, 1.3)
    np.testing.assert_allclose(contrast.mean(axis=(1, 2)), 100 + 400 / 9, rtol=1e-4)


def test_crops_come_from_every_position() -> None:
    f = pel.function([X], nn.RandomCrop(8, 7, seed=1)(X), mode="numpy")
    parts = {(i, j): value()[:, i : i + 8, j : j + 7] for i in (0, 1) for j in (0, 1)}
    found = [f(value()) for _ in range(40)]
    assert all(any((part == crop).all() for part in parts.values()) for crop in found)
    assert all(any((part == crop).all() for crop in found) for part in parts.values())


@pytest.mark.parametrize("name", RANDOM)
def test_unknown_batch_size_and_integer_images(name: str) -> None:
    for dtype, wanted in (("float64", "float64"), ("uint8", "float32")):
        x = pel.tensor4("x", shape=(None, 9, 8, 3), dtype=dtype)
        y = RANDOM[name]()(x)
        result = pel.function([x], y, mode="numpy")(np.ones((2, 9, 8, 3), dtype))
        assert str(result.dtype) == str(pel.inference(y).dtype) == wanted
        assert result.shape == (2, *y.shape[1:])


def test_adapt_to_batches_equals_adapt_to_all_data(rng: np.random.Generator) -> None:
    data = (rng.normal(3, 2, size=(20, 4, 3)) * [1, 10, 0.1]).astype("float32")
    whole, parts, late = nn.Normalization(), nn.Normalization(), nn.Normalization()
    x = pel.tensor3("x", shape=("n", 4, 3))
    before = late(x)
    whole.adapt(data)
    parts.adapt(data[i : i + 6] for i in range(0, 20, 6))
    late.adapt([data[:15], data[15:]])
    results = [pel.function([x], y, mode="numpy")(data) for y in (whole(x), parts(x), before)]
    np.testing.assert_allclose(results[0].mean(axis=(0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(results[0].std(axis=(0, 1)), 1, atol=1e-5)
    for other in results[1:]:
        np.testing.assert_allclose(other, results[0], rtol=1e-4, atol=1e-5)
    assert not pel.parameters(before)


T = pel.tensor4("t", shape=("n", None, 8, 3))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: nn.RandomFlip("both", name="f"), "^f: expected mode to be one of 'horizontal', 'vertical', 'horiz"),
        (lambda: nn.RandomFlip(name="f")(pel.matrix("m")), "^f: expected an input of 4 axes. Received: m"),
        (lambda: nn.RandomRotation(1.5, name="f"), "^f: expected factor to be a number from -1 to 1, or two of them"),
        (lambda: nn.RandomRotation((0, 0.1, 0.2), name="f"), "^f: expected factor to be a number from -1 to 1, or two"),
        (lambda: nn.RandomRotation("0.1", name="f"), "^f: expected factor to be a number .* Received: factor='0.1'"),
        (
            lambda: nn.RandomRotation(0.1, fill_mode="mirror", name="f"),
            "^f: expected fill_mode to be one of 'const",
        ),
        (lambda: nn.RandomRotation(0.1, interpolation="cubic", name="f"), "^f: expected interpolation to be one of"),
        (lambda: nn.RandomRotation(0.1, name="f")(T), "^f: expected an input whose sizes between the batch and"),
        (lambda: nn.RandomZoom(-1.0, name="f"), "^f: expected height_factor to stay above -1. Received"),
        (lambda: nn.RandomZoom(0.1, (-1, 0), name="f"), "^f: expected width_factor to stay above -1. Received"),
        (lambda: nn.RandomTranslation(0.1, 2, name="f"), "^f: expected width_factor to be a number from -1 to 1"),
        (lambda: nn.RandomContrast(-0.1, name="f"), "^f: expected factor to be a number from 0 to 1"),
        (lambda: nn.RandomContrast((0.1,), name="f"), "^f: expected factor to be a number from 0 to 1, or two of them"),
        (lambda: nn.RandomContrast(0.1, ("a", "b"), name="f"), "^f: expected value_range to be the minimum and"),
        (lambda: nn.RandomZoom(0.1, fill_value="black", name="f"), "^f: expected fill_value to be a number. Received"),
        (lambda: nn.Resizing(2, 2, fill_value="black", name="f"), "^f: expected fill_value to be a number. Received"),
        (lambda: nn.RandomBrightness(0.1, value_range=255, name="f"), "^f: expected value_range to be the minimum and"),
        (
            lambda: nn.RandomCrop(0, 3, name="f"),
            "^f: expected height to be an integer of 1 or more. Received: heig",
        ),
        (lambda: nn.RandomCrop(3, 3, name="f")(T), "^f: expected an input whose sizes between the batch and"),
        (lambda: nn.Normalization(name="f")(pel.matrix("m")), "^f: expected an input whose axes .* have known lengths"),
        (
            lambda: nn.Normalization(mean=[1, 2], variance=[1, 2], name="f")(X),
            r"^f: expected a mean of shape \(3,\), for axes \(-1,\) of x. Received: shape \(2,\)",
        ),
        (
            lambda: nn.Normalization(name="f").adapt([[[1.0, np.nan]]]),
            r"^f: expected data to be a number, or an array of them. Received: NaN in data=\[\[1.0, nan",
        ),
        (
            lambda: nn.Normalization(name="f").adapt(np.zeros((0, 3))),
            "^f: expected data to adapt to. Received: ",
        ),
    ],
)
def test_invalid_arguments_and_inputs_are_rejected(write: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write()


def test_factors_are_numbers_of_numpy_too() -> None:
    assert nn.RandomRotation(np.float32(0.25)).factor == (-0.25, 0.25)
    assert nn.RandomContrast((np.float32(0.25), 0)).factor == (0.75, 1)
    assert nn.Dropout(np.float32(0.5)).rate == 0.5


def test_mean_requires_variance_and_data_must_be_arrays() -> None:
    with pytest.raises(TypeError, match=r"^f: expected mean and variance, or neither. Received: mean=1.0"):
        nn.Normalization(mean=1.0, name="f")
    with pytest.raises(TypeError, match=r"expected an array to adapt to, or an iterable of batches. Received: 3"):
        nn.Normalization().adapt(3)
