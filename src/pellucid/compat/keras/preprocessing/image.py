"""Image files as arrays, and batches of randomly transformed images, as in Keras 1."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator as IteratorType
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.compat.keras import backend
from pellucid.compat.keras.arguments import bind, make_signature
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.graph.errors import OptionError, ShapeError, StateError
from pellucid.optional_packages import require_packages
from pellucid.typing import Array

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
MODES = ("constant", "nearest", "reflect", "wrap")


def load_img(path: Any, grayscale: bool = False, target_size: Any = None) -> Any:
    """Return an image file as a Pillow image, resized to (rows, columns) by its nearest pixels."""
    with require_packages("keras.preprocessing.image"):
        from PIL import Image
    with Image.open(path) as file:
        image = file.convert("L" if grayscale else "RGB")
    return image.resize((target_size[1], target_size[0]), Image.Resampling.NEAREST) if target_size else image


def img_to_array(img: Any, dim_ordering: str = "default") -> Array:
    """Return a Pillow image as a float array with an axis of channels."""
    x = np.asarray(img, "float32")
    x = x[..., None] if x.ndim == 2 else x
    return x.transpose(2, 0, 1) if backend.resolve_ordering(dim_ordering) == "th" else x


def array_to_img(x: Any, dim_ordering: str = "default", scale: bool = True) -> Any:
    """Return an array as a Pillow image; ``scale`` stretches its values to 0 to 255."""
    with require_packages("keras.preprocessing.image"):
        from PIL import Image
    x = np.asarray(x, "float32")
    x = x.transpose(1, 2, 0) if backend.resolve_ordering(dim_ordering) == "th" else x
    if scale:
        x = x - min(np.min(x), 0)
        x = x * (255 / (np.max(x) or 1))
    pixels = x.astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


OPTIONS = make_signature(
    "featurewise_center=False samplewise_center=False featurewise_std_normalization=False "
    "samplewise_std_normalization=False zca_whitening=False rotation_range=0.0 width_shift_range=0.0 "
    "height_shift_range=0.0 shear_range=0.0 zoom_range=0.0 channel_shift_range=0.0 fill_mode='nearest' cval=0.0 "
    "horizontal_flip=False vertical_flip=False rescale=None preprocessing_function=None dim_ordering='default'"
)
SAVING = "save_to_dir=None save_prefix='' save_format='jpeg'"
FLOW = make_signature(f"X y=None batch_size=32 shuffle=True seed=None {SAVING}")
FLOW_FROM_DIRECTORY = make_signature(
    "directory target_size=(256,256) color_mode='rgb' classes=None class_mode='categorical' batch_size=32 shuffle=True "
    f"seed=None {SAVING} follow_links=False"
)


class ImageDataGenerator:
    """Random transformations of images by nearest pixels, drawn from NumPy's global generator."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        self.options = bind(type(self), OPTIONS, args, keywords)
        vars(self).update(self.options)
        if self.fill_mode not in MODES:
            raise OptionError(f"Expected fill_mode to be one of {', '.join(MODES)}. Received: {self.fill_mode!r}")
        if self.zca_whitening:
            raise OptionError("ImageDataGenerator: zca_whitening is not supported. Whiten the array before, with NumPy")
        zoom = self.options["zoom_range"]
        self.zoom: Any = (1 - zoom, 1 + zoom) if isinstance(zoom, (int, float)) else tuple(zoom)
        self.ordering = backend.resolve_ordering(self.options["dim_ordering"])
        self.mean: Any = None
        self.std: Any = None

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Compute mean and standard deviation of each channel."""
        x = np.asarray(x, "float32")
        if seed is not None:
            np.random.seed(seed)
        if augment:
            x = np.concatenate([np.stack([self.random_transform(image) for image in x]) for _ in range(rounds)])
        axes = (0, 2, 3) if self.ordering == "th" else (0, 1, 2)
        self.mean, self.std = x.mean(axis=axes, keepdims=True)[0], x.std(axis=axes, keepdims=True)[0]

    def standardize(self, x: Array) -> Array:
        """Rescale an image, and subtract means and divide by deviations as configured."""
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        if self.rescale:
            x = x * self.rescale
        channel = 0 if self.ordering == "th" else 2
        if self.samplewise_center:
            x = x - x.mean(axis=channel, keepdims=True)
        if self.samplewise_std_normalization:
            x = x / (x.std(axis=channel, keepdims=True) + 1e-7)
        if (self.featurewise_center or self.featurewise_std_normalization) and self.mean is None:
            raise StateError(
                "ImageDataGenerator: featurewise_center and featurewise_std_normalization need fit(x) first"
            )
        x = x - self.mean if self.featurewise_center else x
        return np.asarray(x / (self.std + 1e-7)) if self.featurewise_std_normalization else x

    def draw_matrix(self, rows: int, columns: int) -> Array:
        """Draw the affine map from pixels of the result to pixels of the image, about its center."""
        uniform = np.random.uniform
        theta = np.pi / 180 * uniform(-self.rotation_range, self.rotation_range) if self.rotation_range else 0.0
        down = uniform(-self.height_shift_range, self.height_shift_range) * rows if self.height_shift_range else 0.0
        right = uniform(-self.width_shift_range, self.width_shift_range) * columns if self.width_shift_range else 0.0
        shear = uniform(-self.shear_range, self.shear_range) if self.shear_range else 0.0
        low, high = self.zoom
        zoom = (1.0, 1.0) if (low, high) == (1, 1) else tuple(uniform(low, high, 2))
        cosine, sine = np.cos(theta), np.sin(theta)
        matrix = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]]) @ [[1, 0, down], [0, 1, right], [0, 0, 1]]
        matrix = matrix @ [[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]] @ np.diag([*zoom, 1])
        center = np.array([[1, 0, rows / 2 + 0.5], [0, 1, columns / 2 + 0.5], [0, 0, 1]])
        return np.asarray(center @ matrix @ np.linalg.inv(center))

    def random_transform(self, x: Array) -> Array:
        """Return an image after a random transformation."""
        first = self.ordering == "th"
        x = x.transpose(1, 2, 0) if first else x
        matrix = self.draw_matrix(*x.shape[:2])
        if not np.array_equal(matrix, np.eye(3)):
            x = sample_pixels(x, matrix, self.fill_mode, self.cval)
        if self.channel_shift_range:
            shift = np.random.uniform(-self.channel_shift_range, self.channel_shift_range, x.shape[-1])
            x = np.clip(x + shift, x.min(), x.max())
        if self.horizontal_flip and np.random.random() < 0.5:
            x = x[:, ::-1]
        if self.vertical_flip and np.random.random() < 0.5:
            x = x[::-1]
        return x.transpose(2, 0, 1) if first else x

    def flow(self, *args: Any, **keywords: Any) -> BatchIterator:
        """Return an endless iterator over batches of transformed images, and their targets."""
        a = bind(ImageDataGenerator.flow, FLOW, args, keywords)
        x, y = np.asarray(a["X"]), a["y"]
        if x.ndim != 4 or (y is not None and len(y) != len(x)):
            raise ShapeError(f"flow: expected images of 4 axes, and as many targets. Received: shape {x.shape}")
        return BatchIterator(self, len(x), x.__getitem__, None if y is None else np.asarray(y), a)

    def flow_from_directory(self, *args: Any, **keywords: Any) -> BatchIterator:
        """Return an endless iterator over the images in the folders of classes."""
        a = bind(ImageDataGenerator.flow_from_directory, FLOW_FROM_DIRECTORY, args, keywords)
        known = {"color_mode": ("rgb", "grayscale"), "class_mode": ("categorical", "binary", "sparse", None)}
        for name in known:
            if a[name] not in known[name]:
                raise OptionError(f"Expected {name} to be one of {known[name]}. Received: {name}={a[name]!r}")
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
        labels = np.array([label for _, label in found], "int32")

        def read(index: int) -> Array:
            image = load_img(found[index][0], a["color_mode"] == "grayscale", a["target_size"])
            return img_to_array(image, self.ordering)

        one_hot = np.eye(len(names), dtype="float32")[labels]
        targets = {"sparse": labels, "binary": labels.astype("float32"), "categorical": one_hot, None: None}
        batches = BatchIterator(self, len(found), read, targets[a["class_mode"]], a)
        batches.classes, batches.nb_class, batches.class_indices = (
            labels,
            len(names),
            {n: i for i, n in enumerate(names)},
        )
        batches.filenames = [str(path.relative_to(root)) for path, _ in found]
        return batches


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
            raise ShapeError(
                "Expected images. Received: none; folders of classes must hold .png, .jpg, .jpeg or .bmp files"
            )
        self.generator, self.read, self.targets = generator, read, targets
        self.n = self.N = self.nb_sample = count
        self.batch_size, self.lock = a["batch_size"], threading.Lock()
        self.indices = self.iter_indices(a["shuffle"], a["seed"])

    def iter_indices(self, shuffle: bool, seed: int | None) -> IteratorType[Array]:
        """Yield the indices of batches, epoch by epoch."""
        batches = 0
        while True:
            order: Array = np.arange(self.n)
            for start in range(0, self.n, self.batch_size):
                if seed is not None:
                    np.random.seed(seed + batches)
                if not start and shuffle:
                    order = np.random.permutation(self.n)
                batches += 1
                yield order[start : start + self.batch_size]

    def __iter__(self) -> BatchIterator:
        return self

    def __next__(self) -> Any:
        with self.lock:
            chosen = next(self.indices)
        images = (self.read(index).astype("float32") for index in chosen)
        x = np.stack([self.generator.standardize(self.generator.random_transform(image)) for image in images])
        x = x.astype("float32")
        return x if self.targets is None else (x, self.targets[chosen])

    next = __next__


def sample_pixels(x: Array, matrix: Array, fill_mode: str, cval: float) -> Array:
    """Return the nearest pixels of (rows, columns, channels) at affine positions, and a fill outside of the image."""
    shape = x.shape[:2]
    grid = np.stack([*np.indices(shape), np.ones(shape)]).reshape(3, -1)
    places = np.floor(matrix[:2] @ grid + 0.5).astype(int)
    inside = np.ones(places.shape[1], bool)
    for axis, size in enumerate(shape):
        inside &= (places[axis] >= 0) & (places[axis] < size)
        if fill_mode in ("constant", "nearest"):
            places[axis] = np.clip(places[axis], 0, size - 1)
        elif fill_mode == "wrap":
            places[axis] %= size
        else:
            places[axis] %= 2 * size
            places[axis] = np.minimum(places[axis], 2 * size - 1 - places[axis])
    result = x[places[0], places[1]].reshape(x.shape)
    return np.where(inside.reshape(*shape, 1), result, cval) if fill_mode == "constant" else result


add_missing_name_errors(globals(), "keras.preprocessing.image")
