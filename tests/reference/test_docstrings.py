"""Every public name has a complete docstring: a sentence, its parameters, an example."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Mapping

import numpy as np
import pytest

import pellucid as pel
from pellucid.reference import PublicName, find_public_names
from pellucid.reference.docstrings import SECTION, get_docstring
from pellucid.reference.facts import collect_facts, get_signature

WITHOUT_ARGUMENTS = ("module", "property", "object", "type", "command")
SECTIONS = {"Parameters", "Attributes", "Returns", "Yields", "Raises", "Warns", "Notes", "Examples", "References"}
"""Sections of docstrings. Pages link related names, so there is no "See Also"."""


def find_gaps(entry: PublicName) -> list[str]:
    """Return what the docstring of a public name lacks."""
    doc = collect_facts(entry).doc
    gaps = [] if doc.sentence.endswith((".", ":")) else [f"{entry.name}: no sentence"]
    sections = {match[0].splitlines()[0] for match in SECTION.finditer(get_docstring(entry))}
    if unexpected := sorted(sections - SECTIONS):
        gaps.append(f"{entry.name}: unexpected sections: {', '.join(unexpected)}")
    if entry.kind not in WITHOUT_ARGUMENTS:
        undocumented = list_undocumented_parameters(entry)
        gaps += [f"{entry.name}: parameters without description: {', '.join(undocumented)}"] if undocumented else []
    described = doc.example + (collect_facts(entry.owner).doc.example if entry.owner else "")
    mark = "pellucid " if entry.kind == "command" else ">>> "
    return gaps if entry.kind == "module" or mark in described else [*gaps, f"{entry.name}: no example"]


def list_undocumented_parameters(entry: PublicName) -> list[str]:
    documented = collect_documented_parameters(entry)
    names = [p.name for p in get_signature(entry).parameters.values() if not p.name.startswith("_")]
    errors = entry.kind == "error"  # whose arguments are the message
    return [name for name in names if name not in documented and not (errors and name == "args")]


def collect_documented_parameters(entry: PublicName) -> set[str]:
    """Return the parameters that a docstring describes, also by a reference such as ``...: As in `Conv2D`.``"""
    documented = set()
    doc = collect_facts(entry).doc
    for described in (*doc.parameters, *doc.attributes):  # the attributes of a data class are its parameters
        documented |= {part.strip("* `") for part in described.name.split(",")}
        if described.name.endswith("..."):
            assert described.description.startswith("As in `"), entry.name
            [target] = find_public_names(described.description.split("`")[1])
            documented |= collect_documented_parameters(target)
    return documented


@pytest.mark.usefixtures("facts")  # which `find_gaps` reads
def test_no_docstring_has_gaps(names: Mapping[str, PublicName]) -> None:
    gaps = [gap for entry in names.values() for gap in find_gaps(entry)]
    assert not gaps, "\n".join(gaps)


def test_gaps_are_found() -> None:
    def scale(x: float, factor: float) -> float:
        """Multiply.

        Parameters
        ----------
        x : float
            A number.
        """
        return x * factor

    entry = PublicName("pel.scale", "function", scale, "Section", "Family")
    assert find_gaps(entry) == ["pel.scale: parameters without description: factor", "pel.scale: no example"]


def test_examples_of_aliases_run(names: Mapping[str, PublicName]) -> None:
    aliases = {name: get_docstring(entry) for name, entry in names.items() if entry.kind == "type"}
    assert len(aliases) > 10
    for name, text in aliases.items():
        runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
        runner.run(doctest.DocTestParser().get_doctest(text, {"pel": pel, "np": np}, name, None, 0))
        assert runner.summarize(verbose=False).failed == 0, name
        assert inspect.cleandoc(text) == text, name
