"""Error messages of `pellucid train`."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pellucid.cli import main
from tests.cli.photos import draw_images

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PELLUCID_DEBUG", raising=False)
    return tmp_path


WRONG = [
    (["train"], 2, "train: expected data: a folder of images"),
    (["train", "mons"], 2, "mons: no such file or folder. Did you mean 'moons'?"),
    (["train", "fhotos"], 2, "fhotos: no such file or folder. Did you mean 'photos'?"),
    (["train", "moons", "--model", "liner"], 2, "linear, mlp, ensemble, cnn; received 'liner'. Did you mean 'linear'?"),
    (["train", "moons", "--model", "cnn"], 2, "model: cnn requires images"),
    (["train", "moons", "--augment", "shift"], 2, "augment: requires images"),
    (["train", "moons", "--optimizer", "sgdd"], 2, "optimizer: no optimizer 'sgdd'. Did you mean 'sgd'?"),
    (["train", "moons", "--epochs", "0"], 2, "epochs: expected an integer, 1 or more; received 0"),
    (["train", "moons", "--learning-rate", "-1"], 2, "learning_rate: expected a number, more than 0; received -1"),
    (["train", "moons", "--test-split", "1.5"], 2, "test_split: expected a number, between 0 and 1, exclusive"),
    (["train", "moons", "--test-split", "0.5", "--validation-split", "0.5"], 2, "expected a sum below 0.95"),
    (["train", "moons", "--size", "8"], 2, "size: only for a folder or zip archive of images. Omit"),
    (["train", "moons", "--task", "guess"], 2, "task: expected one of classification, regression; received"),
    (["train", "moons", "--devices", "some"], 2, "devices: expected 'all' or an integer"),
    (["train", "moons", "--shard", "parameters"], 2, "shard: expected devices to divide parameters over"),
    (["train", "moons", "--shard", "weights", "--devices", "all"], 2, "shard: expected"),
    (["train", "moons", "--json", "--quiet"], 2, "train: --json and --quiet exclude each other"),
    (["train", "moons", "--distributed"], 2, "--distributed: expected --out"),
    (["train", "moons", "--distributed", "--out", "here"], 2, "--distributed: expected --devices all"),
    (["train", "notes.doc"], 2, "notes.doc: expected a table, a folder or zip archive of images, an NPZ"),
    (["train", "flats.csv", "--columns", "rooms"], 2, "columns: expected pairs NAME=VALUE separated by"),
    (["train", "flats.csv", "--columns", "rums=skip"], 2, "no column 'rums'. Did you mean 'rooms'?"),
    (["train", "flats.csv", "--columns", "rooms=numbr"], 2, "'rooms'; received 'numbr'. Did you mean 'number'?"),
    (["train", "flats.csv", "--columns", "price=skip"], 2, "columns: 'price' is the target. Choose its kind with"),
    (["train", "flats.csv", "--columns", "rooms=date"], 2, "columns: 'rooms' has no dates. Choose category"),
    (["train", "words.csv", "--columns", "a=number"], 2, "columns: 'a' has no numbers. Choose category"),
    (["train", "flats.csv", "--columns", "rooms=skip"], 1, "received none: 'rooms': as chosen. Choose columns with"),
    (["train", "same.csv"], 1, "same.csv, column 'y': the target is always 3; choose another target"),
    (["train", "far.csv"], 1, "far.csv, line 14, column 'y': expected a target from "),
    (["train", "bad.toml"], 1, "bad.toml is not valid TOML: "),
    (["train", "key.toml"], 2, "key.toml, [data]: unknown key 'sauce'. Did you mean 'source'?"),
    (["train", "kind.toml"], 1, "kind.toml, layer 2 (Desne): unknown kind of layer 'Desne'. Did"),
    (["train", "units.toml"], 1, "units.toml: expected 2 outputs of the last layer, one for each class"),
    (["train", "soft.toml"], 1, "soft.toml: expected class probabilities from the last layer"),
    (["train", "empty"], 1, "empty: expected a folder of images"),
    (["train", "one"], 1, "one: expected names like 'cat.0.jpg' in one folder, or one folder per class"),
    (["train", "few"], 1, "few: expected at least 3 samples of class 'light'"),
    (["train", "photos", "--strict"], 1, "photos: 'dark/broken.png': not an image"),
    (["train", "objects.npz"], 1, "objects.npz: 'y' has Python objects"),
    (["train", "names.npz"], 1, "names.npz: expected the arrays x and y, or x_train and y_train"),
    (["train", "lengths.npz"], 1, "lengths.npz: expected y of shape (4,) or (4, k)"),
    (["train", "flat.npz"], 1, "flat.npz: expected x of shape (samples, ...)"),
    (["train", "nan.npz"], 1, "nan.npz: expected finite numbers in x, received nan at [2, 1] and 0 more"),
    (["train", "same.npz"], 1, "same.npz: expected two or more classes, received only 'a'"),
    (["train", "cut.npz"], 1, "cut.npz: expected an NPZ file"),
    (["train", "flats.csv", "--target", "prise"], 1, "flats.csv: no column 'prise'. Did you mean 'price'?"),
    (["train", "moons", "--target", "y"], 2, "target: only for a table. Omit it for moons"),
    (["train", "twice.npz"], 1, "twice.npz: expected one pair of arrays for the validation part, received two"),
    (["train", "thin.csv"], 1, "thin.csv: expected two or more columns, a target and features"),
    (["train", "no-targets.csv"], 1, "no-targets.csv: expected values in the target column 'y', received none"),
    (["train", "always.csv"], 1, "for 'y', received none: 'a': always 1; 'b': no values; 'c': always 'x'"),
    (["train", "names.csv"], 1, "names.csv: expected at least 3 samples of class 'n0' (training, v"),
    (["train", "names.csv", "--task", "regression"], 1, "names.csv, column 'who': expected numbers for a regression"),
    (["train", "head.csv"], 1, "head.csv: expected rows, received only names of columns: a, b"),
    (["train", "bad.csv", "--strict"], 1, "bad.csv, line 3, column 'a': expected a number, received 'oops'"),
    (["resume", "nowhere"], 2, "nowhere: expected the folder of a run, with experiment.toml"),
]  # fmt: skip


@pytest.fixture(scope="module")
def wrong_things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("wrong")
    layers = '[[layers]]\nkind = "Dense"\nunits = 3\n[[layers]]\nkind = "Dense"\n'
    files = {
        "notes.doc": "notes",
        "bad.toml": "pellucid = = 1",
        "key.toml": 'pellucid = 1\n[data]\nsauce = "moons"\n',
        "kind.toml": 'pellucid = 1\ndata.source = "moons"\n' + layers[:-7] + 'Desne"\n',
        "units.toml": 'pellucid = 1\ndata.source = "moons"\n' + layers + 'units = 3\nactivation = "softmax"\n',
        "soft.toml": 'pellucid = 1\ndata.source = "moons"\n' + layers + "units = 2\n",
    }
    rows = range(12)
    tables = {
        "flats.csv": ["rooms,price", *(f"{i},{i}" for i in rows)],
        "thin.csv": ["y", *map(str, rows)],
        "no-targets.csv": ["x,y", *(f"{i}," for i in rows)],
        "always.csv": ["a,b,c,y", *(f"1,,x,{i % 2}" for i in rows)],
        "names.csv": ["a,who", *(f"{i},n{i}" for i in rows)],
        "head.csv": ["a,b"],
        "words.csv": ["a,y", *(f"{'uv'[i % 2]},{i}.5" for i in rows)],
        "same.csv": ["x,y", *(f"{i % 5},3" for i in rows)],
        "far.csv": ["x,y", *(f"{i % 5},{i}.5" for i in rows), "1,1e30"],
        "bad.csv": ["a,b", "1,2", "oops,3", *(f"{i},{i}" for i in rows)],
    }
    for name, text in (files | {name: "\n".join(lines) for name, lines in tables.items()}).items():
        (place / name).write_text(text)
    (place / "empty").mkdir()
    draw_images(place / "photos", 3)
    (place / "photos" / "dark" / "broken.png").write_bytes(b"no image")
    draw_images(place / "one", 3)
    draw_images(place / "few", 3)
    for i in range(3):
        (place / "one" / "light" / f"{i}.png").unlink()
        (place / "few" / "light" / f"{i}.png").unlink(missing_ok=i < 2)
    Image.new("RGB", (8, 8)).save(place / "few" / "light" / "only.png")
    x, y = np.ones((4, 2)), np.array(["a", "b", "a", "b"])
    holed = x.copy()
    holed[2, 1] = np.nan
    arrays: dict[str, dict[str, Any]] = {
        "objects.npz": {"x": x, "y": y.astype(object)},
        "names.npz": {"a": x},
        "lengths.npz": {"x": x, "y": y[:3]},
        "flat.npz": {"x": x[:, 0], "y": y},
        "nan.npz": {"x": holed, "y": y},
        "twice.npz": {
            f"{name}_{part}": values for name, values in (("x", x), ("y", y)) for part in ("train", "val", "dev")
        },
        "same.npz": {"x": x, "y": np.array(["a"] * 4)},
    }
    for name, content in arrays.items():
        np.savez(place / name, **content)
    (place / "cut.npz").write_bytes((place / "nan.npz").read_bytes()[:-30])
    return place


@pytest.mark.parametrize(("words", "status", "message"), WRONG)
def test_invalid_requests_are_reported_and_leave_no_files(
    words: list[str], status: int, message: str, wrong_things: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.chdir(wrong_things)
    assert main(words) == status
    output, errors = capsys.readouterr()
    assert message in errors
    assert (output, Path("runs").exists()) == ("", False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[data]\nsource = 5", "t.toml, [data]: source: expected a file, a folder or a built-in name; received 5"),
        ("[data]\nsource = ''", "t.toml, [data]: source: expected a file, a folder or a built-in name; received ''"),
        ("[training]\nepochs = true", "t.toml, [training]: epochs: expected an integer, 1 or more; received True"),
        (
            "[training]\ndevices = [1]",
            "t.toml, [training]: devices: expected 'all' or an integer, 1 or more; received [1]",
        ),
        ("optimizer = 7", "t.toml: optimizer: expected a string or pairs NAME=VALUE separated by commas; received 7"),
        ("model = 'Cnn'", "model: expected one of linear, mlp, ensemble, cnn; received 'Cnn'. Did you mean 'cnn'?"),
        (
            "data.size = [32, 'x']",
            "t.toml, [data]: size: expected an integer or integers separated by commas, from 1 to 4096",
        ),
        (
            "[model]\nkind = 'Modle'",
            "t.toml, [model]: expected kind = 'Sequential' or kind = 'Model'; received 'Modle'. D",
        ),
        ("[model]\nkind = 'Model'", "t.toml: expected [[layers]] with the inputs and outputs of the network"),
        ("layers = 3", "t.toml: expected [[layers]] tables, one for each layer; received 3"),
        ("model = 'mlp'\n[[layers]]\nkind = 'Dense'", "expected model = 'mlp' or [[layers]]; received both"),
        ("data.seed = 3", "t.toml, [data]: unknown key 'seed'. The keys are source, target, columns, table"),
        ("[optimizer]\nkind = 'Adma'", "t.toml, [optimizer]: unknown kind of optimizer 'Adma'"),
        ("[training]\nmetrics = ['acuracy']", "t.toml, [training]: There is no metric named 'acuracy'. Did you mean"),
        (
            "input.shape = [3]\n[[layers]]\nkind = 'Softmax'",
            "t.toml, [input]: expected shape = [2], the shape of samples of moons",
        ),
    ],
)
def test_invalid_experiment_files_are_reported_with_file_and_key(text: str, message: str, capsys: Output) -> None:
    source = "" if "source" in text else 'data.source = "moons"\n'
    Path("t.toml").write_text(f"pellucid = 1\n{source}{text}\n")
    assert main(["train", "t.toml"]) in (1, 2)
    assert message in capsys.readouterr().err


def test_an_experiment_file_without_version_or_data_is_refused(capsys: Output) -> None:
    Path("t.toml").write_text('data.source = "moons"\n')
    assert main(["train", "t.toml"]) == 2
    assert "t.toml: expected pellucid = 1, the format version, in the first line" in capsys.readouterr().err
    Path("t.toml").write_text('pellucid = 1\n[[layers]]\nkind = "Flatten"\n')
    assert main(["train", "t.toml"]) == 2
    assert 't.toml: expected [data] with source = "photos/"; or name the data' in capsys.readouterr().err
