"""Facts about all public names, collected once: finding the names imports most of the package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pellucid.reference import PublicName
    from pellucid.reference.facts import Facts


@pytest.fixture(scope="session")
def names() -> Mapping[str, PublicName]:
    """All public names by their main spelling."""
    from pellucid.reference import list_public_names

    return list_public_names()


@pytest.fixture(scope="session")
def facts(names: Mapping[str, PublicName]) -> dict[str, Facts]:
    """The facts about each public name."""
    from pellucid.reference.facts import collect_facts

    return {name: collect_facts(entry) for name, entry in names.items()}
