"""Sequence: a recurrent network step by step."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.array_conversion import cast_to_dtype
from pellucid.graph.errors import OptionError, ShapeError, UseError
from pellucid.graph.expr import Expr, Input
from pellucid.graph.naming import LabelStripper
from pellucid.graph.traversal import topological
from pellucid.graph.types import format_shape
from pellucid.live.views.base import FigureContext, View, check_function, get_output
from pellucid.live.views.scores import ScoreOutputs, explain_scores
from pellucid.run.function import Function
from pellucid.typing import Array, ArrayLike, Json

__all__ = ["SequenceView", "sequence"]


MAX_UNITS = 128
"""States with more units are not drawn."""

PROBE_SEQUENCES = 64
"""Largest number of sequences over which units are compared with marks."""


class SequenceView(View):
    examples: ArrayLike | None
    targets: ArrayLike | None

    integers: Sequence[str] | None
    marks: dict[str, Expr]
    names: Sequence[str] | None
    states: Mapping[str, Expr] | None
    story: str | None

    kind = "sequence"

    def __init__(
        self,
        predict: Function,
        states: Mapping[str, Expr] | None,
        examples: ArrayLike | None,
        targets: ArrayLike | None,
        names: Sequence[str] | None,
        marks: Mapping[str, Expr] | None,
        story: str | None,
        integers: Sequence[str] | None,
        title: str,
    ) -> None:
        super().__init__(title)
        self.predict: Function = check_function("sequence", predict)
        self.states, self.examples, self.targets, self.names = states, examples, targets, names
        self.marks, self.story, self.integers = dict(marks or {}), story, integers

    def build(self, context: FigureContext) -> tuple[dict[str, Json], dict[str, Json]]:
        x = self.get_input()
        samples, values = self.add_samples(x, context)
        shape = infer_sequence_shape(x, values)
        steps, width = shape[-2:]
        output = get_output(self.predict)
        states = find_states(output, steps) if self.states is None else dict(self.states)
        argument = context.functions.add_array(context.name("sequence"), shape=shape, dtype=x.dtype, role="input")
        shown: list[tuple[str, str, Expr]] = [("input", str(x), x)]
        shown += [("mark", name, e) for name, e in self.marks.items()]
        shown += [("state", name, e) for name, e in states.items()]
        scores = None if is_per_step(output, steps, x) else explain_sequence(output, x, context.class_names)
        if scores is None:
            shown.append(("output", output.name or "output", output))
            if isinstance(self.targets, Expr):
                shown.append(("target", f"true {output.name or 'output'}", self.targets))
        computed = [*(e for _, _, e in shown), *([] if scores is None else [scores.prediction])]
        walk = bool(self.marks)  # to compare the units with the marks over many sequences
        name = context.functions.add_outputs(context.name("states"), computed, {x: argument}, walk=walk)
        groups: list[dict[str, Any]] = [
            {"label": label, "role": role, "output": k, "units": count_units(e, label, steps, shape), "names": None}
            for k, (role, label, e) in enumerate(shown)
        ]
        groups[0]["names"] = self.check_names(width)
        self.check_story(groups)
        is_computed = scores is not None or isinstance(self.targets, Expr)
        targets = None if is_computed else self.add_targets(x, groups[-1]["units"] * steps, context)
        if targets is not None:
            groups.append({**groups[-1], "label": f"true {groups[-1]['label']}", "role": "target"})
        own: dict[str, Json] = {
            "function": name,
            "argument": argument,
            "steps": steps,
            "prediction": None if scores is None else len(shown),
            "groups": groups,
            "samples": samples,
            "targets": targets,
            "binary": values is not None and bool(np.isin(values, (0, 1)).all()),
            "probe": PROBE_SEQUENCES if self.marks and samples is not None else 0,
            "story": self.story,
            "integers": self.check_integers(width),
        }
        shared: dict[str, Json] = {
            "kind": self.kind,
            "title": self.title,
            "scores": None if scores is None else scores.to_json(),
        }
        return shared, own

    def get_input(self) -> Input:
        inputs = self.predict.program.inputs
        if len(inputs) != 1 or not 2 <= inputs[0].ndim <= 3:
            received = ", ".join(f"{i} of shape {format_shape(i.shape)}" for i in inputs)
            raise ShapeError(
                "pel.live.sequence: expected a function of one sequence, shape (steps, d), or of a batch of them, "
                f"shape (n, steps, d). Received: a function of ({received})"
            )
        return inputs[0]

    def add_samples(self, x: Input, context: FigureContext) -> tuple[str | None, Array | None]:
        """Return the name of the array of sequences, and their values."""
        if self.examples is not None:
            values = cast_to_dtype(self.examples, x.dtype, "pel.live.sequence, examples")
            if values.ndim != 3 or len(values) == 0:
                raise ShapeError(
                    "pel.live.sequence: expected examples of shape (m, steps, d). Received: shape "
                    f"{format_shape(values.shape)}"
                )
            return context.functions.add_array(context.name("examples"), values, role="constant"), values
        if x in context.inputs:
            return context.inputs[x], context.data[x]
        return None, None

    def check_names(self, width: int) -> list[str] | None:
        if self.names is not None and len(self.names) != width:
            raise ShapeError(f"pel.live.sequence: expected {width} names. Received: {len(self.names)}")
        return None if self.names is None else list(self.names)

    def check_integers(self, width: int) -> list[str] | None:
        if self.integers is not None and len(self.integers) != width:
            raise ShapeError(
                f"pel.live.sequence: expected {width} names in integers, one for each input. Received: "
                f"{len(self.integers)}"
            )
        return None if self.integers is None else list(self.integers)

    def check_story(self, groups: Sequence[Mapping[str, Any]]) -> None:
        """Check that a story mentions only names of inputs, and groups with one number at each time step."""
        known = [*(groups[0]["names"] or []), *(g["label"] for g in groups if g["units"] == 1)]
        unknown = next((name for name in re.findall(r"{(.*?)}", self.story or "") if name not in known), None)
        if unknown is not None:
            raise OptionError(
                f"pel.live.sequence: expected a story with names among {', '.join(map(repr, known))}. Received: "
                f"{unknown!r}"
            )

    def add_targets(self, x: Input, size: int, context: FigureContext) -> str | None:
        """Return the name of the array of true outputs: as given, or the other data of the figure of this size."""
        if self.targets is not None:
            values = np.asarray(self.targets)
            if self.examples is None or values.size != size * len(np.asarray(self.examples)):
                raise ShapeError(
                    f"pel.live.sequence: expected targets with {size} numbers for each example. Received: shape "
                    f"{format_shape(values.shape)}"
                )
            return context.functions.add_array(context.name("targets"), values, role="constant")
        if self.examples is not None or x not in context.inputs:
            return None
        found = (i for i in context.inputs if i is not x and i in context.data and is_target(context.data[i], size, x))
        return next((context.inputs[i] for i in found), None)


def is_per_step(output: Expr, steps: int, x: Input) -> bool:
    """Whether an output has a value for every time step, and not one for the whole sequence."""
    return output.ndim >= x.ndim or (x.ndim == 2 and output.shape == (steps,))


def explain_sequence(output: Expr, x: Input, class_names: Sequence[str] | None) -> ScoreOutputs:
    batch = output if x.ndim == 3 else output.reshape((1, -1))
    return explain_scores("sequence", batch, x, class_names)


def is_target(values: Array, size: int, x: Input) -> bool:
    return values.ndim == x.ndim and values.size // (len(values) if x.ndim == 3 else 1) == size


def infer_sequence_shape(x: Input, values: Array | None) -> tuple[int, ...]:
    """Return the shape of the argument: that of the input, with a batch of one sequence."""
    sizes = x.shape[-2:] if values is None else values.shape[-2:]
    known = tuple(n for n in sizes if isinstance(n, int))
    if len(known) < 2:
        raise UseError(
            f"pel.live.sequence: expected examples, data of the figure for {x}, or an input of known size. Received: "
            f"shape {format_shape(x.shape)}"
        )
    if any(isinstance(d, int) and d != n for d, n in zip(x.shape[-2:], known, strict=True)):
        raise ShapeError(
            f"pel.live.sequence: expected sequences of shape {format_shape(x.shape[-2:])} for {x}. Received: shape "
            f"{format_shape(known)}"
        )
    return (1, *known) if x.ndim == 3 else known


def find_states(output: Expr, steps: int) -> dict[str, Expr]:
    """Return the results of the scans of an expression at every time step, by name."""
    stripper = LabelStripper([output])
    found: dict[str, Expr] = {}
    for e in topological(stripper.outputs):
        is_scan = e.op is not None and e.op.name == "output" and e.inputs[0].op is not None
        if is_scan and e.inputs[0].op.name == "scan_loop" and e.ndim >= 2 and e.shape[0] == steps:  # type: ignore[union-attr]
            default = "state" if not found else f"state {len(found) + 1}"
            found[stripper.names.get(e, default)] = e
    if not found:
        raise UseError(
            f"pel.live.sequence: expected a function with a scan over {steps} time steps, as in pel.scan or nn.LSTM. "
            f"Received: {output}. Give states={{'h': h}} for other networks"
        )
    return found


def count_units(e: Expr, label: str, steps: int, shape: tuple[int, ...]) -> int:
    """Return how many numbers of an expression belong to one time step."""
    sizes = [n for n in e.shape if isinstance(n, int)]
    batch = len(shape) == 3
    sizes = [n for n in sizes if not (batch and n == 1)] or sizes
    if steps not in sizes:
        raise ShapeError(
            f"pel.live.sequence: expected values at each of {steps} time steps. Received: {label} of shape "
            f"{format_shape(e.shape)}"
        )
    units = int(np.prod(sizes)) // steps
    if units > MAX_UNITS:
        raise ShapeError(f"pel.live.sequence: expected up to {MAX_UNITS} units. Received: {label} with {units}")
    return units


def sequence(
    predict: Function,
    states: Mapping[str, Expr] | None = None,
    examples: ArrayLike | None = None,
    targets: ArrayLike | None = None,
    *,
    names: Sequence[str] | None = None,
    marks: Mapping[str, Expr] | None = None,
    story: str | None = None,
    integers: Sequence[str] | None = None,
    title: str = "Sequence",
) -> SequenceView:
    """Recurrent network step by step: inputs, states and outputs at every time step.

    Columns are time steps, rows are units. A cursor moves from step to step and shows the numbers of one of them.
    Inputs that are 0 or 1 can be changed by a click.

    Parameters
    ----------
    predict : Function
        A function of one sequence, shape (steps, d), or of a batch of sequences, shape (n, steps, d).
    states : dict from str to Expr, optional
        What to show between inputs and outputs: values at every time step. By default the results of the scans.
    examples : array, shape (m, steps, d), optional
        Sequences; by default the data of the figure for the input.
    targets : array, shape (m, steps, k), or Expr, optional
        True outputs of the examples, or an expression of the input that computes them for changed sequences, too; by
        default data of the figure with as many numbers as the output.
    names : sequence of str, optional
        Names of the inputs.
    marks : dict from str to Expr, optional
        Known quantities at each time step, shape (steps,), as expressions of the input: the carries of an addition.
        The page shows them, and finds the unit that is most correlated with each.
    story : str, optional
        A sentence about one time step, with names of inputs, marks and outputs in braces, which the page replaces by
        their numbers.
    integers : sequence of str, optional
        For inputs that are the bits of integers, least significant bit first: names of the integers. The page has a
        number box for each, and reads the output as an integer.
    title : str
        Title of the view.

    Returns
    -------
    SequenceView

    Raises
    ------
    UseError, ShapeError, OptionError
        If the function has no scan, its parts do not have one row for each time step, or the story has unknown names.

    Examples
    --------
    >>> x, V = pel.matrix("x", shape=(8, 2)), pel.shared(0.5 * np.eye(2, dtype="float32"), "V")
    >>> h = pel.scan(lambda x_t, h: pel.tanh(x_t + h @ V), x, np.zeros(2, "float32"))
    >>> pel.live.sequence(pel.function([x], h[:, :1])).kind
    'sequence'
    """
    return SequenceView(predict, states, examples, targets, names, marks, story, integers, title)
