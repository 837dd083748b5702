"""Image files as arrays, and batches of randomly transformed images, as in Keras 1."""

import itertools
import math
from pathlib import Path

import numpy as np

from pellucid.compat.imutils.paths import list_files
from pellucid.compat.keras import backend
from pellucid.compat.keras.named_objects import bind
from pellucid.graph.errors import OptionError, ShapeError
from pellucid.optional_packages import require_packages

with require_packages("keras.preprocessing.image"):
    from PIL import Image

REFUSED = "featurewise_center samplewise_center featurewise_std_normalization samplewise_std_normalization "
REFUSED += "zca_whitening channel_shift_range fill_mode"
LIMITS = ("rotation_range", "height_shift_range", "width_shift_range", "shear_range")
OPTIONS = f"{REFUSED.replace(' ', '=False ')}='nearest' rotation_range=0.0 width_shift_range=0.0 "
OPTIONS += "height_shift_range=0.0 shear_range=0.0 zoom_range=0.0 cval=0.0 horizontal_flip=False vertical_flip=False "
OPTIONS += "rescale=None preprocessing_function=None dim_ordering='default'"


def load_img(path, grayscale=False, target_size=None):
    """Return an image file as a Pillow image, resized to (rows, columns) by its nearest pixels."""
    with Image.open(path) as file:
        image = file.convert("L" if grayscale else "RGB")
    return image.resize((target_size[1], target_size[0]), Image.Resampling.NEAREST) if target_size else image


def img_to_array(img, dim_ordering="default"):
    x = np.atleast_3d(np.asarray(img, "float32"))
    return x.transpose(2, 0, 1) if backend.resolve_ordering(dim_ordering) == "th" else x


class ImageDataGenerator:
    """Random transformations of images by nearest pixels, drawn from NumPy's global generator."""

    def __init__(self, *args, **keywords):
        a = self.options = bind(type(self), OPTIONS, args, keywords, {})
        for name in REFUSED.split():
            if a[name] not in (False, "nearest"):
                raise OptionError(f"ImageDataGenerator: {name}={a[name]!r} is not supported. Use NumPy before")
        zoom = a["zoom_range"]
        a["zoom_range"] = (1 - zoom, 1 + zoom) if isinstance(zoom, (int, float)) else tuple(zoom)

    fit = lambda self, X: None  # what needs statistics of the data is not supported

    def transform(self, x):
        """Return an image after a random transformation, rescaled."""
        a, first = self.options, backend.resolve_ordering(self.options["dim_ordering"]) == "th"
        x = x.transpose(1, 2, 0) if first else x
        turn, down, right, shear = (np.random.uniform(-a[k], a[k]) if a[k] else 0.0 for k in LIMITS)
        zoom = (1, 1) if a["zoom_range"] == (1, 1) else np.random.uniform(*a["zoom_range"], 2)
        cosine, sine, (rows, columns) = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn)), x.shape[:2]
        rotation, center = np.array([[cosine, -sine], [sine, cosine]]), np.array([rows + 1, columns + 1]) / 2
        matrix = rotation @ [[1, -np.sin(shear)], [0, np.cos(shear)]] @ np.diag(zoom)
        shift = center + rotation @ [down * rows, right * columns] - matrix @ center + 0.5
        places = np.floor(np.tensordot(matrix, np.indices((rows, columns)), 1) + shift[:, None, None]).astype(int)
        x = x[places[0].clip(0, rows - 1), places[1].clip(0, columns - 1)]
        x = x[:, ::-1] if a["horizontal_flip"] and np.random.random() < 0.5 else x
        x = x[::-1] if a["vertical_flip"] and np.random.random() < 0.5 else x
        x = x.transpose(2, 0, 1) if first else x
        x = a["preprocessing_function"](x) if a["preprocessing_function"] else x
        return x * a["rescale"] if a["rescale"] else x

    def flow(self, X, y=None, batch_size=32, shuffle=True, seed=None):
        x, y = np.asarray(X), None if y is None else np.asarray(y)
        return BatchIterator(self, x, x.__getitem__, y, batch_size, shuffle, seed)

    def flow_from_directory(self, directory, target_size=(256, 256), color_mode="rgb", classes=None,
                            class_mode="categorical", batch_size=32, shuffle=True, seed=None):  # fmt: skip
        names = classes or sorted(p.name for p in Path(directory).iterdir() if p.is_dir())
        suffixes = (".png", ".jpg", ".jpeg", ".bmp")
        found = [(path, i) for i, name in enumerate(names) for path in list_files(Path(directory) / name, suffixes)]
        files, labels = [path for path, _ in found], np.array([i for _, i in found], "int32")
        print(f"Found {len(files)} images belonging to {len(names)} classes.")
        targets = {"binary": labels.astype("float32"), "sparse": labels, None: None}
        targets["categorical"] = np.eye(len(names), dtype="float32")[labels]
        if color_mode not in ("rgb", "grayscale") or class_mode not in targets:
            expected = f"'rgb' or 'grayscale', and class_mode to be one of {tuple(targets)}"
            raise OptionError(f"Expected color_mode to be {expected}. Received: {color_mode!r}, {class_mode!r}")
        gray, ordering = color_mode == "grayscale", self.options["dim_ordering"]
        read = lambda i: img_to_array(load_img(files[i], gray, target_size), ordering)
        batches = BatchIterator(self, files, read, targets[class_mode], batch_size, shuffle, seed)
        batches.classes, batches.class_indices = labels, {name: i for i, name in enumerate(names)}
        batches.filenames, batches.nb_class = [str(Path(path).relative_to(directory)) for path in files], len(names)
        return batches


class BatchIterator:
    """Endless iterator over batches; the last batch of an epoch may be smaller."""

    def __init__(self, generator, images, read, targets, batch_size, shuffle, seed):
        self.n = self.N = self.nb_sample = len(images)
        if not self.n or (targets is not None and len(targets) != self.n):
            raise ShapeError(f"Expected images, and as many targets. Received: {self.n} images")
        self.batches = self.iter_batches(generator.transform, read, targets, batch_size, shuffle, seed)

    def iter_batches(self, transform, read, targets, size, shuffle, seed):
        order = []
        for number in itertools.count():
            np.random.seed(seed + number) if seed is not None else None
            start = number % math.ceil(self.n / size) * size
            order = order if start else np.random.permutation(self.n) if shuffle else np.arange(self.n)
            chosen = order[start : start + size]
            x = np.stack([transform(read(i).astype("float32")) for i in chosen]).astype("float32")
            yield x if targets is None else (x, targets[chosen])

    __iter__ = lambda self: self
    __next__ = next = lambda self: next(self.batches)
