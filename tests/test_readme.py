"""The examples of the README run in order and print the documented output."""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

from pellucid import nn

README = Path(__file__).parent.parent / "README.md"


def test_examples_print_the_documented_output(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)  # one example writes a page
    text = README.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    promised = re.findall(r"^print\(.*\)\s+# (.+)$", text, flags=re.MULTILINE)
    nn.set_random_seed(0)  # as at the start of a process
    printed = io.StringIO()
    names: dict[str, object] = {}
    with redirect_stdout(printed):
        for block in blocks:
            exec(compile(block, str(README), "exec"), names)
    assert len(blocks) == 7
    assert printed.getvalue().splitlines() == promised


def test_links_are_valid() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8")):
        assert (README.parent / target).exists(), target
