"""Built-in data sets and readers for image folders, CSV, NPZ and IDX files.

Names are imported on first use, so that importing the package imports neither scikit-learn nor Pillow.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pellucid.errors import NoSuchNameError, near_miss

if TYPE_CHECKING:
    from pellucid.data.addition import binary_addition, from_bits, to_bits
    from pellucid.data.digit_folder_writer import write_digit_folder
    from pellucid.data.digits import digits32, mnist
    from pellucid.data.errors import DataError, DataWarning
    from pellucid.data.idx import read_idx, write_idx
    from pellucid.data.images import ImageFolder, image_folder, image_parts
    from pellucid.data.npz import read_npz
    from pellucid.data.preprocessing import encode_labels, one_hot, split
    from pellucid.data.tables import Table, read_table
    from pellucid.data.toy2d import blobs, circles, moons

# No module has the name of a function in it: importing the module would hide the function.
_MODULES = {
    "addition": ("binary_addition", "from_bits", "to_bits"),
    "digit_folder_writer": ("write_digit_folder",),
    "digits": ("digits32", "mnist"),
    "errors": ("DataError", "DataWarning"),
    "idx": ("read_idx", "write_idx"),
    "images": ("ImageFolder", "image_folder", "image_parts"),
    "npz": ("read_npz",),
    "toy2d": ("blobs", "circles", "moons"),
    "preprocessing": ("encode_labels", "one_hot", "split"),
    "tables": ("Table", "read_table"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "DataError", "DataWarning", "ImageFolder", "Table", "binary_addition", "blobs", "circles", "digits32",
    "encode_labels", "from_bits", "image_folder", "image_parts", "mnist", "moons", "one_hot", "read_idx", "read_npz",
    "read_table", "split", "to_bits", "write_digit_folder", "write_idx",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise NoSuchNameError(f"pel.data has no {name!r}.{near_miss(name, _HOMES)}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
