r"""Loops with a name of their own, each a `scan`: map, reduce, and folds from either end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.graph.op import public
from pellucid.graph.ops.scan import Loop, write_loop


@public
def map_(function: Callable[..., Any], sequences: Any, non_sequences: Any = ()) -> Any:
    r"""Apply a function to every element of sequences, :math:`y_t = f(x_t)`.

    Parameters
    ----------
    function : function
        ``function(*x_t, *non_sequences)`` gets one element of each and returns one expression, or several.
    sequences : Expr, Taps or sequence of these
        Walked along their first axis.
    non_sequences : Expr or sequence of Expr
        What every call gets alike, after the elements.

    Returns
    -------
    Expr or list of Expr
        The values, stacked along a new first axis.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.matrix("x")
    >>> f = pel.function([x], pel.map(lambda row: row / row.sum(), x))
    >>> f([[1.0, 3.0], [2.0, 2.0]])
    array([[0.25, 0.75], [0.5 , 0.5 ]], dtype=float32)
    """
    loop = write_loop("map", function, sequences, (), non_sequences)
    return loop.stacked if loop.several else loop.stacked[0]


@public
def reduce(
    step: Callable[..., Any], sequences: Any, init: Any, non_sequences: Any = (), *, reverse: bool = False
) -> Any:
    r"""Run a step along sequences and return the last states, :math:`h_T` with :math:`h_t = f(x_t, h_{t-1})`.

    Parameters
    ----------
    step : function
        ``step(*x_t, *h, *non_sequences)`` returns the new states, as for `scan`.
    sequences : Expr, Taps or sequence of these
        Walked along their first axis.
    init : Expr, number, Taps or sequence of these
        The first states, which are the result where the sequences are empty.
    non_sequences : Expr or sequence of Expr
        What every step gets alike, after the rest.
    reverse : bool
        Whether to go from the end to the beginning.

    Returns
    -------
    Expr or list of Expr
        The last states; what the steps were is not kept.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> f = pel.function([x], pel.reduce(lambda x_t, s: 2 * s + x_t, x, 0.0))
    >>> float(f([1.0, 0.0, 1.0]))
    5.0
    """
    return last_states(write_loop("reduce", step, sequences, init, non_sequences, reverse=reverse))


@public
def foldl(step: Callable[..., Any], sequences: Any, init: Any, non_sequences: Any = ()) -> Any:
    r"""Fold sequences from the beginning, :math:`f(x_n, \ldots f(x_2, f(x_1, h)))`; see `reduce`.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> float(pel.foldl(lambda x_t, s: x_t - s, x, 0.0).eval({x: [1.0, 2.0, 4.0]}))
    3.0
    """
    return last_states(write_loop("foldl", step, sequences, init, non_sequences))


@public
def foldr(step: Callable[..., Any], sequences: Any, init: Any, non_sequences: Any = ()) -> Any:
    r"""Fold sequences from the end, :math:`f(x_1, f(x_2, \ldots f(x_n, h)))`; see `reduce`.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> float(pel.foldr(lambda x_t, s: x_t - 2 * s, x, 0.0).eval({x: [1.0, 2.0, 4.0]}))
    13.0
    """
    return last_states(write_loop("foldr", step, sequences, init, non_sequences, reverse=True))


def last_states(loop: Loop) -> Any:
    """Return the last states of a loop as the step returned them, one or several."""
    return loop.last if loop.several else loop.last[0]
