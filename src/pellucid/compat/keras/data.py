"""Modules ``utils``, ``datasets`` and ``preprocessing.sequence`` of Keras 1."""

import numpy as np

from pellucid.compat.keras.named_objects import make_module
from pellucid.data import mnist
from pellucid.graph.errors import OptionError


def to_categorical(y, nb_classes=None, num_classes=None):
    labels = np.array(y, dtype=int).ravel()
    return np.eye(nb_classes or num_classes or labels.max() + 1)[labels]


def pad_sequences(sequences, maxlen=None, dtype="int32", padding="pre", truncating="pre", value=0.0):
    if not {padding, truncating} <= {"pre", "post"}:
        raise OptionError(
            f"Expected padding and truncating to be 'pre' or 'post'. Received: {padding!r}, {truncating!r}"
        )
    length = max(map(len, sequences)) if maxlen is None else maxlen
    x = np.full((len(sequences), length, *np.shape(next(filter(len, sequences), []))[1:]), value).astype(dtype)
    for row, sequence in zip(x, sequences, strict=True):
        kept = sequence[-length:] if truncating == "pre" else sequence[:length]
        if len(kept):
            row[slice(len(kept)) if padding == "post" else slice(-len(kept), None)] = kept
    return x


def load_mnist(path="mnist.pkl.gz"):
    """Return MNIST as ``(X_train, y_train), (X_test, y_test)``; the path, of Keras 1's download, is not read."""
    print("MNIST: the 60,000 training and 10,000 test images of pellucid")
    return tuple((x.copy(), y.copy()) for x, y in mnist())


plot = lambda model, to_file="model.png", **_: print(
    f"plot: {to_file} is not written. model.summary() prints the layers"
)
utils = make_module("utils", {"to_categorical": to_categorical, "plot": plot, "plot_model": plot})
sequence = make_module("preprocessing.sequence", {"pad_sequences": pad_sequences})
ADVICE = "Keras 1 downloaded it, which nothing does here. Read arrays with numpy.load, and images with pel.data.images"
DOWNLOADS = dict.fromkeys(("cifar10", "cifar100", "imdb", "reuters"), ADVICE)
datasets = make_module("datasets", {"mnist": make_module("datasets.mnist", {"load_data": load_mnist})}, DOWNLOADS)
