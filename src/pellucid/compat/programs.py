"""Programs that an old script compiled, for ``pellucid legacy --explain``."""

from typing import NamedTuple

from pellucid.run.function import Function


class RecordedProgram(NamedTuple):
    """A compiled program, and how the script made it.

    Attributes
    ----------
    title : str
        The call that made it, such as ``theano.function``.
    function : Function
        The compiled function.
    """

    title: str
    function: Function


class ProgramRecorder:
    """List of the programs that a script compiles. It is empty unless it is enabled."""

    def __init__(self) -> None:
        self.enabled: bool = False
        self.programs: list[RecordedProgram] = []

    def add(self, title: str, function: Function) -> None:
        """Add a program if recording is enabled."""
        if self.enabled:
            self.programs.append(RecordedProgram(title, function))


RECORDER = ProgramRecorder()
"""The recorder of this process."""
