"""Preprocessing, data sets and utilities of Keras 1."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pellucid as pel
from pellucid.compat.keras import backend as K
from pellucid.compat.keras import datasets, layers, models, sequence, utils
from pellucid.compat.keras.preprocessing import image


def test_padded_sequences() -> None:
    rows = [[1], [2, 3, 4, 5], []]
    assert sequence.pad_sequences(rows, maxlen=3).tolist() == [[0, 0, 1], [3, 4, 5], [0, 0, 0]]
    post = sequence.pad_sequences(rows, 3, padding="post", truncating="post", value=9)
    assert post.tolist() == [[1, 9, 9], [2, 3, 4], [9] * 3]
    assert sequence.pad_sequences(rows).shape == (3, 4)
    with pytest.raises(pel.OptionError, match="Expected padding and truncating to be 'pre' or 'post'"):
        sequence.pad_sequences(rows, padding="left")
    assert sequence.pad_sequences([[[1, 2]], [[3, 4], [5, 6]]]).tolist() == [[[0, 0], [1, 2]], [[3, 4], [5, 6]]]


def test_batches_of_transformed_images() -> None:
    x = np.arange(6 * 4 * 4 * 1.0).reshape(6, 4, 4, 1)
    plain = image.ImageDataGenerator(rescale=0.5, preprocessing_function=lambda a: a + 1).flow(
        x, np.arange(6), batch_size=4, shuffle=False
    )
    batches = [next(plain) for _ in range(3)]
    assert [len(y) for _, y in batches] == [4, 2, 4]
    np.testing.assert_allclose(batches[0][0], (x[:4] + 1) / 2)
    shuffled = image.ImageDataGenerator().flow(x, np.arange(6), batch_size=4, seed=3)
    labels = [next(shuffled)[1] for _ in range(4)]
    assert sorted(np.concatenate(labels[:2])) == sorted(np.concatenate(labels[2:])) == list(range(6))
    np.random.seed(3)
    np.testing.assert_array_equal(labels[0], np.random.permutation(6)[:4])
    np.random.seed(0)
    flipped = next(image.ImageDataGenerator(horizontal_flip=True).flow(x, batch_size=6, shuffle=False))
    ways = [int(np.array_equal(a, b)) for a, b in zip(flipped, x, strict=True)]
    assert 0 < sum(ways) < 6
    np.testing.assert_array_equal(flipped[ways.index(0)], x[ways.index(0), :, ::-1])


def test_affine_transformations(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.arange(12.0).reshape(4, 3, 1)
    monkeypatch.setattr(np.random, "uniform", lambda low, high, size=None: np.broadcast_to(high, size or ()))
    change = lambda **options: image.ImageDataGenerator(**options).transform(x)[..., 0]  # noqa: E731
    np.testing.assert_array_equal(change(height_shift_range=0.25), x[[1, 2, 3, 3], :, 0])
    np.testing.assert_array_equal(change(width_shift_range=1 / 3), x[:, [1, 2, 2], 0])
    np.testing.assert_array_equal(
        change(rotation_range=180.0), x[[3, 3, 3, 2]][:, [2, 2, 2], 0]
    )  # about Keras's center
    first = image.ImageDataGenerator(height_shift_range=0.25, dim_ordering="th").transform(x.transpose(2, 0, 1))
    np.testing.assert_array_equal(first[0], x[[1, 2, 3, 3], :, 0])
    assert change(rotation_range=20, shear_range=0.2, zoom_range=0.2).shape == (4, 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x: image.ImageDataGenerator(zca_whitening=True), "zca_whitening=True is not supported"),
        (lambda x: image.ImageDataGenerator(fill_mode="edge"), "fill_mode='edge' is not supported"),
        (lambda x: image.ImageDataGenerator(zoom=0.2), "takes no argument 'zoom'"),
        (lambda x: image.ImageDataGenerator().flow(x, [1]), "as many targets"),
        (lambda x: image.ImageDataGenerator().flow(x[:0]), "Expected images, and as many targets. Received: 0"),
    ],
)
def test_image_options_that_cannot_be_honored(make, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(pel.PellucidError, match=message):
        make(np.zeros((6, 4, 4, 1)))


def test_folders_of_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, level in (("cats/0.png", 10), ("cats/1.jpg", 12), ("dogs/0.png", 200)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((6, 8, 3), level, np.uint8)).save(tmp_path / name)
    (tmp_path / "dogs" / "notes.txt").write_text("")
    generator = image.ImageDataGenerator(rescale=1 / 255)
    batches = generator.flow_from_directory(tmp_path, target_size=(4, 5), batch_size=2, shuffle=False)
    assert capsys.readouterr().out == "Found 3 images belonging to 2 classes.\n"
    assert (batches.class_indices, batches.nb_sample, len(batches.filenames)) == ({"cats": 0, "dogs": 1}, 3, 3)
    x, y = next(batches)
    assert (x.shape, y.tolist()) == ((2, 4, 5, 3), [[1, 0], [1, 0]])
    assert x[0, 0, 0, 0] == pytest.approx(10 / 255)
    gray = generator.flow_from_directory(tmp_path, color_mode="grayscale", class_mode="binary", shuffle=False)
    x, y = next(gray)
    assert (x.shape, y.tolist()) == ((3, 256, 256, 1), [0, 0, 1])
    with pytest.raises(pel.OptionError, match="class_mode to be one of"):
        generator.flow_from_directory(tmp_path, class_mode="multi")
    x = image.img_to_array(image.load_img(tmp_path / "dogs/0.png"), dim_ordering="th")
    assert x.shape == (3, 6, 8)


def test_data_sets_and_utilities(capsys: pytest.CaptureFixture[str]) -> None:
    (x, y), (x_test, _) = datasets.mnist.load_data()
    assert (x.shape, y.shape, x_test.shape) == ((60000, 28, 28), (60000,), (10000, 28, 28))
    x[0] = 0  # a copy
    assert "60,000 training and 10,000 test images" in capsys.readouterr().out
    with pytest.raises(pel.NoSuchNameError, match="Keras 1 downloaded it"):
        datasets.cifar10  # noqa: B018
    assert utils.to_categorical([2, 0], 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert utils.to_categorical([1, 0], num_classes=2).tolist() == [[0, 1], [1, 0]]
    model = models.Sequential([layers.Dense(1, input_dim=2)])
    utils.plot(model, to_file="model.png")
    assert "model.png is not written" in capsys.readouterr().out


def test_orderings() -> None:
    assert K.image_dim_ordering() == "tf"
    K.set_image_dim_ordering("th")
    assert (K.backend(), K.image_dim_ordering()) == ("theano", "th")
    assert image.img_to_array(Image.new("RGB", (4, 3))).shape == (3, 3, 4)
    K.set_image_dim_ordering("channels_last")
    with pytest.raises(pel.OptionError, match="Expected dim_ordering"):
        K.set_image_dim_ordering("nchw")
