"""What can go wrong while an expression is written, differentiated or rewritten, and how it is worded."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.errors import NoSuchNameError, OptionError, PellucidError, near_miss

__all__ = [
    "DisconnectedError",
    "DtypeError",
    "GradientError",
    "InputError",
    "LinAlgError",
    "NoSuchNameError",
    "NonFiniteError",
    "OptionError",
    "PellucidError",
    "PrecisionWarning",
    "RewriteError",
    "ShapeError",
    "StateError",
    "StorageError",
    "UseError",
    "WrongGradientError",
    "WrongOpError",
    "brief",
    "near_miss",
    "tell_near_misses",
]

LONGEST = 60
"""How many characters of an expression stand in a message."""


def brief(e: Any) -> str:
    """Write an expression for a message: its name, or the beginning of its formula.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> brief(pel.tanh(x)), brief(sum([x**i for i in range(9)]))
    ('tanh(x)', '0 + x ** 0 + x ** 1 + x ** 2 + x ** 3 + x ** 4 + x ** 5 + x…')
    """
    from pellucid.graph.printing import text

    written = text(e, limit=LONGEST)
    return written if len(written) <= LONGEST else written[: LONGEST - 1] + "…"


class UseError(PellucidError, TypeError):
    """A use that an expression has no answer to, or arguments that a function does not take."""


class ShapeError(PellucidError, ValueError):
    """Shapes that do not fit together, found on the line where the expression is written."""


class DtypeError(PellucidError, TypeError):
    """Dtypes that do not fit together, or a value that a dtype cannot hold."""


class GradientError(PellucidError, ValueError):
    """A gradient that does not exist: of a non-scalar, with respect to an integer, or through nothing."""


class DisconnectedError(GradientError):
    """A gradient with respect to something that the cost does not depend on."""


class LinAlgError(PellucidError, np.linalg.LinAlgError):
    """A matrix that is singular or not positive definite, where the interpreter needs one that is not."""


class WrongGradientError(GradientError):
    """A gradient that finite differences contradict."""


class WrongOpError(PellucidError):
    """An op that means one thing in NumPy and another in XLA, or breaks its own rule."""


class InputError(PellucidError, ValueError):
    """A function that lacks an input, has one too many, or was called with the wrong ones."""


class RewriteError(PellucidError, RuntimeError):
    """A set of rewrite rules that does not settle, or a rule that changes a shape or dtype."""


class NonFiniteError(PellucidError, ArithmeticError):
    """A nan or an infinity that a program made, or was given."""


class StateError(PellucidError, RuntimeError):
    """Shared variables whose values are gone, because a run failed that was writing over them."""


class DistributionError(PellucidError, RuntimeError):
    """Devices or processes that were to compute together and do not: one is lost, or they were given what differs."""


class StorageError(PellucidError, ValueError):
    """A graph that cannot be written as data, or data or a file that is no graph, damaged, or from somewhere else."""


class PrecisionWarning(UserWarning):
    """A value was rounded to fit the dtype of the input it was given to."""


def tell_near_misses(module: dict[str, Any], known_as: str, instead: str = "") -> None:
    """Have a module tell of a misspelt name the nearest one that it defines.

    It gets its ``__getattr__`` here, where no type checker sees it, for that would take any name for a right one.

    Parameters
    ----------
    module : dict from str to object
        Its ``globals()``.
    known_as : str
        What users call it.
    instead : str
        What to do, where no name is near.
    """

    def missing(name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        own = [n for n, v in module.items() if str(getattr(v, "__module__", "")).startswith(module["__name__"])]
        hint = near_miss(name, [n for n in own if not n.startswith("_")])
        raise NoSuchNameError(f"{known_as} has no {name!r}.{hint or instead}")

    module["__getattr__"] = missing


for _kind in (*PellucidError.__subclasses__(), *GradientError.__subclasses__(), PrecisionWarning):
    _kind.__module__ = "pellucid"  # where users find it, and what a traceback says
