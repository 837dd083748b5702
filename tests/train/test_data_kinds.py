"""A kind of data is one module and one name in the registry: options, help, training and prediction follow from it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pellucid.tracking import UsageError
from pellucid.train.read.loaders import (
    find_loader,
    get_built_in_names,
    get_loaders,
    get_options,
    load_dataset,
)
from pellucid.train.settings.settings import Settings

LOADER = '''
"""Loader of text files with one sample per line: numbers, and a target at the end."""

from pellucid.tracking.parameters import Parameter, Range
from pellucid.train.read.loaders import DataLoader


def read(path, scale):
    import numpy as np

    rows = np.loadtxt(path, ndmin=2)
    return rows[:, :-1].astype("float32") * scale, rows[:, -1]


def load(settings):
    from pellucid.train.read.dataset import Dataset, compute_checksum, encode_targets

    scale = settings.options.get("scale") or 1.0
    x, y = read(settings.data, scale)
    targets, names = encode_targets(y, settings.task, settings.data)
    return Dataset(
        where=settings.data,
        targets=targets,
        class_names=names,
        fit_inputs=lambda training: (x, {"kind": "lines", "scale": scale}),
        apply_description=lambda description: x,
        summary=f"{len(x)} lines",
        checksum=compute_checksum(x, y),
    )


def read_inputs(description, file, strict):
    x, _ = read(file, description["scale"])
    yield [{"file": file, "line": line} for line in range(1, len(x) + 1)], x


LOADER = DataLoader(
    kind="lines",
    name="a PTS file",
    recognizes=lambda path: path.suffix == ".pts",
    load=load,
    read_inputs=read_inputs,
    is_valid=lambda description: isinstance(description["scale"], float),
    options=(Parameter("scale", float | None, None, "Factor of all inputs (default 1).", Range(0, open=True)),),
)
'''

PROGRAM = """
import sys
from pellucid.train.read import loaders
loaders.__path__.append(".")
loaders.MODULES = (*loaders.MODULES, "point_loader")
from pellucid.cli import main
for words in sys.argv[1:]:
    print(main(words.split()))
"""


@pytest.mark.slow
def test_a_new_kind_of_data_needs_one_module_and_its_name(tmp_path: Path) -> None:
    (tmp_path / "point_loader.py").write_text(LOADER)
    (tmp_path / "signs.pts").write_text("".join(f"{i - 30} {i % 7} {int(i > 30)}\n" for i in range(60)))
    (tmp_path / "wrong.toml").write_text('pellucid = 1\ndata.source = "signs.pts"\ndata.scale = -1\n')
    commands = [
        "train --help",
        "train signs.pts --scale 2 --model linear --epochs 3 --quiet --out run",
        "train run/experiment.toml --quiet --out again",
        "test run signs.pts --json",
        "predict run signs.pts",
        "train signs.pts --scale 0",
        "train moons --scale 2",
        "train wrong.toml",
    ]
    command = [sys.executable, "-c", PROGRAM, *commands]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert re.search(r"--scale FLOAT +Factor of all inputs \(default 1\)\.", done.stdout)
    assert re.findall(r"^\d$", done.stdout, re.MULTILINE) == ["0", "0", "0", "0", "0", "2", "2", "2"]
    assert re.search(r"^signs.pts, line 60: [01]  0\.\d+$", done.stdout, re.MULTILINE)
    assert "error: scale: expected a number, more than 0; received 0.0" in done.stderr
    assert "error: scale: only for a PTS file. Omit it for moons" in done.stderr
    assert "error: wrong.toml, [data]: scale: expected a number, more than 0; received -1" in done.stderr
    description = json.loads((tmp_path / "run" / "data.json").read_text())
    assert (description["kind"], description["scale"]) == ("lines", 2.0)
    first, second = (json.loads((tmp_path / name / "record.json").read_text()) for name in ("run", "again"))
    assert first["measures"] == second["measures"]
    assert first["parameters"]["options"] == {"scale": 2.0}


def test_loaders_have_different_kinds_options_and_names() -> None:
    loaders = get_loaders()
    assert len({loader.kind for loader in loaders}) == len(loaders)
    assert len(get_options()) == sum(len(loader.options) for loader in loaders)
    assert len(set(get_built_in_names())) == len(get_built_in_names())


@pytest.mark.parametrize(
    ("data", "kind"), [("moons", "array"), ("a.NPZ", "array"), ("b.tsv", "row"), ("c.zip", "image"), (".", "image")]
)
def test_data_are_recognized(data: str, kind: str) -> None:
    assert find_loader(data).kind == kind


def test_an_unknown_option_is_an_error_only_if_it_has_a_value() -> None:
    assert load_dataset(Settings("moons", options={"sise": None})).task == "classification"
    with pytest.raises(UsageError, match=r"sise: no such option\. Omit it for moons"):
        load_dataset(Settings("moons", options={"sise": 3}))


def test_unknown_data_get_a_suggestion() -> None:
    with pytest.raises(UsageError, match=r"circels: no such file or folder\. Did you mean 'circles'\?"):
        find_loader("circels")
