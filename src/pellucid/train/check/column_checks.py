"""Checks of columns: leaks of the target, copies, identifiers, outliers, sentinel numbers, spellings of categories."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from pellucid.data.errors import join_first
from pellucid.graph.finding import Finding
from pellucid.show.plots.alt_text import join_parts
from pellucid.tracking.result import pluralize
from pellucid.train.check.checked_data import CheckedColumn, CheckedData, draw_sample
from pellucid.train.read.table_columns import IDENTIFIER_NAME
from pellucid.typing import Array

PREDICTIVE_POWER = 0.8
"""Predictive power of one feature that suggests a leak: the limit of deepchecks' FeatureLabelCorrelation."""
POWER_ROWS, POWER_COLUMNS, POWER_FOLDS = 1_000, 100, 4

COPY_ROWS, COPY_COLUMNS = 5_000, 500
COPY_CORRELATION = 0.99999
"""Columns in different units, such as degrees Celsius and Fahrenheit, are correlated so closely after rounding."""

OUTLIER_DISTANCE = 10.0
"""Distance from the nearer quartile, in interquartile ranges. Of a normal distribution, no sample is so far out."""
MAXIMUM_OUTLIER_FRACTION = 0.01
"""If more values are far out, the distribution has a long tail instead of outliers."""
MINIMUM_VALUES = 20
"""Quartiles of fewer values say little."""

NINES = re.compile(r"-?9{2,}|-9")
LIMITS_OF_INTEGERS = frozenset({-(2.0**31), 2.0**31 - 1, -(2.0**15), 2.0**15 - 1, 2.0**16 - 1, -1.0})


def find_column_problems(checked: CheckedData) -> Iterator[Finding]:
    """Yield findings about the columns of a table or the features of an array."""
    yield from find_leaks(checked)
    yield from find_identifiers(checked)
    yield from find_copied_columns(checked)
    yield from find_outliers(checked)
    for column in checked.features:
        if column.used_as == "number":
            yield from find_sentinels(column)
        elif column.used_as == "category":
            yield from find_spellings(column.name, column.present)
    if checked.dataset.table is not None and checked.dataset.class_names:
        target = next(column for column in checked.columns if column.used_as == "target")
        if target.values.dtype.kind == "U":
            yield from find_spellings(target.name, target.present)


def find_leaks(checked: CheckedData) -> Iterator[Finding]:
    """Yield a finding if columns alone predict the target."""
    leaks = {column.name: power for column, power in measure_predictive_power(checked) if power >= PREDICTIVE_POWER}
    if leaks:
        names = list(leaks)
        dataset = checked.dataset
        target = "the target" if dataset.class_names or len(dataset.target_names) == 1 else "one of the targets"
        listed = join_parts([f"{name} ({power:.2f})" for name, power in leaks.items()])
        yield Finding(
            "possible leak",
            join_parts(names),
            f"{listed} {'predicts' if len(leaks) == 1 else 'each predict'} {target} alone (predictive power: 0 is a "
            "constant prediction, 1 is perfect)",
            "If a feature is known only after the target, the score is far too good for new samples.",
            f"Check when it is known; if after the target, leave it out{format_skip(checked, names)}",
        )


def measure_predictive_power(checked: CheckedData) -> Iterator[tuple[CheckedColumn, float]]:
    r"""Yield columns with their predictive power: the quality of a decision tree of this feature alone.

    The power is :math:`(s - s_0) / (1 - s_0)` for the weighted F1 score s of classes, and :math:`1 - e / e_0` for the
    mean absolute error e of numbers. :math:`s_0` is the score of the most frequent class or of random classes,
    whichever is better, and :math:`e_0` the error of the median. Predictions are out of fold. This is the predictive
    power score of https://github.com/8080labs/ppscore.
    """
    rows = draw_sample(checked.parts["training"], POWER_ROWS)
    if len(rows) < 2 * POWER_FOLDS:
        return
    y = checked.dataset.targets[rows]
    for column in checked.features[:POWER_COLUMNS]:
        yield column, compute_predictive_power(encode_values(column)[rows], y)


def encode_values(column: CheckedColumn) -> Array:
    """Return the values of a column as float64; categories become their rank, and missing ones nan."""
    if column.values.dtype.kind == "U":
        codes = np.unique(column.values, return_inverse=True)[1].astype(np.float64)
    else:
        codes = column.values.astype(np.float64)
    return np.where(column.is_missing, np.nan, codes)


def compute_predictive_power(feature: Array, y: Array) -> float:
    """Return the predictive power of one feature for class indices, int32, or regression targets, shape (n, k).

    Of several targets, it is the power for the one that the feature predicts best.

    Examples
    --------
    >>> feature = np.arange(40.0) % 2
    >>> compute_predictive_power(feature, feature.astype(np.int32))
    1.0
    >>> compute_predictive_power(feature * 0, feature[:, None])
    0.0
    """
    from sklearn.metrics import f1_score
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    folds = KFold(POWER_FOLDS, shuffle=True, random_state=0)
    is_classification = y.ndim == 1
    tree = DecisionTreeClassifier(random_state=0) if is_classification else DecisionTreeRegressor(random_state=0)
    predicted = cross_val_predict(tree, feature[:, None], y, cv=folds)
    if is_classification:
        p = np.bincount(y) / len(y)
        least = max(2 * p.max() ** 2 / (1 + p.max()), (p**2).sum())
        own = f1_score(y, predicted, average="weighted")
        return max(0.0, float((own - least) / (1 - least))) if least < 1 else 0.0
    errors = np.abs(predicted.reshape(y.shape) - y).mean(axis=0)
    least_errors = np.abs(np.median(y, axis=0) - y).mean(axis=0)
    return max([0.0, *(float(1 - e / least) for e, least in zip(errors, least_errors, strict=True) if least > 0)])


def find_identifiers(checked: CheckedData) -> Iterator[Finding]:
    """Yield findings about columns that identify rows, or groups of rows."""
    if checked.dataset.table is None:
        return
    left_out = [column.name for column in checked.columns if column.reason.startswith("an identifier")]
    if left_out:
        yield Finding(
            "identifier",
            join_parts(left_out),
            f"{join_parts(left_out)} {'identifies' if len(left_out) == 1 else 'identify'} rows, and "
            f"{'is' if len(left_out) == 1 else 'are'} left out",
            "A network can learn identifiers by heart, which helps on no new sample.",
            f"Nothing to do, or use the column with --columns {shlex.quote(left_out[0])}=number if it is a measurement",
            severity="note",
        )
    for column in checked.features:
        values = column.present
        if IDENTIFIER_NAME.search(column.name) and 0 < len(np.unique(values)) < len(values):
            yield Finding(
                "identifier of groups",
                column.name,
                f"{column.name} has the name of an identifier, and {len(np.unique(values)):,} values in "
                f"{len(values):,} rows",
                "Rows of one person or object in several parts make the score too good, and new samples have other "
                "identifiers.",
                f"Leave it out{format_skip(checked, [column.name])}, and keep the rows of one group in one part",
            )


def find_copied_columns(checked: CheckedData) -> Iterator[Finding]:
    """Yield a finding for each group of features that have the same information."""
    rows = draw_sample(checked.parts["training"], COPY_ROWS)
    features = checked.features[:COPY_COLUMNS]
    numbers = [column for column in features if column.used_as == "number"]
    for group in (*group_correlated(numbers, rows), *group_categories(features, rows)):
        names = [column.name for column in group]
        yield Finding(
            "copied column",
            join_parts(names),
            f"{join_parts(names)} have the same information: each can be computed from {names[0]}",
            "Copies add nothing, and explanations divide the importance among them.",
            f"Leave out all but one{format_skip(checked, names[1:])}",
            severity="note",
        )


def group_correlated(columns: Sequence[CheckedColumn], rows: Array) -> Iterator[list[CheckedColumn]]:
    """Yield groups of numeric columns that are linear functions of each other."""
    values = np.array([column.values[rows] for column in columns])
    if len(columns) < 2 or len(rows) < 3:
        return
    with np.errstate(invalid="ignore"):
        means = np.nanmean(np.where(np.isfinite(values), values, np.nan), axis=1, keepdims=True)
        is_missing = ~np.isfinite(values)
        centered = np.where(is_missing, 0, values - means)
        norms = np.linalg.norm(centered, axis=1, keepdims=True)
        unit = np.divide(centered, norms, out=np.zeros_like(centered), where=norms > 0)
    alike = np.abs(unit @ unit.T) >= COPY_CORRELATION
    left = np.ones(len(columns), bool)
    for k in range(len(columns)):
        same = left & alike[k] & (is_missing == is_missing[k]).all(axis=1)
        same[:k] = False
        if left[k] and same.sum() > 1:
            left &= ~same
            yield [columns[j] for j in np.flatnonzero(same).tolist()]


def group_categories(columns: Sequence[CheckedColumn], rows: Array) -> Iterator[list[CheckedColumn]]:
    """Yield groups of categorical columns whose values correspond one to one."""
    groups: dict[bytes, list[CheckedColumn]] = defaultdict(list)
    for column in columns:
        if column.used_as == "category":
            order: dict[str, int] = {}
            codes = [order.setdefault(value, len(order)) for value in column.values[rows].tolist()]
            groups[np.array(codes, np.int64).tobytes()].append(column)
    yield from (group for group in groups.values() if len(group) > 1)


def find_sentinels(column: CheckedColumn) -> Iterator[Finding]:
    """Yield a finding for each extreme number that probably says that a value is missing, such as -999."""
    values, counts = np.unique(column.present, return_counts=True)
    if len(values) < 3:
        return
    for value, count, rest in ((values[0], counts[0], values[1:]), (values[-1], counts[-1], values[:-1])):
        if count < 2 or not is_sentinel(float(value)):
            continue
        gap = abs(float(value - rest[np.abs(rest - value).argmin()]))
        is_only_negative = value < 0 <= rest[0] and value != -1
        if is_only_negative or gap > max(1, np.ptp(rest) / 2):
            yield Finding(
                "sentinel number",
                column.name,
                f"{column.name} is {value:g} in {pluralize(int(count), 'row')}, far from all other values, "
                f"{rest[0]:g} to {rest[-1]:g}",
                f"If {value:g} says that a value is missing, the network takes it for a measurement.",
                "Empty these cells, so that they are treated as missing",
            )


def is_sentinel(value: float) -> bool:
    """Tell whether a number is often written for a missing value.

    Examples
    --------
    >>> is_sentinel(-999.0), is_sentinel(9999.0), is_sentinel(-32768.0), is_sentinel(250.0)
    (True, True, True, False)
    """
    return value in LIMITS_OF_INTEGERS or NINES.fullmatch(f"{value:.0f}" if value.is_integer() else "") is not None


def find_outliers(checked: CheckedData) -> Iterator[Finding]:
    """Yield a finding if single values of columns are far from all others."""
    places = {
        column.name: f"{column.name}: {column.values[rows[0]]:g} in {checked.dataset.locate(int(rows[0]))}"
        + (f" and {len(rows) - 1} more" if len(rows) > 1 else "")
        for column in checked.features
        if column.used_as == "number" and len(rows := locate_outliers(column))
    }
    if places:
        yield Finding(
            "outliers",
            join_parts(list(places)),
            f"single values are more than {OUTLIER_DISTANCE:g} interquartile ranges away from the middle half of their "
            f"column: {join_first(list(places.values()))}",
            "Inputs are scaled by their variance, so an outlier squeezes all other values together.",
            "Correct the values if they are wrong, or take the logarithm of a column with a long tail",
            severity="note",
        )


def locate_outliers(column: CheckedColumn) -> Array:
    """Return the rows of values that are far from all others.

    Examples
    --------
    >>> locate_outliers(CheckedColumn("weight", "number", "", np.append(np.arange(60.0, 90.0), 7500.0)))
    array([30])
    """
    present = column.present
    if len(present) < MINIMUM_VALUES:
        return np.zeros(0, np.int64)
    low, high = np.quantile(present, [0.25, 0.75])
    reach = OUTLIER_DISTANCE * (high - low)
    is_far = ~column.is_missing & ((column.values < low - reach) | (column.values > high + reach))
    rows = np.array([row for row in np.flatnonzero(is_far) if not is_sentinel(float(column.values[row]))], np.int64)
    return rows if high > low and len(rows) <= max(1, MAXIMUM_OUTLIER_FRACTION * len(present)) else rows[:0]


def find_spellings(name: str, values: Array) -> Iterator[Finding]:
    """Yield a finding if values of a category differ only in case, spaces or punctuation."""
    spellings: dict[str, list[str]] = defaultdict(list)
    distinct, counts = np.unique(values, return_counts=True)
    for k in np.argsort(-counts, kind="stable"):
        spellings["".join(re.findall(r"\w+", str(distinct[k]).casefold()))].append(f"{distinct[k]} ({counts[k]:,})")
    mixed = [" = ".join(group) for key, group in spellings.items() if key and len(group) > 1]
    if mixed:
        yield Finding(
            "mixed spellings",
            name,
            f"{name} has values that differ only in case, spaces or punctuation: {join_first(mixed)}",
            "Each spelling is a separate category, with fewer samples to learn from.",
            "Write each value in one way",
        )


def format_skip(checked: CheckedData, names: Sequence[str]) -> str:
    """Return the option that leaves columns of a table out, and nothing for other data."""
    if checked.dataset.table is None:
        return ""
    return f" with --columns {shlex.quote(','.join(f'{name}=skip' for name in names))}"
