"""The examples of the README run, one after the other as they stand, and print what they say."""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

from pellucid import nn

README = Path(__file__).parent.parent / "README.md"


def test_the_examples_print_what_they_say() -> None:
    text = README.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    promised = re.findall(r"^print\(.*\)\s+# (.+)$", text, flags=re.MULTILINE)
    nn.set_random_seed(0)  # as a process begins
    printed = io.StringIO()
    names: dict[str, object] = {}
    with redirect_stdout(printed):
        for block in blocks:
            exec(compile(block, str(README), "exec"), names)
    assert len(blocks) == 5
    assert printed.getvalue().splitlines() == promised


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8")):
        assert (README.parent / target).exists(), target
