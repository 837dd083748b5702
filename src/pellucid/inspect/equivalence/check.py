"""Check that two implementations of a network train identically, up to rounding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, TypeVar

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr
from pellucid.graph.types import format_shape, is_float
from pellucid.graph.validation import check_integer, check_number
from pellucid.inspect.equivalence.program_worker import Tensors
from pellucid.inspect.equivalence.report import EquivalenceReport
from pellucid.inspect.equivalence.runners import TIME_LIMIT, Runner, open_runner
from pellucid.inspect.layer_trace import trace_training
from pellucid.model.errors import ModelError
from pellucid.model.interfaces import ModelLike, is_model
from pellucid.nn.random_seed import validate_seed
from pellucid.show.sources.numpy_source import to_identifier
from pellucid.training.data_adapter import make_dataset
from pellucid.typing import Array, ArrayLike, DTypeLike

TOLERANCE_FACTOR = 100
"""Two trainings may differ by this multiple of the measured effect of rounding."""

RANDOM_SAMPLES = 8

Report = TypeVar("Report", bound=EquivalenceReport)

MEASURED_TOLERANCE_TEXT = (
    f"The tolerance is {TOLERANCE_FACTOR} times the measured effect of rounding: a third training changes the last bit "
    "of every weight and input at random before each step, and the tolerance of a tensor is "
    f"{TOLERANCE_FACTOR} times its largest change so far, or {TOLERANCE_FACTOR} times the machine epsilon if that is "
    "larger. Integers must be equal."
)


def check_equivalence(
    a: Any,
    b: Any,
    *data: ArrayLike,
    steps: int = 10,
    batch_size: int | None = None,
    stacked_batches: bool = False,
    seed: int = 0,
    tolerance: float | None = None,
    time_limit: float = TIME_LIMIT,
) -> EquivalenceReport:
    r"""Train two implementations of a network from the same weights on the same batches, and compare them at each step.

    Compares :math:`\max_i |a_i - b_i| / \max_i |a_i|` of the loss and of every tensor.

    Parameters
    ----------
    a, b : Model, Function, str, Path, module or mapping
        A compiled model; a function with updates; or a program, as `to_source` writes it or in NumPy by hand: its text,
        a file, a module or its namespace, with ``step(x, y)`` and arrays as global variables. A text or a file is
        executed in a separate process, which protects the values of this one but is no sandbox: it can do what you
        can. Both keep their values.
    *data : arrays
        One array for each input, such as x and y. Without data, a model gets random samples.
    steps : int
        Number of training steps.
    batch_size : int, optional
        Samples per step, in the order of `Model.fit`. By default each step takes all samples.
    stacked_batches : bool
        Whether the data are stacked batches: step i takes element i of the leading axis.
    seed : int
        Seed of the sample order and of random samples.
    tolerance : float, optional
        Allowed relative difference. By default it is measured, from the effect of rounding on this network.
    time_limit : float
        Seconds that the process of a program may take for its start, and for each step.

    Returns
    -------
    EquivalenceReport
        True if the two agree. Contains the differences at each step, and the first mismatch.

    Raises
    ------
    ModelError
        If a tensor of one has no counterpart in the other, if the data do not fit, or if a program fails or takes too
        long.
    TypeError
        If one of the two cannot be trained.

    Examples
    --------
    >>> from pellucid import nn
    >>> model = pel.Sequential([nn.Input((2,), name="x"), nn.Dense(1, name="line")], name="line")
    >>> model.compile("sgd", "mse")
    >>> report = pel.check_equivalence(model, model.to_source("numpy"), steps=3)
    >>> report.agrees, report.steps, sorted(report.differences)
    (True, 3, ['line/bias', 'line/kernel', 'loss'])

    References
    ----------
    N. J. Higham, Accuracy and Stability of Numerical Algorithms, SIAM 2002, chapter 1: judge an error by the effect of
    a perturbation of the data's last bit.
    """
    steps = check_integer("steps", steps)
    if tolerance is not None and not tolerance >= 0:
        raise OptionError(f"Expected a tolerance of 0 or more. Received: tolerance={tolerance!r}")
    arrays = prepare_data(a, data, validate_seed(seed))
    target = arrays[1] if len(arrays) == 2 else None
    limit = check_number("time_limit", time_limit, minimum=0.0)
    with ExitStack() as processes:
        first, second = (processes.enter_context(open_runner(what, target, limit)) for what in (a, b))
        batches = make_batches(arrays, steps, batch_size, stacked_batches, seed)
        return LockstepComparison(first, second, seed, tolerance).run(list(batches))


class LockstepComparison:
    """Two runners that train in lockstep, and a perturbed copy of the first that measures the effect of rounding.

    ``pairs`` maps tensor names of the first runner to those of the second; by default they are matched by name.
    """

    first: Runner
    pairs: dict[str, str]
    second: Runner
    unmatched: list[str]

    def __init__(
        self, first: Runner, second: Runner, seed: int, tolerance: float | None, pairs: Mapping[str, str] | None = None
    ) -> None:
        self.first, self.second = first, second
        self.tolerance = tolerance
        self.rng = np.random.default_rng(seed)
        self.start: tuple[Tensors, Tensors] = first.get_tensors(), second.get_tensors()
        self.pairs, self.unmatched = (
            match_tensors(*self.start, (first.title, second.title)) if pairs is None else (dict(pairs), [])
        )

    def run(
        self,
        batches: Sequence[Sequence[Array]],
        report: type[Report] = EquivalenceReport,  # type: ignore[assignment]
    ) -> Report:
        """Train on the batches, restore both runners, and return the report."""
        tensors_a, tensors_b = self.start
        perturbed = tensors_a
        differences: list[dict[str, float]] = []
        rounding: list[dict[str, float]] = []
        losses: list[tuple[Array | None, Array | None]] = []
        try:
            tensors_b = {**tensors_b, **{b: tensors_a[a].astype(tensors_b[b].dtype) for a, b in self.pairs.items()}}
            for batch in batches:
                outputs_a, tensors_a = self.first.run_step(tensors_a, batch)
                outputs_b, tensors_b = self.second.run_step(tensors_b, batch)
                differences.append(self.compare(outputs_a, tensors_a, outputs_b, tensors_b))
                losses.append((outputs_a.get("loss"), outputs_b.get("loss")))
                if self.tolerance is None:
                    outputs, perturbed = self.first.run_step(
                        {name: self.perturb(t) for name, t in perturbed.items()}, [self.perturb(part) for part in batch]
                    )
                    counterparts = {b: perturbed[a] for a, b in self.pairs.items()}
                    rounding.append(self.compare(outputs_a, tensors_a, outputs, counterparts))
        finally:
            for runner, start in zip((self.first, self.second), self.start, strict=True):
                restore_tensors(runner, start)
        by_tensor = {name: np.array([step[name] for step in differences]) for name in differences[0]}
        return report(
            (self.first.title, self.second.title),
            collect_losses(losses),
            by_tensor,
            self.compute_tolerances(by_tensor, rounding),
            MEASURED_TOLERANCE_TEXT if self.tolerance is None else f"The tolerance of {self.tolerance:g} was given.",
            self.unmatched,
        )

    def compare(
        self, outputs_a: Tensors, tensors_a: Tensors, outputs_b: Tensors, tensors_b: Tensors
    ) -> dict[str, float]:
        """Return the relative difference of every output of a step, and of every tensor after it."""
        if outputs_a.keys() != outputs_b.keys():
            raise ModelError(
                f"The outputs of a step differ: {self.first.title} returns {', '.join(outputs_a) or 'nothing'}, and "
                f"{self.second.title} returns {', '.join(outputs_b) or 'nothing'}. Let both return the same outputs."
            )
        found = {name: relative_difference(value, outputs_b[name]) for name, value in outputs_a.items()}
        return found | {a: relative_difference(tensors_a[a], tensors_b[b]) for a, b in self.pairs.items()}

    def perturb(self, value: Array) -> Array:
        """Change the last bit of every real number up or down at random."""
        if not is_float(value.dtype):
            return value
        signs = self.rng.choice([-1, 1], value.shape).astype(value.dtype)
        epsilon = np.asarray(self.get_epsilon(value.dtype), value.dtype)
        perturbed: Array = (value + value * (signs * epsilon)).astype(value.dtype)
        return perturbed

    def get_epsilon(self, dtype: DTypeLike) -> float:
        """Return the machine epsilon of the coarsest dtype in use."""
        dtypes = [t.dtype for start in self.start for t in start.values() if is_float(t.dtype)]
        return max(float(np.finfo(d).eps) for d in {np.dtype(dtype), *dtypes})

    def compute_tolerances(
        self, differences: dict[str, Array], rounding: Sequence[dict[str, float]]
    ) -> dict[str, Array]:
        if self.tolerance is not None:
            return {name: np.full(len(d), float(self.tolerance)) for name, d in differences.items()}
        exact = {name for name, t in self.start[0].items() if not is_float(t.dtype)}
        epsilon = self.get_epsilon(np.float64)
        tolerances = {}
        for name, d in differences.items():
            drift = np.maximum.accumulate([step[name] for step in rounding])
            tolerances[name] = np.zeros(len(d)) if name in exact else TOLERANCE_FACTOR * np.maximum(epsilon, drift)
        return tolerances


def match_tensors(
    a: Mapping[str, Array], b: Mapping[str, Array], titles: tuple[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Match tensors by name, where ``a/b`` equals ``a_b``, and the rest in order if their shapes agree.

    Returns the pairs, and the names of tensors that only ``b`` has.

    Examples
    --------
    >>> w = np.zeros(2)
    >>> match_tensors({"dense/kernel": w}, {"dense_kernel": w, "other": w}, ("a", "b"))
    ({'dense/kernel': 'dense_kernel'}, ['other'])
    >>> match_tensors({"dense/kernel": w}, {"dense_2/kernel": w}, ("a", "b"))
    ({'dense/kernel': 'dense_2/kernel'}, [])
    """
    by_identifier = {to_identifier(name): name for name in b}
    counts = Counter(map(to_identifier, (*a, *b)))  # 2 if the identifier is unique in both
    pairs = {
        name: by_identifier[identifier]
        for name in a
        if (identifier := to_identifier(name)) in by_identifier and (counts[identifier] == 2 or name in b)
    }
    rest_a = [name for name in a if name not in pairs]
    rest_b = [name for name in b if name not in set(pairs.values())]
    if [a[name].shape for name in rest_a] == [b[name].shape for name in rest_b]:
        pairs |= dict(zip(rest_a, rest_b, strict=True))
        rest_a, rest_b = [], []
    for name in rest_a:
        unmatched = ", ".join(f"{n} {format_shape(b[n].shape)}" for n in rest_b) or "none"
        raise ModelError(
            f"{titles[1]} has no counterpart of the tensor {name} {format_shape(a[name].shape)} of {titles[0]}. "
            f"Unmatched tensors there: {unmatched}. Give the counterpart the same name"
        )
    for name, other in pairs.items():
        if a[name].shape != b[other].shape:
            raise ModelError(
                f"Shapes differ: {name} of {titles[0]} has shape {format_shape(a[name].shape)}, and {other} of "
                f"{titles[1]} {format_shape(b[other].shape)}"
            )
    return pairs, rest_b


def relative_difference(a: Array, b: Array) -> float:
    """Return the largest difference divided by the largest element; infinity if shapes differ or only one is NaN.

    Examples
    --------
    >>> relative_difference(np.array([1.0, -4.0]), np.array([1.0, -3.0])), relative_difference(np.zeros(2), np.zeros(3))
    (0.25, inf)
    """
    if a.shape != b.shape:
        return float("inf")
    x, y = (np.asarray(v, np.float64 if is_float(v.dtype) else v.dtype) for v in (a, b))
    if not is_float(a.dtype) or not x.size:
        return 0.0 if np.array_equal(x, y) else float("inf")
    is_equal = (x == y) | (np.isnan(x) & np.isnan(y))
    if is_equal.all():
        return 0.0
    with np.errstate(all="ignore"):
        largest = np.where(is_equal, 0.0, np.abs(x - y)).max()
        scale = np.abs(x[np.isfinite(x)]).max(initial=0.0)
    return float(largest / scale) if np.isfinite(largest) and scale else float("inf")


def collect_losses(losses: Sequence[tuple[Any, Any]]) -> tuple[Array, Array] | None:
    """Return the losses of both runners, or None unless each step returns one number."""
    if any(part is None or np.ndim(part) for pair in losses for part in pair):
        return None
    return np.array([float(a) for a, _ in losses]), np.array([float(b) for _, b in losses])


def restore_tensors(runner: Runner, tensors: Tensors) -> None:
    namespace = getattr(runner, "namespace", None)
    if namespace is not None:
        namespace |= tensors
    for name, shared in getattr(runner, "shared", {}).items():
        shared.set_value(tensors[name])


def prepare_data(a: Any, data: Sequence[Any], seed: int) -> list[Array]:
    """Return the data, validated by the model, or random data that fit it."""
    if data and is_model(a) and len(data) == 2:
        return make_dataset(a, *data).arrays
    if data:
        return [np.asarray(part) for part in data]
    if not is_model(a):
        raise ModelError(
            "check_equivalence needs data unless its first argument is a model: one array for each input, such as "
            "check_equivalence(f, g, X, y)"
        )
    return draw_samples(a, np.random.default_rng(seed))


def draw_samples(model: ModelLike, rng: np.random.Generator, count: int = RANDOM_SAMPLES) -> list[Array]:
    """Return random inputs and targets of a compiled model."""
    training = trace_training(model)
    return draw_batch(training.inputs, training.targets, training.outputs, rng, count)


def draw_batch(
    inputs: Sequence[Expr], targets: Sequence[Expr], outputs: Sequence[Expr], rng: np.random.Generator, count: int
) -> list[Array]:
    """Return random values: normal inputs, targets between 0 and 1, and integers below the number of outputs."""
    samples, is_target = [], set(targets).__contains__
    for e in (*inputs, *targets):
        shape = (count, *(size for size in e.shape[1:] if isinstance(size, int)))
        if len(shape) < e.ndim:
            raise ModelError(f"Cannot draw random data for {e} of unknown shape {format_shape(e.shape)}. Pass data")
        if is_float(e.dtype):
            values = rng.random(shape) if is_target(e) else rng.normal(size=shape)
            samples.append(values.astype(e.dtype))
        else:
            classes = outputs[0].shape[-1]
            samples.append(rng.integers(0, classes if isinstance(classes, int) else 2, shape).astype(e.dtype))
    return samples


def make_batches(
    data: Sequence[Array], steps: int, batch_size: int | None, stacked_batches: bool, seed: int
) -> Iterator[list[Array]]:
    """Yield one batch per step: all data, mini-batches in the order of `Model.fit`, or elements of stacked batches."""
    if not stacked_batches and batch_size is None:
        yield from ([*data] for _ in range(steps))
        return
    count = len(data[0])
    if not count or any(len(part) != count for part in data):
        lengths = ", ".join(str(len(part)) for part in data)
        raise ModelError(f"Expected data of equal length, with at least one sample. Received: {lengths}")
    if stacked_batches:
        yield from ([part[step % count] for part in data] for step in range(steps))
        return
    size = check_integer("batch_size", batch_size)
    starts = range(0, count, size)
    for step in range(steps):
        epoch, batch = divmod(step, len(starts))
        if batch == 0:
            order = np.random.default_rng([seed, epoch]).permutation(count)
        yield [part[order[starts[batch] : starts[batch] + size]] for part in data]
