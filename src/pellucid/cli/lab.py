"""``pellucid lab``: a page in which a network learns the user's data."""

from pathlib import Path
from typing import Annotated, Literal

from pellucid.cli.output import Option
from pellucid.tracking.errors import UsageError
from pellucid.tracking.record import to_json


def lab(
    data: str | None = None,
    /,
    *,
    target: Annotated[str | None, Option] = None,
    features: Annotated[tuple[str, str] | None, Option] = None,
    task: Annotated[Literal["classification", "regression"] | None, Option] = None,
    steps: Annotated[int, Option] = 1000,
    title: Annotated[str | None, Option] = None,
    strict: Annotated[bool, Option] = False,
    out: Annotated[Path, Option] = Path("lab.html"),
    json: Annotated[bool, Option] = False,
) -> int:
    """Write a page in which a network learns your data, with controls for its layers and its training.

    For example:

        pellucid lab iris.csv
        pellucid lab iris.csv --features "petal length" "petal width"
        pellucid lab flats.csv --target price --out flats.html
        pellucid lab moons                      built-in data set

    Open the page in a browser. Move a slider, and the page trains the network
    again, from the first step to the last. It shows where the network predicts
    which class or number, and its score on held-out rows,
    next to a constant prediction and a linear model.

    The page is one file that can be mailed. It contains the data and needs no
    network and no server. A page for a new size of data is compiled, which
    takes less than 20 seconds; the compiled code is kept for the next page.

    The network sees two
    features. Of more than two, --features chooses; otherwise these are their
    first two principal components. String columns become one feature for each
    category, such as "place = town".

    Parameters
    ----------
    data
        Table (.csv, .parquet, .xlsx, ...) or .npz file (arrays x and y), or moons, circles or blobs.
    target
        Column of a table to predict (default: the last).
    features
        Names of the two features.
    task
        Task: classification or regression (default: inferred from the target).
    steps
        Number of training steps (default 1000).
    title
        Heading of the page (default: the names of file and target).
    strict
        Stop at an invalid line or cell instead of using it as a missing value, with a warning.
    out
        The page (default: lab.html). An earlier page is replaced.
    json
        Print the path, the rows, the features and notes about the data as JSON.
    """
    if data is None:
        raise UsageError(
            "lab: expected data: a table, such as a .csv file, an .npz file, or a built-in name such as moons"
        )
    if out.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"out: expected a file that ends in .html; received {str(out)!r}")
    if steps < 1:
        raise UsageError(f"steps: expected 1 or more; received {steps}")
    from pellucid.live.lab import lab as make_lab

    page = make_lab(data, target=target, features=features, task=task, steps=steps, title=title, strict=strict)
    page.save(out)
    rows, size = page.rows, out.stat().st_size
    if json:
        described = {
            "page": str(out),
            "bytes": size,
            "rows": len(rows.X),
            "features": rows.feature_names,
            "target": rows.target_name,
            "classes": rows.class_names,
            "notes": rows.facts,
        }
        print(to_json(described))
    else:
        print("\n".join([*rows.facts, f"The page: {out.resolve().as_uri()} ({size / 1e6:.1f} MB)"]))
    return 0
