r"""The loops map, reduce, foldl and foldr, built on `scan`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.graph.op import register_function
from pellucid.graph.ops.scan import LoopResults, build_loop


@register_function
def map_(function: Callable[..., Any], sequences: Any, non_sequences: Any = ()) -> Any:
    r"""Apply a function to each element of one or more sequences, :math:`y_t = f(x_t)`.

    Parameters
    ----------
    function : function
        ``function(*x_t, *non_sequences)`` receives one element of each sequence and returns one or more expressions.
    sequences : Expr, Taps or sequence of these
        Sequences, iterated along their first axis.
    non_sequences : Expr or sequence of Expr
        Additional arguments of every call.

    Returns
    -------
    Expr or list of Expr
        The results, stacked along a new first axis.

    Examples
    --------
    >>> x = pel.matrix("x")
    >>> f = pel.function([x], pel.map(lambda row: row / row.sum(), x))
    >>> f([[1.0, 3.0], [2.0, 2.0]])
    array([[0.25, 0.75], [0.5 , 0.5 ]], dtype=float32)
    """
    loop = build_loop("map", function, sequences, (), non_sequences)
    return loop.stacked if loop.returns_list else loop.stacked[0]


@register_function
def reduce(
    step: Callable[..., Any], sequences: Any, init: Any, non_sequences: Any = (), *, reverse: bool = False
) -> Any:
    r"""Reduce sequences to the last states of a loop, :math:`h_T` with :math:`h_t = f(x_t, h_{t-1})`.

    Parameters
    ----------
    step : function
        ``step(*x_t, *h, *non_sequences)`` returns the new states, as for `scan`.
    sequences : Expr, Taps or sequence of these
        Sequences, iterated along their first axis.
    init : Expr, number, Taps or sequence of these
        Initial states. They are returned for empty sequences.
    non_sequences : Expr or sequence of Expr
        Additional arguments of every step.
    reverse : bool
        Iterate from the last element to the first.

    Returns
    -------
    Expr or list of Expr
        The last states.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> f = pel.function([x], pel.reduce(lambda x_t, s: 2 * s + x_t, x, 0.0))
    >>> float(f([1.0, 0.0, 1.0]))
    5.0
    """
    return _get_last_states(build_loop("reduce", step, sequences, init, non_sequences, reverse=reverse))


@register_function
def foldl(step: Callable[..., Any], sequences: Any, init: Any, non_sequences: Any = ()) -> Any:
    r"""Fold sequences from the first element, :math:`f(x_n, \ldots f(x_2, f(x_1, h)))`; see `reduce`.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> float(pel.foldl(lambda x_t, s: x_t - s, x, 0.0).eval({x: [1.0, 2.0, 4.0]}))
    3.0
    """
    return _get_last_states(build_loop("foldl", step, sequences, init, non_sequences))


@register_function
def foldr(step: Callable[..., Any], sequences: Any, init: Any, non_sequences: Any = ()) -> Any:
    r"""Fold sequences from the last element, :math:`f(x_1, f(x_2, \ldots f(x_n, h)))`; see `reduce`.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> float(pel.foldr(lambda x_t, s: x_t - 2 * s, x, 0.0).eval({x: [1.0, 2.0, 4.0]}))
    13.0
    """
    return _get_last_states(build_loop("foldr", step, sequences, init, non_sequences, reverse=True))


def _get_last_states(loop: LoopResults) -> Any:
    return loop.last if loop.returns_list else loop.last[0]
