"""The examples of the guide to data sources run and print the documented output."""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("interpret_functions")

GUIDE = Path(__file__).parents[2] / "src" / "pellucid" / "guides" / "data_sources.md"
PREAMBLE, *EXAMPLES = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL)
PEERS = re.compile(r"^(?:import|from) (pandas|polars|torch|tensorflow|datasets)\b", re.MULTILINE)


def run_example(example: str) -> None:
    names: dict[str, object] = {}
    printed = io.StringIO()
    with redirect_stdout(printed):
        for code in (PREAMBLE, example):
            exec(compile(code, str(GUIDE), "exec"), names)
    promised = re.findall(r"^print\(.*\)  # (.+)$", example, flags=re.MULTILINE)
    assert len(promised) == 1
    assert printed.getvalue().splitlines() == promised


@pytest.mark.sample(2)
@pytest.mark.parametrize("example", [each for each in EXAMPLES if not PEERS.search(each)])
def test_examples_of_core_packages(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # one example writes a file
    run_example(example)


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # while TensorFlow is imported
@pytest.mark.filterwarnings("ignore:.*np.object:FutureWarning")
@pytest.mark.parametrize("example", [each for each in EXAMPLES if PEERS.search(each)])
def test_examples_of_other_libraries(example: str) -> None:
    for name in PEERS.findall(example):
        pytest.importorskip(name)
    run_example(example)


def test_every_kind_has_an_example() -> None:
    libraries = {name for example in EXAMPLES for name in PEERS.findall(example)}
    assert libraries == {"pandas", "polars", "torch", "tensorflow", "datasets"}
    assert len([each for each in EXAMPLES if not PEERS.search(each)]) == 9
