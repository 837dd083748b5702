"""One program for many members at once: shared variables and inputs that differ get a leading axis, the graph does not.

A sweep trains its networks this way. A loop of small steps is C for one member, and goes over the members on all cores;
XLA compiles the step of one member, mapped over the axis; the interpreter runs one member after the other, which says
what that means.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pellucid.graph.errors import DtypeError, InputError, OptionError, ShapeError
from pellucid.graph.expr import Constant, Expr, Input, Shared, agree
from pellucid.graph.types import shape_text
from pellucid.run.batched_program import BatchedProgram
from pellucid.run.function import Function
from pellucid.run.program import Program


def batched(f: Function, places: Mapping[Any, Any]) -> Function:
    r"""Return a function that runs many members at once, :math:`f_m(x) = f(x; w_m)`, as one program.

    Parameters
    ----------
    f : Function
        What one member computes. It is left as it is.
    places : dict from Shared to Shared, or from Input to Input
        For a leaf that differs from member to member, one with one more axis in front, as long as there are members.
        All shared variables that the function updates must be among them, those of random streams too. Other leaves
        are the same for all members.

    Returns
    -------
    Function
        Every output has the axis of the members in front. It updates the shared variables that were given.

    Raises
    ------
    InputError
        If a leaf is not there, or an updated one is missing.
    ShapeError, DtypeError
        If one does not fit what it stands for.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, w, rate = pel.scalar("x"), pel.shared(1.0, "w"), pel.shared(0.5, "rate")
    >>> f = pel.function([x], w * x, updates={w: w - rate * x})
    >>> ws, rates = pel.shared([1.0, 2.0, 3.0], "ws"), pel.shared([0.5, 0.25, 0.0], "rates")
    >>> g = pel.batched(f, {w: ws, rate: rates})
    >>> g(2.0), ws.get_value()
    (array([2., 4., 6.], dtype=float32), array([0. , 1.5, 3. ], dtype=float32))
    >>> g.repeat(2, 2.0)
    array([[ 0.,  3.,  6.],
           [-2.,  2.,  6.]], dtype=float32)
    """
    if isinstance(f.program, BatchedProgram):
        raise InputError("batched: this function runs many members already")
    if f.mode == "guard":
        raise OptionError('batched: mode="guard" looks at one member. Use f.copy(mode="xla"), or "numpy"')
    one = f.program
    check(one, places)
    return Function(
        BatchedProgram(
            inputs=[places.get(i, i) for i in one.inputs],
            outputs=one.outputs,
            written=one.written,
            updates={places[s]: new for s, new in one.updates.items()},
            read=[places.get(e, e) for e in one.read],
            journal=one.journal,
            donate=one.donate,
            one=one,
            mapped=[[e in places for e in part] for part in (one.updates, one.read, one.inputs)],
        ),
        f._structure,
        f.mode,
        {places.get(i, i): value for i, value in f.defaults.items() if i not in places},
        f.devices,
    )


def check(program: Program, places: Mapping[Any, Any]) -> None:
    """Refuse leaves that are not there, do not fit, or are missing."""
    known: set[Expr] = {*program.updates, *program.read, *program.inputs}
    lengths: dict[str, Any] = {}
    if not places:
        raise InputError("batched: expected a leaf at least that differs from member to member. Received: none")
    for leaf, many in places.items():
        kind = Shared if isinstance(leaf, Shared) else Input
        if leaf not in known or isinstance(leaf, Constant):
            names = ", ".join(sorted(str(e) for e in known if not isinstance(e, Constant))) or "nothing"
            raise InputError(f"batched: the function has no leaf {leaf}. It has: {names}")
        if not isinstance(many, kind):
            raise InputError(f"batched: expected a {kind.__name__} in the place of {leaf}. Received: {many!r}")
        if not many.ndim or not agree(many.shape[1:], leaf.shape):
            raise ShapeError(
                f"batched: {leaf} has shape {shape_text(leaf.shape)}, so what stands for it has one axis more, in "
                f"front. Received: {many} of shape {shape_text(many.shape)}"
            )
        if many.dtype != leaf.dtype:
            raise DtypeError(f"batched: {leaf} is {leaf.dtype}. Received: {many}, which is {many.dtype}")
        lengths[str(many)] = many.shape[0]
    sizes = {length for length in lengths.values() if isinstance(length, int)}
    if len(sizes) > 1:
        raise ShapeError(f"batched: expected as many members everywhere. Received: {lengths}")
    for shared in program.updates:
        if shared not in places:
            raise InputError(
                f"batched: the function updates {shared}, which every member needs a value of its own for: "
                f"{{{shared}: pel.shared(values)}}, with an axis for the members in front"
            )
