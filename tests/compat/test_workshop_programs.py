"""The workshop's seven programs run unchanged: their first steps here, all of them in `make slow`."""

import re
import struct
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pellucid as pel
from pellucid.cli import main
from pellucid.compat import removed_names
from pellucid.compat.script import FIGURES, ScriptRun
from pellucid.compat.tensorflow.input_data import NAMES
from tests.compat import workshop_programs as programs

pytest.importorskip("fissix")
needs_lasagne = pytest.mark.skipif(find_spec("lasagne") is None, reason="needs Lasagne")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(removed_names, "has_display", lambda: False)
    FIGURES.start(None)
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Function that runs a program with some of its text replaced, and returns the lines that it prints."""

    def run_program(source: str, *arguments: str, changes: dict[str, str] | None = None) -> list[str]:
        for before, after in (changes or {}).items():
            assert before in source
            source = source.replace(before, after)
        Path("program.py").write_text(source)
        program = ScriptRun("program.py", arguments)
        program.start()
        assert program.error == ""
        return capsys.readouterr().out.splitlines()

    return run_program


def write_digits(counts: tuple[int, int]) -> None:
    """Write some of the digits as the IDX files that the workshop downloads."""
    Path("MNIST_data").mkdir()
    arrays = [part[:count] for pair, count in zip(pel.data.mnist(), counts, strict=True) for part in pair]
    for name, array in zip(NAMES, arrays, strict=True):
        sizes = (len(array), 28, 28) if "images" in name else array.shape
        header = struct.pack(f">I{len(sizes)}I", 0x800 + len(sizes), *sizes)
        Path("MNIST_data", name).write_bytes(header + array.astype("uint8").tobytes())


def read_numbers(lines: list[str], pattern: str) -> list[float]:
    return [float(found[1]) for line in lines if (found := re.search(pattern, line))]


def test_two_moons(run) -> None:  # type: ignore[no-untyped-def]
    lines = run(programs.MOONS, changes={"20000": "20", "0.01))": "0.5))"})
    assert lines == ["loss after step 0: 0.432387"]  # as on the page


@pytest.mark.slow
def test_two_moons_to_the_end(run) -> None:  # type: ignore[no-untyped-def]
    losses = read_numbers(run(programs.MOONS), r": (\S+)$")
    assert len(losses) == 20
    assert losses[-1] == pytest.approx(0.0708, abs=1e-3)


def test_theano_prints_the_number_of_the_page(run) -> None:  # type: ignore[no-untyped-def]
    assert run(programs.THEANO) == ["0.9"]


def test_softmax(run) -> None:  # type: ignore[no-untyped-def]
    write_digits((5200, 50))
    lines = run(programs.TENSORFLOW_SOFTMAX, changes={"1000": "20"})
    assert lines[0] == "Using the IDX files in MNIST_data/: 5200 training images and 50 test images"
    assert float(lines[1]) > 0.5


@pytest.mark.slow
@pytest.mark.usefixtures("compile_functions")
def test_softmax_to_the_end(run) -> None:  # type: ignore[no-untyped-def]
    lines = run(programs.TENSORFLOW_SOFTMAX)
    assert lines[0].endswith("the MNIST digits that pellucid has: 60000 training images and 10000 test images")
    assert float(lines[1]) > 0.89


@needs_lasagne
def test_lasagne(run) -> None:  # type: ignore[no-untyped-def]
    changes = {
        "(8, 3": "(2, 3",
        "arange(8": "arange(2",
        "net, 64": "net, 2",
        "net, 32": "net, 2",
        "128": "4",
        "(100)": "(3)",
    }
    lines = run(programs.LASAGNE_DATA + programs.LASAGNE, changes=changes)
    assert [line.partition(":")[0] for line in lines] == ["epoch 1", "epoch 2", "epoch 3", "class"]


@pytest.mark.slow
@pytest.mark.usefixtures("compile_functions")
@needs_lasagne
def test_lasagne_to_the_end(run) -> None:  # type: ignore[no-untyped-def]
    losses = read_numbers(run(programs.LASAGNE_DATA + programs.LASAGNE), r"loss (\S+)")
    assert len(losses) == 100
    assert losses[-1] < 0.5 * losses[0]


def draw_pets(count: int) -> None:
    rng = np.random.default_rng(0)
    for kind, level in (("cat", 60), ("dog", 180)):
        for number in range(count):
            pixels = np.clip(rng.normal(level, 30, (20, 24, 3)), 0, 255).astype("uint8")
            Image.fromarray(pixels).save(f"{kind}.{number}.jpg")


def test_a_folder_of_images(run) -> None:  # type: ignore[no-untyped-def]
    draw_pets(8)
    lines = run(programs.KERAS, "--dataset", ".", changes={"768": "8", "384": "4", "=50": "=3"})
    assert lines[-1].startswith("loss=0.")


@pytest.mark.slow
@pytest.mark.usefixtures("compile_functions")
def test_a_folder_of_images_to_the_end(run) -> None:  # type: ignore[no-untyped-def]
    draw_pets(400)
    assert read_numbers(run(programs.KERAS, "--dataset", ".")[-1:], r"accuracy: (\S+)%")[0] > 90


def test_an_adder(run) -> None:  # type: ignore[no-untyped-def]
    assert run(programs.ADDER, changes={"10000": "20"}) == [
        "error:[ 3.45638663]",  # one space for the sign, and 8 digits, as NumPy printed until 2017
        "found:[0 0 0 0 0 0 0 1]",
        "9 + 60 = 1",
    ]


@pytest.mark.slow
def test_an_adder_to_the_end(run) -> None:  # type: ignore[no-untyped-def]
    sums = [line.split() for line in run(programs.ADDER) if "+" in line]
    assert len(sums) == 10
    assert all(int(a) + int(b) == int(c) for a, _, b, _, c in sums[-3:])


def test_a_convolutional_network(run) -> None:  # type: ignore[no-untyped-def]
    write_digits((5020, 8))
    changes = {"200": "12", "(50)": "(8)", "32": "2", "64": "4", "1024": "16"}
    lines = run(programs.TENSORFLOW_CONVOLUTION, changes=changes)
    assert [line.partition(",")[0] for line in lines[1:3]] == ["step 0", "step 10"]
    assert read_numbers(lines[3:], r"test accuracy (\S+)")


@pytest.mark.slow
@pytest.mark.usefixtures("compile_functions")
def test_a_convolutional_network_to_the_end(run) -> None:  # type: ignore[no-untyped-def]
    assert read_numbers(run(programs.TENSORFLOW_CONVOLUTION), r"test accuracy (\S+)")[0] > 0.87


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (programs.MOONS.replace("20000", "20"), None),
        (programs.THEANO, None),
        (programs.TENSORFLOW_SOFTMAX, "line 12 has no translation: tensorflow.Session. pel.function([x], y) compiles"),
        (programs.LASAGNE, "it stops in line 19, for images, labels in training_data:: NameError: "),
        (programs.LASAGNE_DATA + programs.LASAGNE.replace("100)", "3)"), None),
        (programs.KERAS, "line 18 has no translation: imutils.paths.list_images. pel.data.image_folder reads"),
        (programs.ADDER.replace("10000", "20"), None),
        (programs.TENSORFLOW_CONVOLUTION, "line 32 has no translation: tensorflow.Session. pel.function([x], y)"),
    ],
    ids=["moons", "theano", "softmax", "lasagne", "lasagne with data", "keras", "adder", "convolution"],
)
def test_programs_are_translated_if_the_translation_runs(
    source: str, reason: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("old.py").write_text(source)
    assert main(["legacy", "old.py", "--translate", "--out", "new.py"]) == int(reason is not None)
    assert Path("new.py").exists() == (reason is None)
    assert f"not written: {reason}" in capsys.readouterr().err or reason is None
