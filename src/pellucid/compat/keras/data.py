"""Modules ``utils``, ``datasets`` and ``preprocessing.sequence`` of Keras 1."""

from pathlib import Path

import numpy as np

from pellucid.compat.keras.arguments import keras_arguments
from pellucid.compat.keras.named_objects import make_module
from pellucid.data import mnist
from pellucid.graph.errors import OptionError, ShapeError, StorageError


@keras_arguments
def to_categorical(y, nb_classes=None):
    labels = np.array(y, dtype=int).ravel()
    return np.eye(nb_classes or labels.max() + 1)[labels]


def normalize(a, axis=-1, order=2):
    norms = np.linalg.norm(a, order, axis, keepdims=True)
    return a / np.where(norms == 0, 1, norms)


def get_file(fname, origin="", **_):
    path = Path.home() / ".keras" / "datasets" / fname
    if not path.exists():
        raise StorageError(f"get_file: {path} does not exist, and nothing is downloaded here. Fetch {origin} yourself")
    return str(path)


def plot(model, to_file="model.png", **_):
    print(f"plot: {to_file} is not written, since Graphviz is not used here. The layers are:")
    model.summary()


UTILITIES = {f.__name__: f for f in (to_categorical, normalize, get_file, plot)} | {"plot_model": plot}
utils = make_module("utils", UTILITIES)


def pad_sequences(sequences, maxlen=None, dtype="int32", padding="pre", truncating="pre", value=0.0):
    if not {padding, truncating} <= {"pre", "post"}:
        raise OptionError(
            f"Expected padding and truncating to be 'pre' or 'post'. Received: {padding!r}, {truncating!r}"
        )
    length = max(map(len, sequences)) if maxlen is None else maxlen
    sample = next((np.shape(s)[1:] for s in sequences if len(s)), ())
    x = np.full((len(sequences), length, *sample), value).astype(dtype)
    for row, sequence in zip(x, sequences, strict=True):
        kept = np.asarray(sequence[-length:] if truncating == "pre" else sequence[:length], dtype)
        if len(kept) and kept.shape[1:] != sample:
            raise ShapeError(f"Expected steps of shape {sample}, as in the first sequence. Received: {kept.shape[1:]}")
        row[slice(len(kept)) if padding == "post" else slice(length - len(kept), None)] = kept
    return x


def load_mnist(path="mnist.pkl.gz"):
    """Return MNIST as ``(X_train, y_train), (X_test, y_test)``; the path, of Keras 1's download, is not read."""
    print("MNIST: the 60,000 training and 10,000 test images of pellucid")
    return tuple((x.copy(), y.copy()) for x, y in mnist())


def refuse(*_, **options):
    raise StorageError(
        "Keras 1 downloaded these data, and nothing is downloaded here. Read them from your own files: "
        "pel.data.images.image_folder reads folders of images, numpy.load arrays"
    )


DATASETS = {
    name: make_module(f"datasets.{name}", {"load_data": load_mnist if name == "mnist" else refuse})
    for name in ("mnist", "cifar10", "cifar100", "imdb", "reuters")
}
datasets = make_module("datasets", DATASETS)
sequence = make_module("preprocessing.sequence", {"pad_sequences": pad_sequences})
