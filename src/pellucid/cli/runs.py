"""``pellucid runs``: a table of saved runs, and the comparison of two."""

from pathlib import Path
from typing import Annotated

from pellucid.cli.output import Option
from pellucid.tracking.errors import UsageError
from pellucid.tracking.record import to_json
from pellucid.tracking.run_folder import RUNS


def runs(
    *folders: Path,
    sort: Annotated[str | None, Option] = None,
    out: Annotated[Path | None, Option] = None,
    json: Annotated[bool, Option] = False,
) -> int:
    """List saved runs with their scores, or compare two.

    For example:

        pellucid runs                          all runs in the folder runs
        pellucid runs experiments --sort accuracy
        pellucid runs --sort date --json
        pellucid runs runs/3 runs/7            compare two runs
        pellucid runs runs/3 runs/7 --out curves.png

    The status of a run is finished, interrupted, failed, unfinished (it has
    no record: it is still running, or was killed) or damaged. The date is that
    of the record.

    Of two runs, the settings that differ are printed, the scores, the curves,
    and the first epoch in which the histories differ, or that they are
    bit-identical.

    Parameters
    ----------
    folders
        Folder with runs (default: runs), or the folders of two runs to compare.
    sort
        Metric, the best first, such as accuracy or rmse; or score, date, epochs or seconds (default: by name).
    out
        Picture of the curves of two runs: a .png, .svg, .pdf or .html file.
    json
        Print the table or the comparison as JSON.
    """
    from pellucid.tracking.run_difference import compare_saved_runs
    from pellucid.tracking.run_table import format_runs, sort_runs
    from pellucid.tracking.saved_run import find_runs, is_run, read_run

    if len(folders) == 2 and all(map(is_run, folders)):
        if sort is not None:
            raise UsageError("--sort: expected a folder of runs, received two runs to compare. Omit --sort")
        difference = compare_saved_runs(*map(read_run, folders))
        if out is not None:
            difference.make_picture().save(out)
        print(to_json(difference.to_json()) if json else difference)
        if out is not None and not json:
            print(f"\n{difference.make_picture()}\nThe picture: {out}")
        return 0
    if out is not None:
        raise UsageError("--out: expected two runs to compare, such as runs/3 runs/7, or no --out")
    roots = folders or ((RUNS,) if RUNS.exists() else ())
    found = sort_runs([run for root in roots for run in find_runs(root)], sort)
    if json:
        print(to_json([run.to_json() for run in found]))
    elif found:
        print(format_runs(found, roots[0], sort))
    else:
        print(f"no runs in {', '.join(map(str, roots or (RUNS,)))}. Train a network: pellucid train DATA")
    return 0
