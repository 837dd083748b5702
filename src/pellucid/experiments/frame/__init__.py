"""The frame of every experiment: parameters, the run, the outcome, the record.

An experiment is one file::

    @experiment("moons", "A 2-3-2 network learns two moons", r"p = softmax(...)")
    def moons(run: Run, *, passes: Annotated[int, Range(1), "passes over the data"] = 20_000) -> Outcome:
        '''The idea in two sentences. They stand in the tour too.'''
        ...
        run.figure("boundary", "What it learnt", figure, reading="Two moons, and between them a line that ...")
        return Outcome(Score("held-out accuracy", accuracy), baseline=Score("larger class", 0.5), measures={...})

and one name in ``registry.NAMES``. It imports what is heavy (JAX, scikit-learn, matplotlib) inside functions.
"""

from pellucid.experiments.frame.definition import Experiment as Experiment
from pellucid.experiments.frame.definition import experiment as experiment
from pellucid.experiments.frame.definition import perform as perform
from pellucid.experiments.frame.errors import UsageError as UsageError
from pellucid.experiments.frame.folder import new_folder as new_folder
from pellucid.experiments.frame.outcome import Outcome as Outcome
from pellucid.experiments.frame.outcome import Score as Score
from pellucid.experiments.frame.parameters import Range as Range
from pellucid.experiments.frame.record import Record as Record
from pellucid.experiments.frame.running import Run as Run
