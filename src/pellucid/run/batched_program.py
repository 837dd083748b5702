"""The program of many members: what one computes, for leaves that have an axis of members."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.evaluate import Watch
from pellucid.graph.expr import Input
from pellucid.run.index_bounds import Bound
from pellucid.run.jax_runtime import jax
from pellucid.run.program import Program


@dataclass(frozen=True, kw_only=True)
class BatchedProgram(Program):
    """A program whose leaves, all or some, have a leading axis: one place for each member.

    Attributes
    ----------
    one : Program
        What a member computes.
    mapped : three lists of bool
        Which of what is written, what is only read, and the inputs have the axis.
    """

    one: Program
    mapped: list[list[bool]]

    @functools.cached_property
    def bounds(self) -> dict[Input, Bound]:
        """What integers the inputs may hold that are indices."""
        return {
            i: self.one.bounds[e] for i, e in zip(self.inputs, self.one.inputs, strict=True) if e in self.one.bounds
        }

    @property
    def divided(self) -> list[list[bool]]:
        """Which first axes many devices divide among them: those of the members."""
        return [*self.mapped, [True] * len(self.outputs)]

    @property
    def size(self) -> int:
        """One, for what is mapped cannot be cut into pieces."""
        return 1

    def step(
        self,
        xp: Any,
        written: Sequence[Any],
        read: Sequence[Any],
        args: Sequence[Any],
        watch: Watch | None = None,
    ) -> tuple[list[Any], list[Any]]:
        """Compute the outputs and the new values of all members; everything that comes out has the axis."""
        values = (list(written), list(read), list(args))
        if xp is not np:
            one = self.one
            axes = [[0 if m else None for m in mapped] for mapped in self.mapped]
            found: tuple[list[Any], list[Any]] = jax().vmap(lambda *given: one.step(xp, *given), in_axes=axes)(*values)
            return found
        members = []
        for i in range(self.members(values)):
            own = [[v[i] if m else v for v, m in zip(*pair, strict=True)] for pair in self.pairs(values)]
            members.append(self.one.step(np, own[0], own[1], own[2]))
        outputs, new = ([np.stack(column) for column in zip(*part, strict=True)] for part in zip(*members, strict=True))
        return outputs, new

    def pairs(self, values: Sequence[list[Any]]) -> list[tuple[list[Any], list[bool]]]:
        """Return values beside whether they have the axis."""
        return list(zip(values, self.mapped, strict=True))

    def members(self, values: Sequence[list[Any]]) -> int:
        """Return how many members there are."""
        return next(len(v) for vs, mapped in self.pairs(values) for v, m in zip(vs, mapped, strict=True) if m)
