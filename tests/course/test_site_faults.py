"""Faults of pages are reported with their place, and builds are the same every time."""

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from in_process_kernel import InProcessClient
from site_checks import read_files

from pellucid.course.exercise import CodeExercise
from pellucid.course.site import CourseError, build, build_site, errors, execution, rendering
from pellucid.course.site.errors import PageFaults
from pellucid.course.site.execution import execute_pages
from pellucid.course.site.extension import assets, chapter_pages
from pellucid.course.site.sources import Page, collect_pages

SAMPLE = Path(__file__).with_name("sample")

FAILING = """# Page

Text.

```{code-cell}
x = 1
```

```{code-cell}
:tags: [assertions]

y = 2
%s
```
"""


def make_page(tmp_path: Path, text: str) -> Page:
    return Page("page", tmp_path / "page.md", text)


FAILURES = {
    "assert x == y": "page.md, line 13 (cell 2): AssertionError. The line: assert x == y",
    "x / 0": "page.md, line 13 (cell 2): ZeroDivisionError: division by zero. The line: x / 0",
    "x = = 2": "page.md, line 13 (cell 2): SyntaxError: invalid syntax",
    "import os; print(os.getcwd())": "page.md, line 12 (cell 2): the output contains a path of this machine",
    "print((lambda: 0).__code__.co_filename)": "(cell 2): the output contains a path of this machine, 'ipykernel_'",
}


@pytest.mark.usefixtures("in_test_process")
@pytest.mark.parametrize(("line", "message"), FAILURES.items())
def test_a_cell_that_fails_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(CourseError, match=re.escape(message)):
        execute_pages([make_page(tmp_path, FAILING % line)], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("line", "message"), FAILURES.items())
def test_a_cell_that_fails_in_a_real_kernel_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(CourseError, match=re.escape(message)):
        execute_pages([make_page(tmp_path, FAILING % line)], tmp_path)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("CellTimeoutError", "page.md, line 12 (cell 2): the cell takes longer than 300 s"),
        ("DeadKernelError", "page.md, line 12 (cell 2): the kernel died. Is there enough memory?"),
    ],
)
def test_a_kernel_that_hangs_or_dies_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str, message: str
) -> None:
    from nbclient import exceptions

    class FailingClient(InProcessClient):
        async def async_execute_cell(self, cell: Any, index: int, *options: Any, **more: Any) -> None:
            if "y = 2" in cell.source:
                raise getattr(exceptions, error)
            await super().async_execute_cell(cell, index, *options, **more)

    monkeypatch.setattr("nbclient.NotebookClient", FailingClient)
    with pytest.raises(CourseError, match=re.escape(message)):
        execute_pages([make_page(tmp_path, FAILING % "")], tmp_path)


@pytest.mark.slow
def test_a_cell_that_takes_too_long_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "CELL_SECONDS", 1)
    page = make_page(tmp_path, FAILING % "import time; time.sleep(30)")
    with pytest.raises(CourseError, match=r"page.md, line 12 \(cell 2\): the cell takes longer than 1 s"):
        execute_pages([page], tmp_path)


INTERRUPTED = """
import sys
from pathlib import Path
from pellucid.course.site.execution import execute_pages
from pellucid.course.site.sources import Page

text = "```{code-cell}\\nimport os, time\\nopen(%r, 'w').write(str(os.getpid()))\\ntime.sleep(100)\\n```\\n"
execute_pages([Page("page", Path("page.md"), text)], Path())
"""


@pytest.mark.slow
def test_ctrl_c_ends_the_kernel(tmp_path: Path) -> None:
    number = tmp_path / "number"
    command = [sys.executable, "-c", INTERRUPTED % str(number)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        wait_until(lambda: number.exists() and number.read_text("utf-8"))
        kernel = int(number.read_text("utf-8"))
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=30)[1]
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert "kernel died" not in errors
    wait_until(lambda: not Path(f"/proc/{kernel}").exists())


def wait_until(happened: Callable[[], Any]) -> None:
    for _ in range(300):
        if happened():
            return
        time.sleep(0.1)
    raise TimeoutError


@pytest.mark.usefixtures("in_test_process")
def test_an_unknown_exercise_is_named(tmp_path: Path) -> None:
    page = make_page(tmp_path, "# Page\n\n```{exercise} 10.x\n```\n")
    with pytest.raises(
        CourseError, match=r"page.md: an exercise cannot be encoded. NoSuchNameError: No exercise '10.x'"
    ):
        execute_pages([page], tmp_path)


SPHINX = """#!/bin/sh
# A Python whose Sphinx has read half of the pages when it warns or fails.
echo 'reading sources... \\033[01m[ 50%%]\\033[39;49;00m index'
[ %s = 0 ] || echo 'no memory' >&2
printf 'index.md:3: WARNING: a\\nindex.md:5: WARNING: b' > "$3/faults.txt"
exit %s
"""


@pytest.mark.parametrize("status", [0, 2])
def test_the_process_of_sphinx_reports_progress_and_faults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    class Display:
        def add_task(self, *task: Any) -> Any:
            shown.append(task)
            return task[0]

        def update(self, *task: Any, **more: Any) -> None:
            shown.append((*task, more))

    shown: list[Any] = []
    script = tmp_path / "python"
    script.write_text(SPHINX % (status, status), "utf-8")
    script.chmod(0o755)
    monkeypatch.setattr(rendering, "sys", SimpleNamespace(executable=str(script)))
    if status:
        with pytest.raises(CourseError, match="Sphinx failed: no memory"):
            rendering.render_pages(tmp_path, 1, None)
        return
    assert rendering.render_pages(tmp_path, 1, Display()) == ["index.md:3: WARNING: a", "index.md:5: WARNING: b"]
    assert shown == [("reading sources", 100), ("reading sources", {"completed": 50})]


@pytest.mark.usefixtures("in_test_process")
def test_warnings_are_errors_with_file_and_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(assets.SCRIPTS, "<pellucid-exercise>", tmp_path / "missing.js")
    source = tmp_path / "pages"
    source.mkdir()
    text = (
        "# Start\n\nA {term}`wieght`.\n\nA [link](nowhere.md).\n\n$\\frobnicate x$\n\n$x^{2$ and $x_1_2$\n\n$a &= b$\n"
    )
    (source / "index.md").write_text(f"{text}\n<pellucid-exercise></pellucid-exercise>\n", "utf-8")
    with pytest.raises(PageFaults, match=re.escape(f"The site is in {tmp_path / 'out'}")) as caught:
        build_site(tmp_path / "out", sections={"": source})
    found = "\n".join(caught.value.warnings)
    assert f"{source / 'index.md'}:3: WARNING: term not in glossary: 'wieght'" in found
    assert "index.md:5: WARNING: 'myst' cross-reference target not found: 'nowhere.md'" in found
    assert r"index.md:7: WARNING: the formula has an unknown command \frobnicate" in found
    assert "index.md:11: WARNING: the formula has an & in an unknown environment: a &= b" in found
    assert "index.md:9: WARNING: the formula has braces without partner: x^{2" in found
    assert "index.md:9: WARNING: the formula cannot be converted (DoubleSubscriptsError: ): x_1_2" in found
    assert re.search(
        r"index.md: WARNING: .*missing.js is missing, and a page has an exercise. Build it: make runtime", found
    )
    assert (tmp_path / "out" / "index.html").exists()


@pytest.mark.usefixtures("compile_once", "in_test_process")
def test_a_second_build_is_equal_and_executes_nothing(sample_site: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(execution, "execute_page", None)  # every page comes from the cache
    build_site(tmp_path / "site", sections={"": SAMPLE})
    assert read_files(tmp_path / "site") == read_files(sample_site)


def test_pages_have_no_path_of_this_machine(sample_site: Path) -> None:
    for path, content in read_files(sample_site).items():
        if not path.endswith((".js", ".map")):
            assert str(Path.cwd()).encode() not in content
            assert b"/tmp/" not in content


@pytest.mark.usefixtures("in_test_process")
def test_solutions_of_a_chapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slope = CodeExercise(
        "slope", "What is the slope of $w^2$?", str, "", "def slope(w):\n    return 2 * w", "It *doubles*."
    )
    monkeypatch.setattr(chapter_pages, "list_exercises", lambda chapter: {"slope": slope} if chapter == 4 else {})
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "index.md").write_text("# Answers\n\n```{solutions} 4\n```\n", "utf-8")
    page = build_site(tmp_path / "site", sections={"": tmp_path / "pages"}).read_text("utf-8")
    assert '<strong>Exercise 4.slope.</strong> What is the slope of <span class="nobreak"><math' in page
    assert '<span class="nf">slope</span>' in page
    assert "It <em>doubles</em>." in page


@pytest.mark.usefixtures("compile_once")
def test_a_changed_module_executes_a_page_again(sample_site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pellucid.course.site import execution_cache

    [neuron] = [page for page in collect_pages({"": SAMPLE}) if page.name == "1_neuron"]
    found = execution_cache.load(neuron)
    assert found is not None
    assert "graph/expr.py" in found["dependencies"]
    hash_file = execution_cache.hash_if_present
    monkeypatch.setattr(
        execution_cache, "hash_if_present", lambda path: "changed" if path.name == "expr.py" else hash_file(path)
    )
    assert execution_cache.load(neuron) is None


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "GENERATOR", {"sphinx": "sphinx", "a_module_that_is_missing": "its-package"})
    with pytest.raises(CourseError, match=r"not installed: its-package. Install them: pip install 'pellucid\[docs\]'"):
        build_site(tmp_path / "site")


def test_a_folder_with_other_files_is_kept(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work", "utf-8")
    with pytest.raises(CourseError, match="expected a new or empty folder, or an earlier site"):
        build_site(tmp_path)
    assert (tmp_path / "thesis.tex").exists()
    site = tmp_path / "site"
    site.mkdir()
    build.check_target(site)
    (site / "index.html").touch()
    (site / "searchindex.js").touch()
    build.check_target(site)


def test_a_course_without_start_page_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match=r"no start page: expected a file index.md in"):
        collect_pages({"": tmp_path})


def test_further_sections_are_folders_of_the_site(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE, tmp_path / "chapters")
    (tmp_path / "guides").mkdir()
    (tmp_path / "guides" / "training.md").write_text("# Training\n", "utf-8")
    pages = collect_pages({"": tmp_path / "chapters", "guides": tmp_path / "guides"})
    assert {page.name for page in pages} >= {"index", "1_neuron", "guides/training"}
