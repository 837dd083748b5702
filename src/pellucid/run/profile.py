"""Profile: measured time and memory of each expression of a program, and of the whole program."""

from __future__ import annotations

import html
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from pellucid.graph.errors import OptionError, near_miss
from pellucid.graph.evaluate import compute_node, evaluate, use_lowerings
from pellucid.graph.expr import Expr
from pellucid.graph.op import OUTPUT
from pellucid.graph.printing import format_duration, text
from pellucid.graph.validation import check_integer
from pellucid.run.buffers import Buffer
from pellucid.run.graph_program import Program
from pellucid.run.interpreter import NumpyProgram
from pellucid.run.jax_runtime import jax, x64
from pellucid.run.kernels.lowerings import get_lowerings
from pellucid.run.node_values import as_list
from pellucid.run.xla import XlaProgram

Run = Callable[[], Any]

MAX_PRINTED_ROWS = 25
"""How many rows are printed; `Profile.rows` has all."""

MINIMUM_ROUNDS, MAXIMUM_ROUNDS = 3, 50
"""Number of measurements of each part when several parts take turns."""

Key = TypeVar("Key", bound=Hashable)

SORT_KEYS = ("seconds", "bytes", "order")


class ProfileRow(NamedTuple):
    """Cost of one expression.

    Attributes
    ----------
    expr : Expr
        The expression.
    seconds : float
        Median time to compute it from its operands.
    share : float
        Fraction of the sum over all expressions.
    bytes : int
        Size of its value.
    order : int
        Position in the order of computation, from 1.
    """

    expr: Expr
    seconds: float
    share: float
    bytes: int
    order: int


@dataclass(frozen=True)
class ProgramCost:
    """Cost of the whole program as XLA runs it.

    Attributes
    ----------
    seconds : float
        Median time of a call.
    compile_seconds : float
        Time to compile it, or to load it from the cache.
    operations, bytes_moved : float or None
        Arithmetic operations, and bytes read and written, as XLA counts them, without those of C kernels.
    argument_bytes, output_bytes, temporary_bytes : int or None
        Memory of arguments, outputs and intermediate values.
    """

    seconds: float
    compile_seconds: float
    operations: float | None = None
    bytes_moved: float | None = None
    argument_bytes: int | None = None
    output_bytes: int | None = None
    temporary_bytes: int | None = None


@dataclass(frozen=True)
class Profile:
    """Table of the cost of a program's expressions. Print it, iterate over its rows, or sort it.

    Attributes
    ----------
    rows : list of ProfileRow
        One for each op, the slowest first by default.
    by : str
        ``"numpy"`` or ``"xla"``: what computed each expression.
    repeats : int
        Number of runs.
    whole : ProgramCost or None
        Cost of the whole program, for functions that XLA runs.
    overhead : float
        Time of a call that computes nothing, which is included in the time of every row.
    """

    rows: list[ProfileRow]
    by: str
    repeats: int
    whole: ProgramCost | None
    overhead: float

    @property
    def seconds(self) -> float:
        """Sum of the time of all expressions."""
        return sum(row.seconds for row in self.rows)

    @property
    def bytes(self) -> int:
        """Sum of the sizes of all values, without fusion and reuse of memory."""
        return sum(row.bytes for row in self.rows)

    @property
    def ops(self) -> dict[str, float]:
        """Seconds per op, the slowest first."""
        return self.sum_by(lambda e: e.op.name if e.op is not None else "")

    @property
    def families(self) -> dict[str, float]:
        """Seconds per family of ops, such as ``"linear"``, the slowest first."""
        return self.sum_by(lambda e: e.op.value.__module__.rpartition(".")[2] if e.op is not None else "")

    def sum_by(self, get_name: Callable[[Expr], str]) -> dict[str, float]:
        """Return the sum of the seconds of the rows with the same name."""
        totals: dict[str, float] = defaultdict(float)
        for row in self.rows:
            totals[get_name(row.expr)] += row.seconds
        return dict(sorted(totals.items(), key=lambda item: -item[1]))

    def sorted(self, by: str = "seconds") -> Profile:
        """Return the same table in another order.

        Parameters
        ----------
        by : {"seconds", "bytes", "order"}
            The slowest first, the largest first, or in the order of computation.

        Returns
        -------
        Profile
            A table with the same rows.
        """
        if by not in SORT_KEYS:
            raise OptionError(f"Expected by to be one of {SORT_KEYS}. Received: by={by!r}.{near_miss(by, SORT_KEYS)}")
        sign = 1 if by == "order" else -1
        return replace(self, rows=sorted(self.rows, key=lambda row: sign * getattr(row, by)))

    def __iter__(self) -> Iterator[ProfileRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def heading(self) -> str:
        """One line: how the times were measured."""
        method = {"numpy": "computed separately by NumPy", "xla": "compiled and run separately by XLA"}[self.by]
        return (
            f"{len(self)} expressions, each {method}; median of {self.repeats} runs. An empty call takes "
            f"{format_duration(self.overhead)}. XLA runs the whole program faster, because it fuses expressions"
        )

    @property
    def summary(self) -> list[str]:
        """The sums by family, and the cost of the whole program, as lines of text."""
        total = self.seconds or 1.0
        lines = ["by family: " + ", ".join(f"{name} {100 * s / total:.0f}%" for name, s in self.families.items())]
        cost = self.whole
        if cost is not None:
            compiled = f"compiled or loaded in {format_duration(cost.compile_seconds)}"
            lines.append(f"whole program by XLA: {format_duration(cost.seconds)} per call, {compiled}")
            if cost.operations is not None and cost.bytes_moved is not None:
                lines.append(f"XLA's count: {cost.operations:,.0f} operations, {cost.bytes_moved:,.0f} bytes moved")
            if cost.temporary_bytes is not None:
                lines.append(
                    f"memory: {cost.argument_bytes:,} bytes of arguments, {cost.output_bytes:,} of outputs, "
                    f"{cost.temporary_bytes:,} of intermediate values"
                )
        return lines

    @property
    def cells(self) -> list[tuple[str, ...]]:
        """The table as texts, with the header first and the sum last."""
        numbers = {row.expr: f"[{row.order}]" for row in self.rows}
        lines: list[tuple[str, ...]] = [("", "time", "share", "bytes", "expression")]
        for row in self.rows[:MAX_PRINTED_ROWS]:
            formula = text(row.expr, 30, {e: n for e, n in numbers.items() if e is not row.expr})
            share = f"{100 * row.share:.1f}%"
            lines.append((numbers[row.expr], format_duration(row.seconds), share, f"{row.bytes:,}", formula))
        rest = self.rows[MAX_PRINTED_ROWS:]
        if rest:
            seconds, size = sum(r.seconds for r in rest), sum(r.bytes for r in rest)
            share = f"{100 * sum(r.share for r in rest):.1f}%"
            lines.append(("", format_duration(seconds), share, f"{size:,}", f"{len(rest)} more"))
        return [*lines, ("", format_duration(self.seconds), "100.0%", f"{self.bytes:,}", "total")]

    def __str__(self) -> str:
        cells = self.cells
        widths = [max(len(line[i]) for line in cells) for i in range(4)]
        table = ["  ".join([*(c.rjust(w) for c, w in zip(line, widths, strict=False)), line[4]]) for line in cells]
        return "\n".join([self.heading, *table, *self.summary])

    def _repr_html_(self) -> str:
        sides = ["right"] * 4 + ["left"]

        def format_row(cells: tuple[str, ...], tag: str) -> str:
            pairs = zip(sides, cells, strict=True)
            return "".join(f"<{tag} style='text-align: {side}'>{html.escape(c)}</{tag}>" for side, c in pairs)

        header, *body = self.cells
        head, rows = format_row(header, "th"), "".join(f"<tr>{format_row(line, 'td')}</tr>" for line in body)
        notes = "<br>".join(map(html.escape, self.summary))
        return (
            f"<table><caption>{html.escape(self.heading)}</caption><thead><tr>{head}</tr></thead>"
            f"<tbody>{rows}</tbody></table><p>{notes}</p>"
        )


def measure_program(program: Program, args: Sequence[Buffer], by: str, repeats: int, whole: bool) -> Profile:
    """Measure every expression separately, and optionally the whole program; see `Function.profile`."""
    compilers: dict[str, Callable[[Expr, Mapping[Expr, Any]], Run]] = {"numpy": prepare_numpy, "xla": prepare_xla}
    if by not in compilers:
        raise OptionError(f"Expected by to be 'numpy' or 'xla'. Received: by={by!r}.{near_miss(by, compilers)}")
    repeats = check_integer("repeats", repeats)
    values = NumpyProgram(program).compute_all(args)
    with np.errstate(all="ignore"), x64():
        nodes = [e for e in values if e.op is not None and e.op is not OUTPUT]
        seconds = [measure_median(compilers[by](e, values), repeats) for e in nodes]
        total = sum(seconds) or 1.0
        rows = [
            ProfileRow(e, s, s / total, sum(np.asarray(v).nbytes for v in as_list(values[e])), number)
            for number, (e, s) in enumerate(zip(nodes, seconds, strict=True), start=1)
        ]
        overhead = measure_median((lambda: None) if by == "numpy" else prepare_empty_xla(), repeats)
    cost = measure_whole(program, args, repeats) if whole else None
    return Profile(rows, by, repeats, cost, overhead).sorted("seconds")


def measure_median(run: Run, repeats: int) -> float:
    """Return the median time of some runs, after a first one that is not counted."""
    run()
    return statistics.median(measure_run(run) for _ in range(repeats))


def measure_run(run: Run) -> float:
    """Return the seconds of one run."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def takes_longer(measure: Callable[[], float], seconds: float) -> bool:
    """Return whether two measurements both exceed a time; other processes may have interrupted one of them.

    Examples
    --------
    >>> takes_longer(iter([3.0, 1.0]).__next__, 2.0)
    False
    """
    return all(measure() > seconds for _ in range(2))


def measure_in_turn(measures: Mapping[Key, Callable[[], float]], seconds: float) -> dict[Key, list[float]]:
    """Call all measurements in turn until the time is over, and at least three times.

    Examples
    --------
    >>> {name: len(values) for name, values in measure_in_turn({"a": lambda: 1.0, "b": lambda: 2.0}, 0.0).items()}
    {'a': 3, 'b': 3}
    """
    found: dict[Key, list[float]] = {key: [] for key in measures}
    end = time.perf_counter() + seconds
    for done in range(MAXIMUM_ROUNDS):
        if done >= MINIMUM_ROUNDS and time.perf_counter() >= end:
            break
        for key, measure in measures.items():
            found[key].append(measure())
    return found


def prepare_empty_xla() -> Run:
    """Return a call of an XLA program that returns its argument."""
    one = jax().device_put(np.float32(1))
    program = jax().jit(lambda x: x).lower(one).compile()
    return lambda: program(one).block_until_ready()


def prepare_numpy(e: Expr, values: Mapping[Expr, Any]) -> Run:
    operands = [values[i] for i in e.inputs]
    return lambda: compute_node(np, e, operands)


def prepare_xla(e: Expr, values: Mapping[Expr, Any]) -> Run:
    """Return a call of an XLA program that computes one expression from operands on the device."""
    j = jax()
    operands = [j.device_put(values[i]) for i in e.inputs]

    def step(*args: Any) -> Any:
        with use_lowerings(get_lowerings()):
            return evaluate(j.numpy, [e], dict(zip(e.inputs, args, strict=True)))[0]

    program = j.jit(step).lower(*operands).compile()
    return lambda: j.block_until_ready(program(*operands))


class PreparedProgram:
    """A program compiled by XLA, with arguments on the device. Running it keeps its state. Use it in ``x64()``."""

    def __init__(self, program: Program, args: Sequence[Buffer]) -> None:
        self.backend = XlaProgram(replace(program, donate=False))
        self.args = [jax().device_put(a) for a in args]
        self.compiled: Any = self.backend.get_compiled("call", self.args, self.backend.compile_step)
        self.state = self.backend.get_state()

    def run(self) -> None:
        """Compute the results, and wait for them."""
        jax().block_until_ready(self.compiled(*self.state, self.args))


def measure_whole(program: Program, args: Sequence[Buffer], repeats: int) -> ProgramCost:
    """Compile and measure the whole program, on copies of its state."""
    with x64():
        prepared = PreparedProgram(program, args)
        seconds = measure_median(prepared.run, repeats)
    compiled, backend = prepared.compiled, prepared.backend
    if not hasattr(compiled, "cost_analysis"):  # a partitioned program
        return ProgramCost(seconds, backend.compile_seconds)
    cost, memory = compiled.cost_analysis() or {}, compiled.memory_analysis()
    return ProgramCost(
        seconds,
        backend.compile_seconds,
        cost.get("flops"),
        cost.get("bytes accessed"),
        getattr(memory, "argument_size_in_bytes", None),
        getattr(memory, "output_size_in_bytes", None),
        getattr(memory, "temp_size_in_bytes", None),
    )
