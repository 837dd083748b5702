"""Errors of building, differentiating, rewriting and running expressions."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.errors import NoSuchNameError as NoSuchNameError
from pellucid.errors import OptionError as OptionError
from pellucid.errors import PellucidError as PellucidError
from pellucid.errors import brief as brief
from pellucid.errors import near_miss as near_miss
from pellucid.graph.foreign_names import FOREIGN_FUNCTIONS


class UseError(PellucidError, TypeError):
    """An operation that expressions do not support, or wrong arguments of a function."""


class ShapeError(PellucidError, ValueError):
    """Incompatible shapes, detected on the line that builds the expression."""


class DtypeError(PellucidError, TypeError):
    """Incompatible dtypes, or a value that a dtype cannot hold."""


class GradientError(PellucidError, ValueError):
    """A gradient that does not exist: of a non-scalar, or with respect to an integer."""


class DisconnectedError(GradientError):
    """A gradient with respect to an expression that the cost does not depend on."""


class LinAlgError(PellucidError, np.linalg.LinAlgError):
    """A singular or indefinite matrix in the NumPy interpreter."""


class WrongGradientError(GradientError):
    """A gradient that disagrees with finite differences."""


class WrongOpError(PellucidError):
    """An op that differs between NumPy and XLA, or violates its own shape or dtype rule."""


class InputError(PellucidError, ValueError):
    """A missing, superfluous or invalid input of a function."""


class RewriteError(PellucidError, RuntimeError):
    """Rewrite rules that do not reach a fixed point, or a rule that changes a shape or dtype."""


class NonFiniteError(PellucidError, ArithmeticError):
    """A NaN or infinity, computed by a program or among its inputs."""


class StateError(PellucidError, RuntimeError):
    """Shared variables whose values were lost, because a run that donates their buffers failed."""


class DistributionError(PellucidError, RuntimeError):
    """Devices or processes that cannot compute together: one is lost, or their arguments differ."""


class StorageError(PellucidError, ValueError):
    """A graph that cannot be serialized, or a file that is damaged or of another format."""


class StorageWarning(UserWarning):
    """A part of a file that was not read or written, such as an optimizer that the other program does not have."""


class PrecisionWarning(UserWarning):
    """A value was rounded to the dtype of the input that received it."""


class TrainingWarning(UserWarning):
    """Training continues but cannot succeed, because of a mistake in the network or its loss, or a loss that is NaN."""


def suggest_near_misses(module: dict[str, Any], known_as: str, instead: str = "") -> None:
    """Give a module a ``__getattr__`` that suggests the nearest name for a misspelled one.

    It is set at run time, because a type checker that sees it would accept every name. ``module`` is its ``globals()``,
    ``known_as`` its public name, and ``instead`` the hint if no name is similar.
    """

    def suggest(name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        prefix = module["__name__"]
        own = [n for n, v in module.items() if str(getattr(v, "__module__", "")).startswith(prefix)]
        hint = f" {FOREIGN_FUNCTIONS[name]}" if name in FOREIGN_FUNCTIONS else ""
        hint = hint or near_miss(name, module.get("__all__") or [n for n in own if not n.startswith("_")])
        raise NoSuchNameError(f"{known_as} has no {name!r}.{hint or instead}")

    module["__getattr__"] = suggest


for _kind in (
    *PellucidError.__subclasses__(),
    *GradientError.__subclasses__(),
    PrecisionWarning,
    StorageWarning,
    TrainingWarning,
):
    _kind.__module__ = "pellucid"  # the public name, which tracebacks print
