"""Data sets with targets: label encoding, checksums, and the split into training, validation and test parts."""

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from pellucid.data.errors import DataError
from pellucid.tracking.result import pluralize
from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.data.tables import Table
    from pellucid.train.read.out_of_core.storage import StoredSamples

MAXIMUM_CLASSES = 20
MINIMUM_SAMPLES_PER_CLASS = 3
MINIMUM_CLASS_SHARE = 0.02
"""Integer targets are class labels if they have few distinct values, and enough samples of each: at least this fraction
of those that it would have if all were equally frequent."""

Task = Literal["classification", "regression"]


class ColumnUse(NamedTuple):
    """How a column of a table is used (as number, category, date or target; ``-`` if it is left out), and why."""

    name: str
    kind: str
    reason: str


def refuse_to_load(_: Any) -> Any:
    raise AssertionError("samples that are larger than memory have no array of all inputs")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Checked data with targets.

    Attributes
    ----------
    where : str
        Name of the data, for messages.
    targets : array, shape (n,) or (n, k)
        Class indices, int32, shape (n,), or k regression targets, float32, shape (n, k).
    class_names : tuple of str
        The classes; empty for regression.
    fit_inputs : function
        Takes the indices of the training samples and returns all inputs, shape (n, ...), with a description of how they
        were made, as plain values. Statistics such as medians are computed on the training samples only.
    apply_description : function
        Takes the description of other data and returns the inputs made in the same way.
    summary : str
        Size and kind of the data, for printing.
    checksum : str
        Checksum of everything that was read.
    parts : mapping from str to array of int
        The parts into which the data are already divided.
    target_names : tuple of str
        Names of the regression targets.
    remedy_for_few : str
        A further remedy if a class has too few samples, for the error message.
    task_reason : str
        Why the task was inferred, and empty if it was given.
    locate : function
        Returns the place of a sample, by its index, for messages.
    table : Table, optional
        The rows of a table, in the order of the samples.
    read_sizes : function, optional
        Returns heights and widths of the files of images, shape (n, 2), by the indices of samples.
    describe : function
        Takes the description and returns lines that say how the data were read, for printing.
    facts : sequence of str
        How a file was read: its format, encoding and so on.
    list_columns : function
        Takes the description and returns how each column of a table is used; nothing for other kinds of data.
    stored : StoredSamples, optional
        The samples, if they are larger than memory, instead of ``fit_inputs`` and ``apply_description``.
    """

    where: str
    targets: Array
    class_names: tuple[str, ...]
    summary: str
    checksum: str
    fit_inputs: Callable[[Array], tuple[Array, Mapping[str, Any]]] = refuse_to_load
    apply_description: Callable[[Mapping[str, Any]], Array] = refuse_to_load
    parts: Mapping[str, Array] = field(default_factory=dict)
    target_names: tuple[str, ...] = ("target",)
    remedy_for_few: str = ""
    task_reason: str = ""
    locate: Callable[[int], str] = lambda index: f"sample {index}"
    table: "Table | None" = None
    read_sizes: Callable[[Array], Array] | None = None
    describe: Callable[[Mapping[str, Any]], Sequence[str]] = lambda description: ()
    facts: Sequence[str] = ()
    list_columns: Callable[[Mapping[str, Any]], Sequence[ColumnUse]] = lambda description: ()
    stored: "StoredSamples | None" = None

    @property
    def task(self) -> str:
        return "classification" if self.class_names else "regression"

    @property
    def outputs(self) -> int:
        """Number of network outputs: classes or regression targets."""
        return len(self.class_names) or len(self.target_names)


def compute_checksum(*parts: Any) -> str:
    """Return the SHA-256 checksum of arrays, with shapes and dtypes, and bytes."""
    checksum = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            checksum.update(f"{part.dtype}{part.shape}".encode())
            part = np.ascontiguousarray(part).data.cast("B") if part.size else b""
        checksum.update(part)
    return checksum.hexdigest()


def infer_task(values: Array) -> tuple[Task, str]:
    """Return the task that targets suggest, and why.

    Strings and booleans are classes. So are integers that have two values, or that count from 0 or 1 without a gap if
    each occurs often; other integers, such as years, prices and long-tailed counts, are numbers.

    Examples
    --------
    >>> infer_task(np.array(["dog", "cat", "dog"]))
    ('classification', 'the targets are text')
    >>> infer_task(np.array([2005.0, 2006.0, 2007.0] * 30))
    ('regression', 'the integers do not count from 0 or 1 without a gap')
    """
    if values.dtype.kind in "USb":
        return "classification", "the targets are text" if values.dtype.kind in "US" else "the targets are booleans"
    if values.ndim != 1:
        return "regression", "there are several targets"
    if values.dtype.kind == "f" and not (values == np.rint(values)).all():
        return "regression", "the targets have decimals"
    return infer_integer_task(*np.unique(values, return_counts=True))


def infer_integer_task(distinct: Array, counts: Array) -> tuple[Task, str]:
    """Return the task that integers suggest, and why, from the distinct values and their numbers."""
    if len(distinct) == 2:
        return "classification", f"the targets have two values, {distinct[0]:g} and {distinct[1]:g}"
    if len(distinct) > MAXIMUM_CLASSES:
        return "regression", f"the targets are {len(distinct)} different integers"
    if distinct[0] not in (0, 1) or distinct[-1] - distinct[0] != len(distinct) - 1:
        return "regression", "the integers do not count from 0 or 1 without a gap"
    if counts.min() < MINIMUM_SAMPLES_PER_CLASS or counts.min() < MINIMUM_CLASS_SHARE * counts.sum() / len(distinct):
        rare = distinct[counts.argmin()]
        return "regression", f"the integer {rare:g} occurs only {pluralize(int(counts.min()), 'time')}, as in a count"
    return "classification", f"the targets are the integers {distinct[0]:g} to {distinct[-1]:g}"


def encode_targets(values: Array, task: str | None, where: str) -> tuple[Array, tuple[str, ...]]:
    """Return class indices, int32, shape (n,), with the class names; or float32, shape (n, k), with no names.

    Without a task, `infer_task` decides.

    Examples
    --------
    >>> encode_targets(np.array(["dog", "cat", "dog"]), None, "pets.csv")
    (array([1, 0, 1], dtype=int32), ('cat', 'dog'))
    >>> encode_targets(np.array([1.5, 2.5]), None, "prices.csv")
    (array([[1.5],
           [2.5]], dtype=float32), ())
    """
    are_strings = values.dtype.kind in "US"
    if values.dtype.kind not in "USbiuf":
        raise DataError(f"{where}: expected numbers or strings as targets, received dtype {values.dtype}.")
    if task == "regression" and are_strings:
        raise DataError(f"{where}: expected numbers for a regression, received strings such as {str(values[0])!r}.")
    if (task or infer_task(values)[0]) == "regression":
        if len(values) and (values == values[0]).all():
            raise DataError(f"{where}: the target is always {values.flat[0]:g}; choose another target.")
        return values.astype(np.float32).reshape(len(values), -1), ()
    if values.ndim != 1:
        raise DataError(f"{where}: expected one class per sample, received targets of shape {values.shape}.")
    labels, indices = np.unique(values, return_inverse=True)
    if len(labels) < 2:
        raise DataError(
            f"{where}: expected two or more classes, received only {format_label(labels[0].item())!r}; "
            "add samples of another class."
        )
    return indices.astype(np.int32), tuple(format_label(label) for label in labels.tolist())


def format_label(value: object) -> str:
    """Return a class name; integers without a decimal point."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def split_dataset(dataset: Dataset, fractions: Mapping[str, float], seed: int) -> dict[str, Array]:
    """Return the indices of the training samples and of the parts in ``fractions``.

    Parts that the data already have are kept. The others are random samples with the same fraction of every class, at
    least one sample. Raises `DataError` if a class has too few samples.
    """
    given = dataset.parts
    # Half of the memory for samples that are larger than it; the drawn numbers are the same.
    dtype = np.int64 if dataset.stored is None else np.int32
    rest = given.get("training", np.arange(len(dataset.targets), dtype=dtype))
    missing = {name: fraction for name, fraction in fractions.items() if name not in given}
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[Array]] = {"training": [], **{name: [] for name in missing}}
    for name, members in group_by_class(dataset, rest):
        if len(members) <= len(missing):
            remedies = ["Add samples", "or remove the class" if name else "", dataset.remedy_for_few]
            raise DataError(
                f"{dataset.where}: expected at least {len(missing) + 1} samples{f' of class {name!r}' if name else ''} "
                f"({', '.join(drawn)}); received {pluralize(len(members), 'sample')}. "
                f"{', '.join(filter(None, remedies))}."
            )
        order = np.array(members) if members is given.get("training") else members
        rng.shuffle(order)
        for part, fraction in missing.items():
            count = min(max(1, round(fraction * len(members))), len(order) - 1)
            taken, order = order[:count], order[count:]
            drawn[part].append(taken)
        drawn["training"].append(order)
    found = {name: np.concatenate(groups) for name, groups in drawn.items()}
    for rows in found.values():
        rows.sort()
    return {name: found[name] if name in found else given[name] for name in ("training", *fractions)}


def group_by_class(dataset: Dataset, rows: Array) -> Iterable[tuple[str, Array]]:
    """Return the class names with their samples; one group without a name for regression."""
    if not dataset.class_names:
        return [("", rows)]
    labels = dataset.targets if len(rows) == len(dataset.targets) else dataset.targets[rows]
    return ((name, rows[labels == index]) for index, name in enumerate(dataset.class_names))


def check_finite(values: Array, name: str, where: str) -> None:
    """Raise if an array has nan or infinity, with the position of the first."""
    if values.dtype.kind != "f":
        return
    invalid = ~np.isfinite(values)
    if invalid.any():
        position = tuple(int(i) for i in np.unravel_index(int(invalid.argmax()), invalid.shape))
        raise DataError(
            f"{where}: expected finite numbers in {name}, received {values[position]} at {list(position)} and "
            f"{int(invalid.sum()) - 1} more; remove these samples or replace the values."
        )


def to_network_dtype(x: Array) -> Array:
    """Convert booleans and floats to float32; integers stay as they are."""
    return x.astype(np.float32) if x.dtype.kind in "bf" else x


def check_shape(x: Array, description: Mapping[str, Any], where: str) -> Array:
    """Return inputs if samples have the shape of the training data, or raise `DataError`."""
    shape = tuple(description["shape"])
    if x.shape[1:] != shape:
        raise DataError(f"{where}: expected samples of shape {shape}, as in training, received {x.shape[1:]}.")
    return x


def format_shape(shape: Sequence[int]) -> str:
    """Return the shape of a sample for printing.

    Examples
    --------
    >>> format_shape((28, 28)), format_shape((7,))
    ('28x28 numbers', '7 numbers')
    """
    return f"{'x'.join(map(str, shape))} {'number' if math.prod(shape) == 1 else 'numbers'}"


def is_list_of(kind: type, values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, kind) for value in values)
