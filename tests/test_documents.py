"""What the README, the guides and other pages promise: programs print what is written, commands and names exist."""

from __future__ import annotations

import functools
import inspect
import io
import re
import shlex
import warnings
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import pellucid as pel
from pellucid import nn

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "pellucid"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(SOURCE.rglob("*.md")), *sorted((ROOT / "web").glob("*.md"))]

EXECUTED = {
    "README.md": 7,
    "src/pellucid/guides/onnx.md": 2,
    "src/pellucid/guides/own_ops_and_layers.md": 6,
    "src/pellucid/guides/performance.md": 3,
    "src/pellucid/guides/reproducibility.md": 1,
    "src/pellucid/guides/saving.md": 7,
    "src/pellucid/guides/troubleshooting.md": 17,
}
"""Pages whose programs run one after the other, and their number."""

EXECUTED_ELSEWHERE = {
    "CONTRIBUTING.md": "test_contributing.py",
    "src/pellucid/guides/data_sources.md": "training/test_data_sources_guide.py",
    "src/pellucid/guides/live.md": "live/test_figure.py",
    "src/pellucid/guides/range_checks.md": "graph/test_range_checks.py",
}

NOT_EXECUTED = {
    "src/pellucid/course/chapters/7_seeing.md": "code of TensorFlow and Lasagne",
    "src/pellucid/course/chapters/9_your_own_data.md": "code of Theano, Lasagne and Keras",
    "src/pellucid/guides/devices.md": "needs several machines",
    "src/pellucid/guides/train.md": "repeats what tests/train/test_data_kinds.py trains",
}

PROGRAM = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```)?", re.DOTALL | re.MULTILINE)
"""A program, and the message that it ends with if there is one."""

PROMISE = re.compile(r"^print\(.*\)\s+# (.+)$", re.MULTILINE)


def get_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def each_page(pages: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", pages, ids=get_name)


# Programs


class Outcome(NamedTuple):
    """What a program printed, and the class and first line of the error or warning with which it ended."""

    printed: list[str]
    message: str


def run_program(code: str, file: Path, names: dict[str, Any]) -> Outcome:
    """Run a program of a page. Its code is written to a file, which messages quote."""
    file.write_text(code, "utf-8")
    printed, message = io.StringIO(), ""
    with warnings.catch_warnings(record=True) as caught, redirect_stdout(printed):
        warnings.simplefilter("always")
        try:
            exec(compile(code, str(file), "exec"), names)
        except pel.PellucidError as error:
            message = f"{type(error).__name__}: {str(error).splitlines()[0]}"
    for warning in caught:
        message = message or f"{warning.category.__name__}: {str(warning.message).splitlines()[0]}"
    return Outcome(printed.getvalue().splitlines(), message)


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    """What the programs of a page print."""
    # Pytest makes the fixture anew for each program, since the parameters come in pairs.
    if request.param not in OUTCOMES:
        OUTCOMES[request.param] = run_page(request.param, tmp_path_factory.mktemp("page"))
    return OUTCOMES[request.param]


OUTCOMES: dict[str, list[Outcome]] = {}


def run_page(name: str, folder: Path) -> list[Outcome]:
    """Run the programs of a page in one folder and one namespace, as a reader would."""
    names: dict[str, Any] = {"__name__": Path(name).stem}
    with pytest.MonkeyPatch.context() as patch, chdir(folder):
        for switch in ("PELLUCID_KERNELS", "PELLUCID_NATIVE"):
            patch.setenv(switch, "0")  # compiling C takes longer than these few steps
        nn.set_random_seed(0)  # as at the start of a process
        return [run_program(code, Path(f"program_{i}.py"), names) for i, (code, _) in enumerate(list_programs(name))]


@functools.cache
def list_programs(name: str) -> list[tuple[str, str]]:
    return PROGRAM.findall((ROOT / name).read_text("utf-8"))


@pytest.mark.parametrize(
    ("outcomes", "number"),
    [(name, number) for name, count in EXECUTED.items() for number in range(count)],
    indirect=["outcomes"],
    ids=lambda value: Path(value).stem if isinstance(value, str) else None,
)
def test_a_program_prints_what_its_page_says(
    outcomes: list[Outcome], number: int, request: pytest.FixtureRequest
) -> None:
    code, message = list_programs(request.node.callspec.params["outcomes"])[number]
    assert outcomes[number].printed == PROMISE.findall(code)
    pattern = ".*".join(re.escape(part) for part in message.strip().split("…"))
    assert re.fullmatch(pattern, outcomes[number].message), f"{outcomes[number].message}\n{code}"


@each_page(PAGES)
def test_every_program_is_executed_or_there_is_a_reason(page: Path) -> None:
    name = get_name(page)
    programs = re.findall(r"^```python$", page.read_text("utf-8"), re.MULTILINE)
    assert len(programs) == EXECUTED.get(name, len(programs))
    assert not programs or name in {**EXECUTED, **EXECUTED_ELSEWHERE, **NOT_EXECUTED} or "coming_from" in name
    if name in EXECUTED_ELSEWHERE:
        assert page.name in (ROOT / "tests" / EXECUTED_ELSEWHERE[name]).read_text("utf-8")


@each_page([page for page in PAGES if page.name != "CONTRIBUTING.md"])  # whose recipes add names
def test_every_name_of_pellucid_exists(page: Path) -> None:
    misspelled = {".sofmax"} if page.stem == "troubleshooting" else set()
    for name in set(re.findall(r"\bpel((?:\.[A-Za-z]\w*)+)", page.read_text("utf-8"))) - misspelled:
        functools.reduce(getattr, name.strip(".").split("."), pel)


# Commands


FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"(?:^|[|(] ?)(pellucid .*?)(?:\s{2,}.*| [&<>|].*| #.*)?$", re.MULTILINE)


def list_commands(text: str) -> list[str]:
    """Return the commands in the fenced blocks of a page, without the remarks beside them."""
    blocks = [block for language, block in FENCE.findall(text) if language in ("", "sh", "bash")]
    return [command for block in blocks for command in COMMAND.findall(block)]


def check_command(line: str) -> None:
    """Parse a command with its options, without running it; raise an error if one does not exist."""
    from pellucid.cli.app import app
    from pellucid.cli.train import merge_settings
    from pellucid.train.settings.settings import Settings

    program, *words = shlex.split(line)
    assert program == "pellucid", line
    command, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    if command.__name__ == "train" and ".toml" not in line:  # such a file would be read
        options = dict(bound.arguments)
        Settings(**merge_settings(options.pop("data"), options.pop("model", None), {}))


def test_commands_are_found() -> None:
    text = """```
VARIABLE=1 pellucid ignored
pellucid run moons                              by hand and compiled
pellucid predict runs/1 - < flats.csv
find photos | pellucid predict runs/1 -
pellucid serve runs/7 &
pellucid devices   # all of them
```
"""
    expected = ["run moons", "predict runs/1 -", "predict runs/1 -", "serve runs/7", "devices"]
    assert list_commands(text) == [f"pellucid {words}" for words in expected]
    with pytest.raises(Exception, match="--epoch"):
        check_command("pellucid train photos/ --epoch 3")


@each_page([page for page in PAGES if "coming_from" not in page.parts])
def test_every_command_can_be_parsed(page: Path) -> None:
    for command in list_commands(page.read_text("utf-8")):
        check_command(command)


def test_examples_of_help_can_be_parsed() -> None:
    from pellucid.cli.app import app

    helps = [inspect.cleandoc(app[name].help) for name in app if not name.startswith("-")]
    commands = [line for text in helps for line in re.findall(r"^ {4}(pellucid .*)", text, re.MULTILINE)]
    assert len(commands) > 30
    for command in commands:
        check_command(COMMAND.fullmatch(command)[1])


@each_page([page for page in PAGES if page.parent == ROOT])
def test_every_target_of_make_exists(page: Path) -> None:
    [targets] = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    named = re.findall(r"(?:^|`)make (?:[A-Z]+=\S+ )*([a-z]\w*)", page.read_text("utf-8"), re.MULTILINE)
    assert set(named) <= set(targets.split())


@each_page([page for page in PAGES if page.parent.name != "chapters"])  # whose links are those of the site
def test_links_are_valid(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)\)", FENCE.sub("", page.read_text("utf-8"))):
        assert "://" in target or (page.parent / target).exists(), target
