"""The course: nine chapters, their exercises, live figures, and the checker of answers."""

from pellucid.course import figures as figures
from pellucid.course import pictures as pictures
from pellucid.course.checker import CheckResult as CheckResult
from pellucid.course.checker import check_answer as check_answer
from pellucid.course.exercise import CodeExercise as CodeExercise
from pellucid.course.exercise import Exercise as Exercise
from pellucid.course.exercises import check as check
from pellucid.course.exercises import find_exercise as find_exercise
