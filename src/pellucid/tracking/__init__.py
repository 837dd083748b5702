"""Tracking of runs: parameters, run context, result, record, run folder; tables of saved runs and their difference.

An experiment is one module::

    @experiment("moons", "A 2-3-2 network learns two moons", r"p = softmax(...)")
    def moons(
        run: RunContext, *, passes: Annotated[int, Range(1), "passes over the data"] = 20_000
    ) -> ExperimentResult:
        '''The idea in two sentences, which the page of ``pellucid tour`` shows too.'''
        ...
        run.save_figure("boundary", "Decision boundary", figure, reading="Two moons, and between them a curve ...")
        return ExperimentResult(
            Score("held-out accuracy", accuracy), baseline=Score("majority class", 0.5), measures={...}
        )

and one name in ``course/networks/registry.py``. It imports heavy libraries (JAX, scikit-learn, matplotlib) inside
functions.
Training on user data (``pellucid.train``) uses the same context, parameters, record and folder.
"""

from pellucid.tracking.context import RunContext as RunContext
from pellucid.tracking.errors import UsageError as UsageError
from pellucid.tracking.experiment import Experiment as Experiment
from pellucid.tracking.experiment import experiment as experiment
from pellucid.tracking.experiment import run_experiment as run_experiment
from pellucid.tracking.parameters import Range as Range
from pellucid.tracking.record import Record as Record
from pellucid.tracking.result import ExperimentResult as ExperimentResult
from pellucid.tracking.result import Score as Score
from pellucid.tracking.result import pluralize as pluralize
