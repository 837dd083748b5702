"""Image files as arrays, and batches of randomly transformed images, as in Keras 1."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.compat.keras import backend
from pellucid.compat.keras.arguments import bind, make_signature
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.graph.errors import OptionError, ShapeError, StateError
from pellucid.optional_packages import require_packages
from pellucid.typing import Array

with require_packages("keras.preprocessing.image"):
    from PIL import Image

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
OPTIONS = make_signature(
    "featurewise_center=False samplewise_center=False featurewise_std_normalization=False "
    "samplewise_std_normalization=False zca_whitening=False rotation_range=0.0 width_shift_range=0.0 "
    "height_shift_range=0.0 shear_range=0.0 zoom_range=0.0 channel_shift_range=0.0 fill_mode='nearest' cval=0.0 "
    "horizontal_flip=False vertical_flip=False rescale=None preprocessing_function=None dim_ordering='default'"
)
COMMON = "batch_size=32 shuffle=True seed=None save_to_dir=None save_prefix='' save_format='jpeg'"
FLOW = make_signature(f"X y=None {COMMON}")
FOLDERS = make_signature(
    "directory target_size=(256,256) color_mode='rgb' classes=None class_mode='categorical' "
    f"{COMMON} follow_links=False"
)


def load_img(path: Any, grayscale: bool = False, target_size: Any = None) -> Any:
    """Return an image file as a Pillow image, resized to (rows, columns) by its nearest pixels."""
    with Image.open(path) as file:
        image = file.convert("L" if grayscale else "RGB")
    return image.resize((target_size[1], target_size[0]), Image.Resampling.NEAREST) if target_size else image


def img_to_array(img: Any, dim_ordering: str = "default") -> Array:
    """Return a Pillow image as a float array with an axis of channels."""
    x = np.atleast_3d(np.asarray(img, "float32"))
    return x.transpose(2, 0, 1) if backend.resolve_ordering(dim_ordering) == "th" else x


def array_to_img(x: Any, dim_ordering: str = "default", scale: bool = True) -> Any:
    """Return an array as a Pillow image; ``scale`` stretches its values to 0 to 255."""
    x = np.asarray(x, "float32")
    x = x.transpose(1, 2, 0) if backend.resolve_ordering(dim_ordering) == "th" else x
    if scale:
        x = x - min(np.min(x), 0)
        x = x * (255 / (np.max(x) or 1))
    return Image.fromarray((x[..., 0] if x.shape[-1] == 1 else x).astype(np.uint8))


class ImageDataGenerator:
    """Random transformations of images by nearest pixels, drawn from NumPy's global generator."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        a = self.options = bind(type(self), OPTIONS, args, keywords)
        if a["fill_mode"] not in MODES:
            raise OptionError(f"Expected fill_mode to be one of {', '.join(MODES)}. Received: {a['fill_mode']!r}")
        if a["zca_whitening"]:
            raise OptionError("ImageDataGenerator: zca_whitening is not supported. Whiten the array before, with NumPy")
        zoom = a["zoom_range"]
        a["zoom_range"] = (1 - zoom, 1 + zoom) if isinstance(zoom, (int, float)) else tuple(zoom)
        self.dim_ordering = backend.resolve_ordering(a["dim_ordering"])
        self.mean: Any = None
        self.std: Any = None

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Compute mean and standard deviation of each channel, also of transformed images."""
        x = np.asarray(x, "float32")
        np.random.seed(seed) if seed is not None else None
        if augment:
            x = np.concatenate([np.stack([self.random_transform(image) for image in x]) for _ in range(rounds)])
        axes = (0, 2, 3) if self.dim_ordering == "th" else (0, 1, 2)
        self.mean, self.std = x.mean(axis=axes, keepdims=True)[0], x.std(axis=axes, keepdims=True)[0]

    def standardize(self, x: Array) -> Array:
        """Rescale an image, and subtract means and divide by deviations as configured."""
        a, channel = self.options, 0 if self.dim_ordering == "th" else 2
        x = a["preprocessing_function"](x) if a["preprocessing_function"] else x
        x = x * a["rescale"] if a["rescale"] else x
        x = x - x.mean(axis=channel, keepdims=True) if a["samplewise_center"] else x
        x = x / (x.std(axis=channel, keepdims=True) + 1e-7) if a["samplewise_std_normalization"] else x
        if (a["featurewise_center"] or a["featurewise_std_normalization"]) and self.mean is None:
            raise StateError(
                "ImageDataGenerator: featurewise_center and featurewise_std_normalization need fit(x) first"
            )
        x = x - self.mean if a["featurewise_center"] else x
        return np.asarray(x / (self.std + 1e-7) if a["featurewise_std_normalization"] else x)

    def draw_matrix(self, rows: int, columns: int) -> Array:
        """Draw the affine map from pixels of the result to pixels of the image, about its center."""
        names = ("rotation_range", "height_shift_range", "width_shift_range", "shear_range")
        drawn = (np.random.uniform(-limit, limit) if limit else 0.0 for limit in map(self.options.get, names))
        turn, down, right, shear = (float(value) for value in drawn)
        low, high = self.options["zoom_range"]
        zoom = np.ones(2) if low == high == 1 else np.random.uniform(low, high, 2)
        cosine, sine = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
        matrix = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
        matrix = matrix @ [[1, 0, down * rows], [0, 1, right * columns], [0, 0, 1]]
        matrix = matrix @ [[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]] @ np.diag([*zoom, 1])
        center = np.array([[1, 0, rows / 2 + 0.5], [0, 1, columns / 2 + 0.5], [0, 0, 1]])
        return np.asarray(center @ matrix @ np.linalg.inv(center))

    def random_transform(self, x: Array) -> Array:
        """Return an image after a random transformation."""
        a, first, random = self.options, self.dim_ordering == "th", np.random.random
        x = x.transpose(1, 2, 0) if first else x
        matrix = self.draw_matrix(*x.shape[:2])
        x = x if np.array_equal(matrix, np.eye(3)) else sample_pixels(x, matrix, a["fill_mode"], a["cval"])
        if a["channel_shift_range"]:
            shift = np.random.uniform(-a["channel_shift_range"], a["channel_shift_range"], x.shape[-1])
            x = np.clip(x + shift, x.min(), x.max())
        x = x[:, ::-1] if a["horizontal_flip"] and random() < 0.5 else x
        x = x[::-1] if a["vertical_flip"] and random() < 0.5 else x
        return x.transpose(2, 0, 1) if first else x

    def flow(self, *args: Any, **keywords: Any) -> BatchIterator:
        """Return an endless iterator over batches of transformed images, and their targets."""
        a = bind(ImageDataGenerator.flow, FLOW, args, keywords)
        x, y = np.asarray(a["X"]), None if a["y"] is None else np.asarray(a["y"])
        if x.ndim != 4 or (y is not None and len(y) != len(x)):
            raise ShapeError(f"flow: expected images of 4 axes, and as many targets. Received: shape {x.shape}")
        return BatchIterator(self, len(x), x.__getitem__, y, a)

    def flow_from_directory(self, *args: Any, **keywords: Any) -> BatchIterator:
        """Return an endless iterator over the images in the folders of classes."""
        a = bind(ImageDataGenerator.flow_from_directory, FOLDERS, args, keywords)
        for name, known in {"color_mode": ("rgb", "grayscale"), "class_mode": (*TARGETS, None)}.items():
            if a[name] not in known:
                raise OptionError(f"Expected {name} to be one of {known}. Received: {name}={a[name]!r}")
        root = Path(a["directory"])
        names = list(a["classes"] or sorted(p.name for p in root.iterdir() if p.is_dir()))
        found = [
            (Path(folder) / file, label)
            for label, name in enumerate(names)
            for folder, _, files in sorted(os.walk(root / name, followlinks=a["follow_links"]))
            for file in sorted(files)
            if file.lower().endswith(IMAGE_SUFFIXES)
        ]
        print(f"Found {len(found)} images belonging to {len(names)} classes.")
        labels, gray = np.array([label for _, label in found], "int32"), a["color_mode"] == "grayscale"

        def read(index: int) -> Array:
            return img_to_array(load_img(found[index][0], gray, a["target_size"]), self.dim_ordering)

        targets = TARGETS[a["class_mode"]](labels, len(names)) if a["class_mode"] else None
        batches = BatchIterator(self, len(found), read, targets, a)
        batches.classes, batches.nb_class, batches.class_indices = (
            labels,
            len(names),
            {n: i for i, n in enumerate(names)},
        )
        batches.filenames = [str(path.relative_to(root)) for path, _ in found]
        return batches


TARGETS: dict[str, Any] = {
    "categorical": lambda labels, count: np.eye(count, dtype="float32")[labels],
    "binary": lambda labels, count: labels.astype("float32"),
    "sparse": lambda labels, count: labels,
}


class BatchIterator:
    """Endless iterator over batches, which threads may share; the last batch of an epoch may be smaller."""

    classes: Array
    nb_class: int
    class_indices: dict[str, int]
    filenames: list[str]

    def __init__(self, generator: Any, count: int, read: Any, targets: Array | None, a: dict[str, Any]) -> None:
        if a["save_to_dir"] is not None:
            raise OptionError("save_to_dir is not supported. Save the batches in a loop, by array_to_img(x).save(path)")
        if not count:
            raise ShapeError(f"Expected images. Received: none; files of images end in {', '.join(IMAGE_SUFFIXES)}")
        self.generator, self.read, self.targets, self.lock = generator, read, targets, threading.Lock()
        self.n = self.N = self.nb_sample = count
        self.batch_size = a["batch_size"]
        self.indices = self.iter_indices(a["shuffle"], a["seed"])

    def iter_indices(self, shuffle: bool, seed: int | None) -> Iterator[Array]:
        """Yield the indices of batches, epoch by epoch."""
        batches, order = 0, np.arange(self.n)
        while True:
            for start in range(0, self.n, self.batch_size):
                np.random.seed(seed + batches) if seed is not None else None
                order = np.random.permutation(self.n) if shuffle and not start else order
                batches += 1
                yield order[start : start + self.batch_size]

    def __iter__(self) -> BatchIterator:
        return self

    def __next__(self) -> Any:
        with self.lock:
            chosen = next(self.indices)
        images = (self.generator.random_transform(self.read(index).astype("float32")) for index in chosen)
        x = np.stack([self.generator.standardize(image) for image in images]).astype("float32")
        return x if self.targets is None else (x, self.targets[chosen])

    next = __next__


def reflect(places: Array, size: int) -> Array:
    """Return indices reflected at the ends of an axis."""
    places = places % (2 * size)
    return np.asarray(np.minimum(places, 2 * size - 1 - places))


MODES: dict[str, Any] = {
    "nearest": lambda places, size: np.clip(places, 0, size - 1),
    "constant": lambda places, size: np.clip(places, 0, size - 1),
    "wrap": lambda places, size: places % size,
    "reflect": reflect,
}
"""Indices inside of an axis for those outside, by ``fill_mode``."""


def sample_pixels(x: Array, matrix: Array, fill_mode: str, cval: float) -> Array:
    """Return the nearest pixels of (rows, columns, channels) at affine positions, and a fill outside of the image."""
    grid = np.stack([*np.indices(x.shape[:2]), np.ones(x.shape[:2])]).reshape(3, -1)
    places = np.floor(matrix[:2] @ grid + 0.5).astype(int)
    rows, columns = (MODES[fill_mode](at, size) for at, size in zip(places, x.shape, strict=False))
    inside = ((rows == places[0]) & (columns == places[1])).reshape(*x.shape[:2], 1)
    result = x[rows, columns].reshape(x.shape)
    return np.where(inside, result, cval) if fill_mode == "constant" else result


add_missing_name_errors(globals(), "keras.preprocessing.image")
