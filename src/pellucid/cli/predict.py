"""``pellucid test`` and ``pellucid predict``: evaluation and prediction with a trained network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from pellucid.cli.output import Option
from pellucid.errors import near_miss
from pellucid.tracking.errors import UsageError
from pellucid.tracking.record import to_json

OUTPUTS = ("file", "class", "probability", "probabilities", "values")


def evaluate(
    folder: Path,
    data: str,
    /,
    *,
    strict: Annotated[bool, Option] = False,
    json: Annotated[bool, Option] = False,
) -> int:
    """Evaluate a trained network on other data with targets.

    For example:

        pellucid test runs/7 more-photos/
        pellucid test runs/7 measured-later.csv

    If the data are divided into parts, the test part is used, otherwise all
    samples. Metrics come with 95% intervals, and for each class. The decision
    threshold of the run is used (pellucid train --threshold).

    Parameters
    ----------
    folder
        Folder of the run.
    data
        Data of the same kind as the training data.
    strict
        Stop at an invalid image, line or cell instead of skipping it with a warning.
    json
        Print only the metrics, as JSON.
    """
    from pellucid.train.evaluate.inference import evaluate_network
    from pellucid.train.evaluate.trained_network import load_network
    from pellucid.train.report.result_tables import format_groups, format_metrics

    result = evaluate_network(load_network(folder), data, strict)
    if json:
        print(to_json(result))
    else:
        lines = [
            *(f"{each['severity']}: {each['what']}. {each['fix']}." for each in result["findings"]),
            f"{data}: {result['samples']:,} samples",
            *format_metrics({"this network": result["test"]}, result["intervals"]),
            *format_groups(result["per_class" if "per_class" in result else "per_target"]),
        ]
        print("\n".join(lines))
    return 0


def predict(
    folder: Path,
    /,
    *files: Annotated[str, Parameter(allow_leading_hyphen=True)],  # for -, standard input
    strict: Annotated[bool, Option] = False,
    json: Annotated[bool, Option] = False,
) -> int:
    """Predict with a trained network. Prints one line for each image, row of a table, or sample of an array.

    For example:

        pellucid predict runs/7 photo.jpg
        pellucid predict runs/7 photos/
        pellucid predict runs/7 flats.csv --json
        pellucid predict runs/7 - < flats.csv
        find photos -name "*.jpg" | pellucid predict runs/7 -

    The file - is standard input. For a network of tables, it is the content
    of a table file; for a network of images, it is a list of paths, one a line.

    A line has the file, with the line or row in it, and the class with its probability, or the predicted values. If
    the run has a decision threshold (pellucid train --threshold), it decides between two classes.

    Parameters
    ----------
    folder
        Folder of the run.
    files
        Images, folders or zip archives of images, tables, NPZ files with an array x, or - for standard input.
    strict
        Stop at an invalid image, line or cell instead of skipping it with a warning.
    json
        Print the predictions as JSON, with the probabilities of all classes.
    """
    check_files("predict", files)
    from pellucid.train.evaluate import inference
    from pellucid.train.evaluate.trained_network import load_network

    predictions = inference.predict(load_network(folder), files, strict)
    if json:
        print(to_json({"folder": str(folder), "predictions": predictions}))
    else:
        print("".join(f"{format_prediction(each)}\n" for each in predictions), end="")
    return int(not predictions)


def check_files(command: str, files: Sequence[str], options: Sequence[str] = ("--strict", "--json")) -> None:
    """Refuse a command without files, with an unknown option, or that reads standard input twice."""
    if not files:
        raise UsageError(f"{command}: expected files: pellucid {command} RUN FILES")
    option = next((word for word in files if word.startswith("-") and word != "-"), None)
    if option is not None:
        hint = near_miss(option, options)
        raise UsageError(f"{command}: unknown option {option}.{hint} A file with this name is ./{option}")
    if files.count("-") > 1:
        raise UsageError(f"{command}: expected - once: standard input can be read only once")


def format_prediction(prediction: Mapping[str, Any]) -> str:
    """Return a prediction in one line.

    Examples
    --------
    >>> format_prediction({"file": "a.csv", "line": 2, "class": "cat", "probability": 0.75})
    'a.csv, line 2: cat  0.750'
    >>> format_prediction({"file": "a.npz", "row": 0, "values": {"price": 90.5}})
    'a.npz, row 0: price 90.5'
    """
    position = "".join(f", {name} {value}" for name, value in prediction.items() if name not in OUTPUTS)
    if "class" in prediction:
        output = f"{prediction['class']}  {prediction['probability']:.3f}"
    else:
        output = "  ".join(f"{name} {value:.6g}" for name, value in prediction["values"].items())
    return f"{prediction['file']}{position}: {output}"
