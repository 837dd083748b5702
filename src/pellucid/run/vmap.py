"""``pel.vmap``: maps a function over a leading axis of members, such as the trials of a sweep.

Shared variables and inputs that differ between members get that axis; the graph does not change. A loop of small steps
is compiled to C for one member and runs the members on all cores. XLA compiles the step of one member under `jax.vmap`.
The interpreter runs one member after the other, which defines the results.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pellucid.graph.errors import DtypeError, InputError, ShapeError
from pellucid.graph.expr import Constant, Expr, Input, Shared, is_compatible_shape
from pellucid.graph.types import format_shape
from pellucid.run.function import Function
from pellucid.run.graph_program import BatchedProgram, Program


def vmap(f: Function, places: Mapping[Any, Any]) -> Function:
    r"""Return a function that runs many members at once, :math:`f_m(x) = f(x; w_m)`, as one program.

    Parameters
    ----------
    f : Function
        Computes one member. It is not changed.
    places : dict from Shared to Shared, or from Input to Input
        For each leaf that differs between members, a leaf with one more axis in front, whose length is the number of
        members. All shared variables that the function updates must be included, also those of random streams. Other
        leaves are the same for all members.

    Returns
    -------
    Function
        Every output has the axis of members in front. It updates the shared variables in ``places``.

    Raises
    ------
    InputError
        If a leaf is not part of the function, or an updated one is missing.
    ShapeError, DtypeError
        If the shape or dtype of a leaf with members does not match.

    Examples
    --------
    >>> x, w, rate = pel.scalar("x"), pel.shared(1.0, "w"), pel.shared(0.5, "rate")
    >>> f = pel.function([x], w * x, updates={w: w - rate * x})
    >>> ws, rates = pel.shared([1.0, 2.0, 3.0], "ws"), pel.shared([0.5, 0.25, 0.0], "rates")
    >>> g = pel.vmap(f, {w: ws, rate: rates})
    >>> g(2.0), ws.get_value()
    (array([2., 4., 6.], dtype=float32), array([0. , 1.5, 3. ], dtype=float32))
    >>> g.repeat(2, 2.0)
    array([[ 0.,  3.,  6.],
           [-2.,  2.,  6.]], dtype=float32)
    """
    if isinstance(f.program, BatchedProgram):
        raise InputError("vmap: expected a function of one member. Received: a batched function")
    one = f.program
    check_places(one, places)
    return Function(
        BatchedProgram(
            inputs=[places.get(i, i) for i in one.inputs],
            outputs=one.outputs,
            original_outputs=one.original_outputs,
            updates={places[s]: new for s, new in one.updates.items()},
            read=[places.get(e, e) for e in one.read],
            journal=one.journal,
            donate=one.donate,
            one=one,
            mapped=[[e in places for e in leaves] for leaves in (one.updates, one.read, one.inputs)],
        ),
        f._structure,
        f.mode,
        {places.get(i, i): value for i, value in f.defaults.items() if i not in places},
        f.devices,
        f.shard,
    )


def check_places(program: Program, places: Mapping[Any, Any]) -> None:
    leaves: set[Expr] = {*program.updates, *program.read, *program.inputs}
    lengths: dict[str, Any] = {}
    if not places:
        raise InputError("vmap: expected at least one leaf that differs between members. Received: none")
    for leaf, members in places.items():
        kind = Shared if isinstance(leaf, Shared) else Input
        if leaf not in leaves or isinstance(leaf, Constant):
            names = ", ".join(sorted(str(e) for e in leaves if not isinstance(e, Constant))) or "none"
            raise InputError(f"vmap: the function has no leaf {leaf}. It has: {names}")
        if not isinstance(members, kind):
            article = "an" if kind is Input else "a"
            raise InputError(f"vmap: expected {article} {kind.__name__} for {leaf}. Received: {members!r}")
        if not members.ndim or not is_compatible_shape(members.shape[1:], leaf.shape):
            raise ShapeError(
                f"vmap: expected an axis of members in front of the shape {format_shape(leaf.shape)} of {leaf}. "
                f"Received: {members} of shape {format_shape(members.shape)}"
            )
        if members.dtype != leaf.dtype:
            raise DtypeError(
                f"vmap: expected the dtype {leaf.dtype} of {leaf}. Received: {members}, which is {members.dtype}"
            )
        lengths[str(members)] = members.shape[0]
    sizes = {length for length in lengths.values() if isinstance(length, int)}
    if len(sizes) > 1:
        raise ShapeError(f"vmap: expected the same number of members for all leaves. Received: {lengths}")
    for shared in program.updates:
        if shared not in places:
            raise InputError(
                f"vmap: the function updates {shared}, so each member needs its own value. Add "
                f"{{{shared}: pel.shared(values)}}, with an axis of members in front"
            )
