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

from pellucid.experiments.runner.context import Run as Run
from pellucid.experiments.runner.errors import UsageError as UsageError
from pellucid.experiments.runner.experiment import Experiment as Experiment
from pellucid.experiments.runner.experiment import experiment as experiment
from pellucid.experiments.runner.experiment import perform as perform
from pellucid.experiments.runner.parameters import Range as Range
from pellucid.experiments.runner.record import Record as Record
from pellucid.experiments.runner.result import Outcome as Outcome
from pellucid.experiments.runner.result import Score as Score
from pellucid.experiments.runner.run_folder import new_folder as new_folder
