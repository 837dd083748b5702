"""``pellucid data``: an overview of data, and the problems in them."""

from typing import Annotated, Any

from pellucid.cli.output import OUTPUT, Option
from pellucid.cli.train import add_options, get_given, merge_settings
from pellucid.tracking.record import to_json
from pellucid.train.read.loaders import get_options
from pellucid.train.settings.settings import PARAMETERS

OPTIONS = {
    **get_options(),
    **{name: PARAMETERS[name] for name in ("task", "validation_split", "test_split", "seed", "memory", "strict")},
}


def data(
    data: str,
    /,
    *,
    json: Annotated[bool, Option] = False,
    **given: Any,
) -> int:
    """Show an overview of your data, and the problems in them, before training.

    For example:

        pellucid data flats.csv --target price    columns, ranges, missing values
        pellucid data photos/                     classes, copies in two parts
        pellucid data arrays.npz --json           the same for programs
        pellucid data mine.toml                   data of an experiment file

    Columns and classes are counted, with small histograms from the lowest to
    the highest value. Findings follow: a failure makes a result useless, a
    warning limits it, a note does neither. Each has its place, why it matters
    and what to do.

    Checked are samples in two parts, near-duplicate images, equal inputs with
    different targets, columns that alone predict the target, copied columns,
    identifiers, rare classes, small test sets, outliers, numbers such as -999
    for missing values, values with several spellings, given parts that differ,
    dark, light, uniform or oddly shaped images, and classes that differ from
    all others in the size or the colors of their files. Data are divided into parts
    as pellucid train does with the same options. Large data are sampled for
    some checks, and nothing is changed.

    Parameters
    ----------
    data
        Folder or zip of images, table (.csv, .parquet, .xlsx, .jsonl, .sqlite, .duckdb), .npz or .toml file, or mnist,
        digits32, moons, circles or blobs.
    json
        Print overview and findings as JSON.
    """
    from pellucid.optional_packages import require_packages
    from pellucid.train.check.check import check_data
    from pellucid.train.settings.settings import Settings

    values = get_given(OPTIONS, given)
    with require_packages("pellucid data"):
        check = check_data(Settings(**merge_settings(data, None, values)))
    OUTPUT.print(to_json(check.to_json()) if json else str(check))
    return 0


add_options(data, OPTIONS)
