"""The course: nine chapters, their networks, exercises and live figures, and the checker of answers."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid.course import figures, pictures
    from pellucid.course.checker import CheckResult, check_answer
    from pellucid.course.exercise import CodeExercise, Exercise
    from pellucid.course.exercises import check, find_exercise

__all__ = [
    "CheckResult",
    "CodeExercise",
    "Exercise",
    "check",
    "check_answer",
    "figures",
    "find_exercise",
    "pictures",
]

_MODULES = {
    "CheckResult": "checker",
    "CodeExercise": "exercise",
    "Exercise": "exercise",
    "check": "exercises",
    "check_answer": "checker",
    "find_exercise": "exercises",
}


def __getattr__(name: str) -> Any:
    """Import a name on first use: commands list the networks without the figures, which need NumPy and the graph."""
    if name in ("figures", "pictures"):
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
