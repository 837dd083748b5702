"""The runner of experiments: parameters, run context, result and record.

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

and one name in ``registry.NAMES``. It imports heavy libraries (JAX, scikit-learn, matplotlib) inside functions.
Training on user data (``pellucid.experiments.user_data``) uses the same context, parameters, record and folder.
"""

from pellucid.experiments.runner.context import RunContext as RunContext
from pellucid.experiments.runner.errors import UsageError as UsageError
from pellucid.experiments.runner.experiment import Experiment as Experiment
from pellucid.experiments.runner.experiment import experiment as experiment
from pellucid.experiments.runner.experiment import run_experiment as run_experiment
from pellucid.experiments.runner.parameters import Range as Range
from pellucid.experiments.runner.record import Record as Record
from pellucid.experiments.runner.result import ExperimentResult as ExperimentResult
from pellucid.experiments.runner.result import Score as Score
from pellucid.experiments.runner.result import pluralize as pluralize
