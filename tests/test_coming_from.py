"""The pages for users of other frameworks: pellucid's columns run, and compute the numbers of the other framework.

``python tests/test_coming_from.py PAGE`` runs both columns of a page in the present folder and compares them.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from tests.test_documents import check_command

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "src" / "pellucid" / "guides" / "coming_from"
PAGES = sorted(page for page in FOLDER.glob("*.md") if page.name != "index.md")
FRAMEWORKS = {
    "caffe": [],
    "jax": ["jax", "optax"],
    "keras": ["keras"],
    "pytorch": ["torch"],
    "tensorflow1": ["tensorflow"],
    "theano_lasagne": ["pytensor"],
}
WITHOUT_PEER = ["caffe"]

CONTAINER = ":::{container} two-columns"
FENCE = re.compile(r"```(\w*)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
PAIR = re.compile(rf"^{re.escape(CONTAINER)}\n(.*?)^:::$((?:\n+% [^\n]*$)*)", flags=re.DOTALL | re.MULTILINE)
COMMENT = re.compile(r"% (\w[\w ]*): (.+)")
EQUAL = re.compile(r"(\w+(?:, \w+)*)(?: rtol=(\S+))?")


@dataclass(frozen=True)
class Block:
    """Code in one language, after as many empty lines as it has lines of text before it in its page."""

    language: str
    code: str

    def run(self, page: Path, names: dict[str, Any]) -> None:
        exec(compile(self.code, str(page), "exec"), names)


@dataclass(frozen=True)
class Pair:
    """Two columns: code of the other framework and of pellucid, and the variables that agree afterwards.

    Code outside of columns is shared: it is on both sides.
    """

    left: Block
    right: Block
    equal: tuple[str, ...] = ()
    rtol: float = 1e-5
    not_executed: str = ""


def read_blocks(text: str, start: int, stop: int) -> list[Block]:
    fences = FENCE.finditer(text, start, stop)
    return [Block(f[1], "\n" * (text.count("\n", 0, f.start()) + 1) + f[2]) for f in fences]


def read_pair(text: str, match: re.Match[str]) -> Pair:
    blocks = read_blocks(text, match.start(1), match.end(1))
    if len(blocks) != 2:
        raise ValueError(f"Expected two columns. Received {len(blocks)}:\n{match[0]}")
    found: dict[str, Any] = {}
    for line in filter(None, match[2].splitlines()):
        comment = COMMENT.fullmatch(line)
        equal = comment and comment[1] == "equal" and EQUAL.fullmatch(comment[2])
        if equal:
            found |= {"equal": tuple(equal[1].split(", "))} | ({"rtol": float(equal[2])} if equal[2] else {})
        elif comment and comment[1] == "not executed":
            found["not_executed"] = comment[2]
        else:
            raise ValueError(f"Expected '% equal: names' or '% not executed: reason'. Received: {line}")
    pair = Pair(*blocks, **found)
    if pair.equal and pair.not_executed:
        raise ValueError(f"Numbers of code that is not executed cannot be compared:\n{match[0]}")
    if pair.left.language != "python" and not pair.not_executed:
        raise ValueError(f"Expected Python, or '% not executed: reason'. Received:\n{match[0]}")
    return pair


def read_page(text: str) -> Iterator[Pair]:
    """Yield the pairs of a page in order, shared blocks as pairs of equal columns."""
    position = 0
    for match in [*PAIR.finditer(text), None]:
        end = len(text) if match is None else match.start()
        between = FENCE.sub("", text[position:end])
        if unknown := re.search(r"^(:::.*|%.*|```.*)$", between, flags=re.MULTILINE):
            raise ValueError(f"Expected {CONTAINER} with two columns and ':::'. Received: {unknown[0]}")
        for block in read_blocks(text, position, end):
            if block.language != "python":
                raise ValueError(f"Expected Python in both columns. Received {block.language!r}:{block.code}")
            yield Pair(block, block)
        if match is not None:
            yield read_pair(text, match)
            position = match.end()


def run_right(page: Path, pair: Pair, names: dict[str, Any]) -> None:
    """Run pellucid's column; write a TOML file, whose name its first line has; parse commands."""
    if pair.right.language == "python":
        pair.right.run(page, names)
    elif pair.right.language == "toml":
        name, _, _ = pair.right.code.strip().removeprefix("# ").partition("\n")
        Path(name).write_text(pair.right.code, "utf-8")
    elif pair.right.language == "sh":
        for line in re.findall(r"^[^#\n].*", pair.right.code, flags=re.MULTILINE):
            check_command(line)
    else:
        raise ValueError(f"{page}: no way to check {pair.right.language!r}")


def as_array(value: Any) -> np.ndarray:
    value = value.detach() if hasattr(value, "detach") else value
    array = np.asarray(value.numpy() if hasattr(value, "numpy") else value)
    assert array.dtype != object, value
    return array


def compare_columns(page: Path) -> list[str]:
    """Run both columns of a page, and return the names of the compared variables."""
    left: dict[str, Any] = {}
    right: dict[str, Any] = {}
    compared = []
    for pair in read_page(page.read_text("utf-8")):
        if not pair.not_executed:
            pair.left.run(page, left)
        run_right(page, pair, right)
        for name in pair.equal:
            theirs, ours = as_array(left[name]), as_array(right[name])
            assert theirs.shape == ours.shape, f"{name}: {theirs.shape} and {ours.shape}"
            np.testing.assert_allclose(ours, theirs, pair.rtol, atol=1e-6, err_msg=name)
            compared.append(name)
    return compared


@pytest.fixture(scope="module", params=PAGES, ids=lambda page: page.stem)
def compared(
    interpret_functions: None, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, Any]]:
    """A page, and the variables that pellucid's columns have computed when the page compares them."""
    names: dict[str, Any] = {}
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("page"))
        pel.nn.set_random_seed(0)
        for number, pair in enumerate(read_page(request.param.read_text("utf-8"))):
            run_right(request.param, pair, names)
            found |= {f"{number} {name}": as_array(names[name]) for name in pair.equal}
    return request.param.stem, found


def test_columns_of_pellucid_run(compared: tuple[str, dict[str, Any]]) -> None:
    page, found = compared
    assert all(value.size for value in found.values())
    assert found or page in WITHOUT_PEER


def test_columns_of_pellucid_compute_finite_numbers(compared: tuple[str, dict[str, Any]]) -> None:
    for name, value in compared[1].items():
        assert value.dtype.kind != "f" or np.isfinite(value).all(), name


@pytest.mark.peer
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", [page for page in PAGES if page.stem not in WITHOUT_PEER], ids=lambda page: page.stem)
def test_columns_agree(page: Path, tmp_path: Path) -> None:
    for framework in FRAMEWORKS[page.stem]:
        pytest.importorskip(framework)
    environment = {"PYTHONPATH": str(ROOT / "src"), "KERAS_BACKEND": "jax", "PYTENSOR_FLAGS": "mode=FAST_COMPILE"}
    # A separate process, because frameworks have global modes.
    subprocess.run([sys.executable, __file__, str(page)], cwd=tmp_path, env=os.environ | environment, check=True)


def test_every_page_has_a_framework_and_a_link() -> None:
    assert sorted(FRAMEWORKS) == [page.stem for page in PAGES]
    links = re.findall(r"\]\((\w+\.md)\)", (FOLDER / "index.md").read_text("utf-8"))
    assert sorted(set(links)) == [page.name for page in PAGES]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{CONTAINER}\n```python\nx = 1\n```\n:::\n", "Expected two columns. Received 1"),
        (f"{CONTAINER}\n```python\n```\n```python\n```\n:::\n\n% same: x\n", "Received: % same: x"),
        (f"{CONTAINER}\n```python\n```\n```python\n```\n:::\n\n% equal: x rtol\n", "Received: % equal: x rtol"),
        (f"{CONTAINER}\n```text\n```\n```python\n```\n:::\n", "Expected Python, or '% not executed: reason'"),
        ("```sh\npellucid run moons\n```\n", "Expected Python in both columns. Received 'sh'"),
        (":::{note}\nText.\n:::\n", "Received: :::{note}"),
        (f"{CONTAINER}\n```python\n```\n```python\n```\n", "Received: :::{container} two-columns"),
        ("Text.\n% equal: x\n", "Received: % equal: x"),
        (
            f"{CONTAINER}\n```python\n```\n```python\n```\n:::\n\n% equal: x\n% not executed: no\n",
            "Numbers of code that is not executed",
        ),
    ],
)
def test_mistakes_of_pages_are_reported(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        list(read_page(text))


def test_different_numbers_are_reported(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    text = (
        f"```python\nx = 1.0\n```\n{CONTAINER}\n```python\ny = x\n```\n```python\ny = x + 1e-4\n```\n:::\n\n% equal: y"
    )
    page.write_text(f"{text} rtol=1e-3\n", "utf-8")
    assert compare_columns(page) == ["y"]
    page.write_text(f"{text}\n", "utf-8")
    with pytest.raises(AssertionError, match="Mismatched elements: 1 / 1"):
        compare_columns(page)


if __name__ == "__main__":
    print(f"{sys.argv[1]}: equal: {', '.join(compare_columns(Path(sys.argv[1])))}")
