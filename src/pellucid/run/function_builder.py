"""How a function is made of expressions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.array_conversion import fit
from pellucid.graph.errors import InputError
from pellucid.graph.expr import Expr, Input, Shared, as_expr
from pellucid.run.argument_binding import check_shape
from pellucid.run.device_selection import chosen_devices
from pellucid.run.function import Function, Outputs
from pellucid.run.program import make_program


def pairs(given: Mapping[Any, Any] | Sequence[tuple[Any, Any]], who: str) -> list[tuple[Any, Any]]:
    """Return what is updated or replaced, and by what, refusing to do it twice."""
    if not isinstance(given, (Mapping, list, tuple)):
        raise InputError(f"{who}: expected what becomes what, as {{w: w + 1}}, or such pairs. Received: {given!r}")
    listed = list(given.items()) if isinstance(given, Mapping) else list(given)
    twice = [target for target, count in Counter(target for target, _ in listed).items() if count > 1]
    if twice:
        raise InputError(f"{twice[0]} is given two new values. Received: {listed}")
    return listed


def function(
    inputs: Sequence[Input],
    outputs: Outputs = None,
    *,
    updates: Mapping[Shared, Any] | Sequence[tuple[Shared, Any]] | None = None,
    givens: Mapping[Expr, Any] | Sequence[tuple[Expr, Any]] | None = None,
    defaults: Mapping[Input, Any] | None = None,
    mode: str = "auto",
    rewrite: bool | str | Iterable[str] = True,
    on_unused_input: str = "raise",
    donate: bool = True,
    devices: Any = None,
) -> Function:
    """Compile expressions into a function.

    Parameters
    ----------
    inputs : sequence of Input
        What is given at every call, by position or by name.
    outputs : Expr, sequence or dict of Expr, optional
        What is returned, and in what form.
    updates : dict from Shared to Expr, or such pairs, optional
        New values of shared variables, all computed from the old ones. Random streams add their own.
    givens : dict from Expr to Expr or array, or such pairs, optional
        What is put in the place of what before anything else.
    defaults : dict from Input to array or number, optional
        What inputs are where a call does not give them. In `Function.over`, a default is the same at every step.
    mode : {"auto", "xla", "native", "numpy", "guard"}
        Compiled by XLA, or from C, or with ``"auto"`` loops of small steps from C where the machine has a compiler,
        and everything else by XLA; or interpreted node by node, or interpreted and stopped at the first nan
        or inf, with its story.
    rewrite : bool, str or names of phases
        Whether the graph is simplified first, or the phases that do it (``pel.phases()`` lists them;
        ``pel.phases().keys() - {"stabilize"}`` are all but one). Leave it on but to see what happens without.
    on_unused_input : {"raise", "ignore"}
        What to do about an input, or something in ``givens``, that nothing depends on.
    donate : bool
        Whether new values of shared variables may take the memory of the old ones while a compiled run is under way.
        Where it fails half-way, out of memory for example, their values are lost, and an error says so. With
        ``donate=False`` they stay until the run has succeeded, at twice the memory.
    devices : "all", int or list, optional
        Of this machine, or of each of the machines that `pellucid.distribution` brings together: all, so many, or
        those of these numbers or names. They divide the first axis of every input among them and each keeps a copy of
        the shared variables; what comes out is what one device would compute, up to rounding. Without it, one device.

    Returns
    -------
    Function
        Call it, `Function.repeat` it, or run it `Function.over` batches. It returns NumPy arrays and numbers.

    Raises
    ------
    InputError
        If an input is missing, unused or no input.
    NonFiniteError
        At a call in mode ``"guard"``.
    StateError
        At a call that failed after shared variables were donated.
    ShapeError, DtypeError
        If an update does not fit its variable.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, W = pel.vector("x"), pel.shared([0.2, 0.7], name="W")
    >>> f = pel.function([x], (x * W).sum())
    >>> print(f([1.0, 1.0]))
    0.9
    >>> rate = pel.scalar("rate")
    >>> f = pel.function([x, rate], rate * x, defaults={rate: 0.5})
    >>> f([1.0, 2.0]), f([1.0, 2.0], rate=2)
    (array([0.5, 1. ], dtype=float32), array([2., 4.], dtype=float32))
    """
    if isinstance(outputs, Mapping):
        wanted: list[Any] = list(outputs.values())
    else:
        wanted = [] if outputs is None else list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    program = make_program(
        inputs,
        [as_expr(o) for o in wanted],
        pairs(updates or {}, "updates"),
        pairs(givens or {}, "givens"),
        rewrite,
        on_unused_input,
        donate,
    )
    return Function(program, outputs, mode, checked_defaults(program.inputs, defaults or {}), chosen_devices(devices))


def checked_defaults(inputs: Sequence[Input], given: Mapping[Any, Any]) -> dict[Input, np.ndarray[Any, Any]]:
    """Return the defaults as arrays of the dtypes of their inputs."""
    known = set(inputs)
    defaults = {}
    for target, value in given.items():
        if target not in known:
            raise InputError(
                f"defaults: {target!r} is no input of the function. Received inputs: {', '.join(map(str, inputs))}"
            )
        array = fit(value, target.dtype, f"the default of {target}").copy()
        check_shape(target, array.shape, 0, {})
        defaults[target] = array
    return defaults
