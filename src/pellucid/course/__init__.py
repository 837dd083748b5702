"""The course: nine chapters, their exercises, live figures, and the checker of answers."""

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
