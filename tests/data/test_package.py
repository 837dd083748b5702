"""Importing the package is cheap; public names are imported on first use."""

import subprocess
import sys

import pytest

from pellucid import data


def test_importing_it_imports_nothing_heavy() -> None:
    heavy = "{'sklearn', 'PIL', 'jax', 'rich', 'scipy'}"
    check = f"import sys, pellucid.data; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_public_name_is_there() -> None:
    assert set(data._HOMES) == set(data.__all__) <= set(dir(data))
    for name in data.__all__:
        assert getattr(data, name).__doc__


def test_no_module_hides_a_name() -> None:
    assert not set(data._MODULES) & set(data.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"pel\.data has no 'imagenet'"):
        data.imagenet  # noqa: B018
