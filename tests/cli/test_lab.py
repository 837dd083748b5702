"""``pellucid lab``."""

import json
from pathlib import Path

import pytest

from pellucid.cli import main
from pellucid.live.lab import lab_figure
from pellucid.run.wasm import module
from pellucid.run.wasm.errors import MissingCompilerError

pytestmark = pytest.mark.filterwarnings("default::pellucid.data.DataWarning")

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a table, and pages with a single network, which is compiled in slow tests only."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PELLUCID_DEBUG", raising=False)
    monkeypatch.setattr(lab_figure, "LAYERS", (1,))
    monkeypatch.setattr(lab_figure, "ACTIVATIONS", ("tanh",))
    monkeypatch.setattr(lab_figure, "DEFAULT", {"layers": 1, "activation": "tanh"})
    if request.node.get_closest_marker("slow") is None:
        monkeypatch.setattr(module, "compile_module", lambda *args, **options: b"\0asm")
    rows = [f"{i % 7},{'oops' if i == 20 else i % 5},{i % 3},{'ab'[i % 2]}" for i in range(40)]
    Path("table.csv").write_text("\n".join(["left,right,rest,label", *rows]) + "\n", "utf-8")
    return tmp_path


def test_a_page_is_written(capsys: Output) -> None:
    assert main(["lab", "table.csv", "--features", "left", "right"]) == 0
    output, warned = capsys.readouterr()
    page = Path("lab.html").resolve()
    assert output.splitlines() == [
        "The network predicts label, one of 2 classes, from 40 rows of table.csv.",
        "The network sees left and right. One other column is not used.",
        "Missing numbers are replaced by the median of their column: 1 in right.",
        "table.csv: treated 1 cell as missing: line 22, column 'right': expected a number, received 'oops'.",
        f"The page: {page.as_uri()} ({page.stat().st_size / 1e6:.1f} MB)",
    ]
    assert "warning: table.csv: treated 1 cell as missing" in warned
    assert "<title>table.csv: label</title>" in page.read_text("utf-8")


@pytest.mark.slow
def test_the_network_of_a_page_is_compiled() -> None:
    assert main(["lab", "table.csv", "--features", "left", "right", "--out", "compiled.html"]) == 0
    assert Path("compiled.html").stat().st_size > 200_000


def test_json_and_options(capsys: Output) -> None:
    words = ["--target", "left", "--task", "regression", "--steps", "50", "--title", "Left & right"]
    assert main(["lab", "table.csv", *words, "--out", "other.html", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["page"] == "other.html"
    assert found["bytes"] == Path("other.html").stat().st_size
    assert (found["rows"], found["features"], found["target"]) == (40, ["component 1", "component 2"], "left")
    assert found["classes"] == []
    assert "principal components of the 4 standardized columns" in found["notes"][1]
    page = Path("other.html").read_text("utf-8")
    assert "<title>Left &amp; right</title>" in page
    assert '"steps":50' in page


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ([], 2, "lab: expected data: a table, such as a .csv file, an .npz file, or a built-in"),
        (["table.csv", "--out", "page.pdf"], 2, "out: expected a file that ends in .html; received 'page.pdf'"),
        (["table.csv", "--steps", "0"], 2, "steps: expected 1 or more; received 0"),
        (["tabel.csv"], 1, "tabel.csv: no such file"),
        (["moon"], 2, "moon: no such file or folder. Did you mean 'moons'?"),
        (["table.csv", "--target", "lable"], 1, "no column 'lable'. Did you mean 'label'?"),
        (["table.csv", "--features", "left", "rihgt"], 1, "no feature 'rihgt'. Did you mean 'right'?"),
        (["table.csv", "--strict"], 1, "table.csv, line 22, column 'right': expected a number, received 'oops'"),
    ],
)
def test_messages(words: list[str], status: int, message: str, capsys: Output) -> None:
    assert main(["lab", *words]) == status
    assert message in capsys.readouterr().err
    assert not list(Path().glob("*.html"))


def test_a_missing_compiler_is_told(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    def fail(*args: object, **options: object) -> bytes:
        raise MissingCompilerError("There is no compiler", "Install one: pip install 'pellucid[web]'")

    monkeypatch.setattr(module, "compile_module", fail)
    monkeypatch.setenv("PELLUCID_CACHE", str(Path("cache").resolve()))
    assert main(["lab", "moons"]) == 1
    assert capsys.readouterr().err.strip().endswith("There is no compiler. Install one: pip install 'pellucid[web]'")
