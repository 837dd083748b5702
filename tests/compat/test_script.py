"""Running scripts: arguments, modules, errors, figures, notebooks."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from pellucid.compat import removed_names
from pellucid.compat.old_calls import find_old_calls
from pellucid.compat.python2 import ScriptSyntaxError
from pellucid.compat.script import FIGURES, PYLAB, ScriptRun, read_cells, replace_magics
from pellucid.errors import PellucidError

pytest.importorskip("fissix")

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PELLUCID_DEBUG", raising=False)
    FIGURES.start(None)
    return tmp_path


def run(text: str, *arguments: str, name: str = "old.py", version: int | None = None) -> ScriptRun:
    Path(name).write_text(text, "utf-8")
    started = ScriptRun(name, arguments, version)
    started.start()
    return started


def test_a_script_is_the_main_program(capsys: Output) -> None:
    before = sys.argv, list(sys.path), sys.modules["__main__"], set(sys.modules)
    text = """
import os, sys, pickle
class A: pass
print(sys.argv, __name__, __file__, os.path.realpath(sys.path[0]) == os.getcwd())
assert type(pickle.loads(pickle.dumps(A()))) is A and sys.modules["__main__"].A is A
"""
    assert run(text, "--rate", "0.1").status == 0
    assert capsys.readouterr().out == "['old.py', '--rate', '0.1'] __main__ old.py True\n"
    assert (sys.argv, sys.path, sys.modules["__main__"]) == before[:3]


def test_modules_of_python_2_and_packages(capsys: Output) -> None:
    Path("helper.py").write_text("from __future__ import division\nprint 'helper', 7 / 2\n")
    Path("parts/deep").mkdir(parents=True)
    Path("parts/__init__.py").write_text("import inner\nimport os\n")
    Path("parts/inner.py").write_text("print 'inner', 7 / 2\nfrom deep import leaf\n")
    Path("parts/deep/__init__.py").write_text("")
    Path("parts/deep/leaf.py").write_text("import sys\nprint >>sys.stdout, 'leaf'\n")
    assert run("import helper, parts.inner\nprint 7 / 2\nassert parts.os\n").status == 0
    assert capsys.readouterr().out.splitlines() == ["helper 3.5", "inner 3", "leaf", "3"]
    assert not {"helper", "parts", "parts.inner"} & set(sys.modules)


def test_errors_show_the_original_lines(capsys: Output) -> None:
    Path("helper.py").write_text("def f((a, b)):\n    print 'in',\n    return a[b]   # wrong\n")
    started = run("import helper\n\ndef g():\n    return helper.f(({}, 'key'))\nprint 1\ng()\n")
    assert started.status == 1
    output, errors = capsys.readouterr()
    assert output == "1\nin "
    assert errors.splitlines() == [
        "Lines of the script, of which the last raised the error:",
        "  old.py:6: g()",
        "  old.py:4, in g: return helper.f(({}, 'key'))",
        "  helper.py:3, in f: return a[b]   # wrong",
        "error: KeyError: 'key'",
    ]


LEFT = ". {0} is assigned nowhere: the listing leaves it to the reader, or it is misspelled"
UNDEFINED = [
    ("def f(x):\n    return len(training_data)\nf(1)", "training_data", LEFT),
    ("print(training_data)", "training_data", LEFT),
    ("print(x)\nx = 3", "x", ""),
    ("del_me = 1\ndel del_me\nprint(del_me)", "del_me", ""),
    ("if 0:\n    import numpy as np\nnp", "np", ""),
    ("if 0:\n    import os.path\nos", "os", ""),
    ("def f(data): pass\ndata", "data", ""),
    ("from string import *\ntraining_data", "training_data", ""),
    ("raise NameError(\"name 'a' is odd\")", "", ""),
]


@pytest.mark.parametrize(("text", "name", "sentence"), UNDEFINED)
def test_names_that_the_listing_leaves_to_the_reader(text: str, name: str, sentence: str) -> None:
    error = run(text).error.splitlines()[-1]
    expected = f"error: NameError: name {name!r} is not defined{sentence.format(name)}"
    assert error == (expected if name else "error: NameError: name 'a' is odd")


def test_a_deep_recursion_prints_few_lines() -> None:
    lines = run("def f(n):\n    return f(n + 1)\nf(0)\n").error.splitlines()
    assert lines[1] == "  old.py:3: f(0)"
    assert lines[7].endswith(" more")
    assert lines[-1].startswith("error: RecursionError")
    assert len(lines) == 15


@pytest.mark.quotes_source
def test_errors_of_pellucid_quote_the_original_line() -> None:
    text = "import pellucid as pel\nprint 'x'\na = pel.matrix('a', shape=(2, 3))\nb = a.dot(a)   # wrong\n"
    error = run(text).error
    assert "  old.py:4: b = a.dot(a)   # wrong\nerror: " in error
    assert "\n  at old.py:4: b = a.dot(a)   # wrong" in error


def test_a_missing_name_in_an_import_is_explained() -> None:
    error = run("from theano.tensor.basic import zvector\n").error
    assert "theano.tensor.basic.zvector of Theano 1.0.5 is not in pellucid.compat" in error


@pytest.mark.parametrize(
    ("call", "status", "message"),
    [("", 0, ""), ("3", 3, ""), ("None", 0, ""), ("'bad data'", 1, "bad data\n"), ("True", 1, "")],
)
def test_exit_status(call: str, status: int, message: str, capsys: Output) -> None:
    assert run(f"import sys\nsys.exit({call})").status == status
    assert capsys.readouterr().err == message


def test_interrupts_reach_the_caller() -> None:
    with pytest.raises(KeyboardInterrupt):
        run("raise KeyboardInterrupt")
    assert "theano" not in sys.modules


def test_figures_are_saved_or_reported(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removed_names, "has_display", lambda: False)
    text = """
import matplotlib
matplotlib.use("TkAgg")
import matplotlib.pyplot as plt
for n in range(2):
    plt.figure(); plt.plot([1, 2]); plt.hold(True)
plt.show()
plt.plot([3, 1]); plt.show(block=False)
assert not plt.get_fignums()
"""
    assert run(text).status == 0
    assert capsys.readouterr().err.splitlines() == [
        f"figure {n} not shown: no display; --out saves it" for n in (1, 2, 3)
    ]
    FIGURES.start(Path.cwd())
    assert run(text).status == 0
    assert (
        sorted(path.name for path in Path.cwd().glob("*.png"))
        == FIGURES.saved
        == [f"figure-{n}.png" for n in (1, 2, 3)]
    )


def test_figures_are_shown_on_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib.pyplot as plt

    shown = []
    monkeypatch.setattr(removed_names, "has_display", lambda: True)
    monkeypatch.setattr(plt, "show", lambda block: shown.append(block))
    assert run("import matplotlib.pyplot as plt\nplt.show(block=True)\n").status == 0
    assert shown == [True]


CELLS = [
    {"cell_type": "markdown", "source": "# Notes"},
    {
        "cell_type": "code",
        "source": ["%matplotlib inline\n", "import numpy as np\n", "if 1:\n", "    !ls\n", "np.sum?"],
    },
    {"cell_type": "code", "source": "%%bash\nls"},
    {"cell_type": "code", "source": "x = 7 / 2\nprint 'x', x\nx.nothing"},
]


@pytest.mark.parametrize("content", [{"cells": CELLS}, {"worksheets": [{"cells": CELLS}]}])
def test_notebooks(content: dict, capsys: Output) -> None:
    started = run(json.dumps(content), name="notes.ipynb")
    output, errors = capsys.readouterr()
    assert output == "x 3\n"
    assert started.status == 1
    assert "  notes.ipynb, cell 3:3: x.nothing\nerror: AttributeError:" in errors


MAGICS = {
    "x = (3\n  %2,\n!ls)": None,  # lines of a statement
    "x = 5 \\\n  % 2": None,
    'x = """\n%d\n!ls\nx?\n""" % 3': None,
    "print 'a', (1\n    % 1)": None,
    "%matplotlib inline\nx = 1\n  %cd ..": "pass\nx = 1\n  pass",
    "if x:\n    !pip install y": "if x:\n    pass",
    "x.y??\n?x": "pass\npass",
    "%time x = f(1)\n%timeit -n 3 f(1)": "x = f(1)\npass",
    "%%time\nx = f(1)": "\nx = f(1)",
    "%%capture out\nx = 1": "\nx = 1",
    "%%writefile a.py\nx = 1": "",
    "%pylab inline": PYLAB,
}


@pytest.mark.parametrize("cell", MAGICS)
def test_magics(cell: str) -> None:
    assert replace_magics(cell) == (cell if MAGICS[cell] is None else MAGICS[cell])


def test_cells_share_their_names(capsys: Output) -> None:
    cells = [
        "%pylab inline\nimport theano.tensor as T\n",
        "x = T.dvector('x')",
        "print x.dimshuffle(0, 'x').ndim, plt is not None",
    ]
    content = {"cells": [{"cell_type": "code", "source": cell} for cell in cells]}
    started = run(json.dumps(content), name="notes.ipynb")
    assert capsys.readouterr().out == "2 True\n"
    assert [call.describe() for call in find_old_calls(started.units.values())] == [
        'notes.ipynb, cell 2:1: theano.tensor.dvector(name) is pel.vector(name, dtype="float64") today',
        "notes.ipynb, cell 3:1: x.dimshuffle(0, 'x') is x[:, None] today",
    ]


def test_wrong_files() -> None:
    with pytest.raises(PellucidError, match=r"x\.ipynb: expected a Jupyter notebook \(KeyError while reading it\)"):
        read_cells(b"{}", "x.ipynb")
    with pytest.raises(PellucidError, match="expected a Python script or a notebook, received a folder"):
        ScriptRun(".")
    Path("old.py").write_text("print 1\n")
    with pytest.raises(ScriptSyntaxError, match=r"old\.py:1: Missing parentheses"):
        ScriptRun("old.py", version=3)
    with pytest.raises(FileNotFoundError):
        ScriptRun("none.py")


def test_a_division_that_needs_python_2_is_explained() -> None:
    error = run("n = 4 / 2\nfor i in range(n): pass\n").error
    advice = "Sizes and indices must be integers: write int(...) around them"
    assert f"cannot be interpreted as an integer. {advice}" in error
    assert error.endswith("quotients of integers, which Python 2 rounds down: pellucid legacy --python 2")
    assert run("n = 4 / 2\nfor i in range(n): pass\n", version=2).status == 0


FLOAT_SIZES = """np.linspace(0, 1, 10.0).shape, np.linspace(0, 1, num=np.floor(3.7)).shape, np.zeros(3.0).shape
np.ones((2.0, np.sqrt(9))).shape, np.empty([2.0, 1]).shape, np.eye(2.0).tolist(), np.arange(6).reshape(2.0, -1).shape
np.random.uniform(0, 1, 3.0).shape, np.random.normal(size=(2.0, 3)).shape, np.random.rand(2.0, 3).shape
np.ones(1.0, int), np.reshape([1.5, 2.0], (2.0, 1)).tolist(), np.repeat([1.0], 2.0).dtype, np.tile(1.0, 2.0).dtype"""


def test_sizes_may_be_whole_floats(capsys: Output) -> None:
    run(f"import numpy as np\nprint([{FLOAT_SIZES.replace(chr(10), ', ')}])")
    assert capsys.readouterr().out == (
        "[(10,), (3,), (3,), (2, 3), (2, 1), [[1.0, 0.0], [0.0, 1.0]], (2, 3), (3,), (2, 3), (2, 3), array([1]), "
        "[[1.5], [2.0]], dtype('float64'), dtype('float64')]\n"
    )
    advice = ". Sizes and indices must be integers: write int(...) around them"
    for source in ("np.zeros(3.5)", "np.arange(3)[1.0]", "np.arange(3)[:2.0]", "[0] * 2.0", "np.full(2.0, 1.0)"):
        assert run(f"import numpy as np\nx = {source}", version=2).error.endswith(advice)


def test_casts_of_numpy(capsys: Output) -> None:
    run("import numpy as np, theano\nprint(np.cast['int32']([1.7, 2]), np.cast[theano.config.floatX](3).dtype)")
    assert capsys.readouterr().out == "[1 2] float64\n"


def test_files_of_bytes_take_text_of_python_2(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for opened in ("open", "file"):
        run(f"f = {opened}({str(path)!r}, 'wb')\nf.write('a\\xff')\nf.writelines([b'b', 'c'])\nf.close()", version=2)
        assert path.read_bytes() == b"a\xffbc"
    run(f"with open({str(path)!r}, 'ab') as f: f.write('d\\r\\n')")
    assert run(f"with open({str(path)!r}, 'rU', encoding='latin1') as f: assert f.read() == 'a\\xffbcd\\n'").status == 0


def test_the_version_can_be_given(capsys: Output) -> None:
    assert run("print(7 / 2)").status == run("print(7 / 2)", version=2).status == 0
    assert capsys.readouterr().out == "3.5\n3\n"


HEADERS = """
import math, numpy
def read_size(data):
    return numpy.frombuffer(data, dtype=numpy.dtype(numpy.uint32).newbyteorder(">"))
rows, columns = read_size(b"\\0\\0\\0\\2"), read_size(b"\\0\\0\\0\\3")
data = numpy.frombuffer(bytes(range(20))[:rows * columns], dtype=numpy.uint8)
print(data.reshape(rows, columns).tolist(), (rows * numpy.arange(3)).tolist(), rows != 2051)
loss = numpy.ones((1, 1)) / 4
print("%d: %.2f %s of %5.1f%%" % (rows, loss, loss, 50), "%r" % loss, "%f" % loss)
print(int(loss), float(loss), [*range(rows)], round(loss, 1), math.sqrt(loss))
"""


def test_arrays_of_one_element_are_numbers(capsys: Output) -> None:
    assert run(HEADERS).error == ""
    assert capsys.readouterr().out.splitlines() == [
        "[[0, 1, 2], [3, 4, 5]] [0, 2, 4] [ True]",
        "2: 0.25 [[ 0.25]] of  50.0% array([[ 0.25]]) 0.250000",
        "0 0.25 [0, 1] 0.2 0.5",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import numpy as np\nint(np.ones(2))", "only 0-dimensional arrays can be converted"),
        ("import numpy as np\n'%d' % np.ones(2)", "%d format: a real number is required"),
        ("import numpy as np\n'%d %d' % np.ones(1)", "a real number is required, not numpy.ndarray"),
        (
            "import numpy as np\na = np.frombuffer(bytes(4), 'int32')\n'abc'[a * np.ones(2, int)]",
            "received an array of shape",
        ),
        ("int(None)", "must be a string"),
    ],
)
def test_other_arrays_are_no_numbers(text: str, message: str) -> None:
    assert message in run(text).error


def test_numbers_print_as_they_did(capsys: Output) -> None:
    text = "import numpy as np\nx = np.float64(0.2) + 0.7\nprint{}\n"
    for given, printed in [
        ("(x)", "0.9"),
        ("(np.array(x))", "0.9"),
        (" x, np.array(x), 0.2 + 0.7, 1e16, 2.0, np.float32(0.917099)", "0.9 0.9 0.9 1e+16 2.0 0.917099"),
        ("(0.2 + 0.7)", "0.8999999999999999"),  # Python 3's own numbers
        ("([np.float64(0.5)], np.ones(2), 'end', sep=';')", "[0.5];[ 1.  1.];end"),
    ]:
        assert run(text.format(given)).error == ""
        assert capsys.readouterr().out == f"{printed}\n"
    assert str(np.float64(0.2) + 0.7) == "0.8999999999999999"


def test_the_file_of_the_digits_is_there_unless_the_script_has_one(capsys: Output) -> None:
    text = "import input_data\nprint(input_data.__name__, hasattr(input_data, 'read_data_sets'), input_data.own)"
    assert run(text.replace(", input_data.own", "")).error == ""
    assert capsys.readouterr().out.split()[1] == "True"
    assert "input_data" not in sys.modules
    Path("input_data.py").write_text("own = 3")
    assert run(text).error == ""
    assert capsys.readouterr().out == "input_data False 3\n"
