"""Runs that several tests of commands read."""

import inspect
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pellucid.cli import main
from pellucid.run import function
from pellucid.run.native.program import AutoProgram
from pellucid.tracking import RunContext
from pellucid.train.prepare.prepared_run import PreparedRun, prepare
from pellucid.train.settings.settings import Settings
from pellucid.train.training_run import save_network, save_settings
from pellucid.training.callbacks.history import History


@pytest.fixture(scope="module", autouse=True)
def _runs_are_quick(compile_once: None, blank_pictures: None) -> None:
    """Runs load compiled programs, and draw nothing, except where a module replaces that fixture."""


@pytest.fixture(autouse=True)
def _signals_are_restored() -> Iterator[None]:
    """Restore the handlers of signals: those of an interrupted training live as long as its exception."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


QUICK = ["--learning-rate", "0.05", "--quiet"]


def write_flats(path: Path, count: int = 80) -> None:
    """Write a table of flats whose price is linear in rooms and age, and higher in town."""
    rng = np.random.default_rng(0)
    rooms, age = rng.integers(1, 7, count), rng.integers(0, 90, count)
    place = rng.choice(["land", "sea", "town"], count)
    price = 50 + 30 * rooms - 0.5 * age + 20 * (place == "town")
    rows = [f"{r},{p},{a},{y:g}" for r, p, a, y in zip(rooms, place, age, price, strict=True)]
    path.write_text("\n".join(["rooms,place,age,price", *rows]) + "\n")


def write_squares(folder: Path, count: int = 12) -> None:
    """Write dark images with a bright square in the upper left or the lower right corner."""
    rng = np.random.default_rng(1)
    for name, corner in (("lower", slice(7, 12)), ("upper", slice(1, 6))):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 40, (13, 13, 3), "uint8")
            pixels[corner, corner] += 180
            Image.fromarray(pixels).save(folder / name / f"{number}.png")


def save_untrained(settings: Settings, folder: Path) -> PreparedRun:
    """Save a network that is not trained, with its settings, as a run; return what would be trained."""
    folder.mkdir(exist_ok=True)
    prepared = prepare(settings)
    save_settings(RunContext(folder), prepared, ())
    save_network(prepared, folder, History())
    return prepared


def stop_before_training(monkeypatch: pytest.MonkeyPatch) -> list[PreparedRun]:
    """Press Ctrl-C where training begins; return a list that receives what would be trained."""
    found: list[PreparedRun] = []

    def stop(prepared: PreparedRun, *given: Any) -> None:
        found.append(prepared)
        raise KeyboardInterrupt

    monkeypatch.setattr("pellucid.train.training_run.fit_model", stop)
    return found


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, program_cache: Path) -> Path:
    """A folder with data and three runs, with pictures: two linear networks of a table, and one of images."""
    from matplotlib.figure import Figure

    place = tmp_path_factory.mktemp("trained")
    write_flats(place / "flats.csv")
    write_squares(place / "squares")
    table = ["train", "flats.csv", "--model", "linear", *QUICK]
    with pytest.MonkeyPatch.context() as here:
        here.chdir(place)
        here.setitem(function.MODES, "auto", AutoProgram)  # also if the first test that asks is interpreted
        here.setenv("PELLUCID_CACHE", str(program_cache))
        here.setattr(Figure, "savefig", inspect.unwrap(Figure.savefig))
        assert main([*table, "--epochs", "6", "--out", "runs/1"]) == 0
        assert main([*table, "--epochs", "4", "--seed", "1", "--out", "runs/2"]) == 0
        squares = ["train", "squares", "--size", "13", "--model", "linear", "--epochs", "8", "--out", "runs/10"]
        assert main([*squares, *QUICK]) == 0
    return place


@pytest.fixture(scope="module")
def start(trained: Path) -> Iterator[Callable[[str], Any]]:
    """A function that returns the server of a run or model file, the same one on every call."""
    from tests.cli.running_server import run_server

    with ExitStack() as stack:
        running: dict[str, Any] = {}

        def start(name: str) -> Any:
            if name not in running:
                running[name] = stack.enter_context(run_server(trained / name))
            return running[name]

        yield start


@pytest.fixture(scope="session")
def arrays(trained: Path) -> str:
    """A run on arrays."""
    x = np.random.default_rng(0).normal(size=(60, 2))
    with pytest.MonkeyPatch.context() as here:
        here.chdir(trained)
        here.setitem(function.MODES, "auto", AutoProgram)
        np.savez("line.npz", x=x, y=100 + 10 * x[:, 0])
        np.savez("asked.npz", x=x[:3])
        assert main(["train", "line.npz", "--model", "linear", "--epochs", "4", "--quiet", "--out", "on-arrays"]) == 0
    return "on-arrays"


@pytest.fixture(scope="session")
def model_file(trained: Path) -> str:
    """A model file with two inputs and two outputs."""
    import pellucid as pel
    from pellucid import nn

    nn.set_random_seed(0)
    a, b = nn.Input((2,), name="a"), nn.Input((3,), name="b")
    left, right = nn.Dense(1, name="left")(a), nn.Dense(2, name="right")(nn.Concatenate()([a, b]))
    pel.Model([a, b], [left, right]).save(trained / "two.pel")
    return "two.pel"
