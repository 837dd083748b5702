"""``pellucid test`` and ``pellucid predict``: what a trained network does on other data, and what it says of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pellucid.cli.options import Option
from pellucid.experiments.runner.errors import UsageError
from pellucid.experiments.runner.record import as_json


def examine(
    folder: Path,
    data: str,
    /,
    *,
    strict: Annotated[bool, Option] = False,
    json: Annotated[bool, Option] = False,
) -> int:
    """Measure a trained network on other data that have answers.

    For example:

        pellucid test runs/7 more-photos/
        pellucid test runs/7 measured-later.csv

    Of data that come in parts, the part to test on is taken, else all of them.

    Parameters
    ----------
    folder
        The run's.
    data
        Of the kind that the network was trained on, as for pellucid train.
    strict
        Stop at a bad image, line or cell, which is left out otherwise.
    json
        Print the measures alone on standard output, as JSON.
    """
    from pellucid.experiments.train.inference import examined, trained

    result = examined(trained(folder), data, strict)
    if json:
        print(as_json(result))
    else:
        from pellucid.cli.results import in_table

        in_table({"this network": result["test"]}, f"{data}: {result['samples']:,} samples")
    return 0


def predict(
    folder: Path,
    /,
    *files: str,
    strict: Annotated[bool, Option] = False,
    json: Annotated[bool, Option] = False,
) -> int:
    """Say what a trained network takes images, rows of a CSV file or arrays for, one line for each.

    For example:

        pellucid predict runs/7 photo.jpg
        pellucid predict runs/7 photos/
        pellucid predict runs/7 flats.csv --json

    A line has the file (with the line in it, or the row), the class and its probability, or what is predicted.

    Parameters
    ----------
    folder
        The run's.
    files
        Images and folders or zips of them, CSV files, or NPZ files with an array x.
    strict
        Stop at a bad image, line or cell, which is left out otherwise.
    json
        Print all of it as JSON, with the probability of every class.
    """
    if not files:
        raise UsageError("predict: expected files: pellucid predict RUN FILES")
    from pellucid.experiments.train.inference import predict as answers
    from pellucid.experiments.train.inference import trained

    found = answers(trained(folder), files, strict)
    if json:
        print(as_json({"folder": str(folder), "predictions": found}))
    else:
        print("".join(f"{in_line(each)}\n" for each in found), end="")
    return int(not found)


def in_line(answer: Mapping[str, Any]) -> str:
    """Write an answer in one line.

    Examples
    --------
    >>> in_line({"file": "a.csv", "line": 2, "class": "cat", "probability": 0.75})
    'a.csv, line 2: cat  0.750'
    >>> in_line({"file": "a.npz", "row": 0, "values": {"price": 90.5}})
    'a.npz, row 0: price 90.5'
    """
    place = "".join(f", {word} {answer[word]}" for word in ("line", "row") if word in answer)
    if "class" in answer:
        said = f"{answer['class']}  {answer['probability']:.3f}"
    else:
        said = "  ".join(f"{name} {value:.6g}" for name, value in answer["values"].items())
    return f"{answer['file']}{place}: {said}"
