"""Preprocessing, data sets, utilities and scikit-learn estimators of Keras 1."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pellucid as pel
from pellucid.compat.keras import backend as K
from pellucid.compat.keras import datasets, layers, models, scikit_learn, utils
from pellucid.compat.keras.preprocessing import image, text


def test_sequences_and_words() -> None:
    rows = [[1], [2, 3, 4, 5], []]
    assert text.pad_sequences(rows, maxlen=3).tolist() == [[0, 0, 1], [3, 4, 5], [0, 0, 0]]
    assert text.pad_sequences(rows, 3, padding="post", truncating="post", value=9).tolist() == [
        [1, 9, 9],
        [2, 3, 4],
        [9] * 3,
    ]
    assert text.pad_sequences(rows).shape == (3, 4)
    tokenizer = text.Tokenizer(nb_words=4)
    tokenizer.fit_on_texts(["The cat, the dog!", "the bird"])
    assert tokenizer.word_index["the"] == 1
    assert tokenizer.texts_to_sequences(["the cat flew"]) == [[1, tokenizer.word_index["cat"]]]
    assert tokenizer.texts_to_matrix(["the the"], mode="count").tolist() == [[0, 2, 0, 0]]
    tfidf = (1 + np.log(2)) * np.log(1 + 2 / 3)
    assert tokenizer.texts_to_matrix(["the the"], mode="tfidf")[0, 1] == pytest.approx(tfidf)
    assert all(1 <= i < 7 for i in text.one_hot("some words here", 7))
    for make, message in (
        (lambda: text.pad_sequences(rows, padding="left"), "Expected padding and truncating to be 'pre' or 'post'"),
        (lambda: text.pad_sequences([[[1]], [[1, 2]]]), "as in the first sequence"),
        (lambda: tokenizer.texts_to_matrix(["a"], mode="tf"), "Expected mode to be 'binary'"),
        (lambda: text.Tokenizer().texts_to_matrix(["a"]), "has no words yet"),
    ):
        with pytest.raises(pel.PellucidError, match=message):
            make()


def test_batches_of_transformed_images() -> None:
    x = np.arange(6 * 4 * 4 * 1.0).reshape(6, 4, 4, 1)
    plain = image.ImageDataGenerator(rescale=0.5).flow(x, np.arange(6), batch_size=4, shuffle=False)
    batches = [next(plain) for _ in range(3)]
    assert [len(y) for _, y in batches] == [4, 2, 4]
    np.testing.assert_allclose(batches[0][0], x[:4] / 2)
    np.random.seed(0)
    flipped = next(image.ImageDataGenerator(horizontal_flip=True).flow(x, batch_size=6, shuffle=False))
    ways = [int(np.array_equal(a, b)) for a, b in zip(flipped, x, strict=True)]
    assert 0 < sum(ways) < 6
    np.testing.assert_array_equal(flipped[ways.index(0)], x[ways.index(0), :, ::-1])
    generator = image.ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True)
    with pytest.raises(pel.StateError, match="need fit"):
        next(generator.flow(x))
    generator.fit(x)
    centered = next(generator.flow(x, batch_size=6))
    assert (abs(centered.mean()), centered.std()) == (pytest.approx(0, abs=1e-5), pytest.approx(1, rel=1e-5))
    np.testing.assert_array_equal(
        image.sample_pixels(x[0], np.array([[1.0, 0, 1], [0, 1, 0], [0, 0, 1]]), "nearest", 0)[:3], x[0, 1:]
    )
    for mode, row in (("constant", [7] * 4), ("wrap", x[0, 0, :, 0]), ("reflect", x[0, 3, :, 0])):
        moved = image.sample_pixels(x[0], np.array([[1.0, 0, 1], [0, 1, 0], [0, 0, 1]]), mode, 7)
        np.testing.assert_array_equal(moved[3, :, 0], row)
    ranges = dict.fromkeys(
        ["rotation_range", "shear_range", "width_shift_range", "height_shift_range", "zoom_range"], 0.2
    )
    many = image.ImageDataGenerator(**ranges, channel_shift_range=2.0, vertical_flip=True, samplewise_center=True)
    assert next(many.flow(x, np.arange(6)))[0].shape == x.shape
    for make, message in (
        (lambda: image.ImageDataGenerator(zca_whitening=True), "zca_whitening is not supported"),
        (lambda: image.ImageDataGenerator(fill_mode="edge"), "Expected fill_mode to be one of"),
        (lambda: image.ImageDataGenerator(zoom=0.2), "takes no argument 'zoom'"),
        (lambda: image.ImageDataGenerator().flow(x, save_to_dir="."), "save_to_dir is not supported"),
        (lambda: image.ImageDataGenerator().flow(x, [1]), "as many targets"),
        (lambda: image.ImageDataGenerator().flow(x[:0]), "Expected images. Received: none"),
    ):
        with pytest.raises(pel.PellucidError, match=message):
            make()


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
    with pytest.raises(pel.OptionError, match="Expected class_mode to be one of"):
        generator.flow_from_directory(tmp_path, class_mode="multi")
    x = image.img_to_array(image.load_img(tmp_path / "dogs/0.png"), dim_ordering="th")
    assert x.shape == (3, 6, 8)
    assert image.array_to_img(x, "th").size == (8, 6)


def test_data_sets_and_utilities(capsys: pytest.CaptureFixture[str]) -> None:
    (x, y), (x_test, _) = datasets.mnist.load_data()
    assert (x.shape, y.shape, x_test.shape) == ((60000, 28, 28), (60000,), (10000, 28, 28))
    x[0] = 0  # a copy
    assert "60,000 training and 10,000 test images" in capsys.readouterr().out
    with pytest.raises(pel.StorageError, match="Keras 1 downloaded these data"):
        datasets.cifar10.load_data()
    with pytest.raises(pel.StorageError, match="nothing is downloaded here"):
        utils.get_file("no such file", origin="a page")
    assert utils.to_categorical([2, 0], 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert utils.probas_to_classes(np.array([[0.7], [0.2]])).tolist() == [1, 0]
    np.testing.assert_allclose(utils.normalize(np.array([[3.0, 4.0], [0, 0]])), [[0.6, 0.8], [0, 0]])
    model = models.Sequential([layers.Dense(1, input_dim=2)])
    utils.plot(model, to_file="model.png")
    assert "model.png is not written" in capsys.readouterr().out


def test_estimators() -> None:
    from sklearn.model_selection import GridSearchCV

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), rng.integers(0, 3, 60)
    X[:, 0] += 3 * y

    def build(width: int = 2, loss: str = "categorical_crossentropy") -> Any:
        model = models.Sequential([layers.Dense(width, input_dim=2), layers.Dense(3, activation="softmax")])
        model.compile("adam", loss, metrics=["accuracy"] if width < 9 else None)
        return model

    estimator = scikit_learn.KerasClassifier(build_fn=build, nb_epoch=2, verbose=0)
    search = GridSearchCV(estimator, {"width": [3]}, cv=2).fit(X, y)
    assert search.best_params_["width"] == 3
    estimator.fit(X, y, nb_epoch=1)
    assert estimator.predict_proba(X).shape == (60, 3)
    assert estimator.score(X, y) == pytest.approx((estimator.predict(X) == y).mean())
    estimator.set_params(width=9).fit(X, y)
    with pytest.raises(pel.ModelError, match="the model computes no accuracy"):
        estimator.score(X, y)

    def build_line() -> Any:
        model = models.Sequential([layers.Dense(1, input_dim=2)])
        model.compile("sgd", "mse")
        return model

    line = scikit_learn.KerasRegressor(build_line, nb_epoch=1, verbose=0)
    line.fit(X, X[:, 0])
    assert line.score(X, X[:, 0]) == pytest.approx(-((line.predict(X) - X[:, 0]) ** 2).mean(), rel=1e-5)


def test_orderings() -> None:
    assert K.image_dim_ordering() == "tf"
    K.set_image_dim_ordering("th")
    assert (K.backend(), K.image_data_format()) == ("theano", "channels_first")
    assert image.img_to_array(Image.new("RGB", (4, 3))).shape == (3, 3, 4)
    K.set_image_data_format("channels_last")
    with pytest.raises(pel.OptionError, match="Expected dim_ordering"):
        K.set_image_dim_ordering("nchw")
