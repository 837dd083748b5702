"""Data sets of Keras 1: MNIST, which is a part of pellucid; the others were downloads."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from pellucid import data
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.graph.errors import StorageError

__path__: list[str] = []  # `keras.datasets.mnist` and others are modules

NAMES = ("mnist", "cifar10", "cifar100", "imdb", "reuters")


def load_mnist(path: str = "mnist.pkl.gz") -> Any:
    """Return MNIST as ``(X_train, y_train), (X_test, y_test)``; the path, of Keras 1's download, is not read."""
    print("MNIST: the 60,000 training and 10,000 test images of pellucid")
    return tuple((x.copy(), y.copy()) for x, y in data.mnist())


def make_dataset(name: str) -> ModuleType:
    """Return a module with ``load_data``."""
    module = ModuleType(f"{__name__}.{name}")

    def refuse(*args: Any, **options: Any) -> Any:
        raise StorageError(
            f"keras.datasets.{name}: Keras 1 downloaded these data, and nothing is downloaded here. Read them from "
            "your own files: pel.data.images.image_folder reads folders of images, numpy.load arrays"
        )

    vars(module)["load_data"] = load_mnist if name == "mnist" else refuse
    add_missing_name_errors(vars(module), f"keras.datasets.{name}")
    return module


mnist, cifar10, cifar100, imdb, reuters = map(make_dataset, NAMES)
