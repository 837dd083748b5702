"""Names of the cases of a test: one test for many cases of one subject, whose failure says which case it is."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def name_case(name: object) -> Iterator[None]:
    """Add the name of a case to an error."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"Case: {name}")
        raise
