"""Exports: the same predictions in every form, and a description of the inputs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.cli import main
from pellucid.train.evaluate.saved_models import SavedModel
from pellucid.train.export import network_export
from pellucid.train.export.network_export import export_network
from pellucid.train.settings.settings import Settings
from tests.cli.conftest import save_untrained

pytestmark = pytest.mark.usefixtures("interpret_functions")

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)


def export(*words: str, out: Path) -> dict[str, Any]:
    assert main(["export", *words, "--out", str(out)]) == 0
    described: dict[str, Any] = json.loads((out.parent / f"{out.name}.inputs.json").read_text())
    return described


def test_onnx_predicts_a_row_that_is_built_from_the_description(tmp_path: Path, capsys: Output) -> None:
    import onnx
    import onnxruntime

    found = export("runs/1", "--to", "onnx", out=tmp_path / "flats.onnx")
    output = capsys.readouterr().out
    assert "Predictions of ONNX Runtime equal those of the network up to" in output
    assert "Replace a missing number by the number given here" in output
    names = [feature["name"] for feature in found["features"]]
    assert names == ["rooms", "place = land", "place = sea", "place = town", "age"]
    row = {"rooms": 4, "place": "town", "age": None}
    x = [
        float(row[f["column"]] == f["category"]) if "category" in f else f["missing"] if row[f["column"]] is None
        else row[f["column"]]
        for f in found["features"]
    ]  # fmt: skip
    session = onnxruntime.InferenceSession(str(tmp_path / "flats.onnx"))
    [y] = session.run(None, {found["inputs"][0]["name"]: np.array([x], "float32")})
    Path("row.csv").write_text("rooms,place,age\n4,town,\n")
    assert main(["predict", "runs/1", "row.csv", "--json"]) == 0
    [predicted] = json.loads(capsys.readouterr().out)["predictions"]
    assert y[0, 0] == pytest.approx(predicted["values"]["price"], rel=1e-5)
    assert "place = town" in onnx.load(tmp_path / "flats.onnx").doc_string
    [y] = session.run(None, {found["inputs"][0]["name"]: np.array(found["example"]["inputs"], "float32")})
    assert y[0] == pytest.approx(found["example"]["outputs"], rel=1e-5)


def test_without_onnx_runtime_the_reference_of_onnx_predicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    export("runs/1", "--to", "onnx", out=tmp_path / "flats.onnx")
    assert "Predictions of ONNX's reference implementation equal" in capsys.readouterr().out


def test_a_numpy_script_runs_alone(tmp_path: Path) -> None:
    found = export("runs/1", "--to", "numpy", out=tmp_path / "flats.py")
    program = (
        f"import json, flats, numpy; print(flats.predict(numpy.array({found['example']['inputs']}, 'float32'))[0, 0])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(found["example"]["outputs"][0], rel=1e-4)
    assert "#   3  place = town\n" in (tmp_path / "flats.py").read_text()


def test_keras_and_pel_files_predict_the_same(tmp_path: Path, capsys: Output) -> None:
    x = np.random.default_rng(0).integers(0, 255, (3, 13, 13, 3), "uint8")
    expected = pel.load_model("runs/10/model.pel").predict(x)
    for form in ("keras", "pel"):
        path = tmp_path / f"squares.{form}"
        found = export("runs/10", "--to", form, out=path)
        np.testing.assert_allclose(pel.load_model(path).predict(x), expected, rtol=1e-6)
        assert [each["name"] for each in found["outputs"]] == ["lower", "upper"]
        assert any("13x13 pixels" in step for step in found["preprocessing"])
    assert "read again by pellucid" in capsys.readouterr().out


def test_a_page_is_compared_by_its_c_code(tmp_path: Path, capsys: Output) -> None:
    found = export("runs/1", "--to", "page", out=tmp_path / "flats.html")
    assert found["format"] == "page"
    assert "the page's C code, compiled for this processor," in capsys.readouterr().out
    assert "place = town" in (tmp_path / "flats.html").read_text()


def test_files_are_next_to_the_network_and_not_replaced_without_a_word(tmp_path: Path, capsys: Output) -> None:
    model = pel.Sequential([nn.Input((2,), name="pair"), nn.Dense(1)])
    model.save(tmp_path / "line.pel")
    words = ["export", str(tmp_path / "line.pel"), "--to", "onnx"]
    assert main([*words, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [Path(file).name for file in report["files"]] == ["line.onnx", "line.onnx.inputs.json"]
    assert report["inputs"] == [{"name": "pair", "shape": ["n", 2], "dtype": "float32"}]
    assert report["largest_relative_difference"] < 1e-6
    (tmp_path / "line.onnx").write_bytes(b"mine")
    assert main(words) == 2
    assert "line.onnx exists. Choose another file, or replace it with --overwrite" in capsys.readouterr().err
    assert (tmp_path / "line.onnx").read_bytes() == b"mine"
    assert main([*words, "--overwrite"]) == 0
    assert pel.from_onnx(tmp_path / "line.onnx")


def test_another_prediction_is_an_error_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    right = network_export.FORMATS["onnx"]

    def write_wrong(saved: SavedModel, path: Path, interface: Any) -> None:
        other = saved.model.clone(weights=True)
        other.set_weights([w * np.float32(1.001) for w in other.get_weights()])
        right.write(SavedModel(saved.path, other), path, interface)

    wrong = network_export.ExportFormat(".onnx", write_wrong, right.read)
    monkeypatch.setitem(network_export.FORMATS, "onnx", wrong)
    assert main(["export", "runs/1", "--to", "onnx", "--out", str(tmp_path / "flats.onnx")]) == 1
    assert "not written, because the exported network predicts something else: ONNX Runtime" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_names_of_columns_are_not_executed(tmp_path: Path) -> None:
    Path("hostile.csv").write_text(
        '"a\nraise SystemExit(""bad"")\n#",b,y\n' + "".join(f"{i},{-i},{i}\n" for i in range(30))
    )
    save_untrained(Settings("hostile.csv", model="linear"), tmp_path / "r")
    export(str(tmp_path / "r"), "--to", "numpy", out=tmp_path / "hostile.py")
    assert "\nraise SystemExit" not in (tmp_path / "hostile.py").read_text()


def test_a_model_with_two_inputs_and_outputs_is_exported(tmp_path: Path) -> None:
    a, b = nn.Input((2,), name="a"), nn.Input((3,), name="b")
    both = nn.Concatenate()([a, b])
    model = pel.Model([a, b], [nn.Dense(2, name="first")(both), nn.Dense(1, name="second")(both)])
    model.save(tmp_path / "two.pel")
    for form in ("onnx", "numpy", "keras", "pel"):
        suffix = network_export.FORMATS[form].suffix
        report = export_network(SavedModel(tmp_path / "two.pel", model), form, tmp_path / f"x{suffix}")
        assert report.difference < 1e-6
        assert [each["name"] for each in report.interface["inputs"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["runs/1"], "requires an argument"),
        (["runs/1", "--to", "onx"], 'Invalid value "onx" for --to'),
        (["runs/1", "--to", "onnx", "--out", "flats.py"], "--out: expected a file that ends in .onnx for --to onnx"),
        (["runs/1", "--to", "onnx", "--out", "no/flats.onnx"], "--out: there is no folder no"),
        (["runs/1", "--to", "pel"], "model.pel is the network that is exported"),
        (["net.toml", "--to", "onnx"], "net.toml: expected a trained network, of a run or a .pel file"),
    ],
)
def test_what_cannot_be_exported(words: list[str], message: str, capsys: Output) -> None:
    layers = '[input]\nshape = [2]\n[[layers]]\nkind = "Dense"\nunits = 1\n'
    Path("net.toml").write_text(f'pellucid = 1\nloss = "mse"\n{layers}')
    assert main(["export", *words]) == 2
    assert message in capsys.readouterr().err
