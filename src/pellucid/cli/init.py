"""``pellucid init``: an experiment file with every setting and its default."""

from pathlib import Path
from typing import Annotated

from pellucid.cli.output import Option
from pellucid.tracking.errors import UsageError


def init(
    data: str | None = None,
    /,
    *,
    out: Annotated[Path, Option] = Path("experiment.toml"),
    overwrite: Annotated[bool, Option] = False,
) -> int:
    """Write an experiment file with every setting, its default and an explanation.

    For example:

        pellucid init flats.csv
        pellucid init photos/ --out photos.toml
        pellucid init                           for built-in data, as an example

    Edit the file, then train: pellucid train experiment.toml
    Unchanged, it trains like pellucid train DATA.

    Parameters
    ----------
    data
        Data that the file names: as for pellucid train (default: moons).
    out
        The file (default: experiment.toml).
    overwrite
        Replace an existing file.
    """
    from pellucid.atomic_write import atomic_write
    from pellucid.train.settings.template import write_template

    if out.suffix.lower() != ".toml":
        raise UsageError(f"--out: expected a file that ends in .toml; received {out}")
    if not out.parent.is_dir():
        raise UsageError(f"--out: there is no folder {out.parent}. Create it, or choose another")
    if out.exists() and not overwrite:
        raise UsageError(f"--out: {out} exists. Choose another file, or replace it with --overwrite")
    atomic_write(out, write_template(data, out))
    print(f"Edit {out}, then train: pellucid train {out}")
    return 0
