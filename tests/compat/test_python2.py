"""Python 2 source: how it is told from Python 3, its conversion, and its built-in functions."""

import ast
import builtins
import sys
import traceback
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.compat import python2
from pellucid.compat.python2 import ScriptSyntaxError, decode_source, is_python2, parse_python2
from tests.named_case import name_case

pytest.importorskip("fissix")


def run(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__builtins__": vars(builtins) | python2.BUILTINS, "np": np, "pel": pel}
    exec(python2.compile_tree(parse_python2(source, "old.py"), "old.py"), names)
    return names


CONVERSIONS = [
    ("x = 7 / 2, -7 / 2, 7 / 2.0, 7.0 / 2, True / 2", (3, -4, 3.5, 3.5, 0)),
    ("x = 7\nx /= 2", 3),
    ("class A: n = [5, 6]\nA.n[1] /= 4\nA.n[0] /= 2.0\nx = A.n", [2.5, 1]),
    ("from __future__ import division\nx = 7 / 2", 3.5),
    ("x = (np.arange(4) / 2).tolist(), (np.float32(3) / 2)", ([0, 0, 1, 1], 1.5)),
    ("a = np.arange(4)\nb = a\na /= 2\nx = b.tolist()", [0, 0, 1, 1]),
    ("x = str(pel.ivector('n') / 2), str(pel.vector('v') / 2)", ("n // 2", "v / 2")),
    ("def f((a, b), c): return a + b * c\nx = f((1, 2), 3)", 7),
    ("x = 0777, 10L, 1 <> 2, `1 + 1`", (511, 10, True, "2")),
    ("x = range(3) + map(str, [1]) + zip([1], [2]) + filter(None, [0, 5])", [0, 1, 2, "1", (1, 2), 5]),
    ("d = {'b': 1, 'a': 2}\nk = d.keys()\nk.sort()\nx = k, d.has_key('a'), sorted(d.itervalues())", None),
    ("x = reduce(lambda a, b: a * b, xrange(1, 5)), unichr(233), isinstance(u'a', basestring)", (24, "é", True)),
    ("x = round(2.5), round(-2.5), round(1.25, 1), cmp(1, 2), sorted([1, 3, 2], cmp=lambda a, b: b - a)", None),
    ("try:\n  raise ValueError, 'no'\nexcept (ValueError, TypeError), e:\n  x = str(e)", "no"),
    ("x = u'a' + ur'\\d', eval('1 + 1')", ("a\\d", 2)),
    ("exec 'y = 3' in globals()\nx = y", 3),
    (
        "class A(object):\n def next(s): return 4\n def __nonzero__(s): return 0 > 1\nx = A().next(), not A()",
        None,
    ),
    ("if 1:\n        x = 1\n\tx = 2\n", 2),
    ("s = '''a\n\tb'''\nif 1:\n\tx = s", "a\n\tb"),
    ("import sys\nreload(sys)\nx = long(3), apply(max, [1, 2])", (3, 2)),
]


@pytest.mark.parametrize("part", range(2))
def test_conversion(part: int) -> None:
    for source, value in CONVERSIONS[part::2]:
        with name_case(source):
            results = {
                "d = {": (["a", "b"], True, [1, 2]),
                "x = round": (3.0, -3.0, 1.3, -1, [3, 2, 1]),
                "class A(object)": (4, True),
            }
            expected = next((v for start, v in results.items() if source.startswith(start)), value)
            assert run(source)["x"] == expected


def test_lines_are_those_of_the_original() -> None:
    source = 'def f((a, b)):\n    """Two\n    lines."""\n    print a,\n    return a / 0\n\nprint "x"\nf((1, 2))\n'
    with pytest.raises(ZeroDivisionError) as caught:
        run(source)
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert [(f.name, f.lineno) for f in frames if f.filename == "old.py"] == [("<module>", 8), ("f", 5)]


def test_a_division_in_place_has_the_line_of_the_original() -> None:
    with pytest.raises(NameError) as caught:
        run("x = 1\nx /= 2\nnothing /= 2\n")
    assert traceback.extract_tb(caught.value.__traceback__)[-1].lineno == 3


RECOGNIZED = [
    ("print('x')", False),
    ("for i in xrange(3): pass", True),
    ("try:\n    xrange\nexcept NameError:\n    xrange = range\nxrange(3)", False),
    ("try:\n    import cPickle as pickle\nexcept ImportError:\n    import pickle", False),
    ("import cPickle", True),
    ("from urllib2 import urlopen", True),
    ("for k in {}.iteritems(): pass", True),
    ("from functools import reduce\nreduce(max, [1])", False),
    ("def f(file): return file", False),
    ("x = unicode('a')", True),
    ("from itertools import izip", True),
    ("print", True),
    ("print >>f, 1", True),
    ("print (x * 2).eval({x: 1})", True),
    ("printer(x).run()", False),
    ("print ('%d') % 3", True),
    ("print (1), 2", True),
    ("print(1)\n'a' % b, c", False),
    ("for i in range(n / 2): pass", True),
    ("for i in range(n // 2): ()", False),
]


def test_python_2_is_recognized() -> None:
    for source, expected in RECOGNIZED:
        with name_case(source):
            assert is_python2(ast.parse(source)) is expected


NO_PYTHON = [
    (
        "for i in range(3):\nprint i\n",
        r"old\.py:2: line 1 ends in a colon, so this line must be indented\. The script is",
    ),
    (
        "if 1:\n    print 3\n  y = 2\n",
        r"old\.py:3: invalid syntax, or an indentation that does not fit line 2: y = 2",
    ),
    ("x = 1\n    y = 2\nprint 3\n", r"old\.py:2: invalid syntax, or an indentation that does not fit line 1"),
    ("print 'a\n", r"old\.py:1: invalid syntax: print 'a"),
    ("print 1\nx = (1,\n", r"old\.py:\d: invalid syntax"),
    ("print 1\nasync = 3\n", r"old\.py:2: invalid syntax: async = 3"),
]


def test_what_is_no_python_names_its_line() -> None:
    for source, message in NO_PYTHON:
        with name_case(source), pytest.raises(ScriptSyntaxError, match=message):
            parse_python2(source, "old.py")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"# -*- coding: latin-1 -*-\r\nx = '\xe9'", "# -*- coding: latin-1 -*-\nx = 'é'\n"),
        ("x = 'é'".encode(), "x = 'é'\n"),
        (b"x = '\xe9'", "x = 'é'\n"),
        (b"\xef\xbb\xbfx = 1\r", "x = 1\n"),
        (b"# coding: klingon\nx = 1", "# coding: klingon\nx = 1\n"),
    ],
)
def test_encodings(data: bytes, text: str) -> None:
    assert decode_source(data) == text


def test_a_missing_converter_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("fissix", "fissix.pgen2", "fissix.pgen2.parse"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(
        pel.MissingPackageError, match=r"Python 2 source needs fissix.*pip install 'pellucid\[legacy\]'"
    ):
        parse_python2("print 1", "old.py")


def test_files_are_executed_where_they_are_named(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "part.py").write_text("y = 5 / 2\nprint y,\n")
    assert run("execfile('part.py')")["y"] == 2
