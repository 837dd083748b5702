"""``theano.misc.pkl_utils``: variables and functions in files, as pickles."""

from __future__ import annotations

import pickle
from typing import Any, BinaryIO


def dump(obj: Any, file_handler: BinaryIO, protocol: int = 2, **options: Any) -> None:
    """Write an object to a file."""
    pickle.dump(obj, file_handler, protocol=4)


def load(f: BinaryIO, **options: Any) -> Any:
    """Read an object from a file that you trust."""
    return pickle.load(f)
