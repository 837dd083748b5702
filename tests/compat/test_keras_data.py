"""Preprocessing, data sets and utilities of Keras 1."""

import hashlib
import json
import pickle
import re
import socket
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pellucid as pel
from pellucid.compat.keras import backend as K
from pellucid.compat.keras import datasets, layers, models, sequence, text, utils
from pellucid.compat.keras.preprocessing import image
from pellucid.compat.script import ScriptRun
from pellucid.compat.tensorflow import input_data
from tests.named_case import name_case


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


NOT_HONORED = [
    (lambda x: image.ImageDataGenerator(zca_whitening=True), "zca_whitening=True is not supported"),
    (lambda x: image.ImageDataGenerator(fill_mode="edge"), "fill_mode='edge' is not supported"),
    (lambda x: image.ImageDataGenerator(zoom=0.2), "takes no argument 'zoom'"),
    (lambda x: image.ImageDataGenerator().flow(x, [1]), "as many targets"),
    (lambda x: image.ImageDataGenerator().flow(x[:0]), "Expected images, and as many targets. Received: 0"),
]


def test_image_options_that_cannot_be_honored() -> None:
    for make, message in NOT_HONORED:
        with name_case(message), pytest.raises(pel.PellucidError, match=message):
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
    with pytest.raises(pel.NoSuchNameError, match=r"Read boston_housing\.npz with numpy\.load"):
        datasets.boston_housing  # noqa: B018
    assert utils.to_categorical([2, 0], 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert utils.to_categorical([1, 0], num_classes=2).tolist() == [[0, 1], [1, 0]]
    model = models.Sequential([layers.Dense(1, input_dim=2)])
    utils.plot(model, to_file="model.png")
    assert "model.png is not written" in capsys.readouterr().out


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of data sets of a new home."""
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    found = tmp_path / ".keras" / "datasets"
    found.mkdir(parents=True)
    return found


def make_sequences(count: int) -> np.ndarray:
    rng = np.random.default_rng(count)
    return np.fromiter((rng.integers(1, 30, size).tolist() for size in rng.integers(1, 9, count)), object, count)


def shuffle(values: Any, seed: int) -> list[Any]:
    """Return the order that Keras 1 gave to a list."""
    np.random.seed(seed)
    shuffled = list(values)
    np.random.shuffle(shuffled)
    return shuffled


def test_reviews_in_the_order_and_numbers_of_keras_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x, y, x_test, y_test = make_sequences(20), np.arange(20), make_sequences(10), np.arange(10)
    np.savez(folder / "imdb.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    train, test = datasets.imdb.load_data(nb_words=20, skip_top=6, seed=7)
    assert capsys.readouterr().out == f"imdb: {folder / 'imdb.npz'}\n"
    for (found, labels), given, targets, seed in ((train, x, y, 7), (test, x_test, y_test, 14)):
        rows = [[1, *(w + 3 for w in row)] for row in shuffle(given, seed)]
        assert found.tolist() == [[w if 6 <= w < 20 else 2 for w in row] for row in rows]
        assert labels.tolist() == shuffle(targets, seed)
    (found, labels), _ = datasets.imdb.load_data("imdb.pkl", 20, 0, 5, 113, None, None, 0)
    pairs = zip(shuffle(x, 113), shuffle(y, 113), strict=True)
    expected = [([w for w in row if w < 20], label) for row, label in pairs if len(row) < 5]
    assert [*zip(found.tolist(), labels.tolist(), strict=True)] == expected
    (found, _), _ = datasets.imdb.load_data()
    largest = max(w for row in [*x, *x_test] for w in row) + 3
    assert max(w for row in found for w in row) == largest - 1  # Keras 1 replaces the word with the largest number
    with pytest.raises(pel.OptionError, match="no sequence has fewer than maxlen=1 words"):
        datasets.imdb.load_data(maxlen=1)
    with pytest.raises(pel.UseError, match="takes no argument 'nb_word'"):
        datasets.imdb.load_data(nb_word=3)
    (folder / "imdb_word_index.json").write_text(json.dumps({"the": 1}))
    assert datasets.imdb.get_word_index() == {"the": 1}


def test_newswires_are_split_after_long_ones_are_left_out(folder: Path) -> None:
    x, y = make_sequences(20), np.arange(20)
    np.savez(folder / "reuters.npz", x=x, y=y)
    (found, labels), (rest, others) = datasets.reuters.load_data(maxlen=7, test_split=0.3, seed=5)
    kept = [label for row, label in zip(shuffle(x, 5), shuffle(y, 5), strict=True) if len(row) + 1 < 7]
    count = int(len(kept) * 0.7)
    assert (labels.tolist(), others.tolist()) == (kept[:count], kept[count:])
    assert (len(found), len(rest)) == (count, len(kept) - count)


@pytest.mark.parametrize("ordering", ["tf", "th"])
def test_images_of_cifar(folder: Path, monkeypatch: pytest.MonkeyPatch, ordering: str) -> None:
    monkeypatch.setitem(K.SETTINGS, "ordering", ordering)
    pixels = np.arange(2 * 3072).reshape(2, 3072).astype("uint8")
    for name in (*(f"cifar-10-batches-py/data_batch_{i}" for i in range(1, 6)), "cifar-10-batches-py/test_batch",
                 "cifar-100-python/train", "cifar-100-python/test"):  # fmt: skip
        (folder / name).parent.mkdir(exist_ok=True)
        labels = {b"labels": [3, 1], b"fine_labels": [70, 4], b"coarse_labels": [9, 8]}
        (folder / name).write_bytes(pickle.dumps({b"data": pixels, **labels}))
    (x, y), (x_test, y_test) = datasets.cifar10.load_data()
    images = pixels.reshape(2, 3, 32, 32)
    np.testing.assert_array_equal(x_test, images if ordering == "th" else images.transpose(0, 2, 3, 1))
    assert (x.shape[0], y.tolist(), y_test.tolist()) == (10, [[3], [1]] * 5, [[3], [1]])
    assert datasets.cifar100.load_data()[0][1].tolist() == [[70], [4]]
    assert datasets.cifar100.load_data(label_mode="coarse")[1][1].tolist() == [[9], [8]]
    with pytest.raises(pel.OptionError, match="expected label_mode to be 'fine' or 'coarse'"):
        datasets.cifar100.load_data("large")


def test_files_are_found_and_unpacked_but_not_downloaded(folder: Path) -> None:
    with pytest.raises(pel.StorageError, match=r"a\.txt does not exist.* Download http://x/a\.txt to .*a\.txt"):
        utils.get_file("a.txt", "http://x/a.txt")
    with pytest.raises(pel.StorageError, match=r"Download https://www\.cs.*cifar-10-python\.tar\.gz to .*py\.tar\.gz"):
        datasets.cifar10.load_data()
    with pytest.raises(pel.StorageError, match=r"does not exist.*tf-keras-datasets/reuters\.npz to "):
        datasets.reuters.load_data()
    (folder / "a.txt").write_text("text")
    assert utils.get_file("a.txt", "http://x/a.txt") == str(folder / "a.txt")
    assert utils.get_file("a.txt", "", md5_hash=hashlib.md5(b"text").hexdigest()) == str(folder / "a.txt")
    with pytest.raises(pel.StorageError, match="does not have the MD5 sum 0"):
        utils.get_file("a.txt", "http://x/a.txt", md5_hash="0")
    with tarfile.open(folder / "b.tar.gz", "w:gz") as archive:
        archive.add(folder / "a.txt", "b/c.txt")
    assert (Path(utils.get_file("b", origin="http://x/b.tgz", untar=True)) / "c.txt").read_text() == "text"


def test_texts_as_numbers() -> None:
    tokenizer = text.Tokenizer(nb_words=4)
    tokenizer.fit_on_texts(["A cat. The dog!", "the\tcat, it's", "The"])
    assert tokenizer.word_index == {"the": 1, "cat": 2, "a": 3, "dog": 4, "it's": 5}
    assert tokenizer.texts_to_sequences(["a dog the bird the"]) == [[3, 1, 1]]
    assert tokenizer.texts_to_matrix(["a the the", ""]).tolist() == [[0, 1, 0, 1], [0] * 4]
    assert tokenizer.sequences_to_matrix([[1, 1, 9]], mode="count").tolist() == [[0, 2, 0, 0]]
    assert text.Tokenizer(char_level=True).split_text("ab") == "ab"
    with pytest.raises(pel.OptionError, match=r"expected mode to be 'binary' or 'count'.* mode='tfidf'"):
        tokenizer.sequences_to_matrix([[1]], mode="tfidf")
    with pytest.raises(pel.OptionError, match="nb_words or a call of fit_on_texts"):
        text.Tokenizer().sequences_to_matrix([[1]])


def test_orderings() -> None:
    assert K.image_dim_ordering() == "tf"
    K.set_image_dim_ordering("th")
    assert (K.backend(), K.image_dim_ordering()) == ("theano", "th")
    assert image.img_to_array(Image.new("RGB", (4, 3))).shape == (3, 3, 4)
    K.set_image_dim_ordering("channels_last")
    with pytest.raises(pel.OptionError, match="Expected dim_ordering"):
        K.set_image_dim_ordering("nchw")


@pytest.fixture
def refused_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> None:
        raise ConnectionRefusedError("the network is refused")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


STORE, CIFAR = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/", "https://www.cs.toronto.edu/~kriz/"
LOADERS: list[tuple[Callable[[], Any], str, str]] = [
    (datasets.imdb.load_data, f"{STORE}imdb.npz", "imdb.npz"),
    (datasets.imdb.get_word_index, f"{STORE}imdb_word_index.json", "imdb_word_index.json"),
    (datasets.reuters.load_data, f"{STORE}reuters.npz", "reuters.npz"),
    (datasets.reuters.get_word_index, f"{STORE}reuters_word_index.json", "reuters_word_index.json"),
    (datasets.cifar10.load_data, f"{CIFAR}cifar-10-python.tar.gz", "cifar-10-batches-py.tar.gz"),
    (datasets.cifar100.load_data, f"{CIFAR}cifar-100-python.tar.gz", "cifar-100-python.tar.gz"),
    (lambda: utils.get_file("a.txt", "http://x/b.txt"), "http://x/b.txt", "a.txt"),
]


@pytest.mark.usefixtures("refused_network")
@pytest.mark.parametrize(("load", "url", "name"), LOADERS, ids=[name for *_, name in LOADERS])
def test_loaders_without_a_network_say_what_to_download(
    folder: Path, load: Callable[[], Any], url: str, name: str
) -> None:
    with pytest.raises(pel.StorageError, match=f"Download {re.escape(url)} to {re.escape(str(folder / name))}"):
        load()


@pytest.mark.usefixtures("refused_network")
def test_digits_need_no_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digits = datasets.mnist.load_data()
    assert digits[1][0].shape == (10000, 28, 28)
    monkeypatch.setattr(pel.data, "mnist", lambda: [(x[:20], y[:20]) for x, y in digits])
    assert input_data.read_data_sets(str(folder), validation_size=5).test.images.shape == (20, 784)


DOWNLOADS = [
    "import urllib\nurllib.urlretrieve('http://example.com/a.gz', 'a.gz')\n",
    "from urllib import urlretrieve\nurlretrieve('http://example.com/a.gz', 'a.gz')\n",
    "import urllib.request\nurllib.request.urlretrieve('http://example.com/a.gz', 'a.gz')\n",
    "from six.moves import urllib\nurllib.request.urlretrieve('http://example.com/a.gz', 'a.gz')\n",
]


@pytest.mark.usefixtures("refused_network")
@pytest.mark.parametrize("source", DOWNLOADS)
def test_downloads_of_scripts_say_where_to_put_the_file(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("fetch.py").write_text(source, "utf-8")
    ScriptRun("fetch.py").start()
    assert f"Download http://example.com/a.gz to {tmp_path / 'a.gz'}" in capsys.readouterr().err
