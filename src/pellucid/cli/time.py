"""``pellucid time``: time of each layer of a network and of the whole training step."""

from pathlib import Path
from typing import Annotated

from pellucid.cli.output import Option
from pellucid.progress import create_progress_display
from pellucid.tracking.errors import UsageError
from pellucid.tracking.record import to_json


def time(
    network: Path,
    /,
    *,
    batch_size: Annotated[int, Option] = 32,
    iterations: Annotated[int, Option] = 50,
    json: Annotated[bool, Option] = False,
) -> int:
    """Measure the forward and backward time of each layer, and of the whole training step.

    For example:

        pellucid time runs/7
        pellucid time model.pel --batch-size 128
        pellucid time network.toml --iterations 10 --json

    The batch is random. Every part runs once before it is measured. Each layer
    is measured as a separate program, and so is the whole network. XLA fuses
    layers, so the layers added up take another time than the whole; both are
    printed. A second table has the operations and bytes of each layer and of the
    step, and the shares of this machine's peaks that they reach. The last lines
    name the backends of the layers and of the step: XLA, C kernels or C loops.

    Parameters
    ----------
    network
        Folder of a run, .pel or .keras file, or .toml file of a network or an experiment.
    batch_size
        Samples per batch (default 32).
    iterations
        Number of measurements (default 50).
    json
        Print the times in seconds as JSON.
    """
    for name, value in (("--batch-size", batch_size), ("--iterations", iterations)):
        if value < 1:
            raise UsageError(f"{name}: expected 1 or more; received {value}")
    from pellucid.inspect.layer_timing import time_model
    from pellucid.train.evaluate.saved_models import load_saved_model

    model = load_saved_model(network).model
    with create_progress_display() as display:
        task = display.add_task("compiling and measuring", len(model.functional_graph.nodes) + 2)
        times = time_model(model, batch_size, iterations, advance=lambda part: display.advance(task, 1))
    print(to_json(times.to_json()) if json else times)
    return 0
