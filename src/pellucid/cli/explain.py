"""``pellucid explain``: formulas and costs of a network, and explanations of single predictions."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pellucid.cli.output import Option
from pellucid.tracking.errors import UsageError
from pellucid.tracking.record import to_json
from pellucid.tracking.run_folder import open_run_folder


def explain(
    network: Path,
    /,
    *files: Annotated[str, Parameter(allow_leading_hyphen=True)],  # for -, standard input
    target: Annotated[str | None, Option] = None,
    out: Annotated[Path | None, Option] = None,
    strict: Annotated[bool, Option] = False,
    json: Annotated[bool, Option] = False,
) -> int:
    """Write a network as formulas with their costs, or explain its predictions.

    For example:

        pellucid explain runs/7                    formulas, parameters, operations
        pellucid explain runs/7 --out explained    the same as a page with mathematics
        pellucid explain runs/7 flats.csv          contribution of each column
        pellucid explain runs/7 photo.jpg --out explained
        pellucid explain runs/7 photo.jpg --target dog

    Rows of tables are explained by integrated gradients: the contributions of
    all columns add up to the difference between the prediction and that for
    the mean of the training set. Images are explained by occlusion: squares of
    the image are covered one after another, and the drop of the prediction is
    measured. Both show the response of the network. They do not show causes.

    Parameters
    ----------
    network
        Folder of a run, .pel or .keras file, or .toml file of a network. Files need the folder of a run.
    files
        Files as for pellucid predict: images, CSV or NPZ files, or - for standard input.
    target
        Class or target to explain (default: the predicted class, or every target).
    out
        New or empty folder for the formulas as a page, the text, and a picture of each image.
    strict
        Stop at an invalid image, line or cell instead of skipping it with a warning.
    json
        Print the explanation as JSON.
    """
    from pellucid.cli.predict import check_files
    from pellucid.train.evaluate.saved_models import load_saved_model

    if files:
        check_files("explain", files, ("--target", "--out", "--strict", "--json"))
    elif target is not None:
        raise UsageError("--target: expected files whose predictions to explain, or no --target")
    saved = load_saved_model(network)
    if files and saved.network is None:
        raise UsageError(f"{network}: expected the folder of a run, which describes how files become inputs")
    from pellucid.train.evaluate.explanations import (
        FormulaExplanation,
        PredictionExplanations,
        explain_formulas,
        explain_predictions,
    )

    with nullcontext() if out is None else open_run_folder(out) as folder:
        found: FormulaExplanation | PredictionExplanations = (
            explain_predictions(saved.network, files, strict, target)
            if files and saved.network is not None
            else explain_formulas(saved)
        )
        print(to_json({"network": str(network), **found.to_json()}) if json else found)
        if folder is not None:
            paths = found.save(folder)
            if not json:
                print(f"In {folder}: {', '.join(path.name for path in paths)}")
    return 0
