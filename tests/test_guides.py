"""The programs in the guides run, and print what the guides say."""

import io
import re
import warnings
from contextlib import redirect_stdout
from pathlib import Path

import pytest

import pellucid
from pellucid import nn

GUIDES = Path(pellucid.__file__).parent / "guides"
EXECUTED = ["saving", "onnx", "own_ops_and_layers", "performance", "reproducibility"]
"""Guides whose programs run as they are; the others use the user's files or several machines."""

BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```)?", re.DOTALL | re.MULTILINE)
"""A program, and the message that it ends with if there is one."""


@pytest.fixture(autouse=True)
def _start_of_a_process(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nn.set_random_seed(0)


def run_program(program, name, names):
    file = Path(f"guide_{name}.py")
    file.write_text(program, "utf-8")
    exec(compile(program, str(file), "exec"), names)


@pytest.mark.parametrize("guide", EXECUTED)
def test_programs_print_what_the_guide_says(guide):
    program = "\n".join(program for program, _ in BLOCK.findall((GUIDES / f"{guide}.md").read_text("utf-8")))
    expected = re.findall(r"^print\(.*\)  # (.+)$", program, re.MULTILINE)
    assert expected
    printed = io.StringIO()
    with redirect_stdout(printed):
        run_program(program, guide, {"__name__": guide})
    assert printed.getvalue().splitlines() == expected


def get_message(program, names):
    """Return the first line of the error or warning of a program, after its class."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            run_program(program, "troubleshooting", names)
        except pellucid.PellucidError as error:
            return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    (warning,) = caught
    return f"{warning.category.__name__}: {str(warning.message).splitlines()[0]}"


def test_messages_are_those_of_the_guide():
    blocks = BLOCK.findall((GUIDES / "troubleshooting.md").read_text("utf-8"))
    names = {"__name__": "troubleshooting"}
    assert sum(bool(message) for _, message in blocks) >= 15
    for program, message in blocks:
        if not message:
            run_program(program, "troubleshooting", names)
            continue
        pattern = ".*".join(re.escape(part) for part in message.strip().split("…"))
        assert re.fullmatch(pattern, get_message(program, names)), program
