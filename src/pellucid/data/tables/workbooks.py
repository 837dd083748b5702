"""Reader of workbooks of Excel and OpenDocument."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from pellucid.data.errors import DataError
from pellucid.data.tables.byte_streams import Content
from pellucid.data.tables.columns import make_table_of_rows
from pellucid.data.tables.read_options import ReadOptions, choose_table
from pellucid.data.tables.table import Table
from pellucid.optional_packages import require_packages
from pellucid.untrusted_files.reading import read_regular_file


def read_workbook(content: Content, name: str, options: ReadOptions) -> Table:
    with require_packages("Reading Excel files"):
        from python_calamine import CalamineWorkbook

    data = read_regular_file(content, DataError) if isinstance(content, Path) else content
    check_unpacked_size(data, name, options)
    workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
    sheet = choose_table(workbook.sheet_names, options.table, name, "sheet")
    rows = [row for row in workbook.get_sheet_by_name(sheet).to_python() if any(cell != "" for cell in row)]
    return make_table_of_rows(rows, name, ("Excel", f"sheet {sheet!r}"), options.header)


def check_unpacked_size(data: bytes, name: str, options: ReadOptions) -> None:
    """Take the unpacked size of a workbook from the budget; its reader would unpack anything."""
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(member.file_size for member in archive.infolist())
        options.make_budget(name).spend(size, "the unpacked workbook")
