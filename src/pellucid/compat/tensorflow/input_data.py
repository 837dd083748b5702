"""`read_data_sets`: handwritten digits from IDX files, or from those that pellucid has."""

from collections import namedtuple
from pathlib import Path

import numpy as np

import pellucid as pel
from pellucid.graph.errors import OptionError

Datasets = namedtuple("Datasets", ["train", "validation", "test"])
NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


class DataSet:
    """Images and labels, and batches of them in random order."""

    def __init__(self, images, labels, seed=None):
        self.images, self.labels, self.num_examples = images, labels, len(images)
        self.epochs_completed, self.rng = 0, np.random.default_rng(seed)
        self.order = self.rng.permutation(self.num_examples)

    def next_batch(self, batch_size, fake_data=False):
        while len(self.order) < batch_size:
            self.epochs_completed += 1
            self.order = np.concatenate([self.order, self.rng.permutation(self.num_examples)])
        chosen, self.order = self.order[:batch_size], self.order[batch_size:]
        return self.images[chosen], self.labels[chosen]


def read_data_sets(
    train_dir, fake_data=False, one_hot=False, dtype=None, reshape=True, validation_size=5000, seed=None
):
    """Return the digits of IDX files in a folder or, without them, the MNIST digits that pellucid has."""
    if fake_data or dtype not in (None, "float32"):
        raise OptionError(f"Expected fake_data=False and dtype=tf.float32. Received: {fake_data} and {dtype}")
    files = [next((p for s in ("", ".gz") if (p := Path(train_dir, n + s)).exists()), None) for n in NAMES]
    is_complete = None not in files
    parts = [pel.data.read_idx(f) for f in files] if is_complete else [e for pair in pel.data.mnist() for e in pair]
    source = f"the IDX files in {train_dir}" if is_complete else "the MNIST digits that pellucid has"
    print(f"Using {source}: {len(parts[0])} training images and {len(parts[2])} test images")
    shape = (-1, parts[0][0].size) if reshape else (-1, *parts[0].shape[1:], 1)
    images = [x.reshape(shape).astype(np.float32) / 255 for x in parts[::2]]
    labels = [np.eye(10)[y] if one_hot else np.array(y) for y in parts[1::2]]
    ((x, y), test), n = zip(images, labels, strict=True), validation_size
    return Datasets(*(DataSet(*pair, seed) for pair in ((x[n:], y[n:]), (x[:n], y[:n]), test)))


def load_dataset(name, size="small", test_with_fake_data=False):
    """Return a data set of `tf.contrib.learn` by name."""
    if name == "mnist":
        return read_data_sets("MNIST-data")
    raise OptionError(f"load_dataset: expected 'mnist'. Received: {name!r}. scikit-learn has load_iris and others")
