"""What all data come to: samples with what is wanted of them, and the parts that they are divided into."""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.data.errors import DataError
from pellucid.experiments.runner.pluralize import counted
from pellucid.experiments.train.settings import Settings

Array = np.ndarray[Any, Any]

PARTS = ("training", "validation", "test")
PART_OF = {
    "train": "training",
    "training": "training",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "eval": "test",
}
"""What folders and arrays call the parts of data."""

MOST_CLASSES = 20
SAMPLES_A_CLASS = 3
"""Whole numbers of at most so many kinds, each met so often on average, are taken for classes."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Data, read and checked.

    Attributes
    ----------
    where : str
        What messages call them.
    kind : str
        Of what one sample is: ``"image"``, ``"array"`` or ``"row"``.
    targets : array, shape (n,) or (n, k)
        The number of each one's class, int32; or what is to be predicted, float32.
    class_names : tuple of str
        The classes; empty where numbers are predicted.
    inputs : function
        From the rows that are learnt from to all inputs, shape (n, ...), and how they were made, as plain values. What
        must be known to make them (medians, categories) is taken from those rows alone.
    inputs_as : function
        From how inputs were made of other data to inputs that are made alike.
    given : mapping from str to array of int
        The parts that the data came in, by name.
    told : str
        How they are told of on screen.
    checksum : str
        Of all that was read.
    target_names : tuple of str
        What the numbers that are predicted are called.
    """

    where: str
    kind: str
    targets: Array
    class_names: tuple[str, ...]
    inputs: Callable[[Array], tuple[Array, Mapping[str, Any]]]
    inputs_as: Callable[[Mapping[str, Any]], Array]
    told: str
    checksum: str
    given: Mapping[str, Array] = field(default_factory=dict)
    target_names: tuple[str, ...] = ("target",)

    @property
    def task(self) -> str:
        """Whether classes or numbers are predicted."""
        return "classification" if self.class_names else "regression"


def checksum_of(*parts: Any) -> str:
    """Return a checksum of arrays and bytes, shapes and dtypes included."""
    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            found.update(f"{part.dtype}{part.shape}".encode())
            part = np.ascontiguousarray(part).data.cast("B") if part.size else b""
        found.update(part)
    return found.hexdigest()


def targets_of(values: Array, task: str | None, where: str) -> tuple[Array, tuple[str, ...]]:
    """Return what is wanted as numbers of classes, int32, with the names of these; or as float32 with none.

    Texts are classes, and so are whole numbers of few kinds, unless the task says otherwise.

    Examples
    --------
    >>> targets_of(np.array(["dog", "cat", "dog"]), None, "pets.csv")
    (array([1, 0, 1], dtype=int32), ('cat', 'dog'))
    >>> targets_of(np.array([1.5, 2.5, 1.0]), None, "prices.csv")
    (array([1.5, 2.5, 1. ], dtype=float32), ())
    """
    texts = values.dtype.kind in "US"
    if values.dtype.kind not in "USbiuf":
        raise DataError(f"{where}: expected targets that are numbers or texts, received dtype {values.dtype}.")
    if task == "regression" and texts:
        raise DataError(
            f"{where}: expected numbers to predict, received texts such as {str(values[0])!r}, which are classes."
        )
    if not (texts or task == "classification" or (task is None and are_classes(values))):
        return values.astype(np.float32), ()
    if values.ndim != 1:
        raise DataError(f"{where}: expected one class for each sample, received targets of shape {values.shape}.")
    names, codes = np.unique(values, return_inverse=True)
    if len(names) < 2:
        raise DataError(
            f"{where}: expected two or more classes, received {str(names[0])!r} alone; add samples of another."
        )
    return codes.astype(np.int32), tuple(as_name(name) for name in names.tolist())


def are_classes(values: Array) -> bool:
    """Tell whether numbers stand for classes: whole ones of few kinds."""
    if values.ndim != 1 or (values.dtype.kind == "f" and not (values == np.rint(values)).all()):
        return False
    kinds = len(np.unique(values))
    return kinds <= MOST_CLASSES and kinds * SAMPLES_A_CLASS <= len(values)


def as_name(value: Any) -> str:
    """Write a class; whole numbers without a point."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def divided(samples: Samples, settings: Settings) -> dict[str, Array]:
    """Return which samples are learnt from, which choose the best epoch, and which are met at the end alone.

    Of every class each part gets its share, at least one sample. What the data are divided into already stays so.

    Raises
    ------
    DataError
        If a class, or all samples, are too few to be in every part.
    """
    given = samples.given
    rest = given.get("training", np.arange(len(samples.targets)))
    wanted = {"validation": settings.validation_split, "test": settings.test_split}
    shares = {name: wanted[name] for name in wanted if name not in given}
    rng = np.random.default_rng(settings.seed)
    parts: dict[str, list[Array]] = {"training": [], **{name: [] for name in shares}}
    for name, members in groups(samples, rest):
        if len(members) <= len(shares):
            few = "one sample" if len(members) == 1 else counted(len(members), "sample")
            of = f" of class {name!r}" if name else ""
            raise DataError(
                f"{samples.where}: expected at least {len(shares) + 1} samples{of}, to learn from, "
                f"{'to choose the best epoch by ' if 'validation' in shares else ''}and to test on; "
                f"received {few}. Add some{', or take the class away' if name else ''}"
                f"{', or name another column by --target' if samples.kind == 'row' else ''}."
            )
        order = members[rng.permutation(len(members))]
        for part, of_all in shares.items():
            count = min(max(1, round(of_all * len(members))), len(order) - 1)
            taken, order = order[:count], order[count:]
            parts[part].append(taken)
        parts["training"].append(order)
    found = {name: np.sort(np.concatenate(several)) for name, several in parts.items()}
    return {name: found[name] if name in found else given[name] for name in PARTS}


def groups(samples: Samples, rest: Array) -> Sequence[tuple[str, Array]]:
    """Return the samples class by class; all of them where numbers are predicted."""
    if not samples.class_names:
        return [("", rest)]
    labels = samples.targets[rest]
    return [(name, rest[labels == code]) for code, name in enumerate(samples.class_names)]


def refuse_nonfinite(values: Array, what: str, where: str) -> None:
    """Refuse numbers that are none, with the place of the first."""
    if values.dtype.kind != "f":
        return
    bad = ~np.isfinite(values)
    if bad.any():
        place = tuple(int(i) for i in np.unravel_index(int(bad.argmax()), bad.shape))
        raise DataError(
            f"{where}: expected finite numbers in {what}, received {values[place]} at {list(place)} and "
            f"{int(bad.sum()) - 1} more; take these samples out, or put numbers in their place."
        )


def as_numbers(x: Array) -> Array:
    """Return inputs as networks take them: truth values and floats as float32, and whole numbers as they are."""
    return x.astype(np.float32) if x.dtype.kind in "bf" else x


def fitting(x: Array, described: Mapping[str, Any], where: str) -> Array:
    """Return inputs, if their shape is that of the inputs of other data."""
    shape = tuple(described["shape"])
    if x.shape[1:] != shape:
        raise DataError(
            f"{where}: expected samples of shape {shape}, as the network has learnt, received {x.shape[1:]}."
        )
    return x


def scale_of(targets: Array) -> tuple[Array, Array]:
    """Return mean and deviation of what is predicted; 1 for what does not vary."""
    values = targets.astype(np.float64)
    deviation = values.std(axis=0)
    return values.mean(axis=0), np.where(deviation > 0, deviation, 1.0)


def shape_in_words(shape: Sequence[int]) -> str:
    """Write the shape of a sample.

    Examples
    --------
    >>> shape_in_words((28, 28)), shape_in_words((7,))
    ('28x28 numbers', '7 numbers')
    """
    return f"{'x'.join(map(str, shape))} {'number' if math.prod(shape) == 1 else 'numbers'}"
