"""The site of the course: chapters are executed, rendered by Sphinx, and written as notebooks."""

from pellucid.course.site.build import build_site as build_site
from pellucid.course.site.errors import CourseError as CourseError
