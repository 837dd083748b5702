"""Where a number is: the values of a graph, of its loops' steps and of its definitions, and the way between them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.decomposition import expand
from pellucid.graph.expr import Constant, Expr
from pellucid.graph.op_def import OUTPUT, result
from pellucid.graph.printing import own_name, text
from pellucid.graph.traversal import topological
from pellucid.show.auto_names import letter_of
from pellucid.show.recurrences import loop_result, output_of
from pellucid.show.why_provenance import Cause, Index, cause_of

SAME = frozenset(["cast", "hold", "stop_gradient"])
"""Ops that hand every number on."""


class Scene:
    """The values of a graph, and the names its expressions go by.

    Inside a loop there is a scene for every step that is looked into: its placeholders stand for elements outside.
    """

    def __init__(self, values: dict[Expr, Any], names: dict[Expr, str], roots: Sequence[Expr]) -> None:
        self.values, self.names = values, names
        self.letters: dict[Expr, str] = {}
        self.placeholders: dict[Expr, str] = {}
        self.path: tuple[Any, ...] = ()
        self.steps: dict[tuple[Expr, int], Scene] = {}
        self.written = set(topological(roots))
        self.outside: dict[Expr, tuple[Scene, Expr, Index]] = {}
        self.causes: dict[tuple[Expr, Index], Cause] = {}

    def value(self, expr: Expr) -> np.ndarray[Any, Any]:
        """Return the value of an expression, computing it if it is new here."""
        if expr not in self.values:
            for e in topological([expr], stop=self.values):
                if e not in self.values:
                    self.values[e] = e.value if isinstance(e, Constant) else self.computed(e)
        return self.values[expr]  # type: ignore[no-any-return]

    def computed(self, e: Expr) -> Any:
        """Compute one expression from the values of its inputs."""
        assert e.op is not None
        with np.errstate(all="ignore"):
            value = e.op.value(np, *(self.values[i] for i in e.inputs), **e.settings)
        return value if len(e.types) > 1 else np.asarray(value)

    def cause(self, expr: Expr, index: Index) -> Cause:
        """Return how an element comes about from those of its expression's inputs."""
        key = (expr, index)
        if key not in self.causes:
            many = len(expr.inputs) == 1 and len(expr.inputs[0].types) > 1
            operands = [] if many else [np.asarray(self.value(i)) for i in expr.inputs]
            value = np.asarray(self.value(expr))[index]
            self.causes[key] = Cause("whole") if many else cause_of(expr, index, operands, value)
        return self.causes[key]

    def name(self, expr: Expr) -> str:
        """Return what an expression is called, giving it a letter if it has no name."""
        known = self.names.get(expr) or own_name(expr) or (text(expr) if expr.op is None else self.letters.get(expr))
        return known or self.new_letter(expr)

    def new_letter(self, expr: Expr) -> str:
        """Give an expression a letter that stands for nothing yet."""
        standing = {e.name if e.op is None else own_name(e) for e in self.written}
        taken, letter = {*self.names.values(), *self.letters.values(), *standing}, letter_of(expr)
        candidates = (f"{letter}{number or ''}" for number in itertools.count())
        self.letters[expr] = next(name for name in candidates if name not in taken)
        return self.letters[expr]


def visible(scene: Scene, expr: Expr, index: Index) -> tuple[Scene, Expr, Index]:
    """Go back through what only hands a number on and has no name, to the expression the number is known as."""
    while True:
        if expr in scene.outside:
            scene, expr, before = scene.outside[expr]
            index = (*before, *index)
        elif is_visible(scene, expr) or (further := copied(scene, expr, index)) is None:
            return scene, expr, index
        else:
            scene, expr, index = further


def is_visible(scene: Scene, expr: Expr) -> bool:
    """Tell whether a number is known as an element of an expression: one with a name, or the result of a loop."""
    if expr in scene.outside:
        return False
    return expr.op is None or own_name(expr) is not None or expr in scene.names or expr.op is OUTPUT


def copied(scene: Scene, expr: Expr, index: Index) -> tuple[Scene, Expr, Index] | None:
    """Return the number that an element is a copy of."""
    if expr.op is None or expr.op is OUTPUT or len(expr.types) > 1:
        return None
    if expr.op.name in SAME:
        return scene, expr.inputs[0], index
    if expr.op.elementwise or not expr.inputs:
        return None
    cause = scene.cause(expr, index)
    return (scene, expr.inputs[cause.places[0][0]], cause.places[0][1]) if cause.kind == "moved" else None


def source_of(scene: Scene, expr: Expr, index: Index) -> tuple[Scene, Expr, Index]:
    """Go to where a number is computed, or to the number with a name that it is a copy of."""
    first = True
    while first or expr in scene.outside or not is_visible(scene, expr):
        first = False
        further: tuple[Scene, Expr, Index] | None
        if expr in scene.outside:
            outer, place, before = scene.outside[expr]
            further = outer, place, (*before, *index)
        elif expr.op is None:
            return scene, expr, index
        else:
            further = step_into(scene, expr, index) or copied(scene, expr, index) or opened(scene, expr, index)
        if further is None:
            return scene, expr, index
        scene, expr, index = further
    return scene, expr, index


def opened(scene: Scene, expr: Expr, index: Index) -> tuple[Scene, Expr, Index] | None:
    """Return the definition of a compound op."""
    if expr.op is None or expr.op is OUTPUT or expr.op.elementwise or len(expr.types) > 1:
        return None
    return (scene, expand(expr), index) if scene.cause(expr, index).kind == "opened" else None


def step_into(scene: Scene, expr: Expr, index: Index) -> tuple[Scene, Expr, Index] | None:
    """Return the expression inside the step of a loop that an element of its results was computed by."""
    found = loop_result(expr)
    if found is None:
        return None
    loop, moved = wholly_kept(*found)
    body, reverse = loop.settings["body"], loop.settings["reverse"]
    place, stacked = output_of(loop, moved)
    steps = len(scene.value(result(loop, 0)))
    if not stacked:
        index = (0 if reverse else steps - 1, *index)
    t, rest = index[0], index[1:]
    if (loop, t) not in scene.steps:
        scene.steps[loop, t] = step_of(scene, loop, t, steps)
    return scene.steps[loop, t], body.outputs[place], rest


def step_of(scene: Scene, loop: Expr, t: int, steps: int) -> Scene:
    """Make the scene of one step of a loop."""
    body, reverse = loop.settings["body"], loop.settings["reverse"]
    inner = Scene({}, scene.names, body.outputs)
    inner.letters, inner.placeholders, inner.path = scene.letters, scene.placeholders, (*scene.path, loop, t)
    sequences, states = loop.settings["sequences"], loop.settings["states"]
    before = t + 1 if reverse else t - 1
    for number, (inside, outer) in enumerate(zip(body.inputs, loop.inputs, strict=True)):
        if number < sequences:
            inner.outside[inside] = (scene, outer, (t,))
            scene.placeholders[inside] = f"{scene.name(outer)}[t]"
            inner.values[inside] = scene.value(outer)[t]
        elif number < sequences + states and 0 <= before < steps:
            states_of_all = result(loop, number - sequences)
            inner.outside[inside] = (scene, states_of_all, (before,))
            scene.placeholders[inside] = f"{scene.name(states_of_all)}[{'t+1' if reverse else 't-1'}]"
            inner.values[inside] = scene.value(states_of_all)[before]
        else:
            inner.outside[inside] = (scene, outer, ())
            scene.placeholders.setdefault(inside, scene.name(outer))
            inner.values[inside] = scene.value(outer)
    return inner


def wholly_kept(loop: Expr, place: int) -> tuple[Expr, int]:
    """Return a loop that keeps every output of every step, and where a result of the loop is in it."""
    assert loop.op is not None
    if loop.settings["kept"] == tuple(range(len(loop.settings["body"].outputs))) or loop.op.widen is None:
        return loop, place
    wider, places = loop.op.widen(loop)
    return wider, places[place]
