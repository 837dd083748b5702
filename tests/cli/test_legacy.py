"""``pellucid legacy``."""

import io
import json
import sys
from pathlib import Path

import pytest

from pellucid.cli import main
from tests.compat.old_programs import THEANO_MOONS

pytest.importorskip("fissix")

Output = pytest.CaptureFixture[str]

SMALL = """\
import sys
import theano
import theano.tensor as T
x = T.matrix("x")
w = theano.shared(2.0, name="w")
cost = T.sum(T.dot(x, x) * w)
def train():
    return theano.function([x], cost, updates=[(w, w - T.grad(cost, w))])
for i in range(3):
    f = train()
print f([[1]]), 7 / 2, sys.argv[1:]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PELLUCID_DEBUG", raising=False)
    Path("small.py").write_text(SMALL)


def test_a_script_runs_and_its_old_calls_are_listed(capsys: Output) -> None:
    assert main(["legacy", "small.py", "--rate", "0.1", "-v", "-n5"]) == 0
    output, errors = capsys.readouterr()
    assert output == "2.0 3 ['--rate', '0.1', '-v', '-n5']\n"
    assert errors.splitlines() == [
        "small.py:4: theano.tensor.matrix(name) is pel.matrix(name) today",
        "small.py:5: theano.shared(value, name) is pel.shared(value, name=name) today",
        "small.py:6: theano.tensor.sum(x) is pel.sum(x) today",
        "small.py:6: theano.tensor.dot(x, y) is x @ y today",
        "small.py:8: theano.function(inputs, outputs, updates) is pel.function(inputs, outputs, updates=updates) today",
        "small.py:8: theano.tensor.grad(cost, wrt) is pel.grad(cost, wrt) today",
    ]


def test_options_and_arguments(capsys: Output) -> None:
    assert main(["legacy", "--quiet", "small.py", "a", "--", "--quiet", "--debug", "--help"]) == 0
    assert capsys.readouterr() == ("2.0 3 ['a', '--quiet', '--debug', '--help']\n", "")
    assert main(["legacy", "--help"]) == 0
    assert "The command runs the script, as python does" in capsys.readouterr().out


def test_standard_input(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"print 7 / 2\nx")))
    assert main(["legacy", "-"]) == 1
    output, errors = capsys.readouterr()
    assert output == "3\n"
    assert "  <stdin>:2: x\nerror: NameError: name 'x' is not defined" in errors


def test_explain_writes_each_program_once(capsys: Output) -> None:
    assert main(["legacy", "small.py", "--explain", "--quiet", "--out", "page"]) == 0
    output, errors = capsys.readouterr()
    assert output.splitlines()[1:] == [
        "theano.function: function of (x: float64 (?, ?)) in mode 'auto'",
        "  returns ((x @ x) * w).sum()",
        "  w ← w - (x @ x).sum()",
        "In page: formulas.html",
    ]
    page = Path("page/formulas.html").read_text("utf-8")
    assert page.count("<h2>") == 1
    assert "<math" in page
    assert errors == ""
    Path("none.py").write_text("print(1)")
    assert main(["legacy", "none.py", "--explain"]) == 0
    assert capsys.readouterr().out == "1\nThe script compiled no programs.\n"


def test_json_is_the_only_standard_output(capsys: Output) -> None:
    Path("wrong.py").write_text(SMALL + "raise ValueError, 'no'\n")
    assert main(["legacy", "wrong.py", "--json"]) == 1
    output, errors = capsys.readouterr()
    report = json.loads(output)
    assert (report["script"], report["python"], report["exit"]) == ("wrong.py", 2, 1)
    assert report["error"].endswith("error: ValueError: no")
    assert report["old_calls"][3]["message"] == "theano.tensor.dot(x, y) is x @ y today"
    assert [place["line"] for place in report["old_calls"][3]["places"]] == [6]
    assert [program["made_by"] for program in report["programs"]] == ["theano.function"]
    assert report["programs"][0]["formulas"] == ["returns ((x @ x) * w).sum()", "w ← w - (x @ x).sum()"]
    assert report["files"] == []
    assert errors.startswith("2.0 3 []\n")


def test_figures_are_saved(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.compat.removed_names.has_display", lambda: False)
    Path("plot.py").write_text("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\n")
    assert main(["legacy", "plot.py", "--out", "figures"]) == 0
    assert capsys.readouterr().out == "In figures: figure-1.png\n"
    assert Path("figures/figure-1.png").stat().st_size > 100
    assert main(["legacy", "plot.py"]) == 0
    assert capsys.readouterr().err == "figure 1 not shown: no display; --out saves it\n"


def test_translation(capsys: Output) -> None:
    Path("moons.py").write_text(THEANO_MOONS + "T.nothing(x)\n", "utf-8")
    assert main(["legacy", "moons.py", "--translate", "--out", "new.py"]) == 0
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.splitlines() == [
        "moons.py:38: not translated: theano.tensor.nothing",
        "21 old names translated, 1 not",
    ]
    assert "# not translated: theano.tensor.nothing\nT.nothing(x)\n" in Path("new.py").read_text("utf-8")
    assert main(["legacy", "moons.py", "--translate", "--quiet"]) == 0
    assert capsys.readouterr() == (Path("new.py").read_text("utf-8"), "")
    assert main(["legacy", "small.py", "--translate", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["translated"], report["not_translated"]) == (7, [])
    assert "import pellucid as pel" in report["text"]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ([], 2, "legacy: expected a script, such as pellucid legacy mlp.py"),
        (["none.py"], 1, "none.py: No such file or directory"),
        (["small.py", "a", "--translate"], 2, "--translate: expected no arguments of the script and no --explain"),
        (["small.py", "--translate", "--out", "small.py"], 2, "--out: expected a new file; small.py exists"),
        (["small.py", "--python", "3"], 1, "small.py:11: Missing parentheses in call to 'print'"),
        (["small.py", "--python", "4"], 2, "Invalid value"),
    ],
)
def test_wrong_use(words: list[str], status: int, message: str, capsys: Output) -> None:
    assert main(["legacy", *words]) == status
    assert message in capsys.readouterr().err


def test_ctrl_c_and_exit_status(capsys: Output) -> None:
    Path("stop.py").write_text("raise KeyboardInterrupt")
    assert main(["legacy", "stop.py"]) == 130
    Path("exit.py").write_text("import sys; sys.exit(7)")
    assert main(["legacy", "exit.py"]) == 7


def test_indentation_that_was_lost_names_its_line(capsys: Output) -> None:
    Path("flat.py").write_text("print 1\nfor i in range(3):\nprint i\n")
    assert main(["legacy", "flat.py"]) == 1
    assert "flat.py:3: line 2 ends in a colon, so this line must be indented." in capsys.readouterr().err
