"""Options of table readers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pellucid.data.errors import DataError
from pellucid.data.tables.cells import Decimal
from pellucid.data.tables.csv_dialect import Header
from pellucid.errors import OptionError, near_miss
from pellucid.untrusted_files.budget import DEFAULT_MAX_BYTES, MemoryBudget


@dataclass(frozen=True)
class ReadOptions:
    """Arguments of `read_table`; None for what is to be inferred."""

    strict: bool = False
    table: str | None = None
    delimiter: str | None = None
    header: Header = "auto"
    decimal: Decimal | None = None
    max_bytes: int = DEFAULT_MAX_BYTES

    def __post_init__(self) -> None:
        if self.delimiter is not None and len(self.delimiter) != 1:
            raise OptionError(f"delimiter: expected one character, received {self.delimiter!r}")
        if self.header not in ("auto", "yes", "no"):
            raise OptionError(f"header: expected 'auto', 'yes' or 'no', received {self.header!r}")
        if self.decimal not in (None, ".", ","):
            raise OptionError(f"decimal: expected '.' or ',', received {self.decimal!r}")

    def make_budget(self, name: str) -> MemoryBudget:
        return MemoryBudget(self.max_bytes, DataError, name)


def choose_table(found: Sequence[str], wanted: str | None, name: str, kind: str) -> str:
    """Return the table or sheet to read, or raise `DataError` with those that there are."""
    listed = ", ".join(found[:20])
    if not found:
        raise DataError(f"{name}: expected a {kind}, received a file without {kind}s.")
    if wanted is None and len(found) > 1:
        raise DataError(f"{name}: expected the name of a {kind}: --table NAME, one of {listed}.")
    if wanted is not None and wanted not in found:
        raise DataError(f"{name}: no {kind} {wanted!a}.{near_miss(wanted, found) or f' The {kind}s are {listed}.'}")
    return wanted or found[0]
