"""``pellucid legacy``."""

import io
import json
import sys
from pathlib import Path

import pytest

from pellucid.cli import main

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


def test_a_translation_is_written_after_it_ran_as_the_script(capsys: Output) -> None:
    Path("work").mkdir()
    Path("work/helper.py").write_text("number = 3\n")
    Path("count.txt").write_text("4")
    script = "print >>open('log.txt', 'a'), helper.number, open('count.txt').read(), sys.argv, __file__"
    Path("work/old.py").write_text(f"import sys, helper\n{script}\n")
    words = ["legacy", "work/old.py", "--translate", "--rate", "0.1", "--", "--out", "x"]
    assert main([*words[:3], "--out", "new.py", *words[3:]]) == 0
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.splitlines() == [
        "Running the translated program, for at most 600 seconds",
        "0 old names translated, 0 not",
    ]
    assert Path("log.txt").read_text() == "3 4 ['work/old.py', '--rate', '0.1', '--out', 'x'] work/old.py\n"
    assert "open('log.txt', 'a')" in Path("new.py").read_text("utf-8")
    assert main([*words[:3], "--quiet", "--time-limit", "60", *words[3:]]) == 0
    assert capsys.readouterr() == (Path("new.py").read_text("utf-8"), "")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("print 1\ndef f(x):\n  return x / 0\nf(2)", "it stops in line 3, return x / 0: ZeroDivisionError: division"),
        ("import sys\nif len(sys.argv) < 2: sys.exit('usage: a folder')", "it stops with usage: a folder"),
        ("import os\nos._exit(3)", "it stops with exit status 3"),
        ("import time\ntime.sleep(60)", "it did not end within 0.1 seconds; --time-limit sets how long it may run"),
        ("import no_such_module", "it stops in line 1, import no_such_module: ModuleNotFoundError: No module named"),
        (
            "raise ValueError('first\\nsecond')",
            "it stops in line 1, raise ValueError('first\\nsecond'): ValueError: first",
        ),
    ],
    ids=["error", "exit", "status", "time", "import", "message"],
)
def test_a_translation_that_does_not_run_is_not_written(source: str, reason: str, capsys: Output) -> None:
    Path("old.py").write_text(source)
    words = ["legacy", "old.py", "--translate", "--out", "new.py", "--time-limit", "0.1" if "time" in source else "60"]
    assert main(words) == 1
    output, errors = capsys.readouterr()
    assert output == ""
    assert f"\nerror: The translation of old.py is not written: {reason}" in errors
    assert not Path("new.py").exists()


def test_a_refused_translation_lists_the_replacements(capsys: Output) -> None:
    Path("old.py").write_text("import tensorflow as tf\nx = tf.constant(2.0)\nsess = tf.Session()\n")
    assert main(["legacy", "old.py", "--translate"]) == 1
    output, errors = capsys.readouterr()
    advice = "pel.function([x], y) compiles a formula, and calling it runs it"
    assert output == ""
    assert errors.splitlines()[1] == "old.py:2: tensorflow.constant(value) is pel.constant(value) today"
    assert errors.splitlines()[2].startswith(f"old.py:3: tensorflow.Session: {advice}")
    assert errors.splitlines()[3].startswith(
        f"error: The translation of old.py is not written: line 3 has no translation: tensorflow.Session. {advice}"
    )


def test_what_a_run_does_not_reach_may_stay(capsys: Output) -> None:
    Path("old.py").write_text("try: import cv2\nexcept ImportError: pass\ndef show():\n    cv2.imshow('x', x)\n")
    assert main(["legacy", "old.py", "--translate"]) == 0
    output, errors = capsys.readouterr()
    assert "    # not translated: cv2.imshow\n    cv2.imshow('x', x)\n" in output
    assert errors.splitlines()[1:] == ["old.py:4: not translated: cv2.imshow", "0 old names translated, 1 not"]


def test_a_translation_as_json(capsys: Output) -> None:
    Path("old.py").write_text("print 7 / 2\n")
    assert main(["legacy", "old.py", "--translate", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == {
        "script": "old.py",
        "out": None,
        "error": "",
        "text": "print(7 // 2)\n",
        "translated": 1,
        "not_translated": [],
    }
    Path("old.py").write_text("x\n")
    assert main(["legacy", "old.py", "--translate", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["error"].partition("not written: ")[2] == (
        "it stops in line 1, x: NameError: name 'x' is not defined. "
        "x is assigned nowhere: the listing leaves it to the reader, or it is misspelled"
    )
    assert report["text"] is None


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ([], 2, "legacy: expected a script, such as pellucid legacy mlp.py"),
        (["none.py"], 1, "none.py: No such file or directory"),
        (["small.py", "--explain", "--translate"], 2, "--translate: expected no --explain"),
        (
            ["small.py", "--time-limit", "5"],
            2,
            "--time-limit: expected seconds up to 1000000, and --translate. Write --",
        ),
        (["small.py", "--translate", "--time-limit", "inf"], 2, "--time-limit: expected seconds"),
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
