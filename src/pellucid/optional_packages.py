"""Packages that only some features need, and the extras that install them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pellucid.errors import PellucidError

EXTRAS = {
    "PIL": ("Pillow", "train"),
    "cloudpickle": ("cloudpickle", "train"),
    "duckdb": ("DuckDB", "databases"),
    "fissix": ("fissix", "legacy"),
    "h5py": ("h5py", "keras"),
    "joblib": ("joblib", "train"),
    "matplotlib": ("Matplotlib", "train"),
    "onnx": ("onnx", "onnx"),
    "onnxruntime": ("onnxruntime", "onnx"),
    "pyarrow": ("PyArrow", "train"),
    "python_calamine": ("python-calamine", "train"),
    "python_multipart": ("python-multipart", "serve"),
    "sklearn": ("scikit-learn", "train"),
    "starlette": ("Starlette", "serve"),
    "tensorboard": ("TensorBoard", "tensorboard"),
    "threadpoolctl": ("threadpoolctl", "train"),
    "uvicorn": ("Uvicorn", "serve"),
}
"""Name and extra of the package of each module."""


class MissingPackageError(PellucidError, ImportError):
    """A feature needs a package that is not installed.

    Examples
    --------
    >>> try:
    ...     boards = pel.callbacks.TensorBoard("logs")
    ... except pel.MissingPackageError as error:
    ...     print(error)  # names the command that installs it
    """


@contextmanager
def require_packages(feature: str) -> Iterator[None]:
    """Explain a failed import of an optional package: which feature needs it, and how to install it.

    Raises
    ------
    MissingPackageError
        If an import in the block fails because a package of `EXTRAS` is not installed.

    Examples
    --------
    >>> with require_packages("pel.data.blobs"):
    ...     import sklearn
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in EXTRAS:
            raise
        package, extra = EXTRAS[module]
        raise MissingPackageError(
            f"{feature} needs {package}, which is not installed. Install it: pip install 'pellucid[{extra}]'"
        ) from error
