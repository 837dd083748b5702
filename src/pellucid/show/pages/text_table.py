"""Tables of text for terminals."""

from collections.abc import Collection, Sequence


def align_cells(rows: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> list[str]:
    """Return a line for each row; columns are aligned to the right, except those in ``left``. Rows may be short.

    Examples
    --------
    >>> align_cells([["layer", "seconds"], ["dense", "0.5"]])
    ['layer  seconds', 'dense      0.5']
    """
    count = max(map(len, rows), default=0)
    widths = [max((len(row[i]) for row in rows if i < len(row)), default=0) for i in range(count)]
    return [
        "  ".join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=False))
        ).rstrip()
        for row in rows
    ]
