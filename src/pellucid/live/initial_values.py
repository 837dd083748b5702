"""Initial values of parameters for a new seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pellucid.graph.errors import InputError, ShapeError
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.ops.random import Generator
from pellucid.graph.substitution import replace
from pellucid.graph.traversal import topological
from pellucid.graph.types import format_shape, is_float
from pellucid.live.functions import PageFunctions
from pellucid.run.function import Function
from pellucid.typing import Json


def add_initializer(functions: PageFunctions, train: Function, initial: Mapping[Shared, Expr]) -> dict[str, Json]:
    """Compile the function that draws initial values from the state of a random generator."""
    drawn = dict(initial) or draw_like_present_values(train)
    for variable, value in drawn.items():
        if variable not in train.program.updates:
            raise InputError(f"initial: the training step does not update {variable}")
        if value.shape != variable.shape:
            raise ShapeError(
                f"initial: expected an expression of shape {format_shape(variable.shape)} for {variable}. Received: "
                f"shape {format_shape(value.shape)}"
            )
    order = topological(list(drawn.values()))
    states = [e for e in order if isinstance(e, Shared)]
    if any(s.dtype != np.uint32 or s.shape != (3,) for s in states) or len(states) != 1:
        received = ", ".join(map(str, states)) or "no random numbers"
        raise InputError(
            "initial: expected expressions that draw from one pel.random.Generator and read no other shared variable. "
            f"Received: {received}"
        )
    state = Input("random state", (3,), "uint32")
    outputs = [replace(value, {states[0]: state}) for value in drawn.values()]
    argument = functions.add_array("random state", shape=(3,), dtype="uint32", role="input")
    names = [functions.add_leaf(variable) for variable in drawn]
    args = {state: argument, **find_control_arrays(functions, order)}
    name = functions.add_outputs("initialize", outputs, args, output_names=names)
    return {"function": name, "argument": argument}


def find_control_arrays(functions: PageFunctions, order: Sequence[Expr]) -> dict[Input, str]:
    """Return the arrays of the inputs among expressions: controls on which initial values depend, such as a width."""
    inputs = [e for e in order if isinstance(e, Input)]
    unknown = next((i for i in inputs if i not in functions.names), None)
    if unknown is not None:
        raise InputError(f"initial: expected only inputs that controls of the figure set. Received: {unknown}")
    return {i: functions.names[i] for i in inputs}


def draw_like_present_values(train: Function) -> dict[Shared, Expr]:
    """Return uniform draws with the standard deviations of the present values, for parameters that are not constant.

    A uniform distribution on [-a, a] has the standard deviation a / sqrt(3).
    """
    generator = Generator()
    drawn: dict[Shared, Expr] = {}
    for s in train.program.updates:
        if s.trainable and is_float(s.dtype):
            value = s.get_value()
            deviation = float(np.std(value))
            if deviation > 0:
                bound = deviation * 3**0.5
                drawn[s] = generator.uniform(-bound, bound, value.shape, dtype=s.dtype)
    if not drawn:
        raise InputError(
            "pel.live.seed: all parameters are constant arrays, so they have no distribution to draw from. Give the "
            "figure initial={W: generator.normal(...)} or leave out the seed"
        )
    return drawn
