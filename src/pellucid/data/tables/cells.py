"""Cells of text: missing values, numbers with units and separators, and dates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pyarrow as pa

DECIMAL_SAMPLE, DATE_SAMPLE = 20_000, 2_000
"""Number of cells of a column from which the decimal mark and the format of dates are inferred."""

FIRST_DATES = 40
"""Number of cells that every format of dates is tried on."""

Decimal = Literal[".", ","]
"""The decimal mark of numbers."""

MISSING = ("", "-", "--", "?", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "missing")
"""Texts of missing values, in lower case."""

MAXIMUM_INVALID_FRACTION = 0.2
"""A column with at most this fraction of invalid numbers is numeric; otherwise it is a column of strings."""

CURRENCY = r"(?:[$€£¥₹₽₩]|R\$|USD|EUR|GBP|CHF|JPY|CNY|INR|AUD|CAD|BRL|SEK|NOK|DKK|PLN|kr|zł)"

BODY = {
    ".": r"(?:\d{1,3}(?:[,'\x{2019} \x{a0}\x{2009}\x{202f}]\d{3})+|\d+)(?:\.\d*)?|\.\d+",
    ",": r"(?:\d{1,3}(?:[.'\x{2019} \x{a0}\x{2009}\x{202f}]\d{3})+|\d+)(?:,\d*)?|,\d+",
}
"""Digits with thousands separators and decimals, for each decimal mark."""

GROUPED = {".": r"[,'\x{2019} \x{a0}\x{2009}\x{202f}]", ",": r"[.'\x{2019} \x{a0}\x{2009}\x{202f}]"}

# Numbers that have one meaning only: 1,234 and 1.234 may be thousands or decimals.
DECIMALS = r"^[^\d.,]*(?:\d*{mark}(?:\d{{1,2}}|\d{{4,}})|0{mark}\d+|\d{{4,}}{mark}\d+|"
GROUPS = r"\d{{1,3}}(?:{other}\d{{3}})+{mark}\d+|\d{{1,3}}(?:{other}\d{{3}}){{2,}})(?:[eE][-+]?\d+)?[^\d.,]*$"
WITH_COMMA = (DECIMALS + GROUPS).format(mark=",", other=r"\.")
WITH_POINT = (DECIMALS + GROUPS).format(mark=r"\.", other=",")
SPACED_GROUP = r"(\d)['\x{2019} \x{a0}\x{2009}\x{202f}](\d{3})"
AMBIGUOUS = r"^[^\d.,]*\d{1,3},\d{3}[^\d.,]*$"


def clean_cells(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return cells without spaces around them, null where a value is missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pc.utf8_trim_whitespace(cells)
    is_missing = pc.is_in(pc.utf8_lower(text), value_set=pa.array(MISSING))
    return pc.if_else(is_missing, pa.scalar(None, pa.string()), text)


def find_decimal_mark(columns: Sequence[pa.ChunkedArray], delimiter: str) -> Decimal:
    """Return the decimal mark of a file: that of most of the numbers that have one meaning only.

    If there are none, numbers such as ``1,234`` are decimals in a file whose delimiter is a semicolon.
    """
    import pyarrow.compute as pc

    samples = [draw_sample(cells, DECIMAL_SAMPLE) for cells in columns]
    texts = [pc.replace_substring_regex(cells, SPACED_GROUP, r"\1\2") for cells in samples]

    def count(pattern: str) -> int:
        return sum(pc.sum(pc.match_substring_regex(cells, pattern)).as_py() or 0 for cells in texts)

    commas, points = count(WITH_COMMA), count(WITH_POINT)
    if commas == points == 0:
        return "," if delimiter == ";" and count(AMBIGUOUS) else "."
    return "," if commas > points else "."


def draw_sample(cells: pa.ChunkedArray, size: int) -> pa.ChunkedArray:
    """Return at most this many cells, spread evenly."""
    import pyarrow as pa

    return cells.take(pa.array(range(0, len(cells), 1 + len(cells) // size), pa.int64()))


def parse_numbers(cells: pa.ChunkedArray, decimal: Decimal = ".") -> pa.ChunkedArray:
    """Parse cells as numbers, float64; missing and invalid cells are null.

    Thousands separators, a currency before or after the number, and parentheses of negative amounts are accepted. A
    percentage is a fraction.

    Examples
    --------
    >>> import pyarrow as pa
    >>> parse_numbers(pa.chunked_array([["$1,234.50", "12 %", "(7)", "−3", "1e3", "abc", None]])).to_pylist()
    [1234.5, 0.12, -7.0, -3.0, 1000.0, None, None]
    >>> parse_numbers(pa.chunked_array([["1.234,5", "-9603,04"]]), ",").to_pylist()
    [1234.5, -9603.04]
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if decimal == ".":
        try:
            return keep_finite(pc.cast(cells, pa.float64()))
        except pa.ArrowInvalid:
            pass
    pattern = (
        rf"^(?P<open>\(?)(?P<sign>[-+−]?)\s*(?:{CURRENCY}\s*)?(?P<inner>[-+−]?)"
        rf"(?P<body>{BODY[decimal]})(?P<exponent>(?:[eE][-+]?\d+)?)\s*(?:{CURRENCY}|(?P<percent>%))?\)?$"
    )
    parts = pc.extract_regex(cells, pattern)
    body = pc.replace_substring_regex(pc.struct_field(parts, "body"), GROUPED[decimal], "")
    body = pc.replace_substring(body, ",", ".") if decimal == "," else body
    text = pc.binary_join_element_wise(body, pc.struct_field(parts, "exponent"), "")
    values = pc.cast(pc.if_else(pc.is_valid(parts), text, pa.scalar(None, pa.string())), pa.float64())
    signs = pc.binary_join_element_wise(*(pc.struct_field(parts, name) for name in ("open", "sign", "inner")), "")
    values = pc.if_else(pc.match_substring_regex(signs, r"^(?:\(|-|−)$"), pc.negate(values), values)
    is_percentage = pc.equal(pc.struct_field(parts, "percent"), "%")
    return keep_finite(pc.if_else(is_percentage, pc.divide(values, 100.0), values))


def keep_finite(values: Any) -> Any:
    """Return numbers with null in place of nan and infinity."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(pc.is_finite(values), values, pa.scalar(None, pa.float64()))


DATES = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d",
    "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%m-%d-%Y", "%d-%m-%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y",
    "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y",
)  # fmt: skip
"""Formats of dates. Of several that fit, the first is used: with slashes, the month comes first as in the USA."""


TIMES = ("", "T%H:%M:%S", " %H:%M:%S", " %H:%M", "T%H:%M", " %I:%M:%S %p", " %I:%M %p")
FRACTION_AND_ZONE = r"(:\d{2})(?:[.,]\d+)?\s*(?:Z|UTC|[-+]\d{2}:?\d{2})?$"
LOOKS_LIKE_DATE = (
    r"^(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{2,4}|[A-Za-z]{3,9} \d{1,2}, \d{4})"
)


def find_date_format(cells: pa.ChunkedArray) -> tuple[str, str] | None:
    """Return the format that most cells fit, and another one that fits as many; None if the cells are not dates.

    Examples
    --------
    >>> import pyarrow as pa
    >>> find_date_format(pa.chunked_array([["31.12.2020", "1.1.2021"]]))
    ('%d.%m.%Y', '')
    >>> find_date_format(pa.chunked_array([["1/2/2020", "3/4/2021"]]))
    ('%m/%d/%Y', '%d/%m/%Y')
    """
    import pyarrow.compute as pc

    present = draw_sample(pc.drop_null(cells), DATE_SAMPLE)
    if not len(present) or pc.mean(pc.match_substring_regex(present, LOOKS_LIKE_DATE)).as_py() < 0.5:
        return None
    forms = [date + time for date in DATES for time in TIMES]
    for size in (FIRST_DATES, len(present)):  # few formats are left for the second round
        tried = present[:size]
        found = {form: len(tried) - parse_dates(tried, form).null_count for form in forms}
        forms = [form for form in forms if found[form] >= (1 - MAXIMUM_INVALID_FRACTION) * len(tried)]
    counts = {form: found[form] for form in forms}
    if not counts:
        return None
    best = [form for form, count in counts.items() if count == max(counts.values())]
    swapped = best[0].replace("%m", "%_").replace("%d", "%m").replace("%_", "%d")
    return best[0], swapped if swapped in best[1:] else ""


def parse_dates(cells: pa.ChunkedArray, form: str) -> pa.ChunkedArray:
    """Parse cells as dates with times in seconds; missing and invalid cells are null. Zones are ignored."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if "%S" in form:
        cells = pc.replace_substring_regex(cells, FRACTION_AND_ZONE, r"\1")
    dates = pc.strptime(cells, format=form, unit="s", error_is_null=True)
    # Of 1/2/20, "%Y" accepts the year 20; and "%d" accepts the 30th of February.
    is_valid = pc.greater_equal(pc.year(dates), 1000)
    written = pc.utf8_lower(pc.strftime(dates, format=form))
    is_same = pc.equal(remove_zeros(written), remove_zeros(pc.utf8_lower(cells)))
    return pc.if_else(pc.and_(is_valid, is_same), dates, pa.scalar(None, dates.type))


def remove_zeros(cells: Any) -> Any:
    """Return dates without leading zeros, and the names of months with three letters."""
    import pyarrow.compute as pc

    short = pc.replace_substring_regex(cells, r"([a-z]{3})[a-z]+", r"\1")
    return pc.replace_substring_regex(short, r"(^|\D)0+(\d)", r"\1\2")
