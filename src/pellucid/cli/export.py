"""``pellucid export``: a trained network in the form of another program."""

from pathlib import Path
from typing import Annotated, Literal

from pellucid.cli.output import Option
from pellucid.tracking.record import to_json


def export(
    network: Path,
    /,
    *,
    to: Annotated[Literal["onnx", "numpy", "keras", "page", "pel"], Option],
    out: Annotated[Path | None, Option] = None,
    overwrite: Annotated[bool, Option] = False,
    json: Annotated[bool, Option] = False,
) -> int:
    """Export a trained network, and check that the exported form predicts the same.

    For example:

        pellucid export runs/7 --to onnx                  for ONNX Runtime and others
        pellucid export runs/7 --to numpy --out flats.py  a script that needs only NumPy
        pellucid export runs/7 --to keras                 a file that Keras 3 opens
        pellucid export runs/7 --to page                  a page that predicts in a browser
        pellucid export runs/7 --to pel --out flats.pel   pellucid's own file

    Predictions for random samples are compared before the file is written. A
    page computes in the browser; here its C code is compared, compiled for
    this processor.

    A second file, such as model.onnx.inputs.json, describes the inputs of
    the network: order, units, categories, replacements of missing values, size
    of images, and an example. ONNX files and scripts
    have the same description inside.

    Parameters
    ----------
    network
        Folder of a run, or .pel or .keras file.
    to
        Form: onnx, numpy, keras, page or pel.
    out
        The file (default: model.onnx, .py, .keras, .html or .pel next to the network).
    overwrite
        Replace existing files.
    json
        Print the report as JSON.
    """
    from pellucid.train.evaluate.saved_models import load_saved_model
    from pellucid.train.export.network_export import export_network

    report = export_network(load_saved_model(network), to, out, overwrite)
    print(to_json(report.to_json()) if json else report)
    return 0
