"""`read_data_sets`: handwritten digits from IDX files, or from those that pellucid has."""

# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import numpy as np

import pellucid as pel
from pellucid.errors import OptionError

Datasets = namedtuple("Datasets", ["train", "validation", "test"])
NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


class DataSet:
    """Images and labels, and batches of them in random order."""

    def __init__(self, images, labels, *, seed=None):
        self.images, self.labels, self.num_examples = images, labels, len(images)
        self.epochs_completed, self.position = 0, 0
        self.rng = np.random.default_rng(seed)
        self.order = np.arange(len(images))

    def next_batch(self, batch_size, *, shuffle=True):
        """Return the next images and labels; a new order begins after the last one."""
        if shuffle and self.position == 0 and self.epochs_completed == 0:
            self.order = self.rng.permutation(self.num_examples)
        chosen = self.order[self.position : self.position + batch_size]
        self.position += batch_size
        while self.position > self.num_examples:
            self.epochs_completed += 1
            self.order = self.rng.permutation(self.num_examples) if shuffle else self.order
            self.position = batch_size - len(chosen)
            chosen = np.concatenate([chosen, self.order[: self.position]])
        return self.images[chosen], self.labels[chosen]


def read_data_sets(
    train_dir,
    fake_data=False,
    one_hot=False,
    dtype=np.float32,
    reshape=True,
    validation_size=5000,
    seed=None,
    source_url=None,
):
    """Return the digits of IDX files in a folder or, without them, the MNIST digits that pellucid has.

    Nothing is downloaded, so ``source_url`` changes nothing.
    """
    if fake_data:
        raise OptionError("read_data_sets: fake_data is not in pellucid.compat. Leave it out")
    files = [next((p for s in ("", ".gz") if (p := Path(train_dir) / (n + s)).exists()), None) for n in NAMES]
    if None in files:
        (a, b), (c, d) = pel.data.mnist()
        parts, source = [a, b, c, d], "the MNIST digits that pellucid has"
    else:
        parts, source = [pel.data.read_idx(f) for f in files if f is not None], f"the IDX files in {train_dir}"
    print(f"Using {source}: {len(parts[0])} training images and {len(parts[2])} test images")
    shape = (-1, parts[0][0].size) if reshape else (-1, *parts[0].shape[1:], 1)
    kind = getattr(dtype, "as_numpy_dtype", dtype)
    scale = 1 if kind == np.uint8 else np.float32(1 / 255)
    images = [np.multiply(x.reshape(shape), scale, dtype=kind) for x in parts[::2]]
    labels = [np.eye(10)[y] if one_hot else np.array(y) for y in parts[1::2]]
    n = validation_size
    return Datasets(
        *(
            DataSet(x, y, seed=seed)
            for x, y in ((images[0][n:], labels[0][n:]), (images[0][:n], labels[0][:n]), (images[1], labels[1]))
        )
    )
