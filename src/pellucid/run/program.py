"""A program: the simplified graph of a function, what it reads and writes, and one step of it over any namespace."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pellucid.graph.dead_outputs import narrow
from pellucid.graph.errors import DtypeError, InputError, ShapeError, brief
from pellucid.graph.evaluate import Watch, evaluate
from pellucid.graph.expr import Constant, Expr, Input, Shared, agree, as_expr
from pellucid.graph.marker_removal import release
from pellucid.graph.rewriter import Journal, simplify_all
from pellucid.graph.traversal import has_no_dtype, inputs_of, replace_all, replacement, topological
from pellucid.graph.types import shape_text
from pellucid.run.index_bounds import Bound, bounds_of

LARGE = 4096
"""Constants of more bytes than this are handed to the compiled program instead of being written into it."""


@dataclass(frozen=True)
class Program:
    """What a function computes, ready to run.

    Attributes
    ----------
    inputs : list of Input
        What is given at every call.
    outputs : list of Expr
        What is returned.
    written : list of Expr
        The same, as it was before it was rewritten.
    updates : dict from Shared to Expr
        What takes the place of each shared variable's value after a call.
    read : list of Shared or Constant
        What is only read: shared variables without an update, and large constants.
    journal : Journal
        How the graph was rewritten.
    donate : bool
        Whether a run may put new values where the old ones are, which are then gone should it fail.
    """

    inputs: list[Input]
    outputs: list[Expr]
    written: list[Expr] = field(repr=False)
    updates: dict[Shared, Expr]
    read: list[Shared | Constant]
    journal: Journal = field(repr=False)
    donate: bool = True

    @functools.cached_property
    def results(self) -> list[Expr]:
        """What a step computes: the outputs, and then the new values."""
        return [*self.outputs, *self.updates.values()]

    @property
    def divided(self) -> list[list[bool]]:
        """Which first axes many devices divide among them: of what is written, read, given and put out."""
        return [
            [False] * len(self.updates),
            [False] * len(self.read),
            [True] * len(self.inputs),
            [False] * len(self.outputs),
        ]

    @functools.cached_property
    def size(self) -> int:
        """The number of expressions."""
        return len(topological(self.results))

    def step(
        self,
        xp: Any,
        written: Sequence[Any],
        read: Sequence[Any],
        args: Sequence[Any],
        watch: Watch | None = None,
    ) -> tuple[list[Any], list[Any]]:
        """Compute the outputs and the new values of what is written."""
        values: dict[Expr, Any] = dict(zip(self.inputs, args, strict=True))
        values.update(zip(self.updates, written, strict=True))
        values.update(zip(self.read, read, strict=True))
        results = evaluate(xp, self.results, values, watch)
        outputs, new = results[: len(self.outputs)], results[len(self.outputs) :]
        self.check_updates([value.shape for value in new])
        return outputs, new

    def keep(self, new: Sequence[Any]) -> None:
        """Put back what the updates produced."""
        for target, value in zip(self.updates, new, strict=True):
            target.storage = value

    @functools.cached_property
    def bounds(self) -> dict[Input, Bound]:
        """What integers the inputs may hold that are indices."""
        return bounds_of(self.results)

    def check_updates(self, shapes: Sequence[tuple[int, ...]]) -> None:
        """Refuse a new value of another shape, which an unknown size had left open."""
        for (target, update), shape in zip(self.updates.items(), shapes, strict=True):
            if shape != target.shape:
                raise ShapeError(
                    f"The update of {target}, of shape {shape_text(target.shape)}, came out with shape "
                    f"{shape_text(shape)}: {update}"
                )


def make_program(
    inputs: Any,
    outputs: Sequence[Expr],
    updates: Sequence[tuple[Any, Any]],
    givens: Sequence[tuple[Any, Any]],
    rewrite: bool | str | Iterable[str],
    unused: str,
    donate: bool,
) -> Program:
    """Check, substitute and simplify what a function was made of."""
    if unused not in ("raise", "ignore"):
        raise InputError(f"Expected on_unused_input to be 'raise' or 'ignore'. Received: {unused!r}")
    listed = checked_inputs(inputs)
    new_values = {target: checked_update(target, value) for target, value in updates}
    replaced = {target: replacement(target, value, "givens") for target, value in givens}
    everything = [*outputs, *new_values.values()]
    if unused == "raise":
        check_givens(replaced, everything)
    everything = replace_all(everything, replaced)
    for node in topological(everything):
        if isinstance(node, Shared) and node.default_update is not None and node not in new_values:
            new_values[node] = node.default_update
            everything.append(node.default_update)
    check_inputs(listed, everything, unused)
    journal, written = Journal(), everything[: len(outputs)]
    if rewrite is not False:
        families = None if rewrite is True else rewrite
        everything = narrow(simplify_all(release(everything), journal=journal, families=families))
    final = dict(zip(new_values, everything[len(outputs) :], strict=True))
    return Program(listed, everything[: len(outputs)], written, final, only_read(everything, final), journal, donate)


def only_read(results: Sequence[Expr], written: Mapping[Shared, Expr]) -> list[Shared | Constant]:
    """Return what a program reads and does not write: shared variables, and constants that are large."""
    return [
        n
        for n in topological(results)
        if n not in written and (isinstance(n, Shared) or (isinstance(n, Constant) and n.value.nbytes > LARGE))
    ]


def checked_inputs(inputs: Any) -> list[Input]:
    """Return the inputs as a list, refusing what is none."""
    listed: list[Any] = [inputs] if isinstance(inputs, Expr) else list(inputs)
    for i in listed:
        if not isinstance(i, Input):
            raise InputError(
                f"The inputs of a function are made with pel.vector, pel.matrix and their kin. Received: "
                f"{brief(i) if isinstance(i, Expr) else repr(i)}, {not_an_input(i)}"
            )
    if len(set(listed)) != len(listed):
        raise InputError(f"An input stands twice in the inputs of a function. Received: {listed}")
    return listed


def not_an_input(given: Any) -> str:
    """Say what was given in the place of an input, and what to do about it."""
    if isinstance(given, Shared):
        return "a shared variable; it needs no place among the inputs, because it has a value of its own"
    if isinstance(given, Expr):
        return "an expression; list the inputs that it depends on, or replace it with givens={expression: input}"
    return f"a {type(given).__name__}; x = pel.vector('x') makes an input, and [x] lists it"


def checked_update(target: Any, value: Any) -> Expr:
    """Refuse an update that would change a shared variable's shape or dtype."""
    if not isinstance(target, Shared):
        raise InputError(f"Only shared variables (pel.shared) are updated. Received: an update of {target!r}")
    new = as_expr(value, target.dtype if has_no_dtype(value) else None)
    if not agree(new.shape, target.shape):
        raise ShapeError(
            f"The update of {target}, of shape {shape_text(target.shape)}, has shape {shape_text(new.shape)}: "
            f"{brief(new)}. Sum it or take its mean, or give {target} that shape"
        ).about([target, new])
    if new.dtype != target.dtype:
        raise DtypeError(
            f"The update of {target}, which is {target.dtype}, is {new.dtype}: {brief(new)}. "
            f"Make {target} {new.dtype}, or write pel.cast(update, {str(target.dtype)!r}) if losing precision is meant"
        ).about([target, new])
    return new


def check_givens(replaced: Mapping[Expr, Expr], outputs: Sequence[Expr]) -> None:
    """Name what is to be replaced and stands nowhere."""
    reached = set(topological(outputs))
    idle = [str(target) for target in replaced if target not in reached]
    if idle:
        raise InputError(
            f"givens: nothing the function computes depends on {', '.join(idle)}. "
            "Leave it out, or pass on_unused_input='ignore'"
        )


def check_inputs(inputs: Sequence[Input], outputs: Sequence[Expr], unused: str) -> None:
    """Name the inputs that are missing, and those that nothing depends on."""
    used = inputs_of(outputs)
    given, reached = set(inputs), set(used)
    missing = [n for n in used if n not in given]
    if missing:
        needs = next((n for n in topological(outputs) if any(i is missing[0] for i in n.inputs)), missing[0])
        raise InputError(
            f"The function needs {', '.join(map(str, missing))}, used in {brief(needs)}: "
            "put it into the list of inputs, or give it with givens"
        ).about([*missing[:2], needs])
    idle = [str(i) for i in inputs if i not in reached]
    if idle and unused == "raise":
        raise InputError(
            f"Nothing the function computes depends on {', '.join(idle)}. "
            "Leave it out, or pass on_unused_input='ignore'"
        )
