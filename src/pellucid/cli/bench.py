"""``pellucid bench``: speed of a network on this machine, and that of the same network in other frameworks."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pellucid.cli.output import Option
from pellucid.errors import near_miss
from pellucid.progress import create_progress_display
from pellucid.tracking.errors import UsageError
from pellucid.tracking.record import to_json
from pellucid.tracking.run_folder import MODEL

if TYPE_CHECKING:
    from pellucid.model.model import Model


def bench(
    network: str,
    /,
    *,
    batch_sizes: Annotated[tuple[int, ...] | None, Parameter(consume_multiple=True, negative="")] = None,
    seconds: Annotated[float, Option] = 10.0,
    peers: Annotated[bool, Option] = False,
    json: Annotated[bool, Option] = False,
) -> int:
    """Measure how fast a network trains and predicts on this machine, and how large a batch may be.

    For example:

        pellucid bench runs/7
        pellucid bench mnist                       the default network for data
        pellucid bench flats.csv --batch-sizes 32 1024
        pellucid bench model.pel --peers --json    compare with other frameworks

    Time to the first step is measured in two new processes: one compiles, the
    other one reads the compilation cache that the first one filled. Then
    batches of all sizes are trained and predicted in turn. A training step is
    one of many in a call, as in a training; a prediction is a call from NumPy
    to NumPy. Times are medians ± half the distance of the quartiles, and wait
    for the results. Batches are random.

    With --peers, PyTorch, Keras, TensorFlow and ONNX Runtime compute the same
    network with the same weights, if they are installed. Their outputs are
    compared first. pellucid time measures each layer.

    Parameters
    ----------
    network
        Folder of a run, .pel or .keras file, .toml file of a network or an experiment, data, or a built-in data set.
    batch_sizes
        Samples per batch (default 1 8 32 128 512).
    seconds
        Time for the measurements, without compilation (default 10). Batch sizes that take too long are left out.
    peers
        Measure the same network in other frameworks too, in the same time again.
    json
        Print the measurements as JSON; times are in seconds.
    """
    if batch_sizes is not None and (not batch_sizes or min(batch_sizes) < 1):
        raise UsageError(f"--batch-sizes: expected numbers of 1 or more; received {' '.join(map(str, batch_sizes))}")
    if not 0 < seconds < float("inf"):
        raise UsageError(f"--seconds: expected a number above 0; received {seconds:g}")
    model = load_network(network)
    from pellucid.inspect.cross_framework.peer_speed import MAKERS, compare_speed
    from pellucid.inspect.model_benchmark import BATCH_SIZES, benchmark_model

    sizes = sorted(set(batch_sizes or BATCH_SIZES))
    with create_progress_display() as display:
        task = display.add_task("compiling and measuring", len(sizes) + 3 + (len(MAKERS) + 1 if peers else 0))

        def advance(part: str) -> None:
            display.advance(task, 1)

        found = benchmark_model(model, sizes, seconds, advance=advance)
        if peers:
            found = replace(found, peers=compare_speed(model, seconds, advance))
    print(to_json(found.to_json()) if json else found)
    return 0


def load_network(network: str) -> "Model":
    """Load the network of a run or file, or build the default network for data."""
    from pellucid.train.evaluate.saved_models import MODEL_SUFFIXES, as_model, load_saved_model
    from pellucid.train.prepare.prepared_run import prepare
    from pellucid.train.read.loaders import get_built_in_names
    from pellucid.train.settings.settings import Settings

    path, built_in = Path(network), get_built_in_names()
    if network in built_in:
        return as_model(prepare(Settings(network)).make_final_model())
    if not path.exists():
        siblings = [str(path.parent / other.name) for other in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = near_miss(network, [*built_in, *siblings])
        raise UsageError(f"{network}: no such file or folder.{hint}".removesuffix("."))
    if (path / MODEL).is_file() or path.suffix.lower() in (*MODEL_SUFFIXES, ".toml"):
        return load_saved_model(path).model
    return as_model(prepare(Settings(network)).make_final_model())
