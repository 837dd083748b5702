"""Check a learner's formula against the true one, and name what is wrong."""

from pellucid.course.checker.check import CheckResult as CheckResult
from pellucid.course.checker.check import check_answer as check_answer
