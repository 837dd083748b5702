"""Names and modules of 2016 that Python, NumPy, SciPy, matplotlib and others have removed since.

Old scripts get them while they run; afterwards the modules are as they were.
"""

import functools
import importlib
import inspect
import io
import os
import pickle
import pkgutil
import sys
import urllib.request
from importlib import resources
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np

LATE = ("matplotlib", "scipy", "sklearn")
"""Packages that get their names when they are imported; others get them at once."""


@functools.cache
def read_table():
    """Return the modules that a removed module is made of, and the names that it has lost, by module."""
    table = {}
    for line in resources.files("pellucid.compat").joinpath("removed_names.txt").read_text("utf-8").splitlines():
        module, *words = line.split()
        bases, names = table.setdefault(module, ([], {})) if module != "#" else ([], {})
        bases += [word for word in words if "=" not in word]
        names.update(word.split("=") for word in words if "=" in word)
    return table


def add_removed_names(module, undo):
    """Give a module its lost names, and add what undoes this to an `ExitStack`."""
    present = vars(module)
    for marked, target in read_table().get(module.__name__, ([], {}))[1].items():
        name = marked.lstrip("!?")
        if name in present and (name == marked or (marked[0] == "?" and has_display())):
            continue
        undo.callback(present.update, {name: present[name]} if name in present else {})
        undo.callback(present.pop, name, None)  # comes first
        path = f"{__name__}:{target}" if target in globals() else target
        setattr(module, name, pkgutil.resolve_name(f"{path}{name}" if path.endswith(":") else path))


def add_early_names(undo):
    """Give their lost names to the modules that are loaded, and to all but those of `LATE`."""
    for name, (bases, _) in read_table().items():
        if name in sys.modules or not (bases or name.startswith(LATE)):
            add_removed_names(importlib.import_module(name), undo)


def create_removed_module(name, undo):
    """Return a module that is gone, made of those that have its names today."""
    module = ModuleType(name, "Stand-in of pellucid.compat for a removed module.")
    for base in read_table()[name][0]:
        found = vars(importlib.import_module(base))
        vars(module).update({k: v for k, v in found.items() if not k.startswith("__") or k == "__getattr__"})
    add_removed_names(module, undo)
    return module


def has_display():
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def getargspec(function):
    spec = inspect.getfullargspec(function)
    return SimpleNamespace(args=spec.args, varargs=spec.varargs, keywords=spec.varkw, defaults=spec.defaults)


_LOAD, _LOADS, _DUMP, _FROMSTRING = pickle.load, pickle.loads, pickle.dump, np.fromstring
_URLRETRIEVE = urllib.request.urlretrieve


def load_pickle(file, **options):
    """Load a pickle, of Python 2 too, also from a file that is open as text."""
    return _LOAD(getattr(file, "buffer", file), **{"encoding": "latin1", **options})


def loads_pickle(data, **options):
    return _LOADS(data.encode("latin1") if isinstance(data, str) else data, **{"encoding": "latin1", **options})


def dump_pickle(value, file, *arguments, **options):
    _DUMP(value, getattr(file, "buffer", file), *arguments, **options)


def fromstring(string, dtype=float, count=-1, *, sep=""):
    """Read numbers from text, or from bytes as NumPy before 2.3 did."""
    data = string.encode("latin1") if isinstance(string, str) else string
    return _FROMSTRING(string, dtype, count, sep=sep) if sep else np.frombuffer(data, dtype, count).copy()


def imread(name, flatten=False, mode=None):
    from PIL import Image

    return np.asarray(Image.open(name).convert("F" if flatten else mode))


def toimage(arr, high=255, low=0, cmin=None, cmax=None):
    """Return an image of an array whose numbers from ``cmin`` to ``cmax`` are scaled, unless they are bytes."""
    from PIL import Image

    array = np.asarray(arr)
    array = np.moveaxis(array, 0, -1) if array.ndim == 3 and array.shape[-1] not in (3, 4) else array
    if array.dtype != np.uint8:
        start, end = np.min(array) if cmin is None else cmin, np.max(array) if cmax is None else cmax
        scaled = (array - start) * ((high - low) / ((end - start) or 1)) + low
        array = np.floor(np.clip(scaled, low, high) + 0.5).astype(np.uint8)
    return Image.fromarray(array)


def imresize(arr, size, interp="bilinear", mode=None):
    """Return an array of bytes resized to a percentage, a fraction, or (rows, columns)."""
    from PIL import Image

    image = toimage(arr) if mode is None else Image.fromarray(np.asarray(arr)).convert(mode)
    ratio = size / 100 if isinstance(size, int) else size
    columns, rows = size[::-1] if np.ndim(size) else (int(n * ratio) for n in image.size)
    kind = {"cubic": "BICUBIC"}.get(interp, interp.upper())
    return np.asarray(image.resize((columns, rows), Image.Resampling[kind]))


def urlretrieve(url, filename=None, *arguments, **options):
    """Download a file; if that fails, the error says where the script expects it."""
    try:
        return _URLRETRIEVE(url, filename, *arguments, **options)
    except OSError as error:
        error.add_note(f"Download {url} to {Path(filename).resolve()}" if filename else f"{url} was not downloaded")
        raise


def fetch_mldata(name, **options):
    others = "sklearn.datasets.fetch_openml, or pellucid.data.mnist and pellucid.data.digits32, which need no network"
    raise OSError(f"fetch_mldata({name!r}): the server mldata.org is gone. Use {others}")


class Casts:
    """Functions by dtype that convert to it."""

    __class_getitem__ = lambda cls, dtype: lambda array: np.asarray(array).astype(dtype)


accept_anything = lambda *args, **options: None
asfarray = lambda array, dtype=np.float64: np.asarray(array, dtype)
asscalar = lambda array: np.asarray(array).item()
imsave = lambda name, arr: toimage(arr).save(name)
join_strings = lambda words, sep=" ": sep.join(words)
open_string = lambda value="": io.BytesIO(value) if isinstance(value, bytes) else io.StringIO(value)
