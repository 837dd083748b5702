"""Tests of pooling, padding and resizing layers: agreement with Keras, masks and error messages."""

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from tests.nn.peers import pooling, store


@pytest.mark.parametrize("case", pooling.CASES)
def test_values_and_gradients_agree_with_keras(case: str) -> None:
    store.compare(pooling.by_pellucid(case), store.load("pooling")[case])


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in Keras
@pytest.mark.parametrize("case", pooling.CASES)
def test_golden_values_are_those_of_keras(case: str) -> None:
    pytest.importorskip("keras")
    store.compare(store.load("pooling")[case], pooling.by_keras(case), 1e-6)


@pytest.mark.parametrize(
    ("kind", "expected"), [(nn.GlobalAveragePooling1D, [[2.0], [6.0]]), (nn.GlobalMaxPooling1D, [[3.0], [6.0]])]
)
def test_masked_steps_are_ignored(kind: Any, expected: Any) -> None:
    x = pel.tensor3("x", shape=("n", 3, 1))
    mask = pel.tensor("m", shape=("n", 3), dtype=bool)
    y = kind()(pel.attach_mask(x, mask))
    given = [[[1.0], [3.0], [9.0]], [[7.0], [6.0], [8.0]]], [[True, True, False], [False, True, False]]
    assert nn.find_mask(y) is None
    np.testing.assert_array_equal(pel.function([x, mask], y, mode="numpy")(*given), np.array(expected, "float32"))


@pytest.mark.parametrize(
    ("layer", "shape", "result"),
    [
        (nn.GlobalAveragePooling2D(), (None, None, 3), (3,)),
        (nn.GlobalMaxPooling2D(keepdims=True), (None, None, 3), (1, 1, 3)),
        (nn.MaxPooling1D(2), (None, 3), (3, 3)),
        (nn.ZeroPadding1D(2), (None, 3), (11, 3)),
        (nn.Cropping1D((1, 0)), (None, 3), (6, 3)),
        (nn.UpSampling1D(3), (None, 3), (21, 3)),
    ],
)
def test_sizes_may_be_unknown(layer: Any, shape: Any, result: Any, rng: np.random.Generator) -> None:
    x = pel.tensor("x", shape=(None, *shape))
    value = rng.normal(size=(2, *(7 if n is None else n for n in shape))).astype("float32")
    assert pel.function([x], layer(x), mode="numpy")(value).shape == (2, *result)


def test_integers_stay_integers() -> None:
    x = pel.tensor4("x", shape=("n", 4, 4, 3), dtype="uint8")
    kept = [nn.MaxPooling2D(), nn.ZeroPadding2D(), nn.Cropping2D(1), nn.UpSampling2D(), nn.Resizing(3, 5)]
    assert {str(layer(x).dtype) for layer in kept} == {"uint8"}
    assert {str(layer(x).dtype) for layer in (nn.AveragePooling2D(), nn.CenterCrop(2, 2))} == {"float32"}


def test_resized_integers_are_rounded(rng: np.random.Generator) -> None:
    layer, value = nn.Resizing(5, 9, interpolation="bicubic"), (rng.random((2, 4, 6, 3)) > 0.5) * 255
    x, exact = pel.tensor4("x", shape=(None, 4, 6, 3), dtype="uint8"), pel.tensor4("z", shape=(None, 4, 6, 3))
    wanted = pel.function([exact], layer(exact), mode="numpy")(value.astype("float32"))
    assert wanted.min() < -5
    assert wanted.max() > 260
    found = pel.function([x], layer(x), mode="numpy")(value.astype("uint8"))
    np.testing.assert_array_equal(found, np.round(wanted.clip(0, 255)).astype("uint8"))


X, T = pel.tensor4("x", shape=("n", 8, 8, 3)), pel.tensor4("t", shape=("n", None, 8, 3))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: nn.MaxPooling2D((2, 2, 2), name="m"), "^m: expected pool_size to be an integer of 1 or more, or 2"),
        (lambda: nn.AveragePooling1D(2, padding="full", name="m"), "^m: expected padding to be one of 'valid', 'same'"),
        (lambda: nn.MaxPooling2D(9)(X), "a window of 9 does not fit into an axis of 8"),
        (lambda: nn.GlobalMaxPooling1D(name="m")(X), "^m: expected an input of 3 axes"),
        (
            lambda: nn.ZeroPadding2D((1, 2, 3), name="z"),
            r"^z: expected padding to be an integer of 0 or more, 2 of them",
        ),
        (
            lambda: nn.ZeroPadding2D(((1, 2), 3, 4), name="z"),
            r"^z: expected padding to be .* Received: padding=\(\(1, 2",
        ),
        (lambda: nn.ZeroPadding1D(-1, name="z"), "^z: expected padding to be an integer of 0 or more, or a pair"),
        (lambda: nn.ZeroPadding1D(None, name="z"), "^z: expected padding to be an integer of 0 or more, or a pair"),
        (lambda: nn.Cropping2D(4, name="c")(X), "^c: cropping=.* leaves nothing of x"),
        (lambda: nn.UpSampling2D(interpolation="cubic", name="u"), "^u: expected interpolation to be one of .*bicubic"),
        (lambda: nn.UpSampling2D(interpolation="bilinear", name="u")(T), "^u: expected an input whose sizes between"),
        (lambda: nn.Resizing(0, 3, name="r"), "^r: expected height to be an integer of 1 or more"),
        (lambda: nn.Resizing(3, 3, name="r")(T), "^r: expected an input whose sizes between"),
        (lambda: nn.CenterCrop(3, 3, name="r")(T), "^r: expected an input whose sizes between"),
    ],
)
def test_invalid_arguments_and_inputs_are_rejected(write: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write()


def test_crop_and_pad_exclude_each_other() -> None:
    with pytest.raises(TypeError, match=r"^r: expected one of crop_to_aspect_ratio and pad_to_aspect_ratio, not both"):
        nn.Resizing(3, 3, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True, name="r")
