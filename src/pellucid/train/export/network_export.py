"""Export of trained networks to other formats; predictions of the exported form are compared with the network's."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.atomic_write import atomic_write
from pellucid.errors import PellucidError
from pellucid.graph.expr import Input
from pellucid.graph.passes import inference
from pellucid.graph.types import is_float
from pellucid.inspect.equivalence.check import draw_batch, relative_difference
from pellucid.inspect.source_export import to_source
from pellucid.nn.layers import Normalization
from pellucid.run.function_builder import function
from pellucid.show.sources.literals import comment_to_source
from pellucid.tracking.errors import UsageError
from pellucid.tracking.record import to_json
from pellucid.train.evaluate.saved_models import SavedModel
from pellucid.train.export.network_interface import describe_interface, format_interface
from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.model.model import Model

SAMPLES = 16
"""Number of random samples on which predictions are compared."""

TOLERANCE = 1e-4
"""Allowed difference of predictions, relative to the largest; rounding makes it about 1e-6 in float32."""

Predict = Callable[[Sequence[Array]], Array]


class ExportError(PellucidError):
    """An exported network that predicts something else."""


@dataclass(frozen=True)
class ExportFormat:
    """A form of exported networks.

    Attributes
    ----------
    suffix : str
        Ending of the file.
    write : function
        Writes a model, with the description of its inputs, to a path.
    read : function
        Returns a function that predicts with the file, and what computes it.
    """

    suffix: str
    write: Callable[[SavedModel, Path, Mapping[str, Any]], None]
    read: Callable[[SavedModel, Path], tuple[Predict, str]]


@dataclass(frozen=True)
class ExportReport:
    """A finished export: its files, and how its predictions compare.

    ``difference`` is the largest, relative to the largest prediction, on ``samples`` random samples.
    """

    form: str
    files: list[Path]
    difference: float
    samples: int
    checked_by: str
    interface: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {
            "format": self.form,
            "files": [str(file) for file in self.files],
            "largest_relative_difference": self.difference,
            "samples": self.samples,
            "checked_by": self.checked_by,
            **self.interface,
        }

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.files[0]}: {self.files[0].stat().st_size:,} bytes",
                f"Predictions of {self.checked_by} equal those of the network up to {self.difference:.1e} of the "
                f"largest, on {self.samples} random samples.",
                *format_interface(self.interface),
                f"The same as JSON, with an example: {self.files[1]}",
            ]
        )


def export_network(saved: SavedModel, form: str, out: Path | None = None, overwrite: bool = False) -> ExportReport:
    """Write a network in another form, compare its predictions, and describe its inputs in a second file.

    Parameters
    ----------
    saved : SavedModel
        A trained network.
    form : {"onnx", "numpy", "keras", "page", "pel"}
        The form.
    out : Path, optional
        The file. By default it is next to the model.
    overwrite : bool
        Whether existing files are replaced.

    Returns
    -------
    ExportReport
        The files and the largest difference.

    Raises
    ------
    UsageError
        If a file exists, or its name has another ending.
    ExportError
        If the exported form predicts something else; then no file is written.
    ModelError, OnnxError, StorageError
        If the form cannot express the network.
    """
    target = FORMATS[form]
    path = out or choose_path(saved, target.suffix)
    sidecar = path.with_name(f"{path.name}.inputs.json")
    check_paths(saved, form, path, sidecar, overwrite)
    interface = describe_interface(saved)
    inputs = draw_inputs(saved.model)
    expected = predict(saved.model, inputs)
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / f"model{target.suffix}"
        target.write(saved, draft, interface)
        run, checked_by = target.read(saved, draft)
        difference = relative_difference(expected, np.asarray(run(inputs)).reshape(expected.shape))
        tolerance = max(TOLERANCE, 100 * float(np.finfo(expected.dtype).eps)) if is_float(expected.dtype) else 0.0
        if not difference <= tolerance:
            raise ExportError(
                f"{path}: not written, because the exported network predicts something else: {checked_by} differs by "
                f"{difference:.2g} of the largest prediction, and {tolerance:.2g} is allowed. Please report this"
            )
        atomic_write(path, draft.read_bytes())
    example = {"inputs": [x[0] for x in inputs], "outputs": expected[0]}
    described = {"file": path.name, "format": form, **interface, "example": example}
    atomic_write(sidecar, to_json(described) + "\n")
    return ExportReport(form, [path, sidecar], difference, SAMPLES, checked_by, interface)


def choose_path(saved: SavedModel, suffix: str) -> Path:
    """Return the path next to the model."""
    return saved.path / f"model{suffix}" if saved.path.is_dir() else saved.path.with_suffix(suffix)


def check_paths(saved: SavedModel, form: str, path: Path, sidecar: Path, overwrite: bool) -> None:
    """Raise if a file exists or has the ending of another form."""
    if saved.path.suffix.lower() == ".toml":
        raise UsageError(
            f"{saved.path}: expected a trained network, of a run or a .pel file; received a .toml file, without weights"
        )
    suffix = FORMATS[form].suffix
    if path.suffix.lower() != suffix:
        raise UsageError(f"--out: expected a file that ends in {suffix} for --to {form}; received {path}")
    if not path.parent.is_dir():
        raise UsageError(f"--out: there is no folder {path.parent}. Create it, or choose another")
    source = saved.path / "model.pel" if saved.path.is_dir() else saved.path
    if path.exists() and path.samefile(source):
        raise UsageError(f"--out: {path} is the network that is exported. Choose another file")
    existing = next((file for file in (path, sidecar) if file.exists()), None)
    if existing is not None and not overwrite:
        raise UsageError(f"--out: {existing} exists. Choose another file, or replace it with --overwrite")


def draw_inputs(model: Model) -> list[Array]:
    """Return random samples, with the mean and variance of the training set if the first layer has them."""
    rng = np.random.default_rng(0)
    drawn = draw_batch(model.inputs, [], model.outputs, rng, SAMPLES)
    layer = model.layers[0] if model.layers else None
    if len(drawn) != 1 or not isinstance(layer, Normalization):
        return drawn
    [x] = drawn
    mean, variance = (np.asarray(layer.statistics[name], np.float64) for name in ("mean", "variance"))
    values = mean + np.sqrt(variance) * rng.normal(size=x.shape)
    if not is_float(x.dtype):
        limits = np.iinfo(x.dtype)
        values = np.clip(np.rint(values), limits.min, limits.max)
    return [values.astype(x.dtype)]


def predict(model: Model, inputs: Sequence[Array]) -> Array:
    """Return the predictions, those of several outputs side by side."""
    return join_outputs(model.predict(inputs[0] if len(inputs) == 1 else list(inputs)))


def join_outputs(outputs: Any) -> Array:
    parts = list(outputs.values()) if isinstance(outputs, Mapping) else outputs
    if isinstance(parts, (list, tuple)):
        return np.concatenate([np.asarray(part).reshape(SAMPLES, -1) for part in parts], axis=1)
    return np.asarray(parts)


def write_onnx(saved: SavedModel, path: Path, interface: Mapping[str, Any]) -> None:
    saved.model.export(path, "onnx", description="\n".join(format_interface(interface)))


def read_onnx(saved: SavedModel, path: Path) -> tuple[Predict, str]:
    try:
        import onnxruntime
    except ImportError:
        from onnx.reference import ReferenceEvaluator

        evaluator: Any = ReferenceEvaluator(str(path))
        return make_onnx_predictor(evaluator, evaluator.input_names), "ONNX's reference implementation"
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return make_onnx_predictor(session, [each.name for each in session.get_inputs()]), "ONNX Runtime"


def make_onnx_predictor(session: Any, names: Sequence[str]) -> Predict:
    def run(inputs: Sequence[Array]) -> Array:
        found = session.run(None, dict(zip(names, inputs, strict=True)))
        return join_outputs(found if len(found) > 1 else found[0])

    return run


def write_numpy(saved: SavedModel, path: Path, interface: Mapping[str, Any]) -> None:
    """Write a script with ``predict``, and with the training step if the model is compiled."""
    model = saved.model
    if model.is_compiled:
        text = to_source(model, "numpy")
    else:
        inputs = [e for e in model.inputs if isinstance(e, Input)]
        text = f"{to_source(function(inputs, inference(model.outputs)), 'numpy')}\n\npredict = compute\n"
    comment = "".join(f"# {comment_to_source(line)}\n" for line in format_interface(interface))
    path.write_text(f"{comment}\n{text}", "utf-8")


def read_numpy(saved: SavedModel, path: Path) -> tuple[Predict, str]:
    namespace: dict[str, Any] = {"__name__": "exported"}
    exec(compile(path.read_text("utf-8"), path.name, "exec"), namespace)
    return lambda inputs: join_outputs(namespace["predict"](*inputs)), "the script"


def write_model(saved: SavedModel, path: Path, interface: Mapping[str, Any]) -> None:
    saved.model.save(path)


def read_model(saved: SavedModel, path: Path) -> tuple[Predict, str]:
    from pellucid.model.model import load_model

    loaded = load_model(path)
    return lambda inputs: predict(loaded, inputs), f"the {path.suffix} file, read again by pellucid,"


def write_page(saved: SavedModel, path: Path, interface: Mapping[str, Any]) -> None:
    names = [each["name"] for each in interface["features"]]
    classes = list(saved.network.class_names) if saved.network else []
    saved.model.to_page(path, class_names=classes or None, feature_names=names or None)


def read_page(saved: SavedModel, path: Path) -> tuple[Predict, str]:
    """Return the predictions of the C code of the page, because there is no browser here."""
    from pellucid.live.model_page import make_predictor
    from pellucid.run.native.page_code import compile_page_code

    program = make_predictor(saved.model).copy(delete_updates=True).program

    def run(inputs: Sequence[Array]) -> Array:
        [x] = inputs
        compute = compile_page_code(program, [x[:1]])
        return np.concatenate([compute([x[i : i + 1]])[0] for i in range(SAMPLES)])

    return run, "the page's C code, compiled for this processor,"


FORMATS: dict[str, ExportFormat] = {
    "onnx": ExportFormat(".onnx", write_onnx, read_onnx),
    "numpy": ExportFormat(".py", write_numpy, read_numpy),
    "keras": ExportFormat(".keras", write_model, read_model),
    "page": ExportFormat(".html", write_page, read_page),
    "pel": ExportFormat(".pel", write_model, read_model),
}
