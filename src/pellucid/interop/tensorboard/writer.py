"""Event file writer, which uses TensorBoard's package for records and messages.

A graph has a node for each expression, grouped by layer.
"""

from __future__ import annotations

import functools
import io
import re
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from pellucid.atomic_write import explain_write_errors
from pellucid.graph.errors import OptionError, ShapeError, UseError
from pellucid.graph.expr import Constant, Expr, Input, Shared
from pellucid.graph.traversal import topological
from pellucid.graph.types import format_shape
from pellucid.graph.unique_names import UniqueNames
from pellucid.graph.validation import check_integer
from pellucid.model.interfaces import is_model
from pellucid.optional_packages import require_packages
from pellucid.typing import Array, ArrayLike, FilePath

if TYPE_CHECKING:
    from matplotlib.figure import Figure


NAMES_BY_MODULE = {
    "tensorboard.summary.writer.event_file_writer": ["EventFileWriter"],
    "tensorboard.compat.proto.event_pb2": ["Event"],
    "tensorboard.compat.proto.summary_pb2": ["Summary"],
    "tensorboard.compat.proto.graph_pb2": ["GraphDef"],
    "tensorboard.compat.proto.types_pb2": ["DataType"],
    "tensorboard.compat.proto.tensor_shape_pb2": ["TensorShapeProto"],
    "tensorboard.util.tensor_util": ["make_tensor_proto"],
    "tensorboard.plugins.hparams.api_pb2": ["Status"],
    "tensorboard.plugins.hparams.plugin_data_pb2": ["HParamsPluginData", "SessionEndInfo", "SessionStartInfo"],
}
PLUGINS = ("hparams", "histogram", "image", "scalar", "text")

DEFAULT_BUCKETS = 30
"""Number of buckets of a histogram, as in Keras."""

MAX_IMAGES = 3
"""Number of images of a batch that are written, as in Keras."""

INVALID_CHARACTERS = re.compile(r"[^A-Za-z0-9_.\-/]")

DATA_TYPES = {"bool": "DT_BOOL", "float16": "DT_HALF", "float32": "DT_FLOAT", "float64": "DT_DOUBLE"}
"""TensorBoard names of dtypes that are not DT_ and the upper-case name."""


@functools.cache
def import_tensorboard() -> SimpleNamespace:
    """Import TensorBoard's event file writer and protocol messages, on first use.

    Raises
    ------
    MissingPackageError
        If it is not installed.
    """
    with require_packages("Writing event files"):
        found = {
            name: getattr(import_module(module), name) for module, names in NAMES_BY_MODULE.items() for name in names
        }
        found |= {name: import_module(f"tensorboard.plugins.{name}.metadata") for name in PLUGINS}
    return SimpleNamespace(**found)


class EventWriter:
    """Writes an event file for TensorBoard, which can read it while it grows.

    Every value has a step and a name, whose parts are separated by slashes. ``tensorboard --logdir FOLDER`` shows all
    runs in subfolders.

    Parameters
    ----------
    folder : str or Path
        Folder of the run, created if necessary.
    suffix : str
        Suffix of the file name, to distinguish several files of one run.

    Raises
    ------
    UseError
        If TensorBoard is not installed.

    Examples
    --------
    >>> with EventWriter("runs/first") as writer:
    ...     for step in range(3):
    ...         writer.scalar("loss", 1 / (step + 1), step)
    ...     writer.histogram("weights", np.random.default_rng(0).normal(size=100), step=2)
    ...     writer.hyperparameters({"rate": 0.1, "hidden": 3})
    >>> from pathlib import Path
    >>> len(list(Path("runs/first").iterdir()))
    1
    """

    def __init__(self, folder: FilePath, suffix: str = "") -> None:
        self.messages: SimpleNamespace = import_tensorboard()
        self.folder: Path = Path(folder)
        self.file: Any = self.messages.EventFileWriter(str(self.folder), filename_suffix=suffix)
        self.started: float = time.time()
        self.has_hyperparameters: bool = False
        self.closed: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(failed=error is not None)

    def scalar(self, name: str, value: float, step: int) -> None:
        """Write a scalar.

        Parameters
        ----------
        name : str
            Name, such as ``"epoch/loss"``.
        value : number
            Value; NaN and infinity are allowed.
        step : int
            Step, such as the epoch.
        """
        number = np.asarray(value, np.float32)
        if number.shape:
            raise ShapeError(f"{name}: expected one number. Received: an array of shape {format_shape(number.shape)}")
        self.write(name, number, self.messages.scalar.create_summary_metadata("", ""), step)

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Write several scalars by name, such as the logs of an epoch.

        Parameters
        ----------
        values : dict from str to number
            Values by name.
        step : int
            Number of the step.
        """
        for name, value in values.items():
            self.scalar(name, value, step)

    def histogram(self, name: str, values: ArrayLike, step: int, buckets: int = DEFAULT_BUCKETS) -> None:
        """Write a histogram.

        Parameters
        ----------
        name, step
            As for `scalar`.
        values : array
            Values of any shape; NaN and infinity are ignored.
        buckets : int
            Number of equal buckets between minimum and maximum.
        """
        check_integer("buckets", buckets)
        numbers = np.asarray(values, np.float64).reshape(-1)
        numbers = numbers[np.isfinite(numbers)]
        rows = np.empty((0, 3))
        if len(numbers):
            counts, edges = np.histogram(numbers, buckets)
            rows = np.stack([edges[:-1], edges[1:], counts], axis=1)
        self.write(name, rows, self.messages.histogram.create_summary_metadata("", ""), step)

    def image(self, name: str, images: ArrayLike, step: int, max_images: int = MAX_IMAGES) -> None:
        """Write images.

        Parameters
        ----------
        name, step
            As for `scalar`.
        images : array
            Images of shape (height, width), (height, width, channels) or (n, height, width, channels), with 1, 3 or 4
            channels; uint8, or floats from 0 (black) to 1 (white).
        max_images : int
            Maximum number of images.
        """
        pixels = to_pixels(images, name)
        height, width = pixels.shape[1:3]
        encoded = [encode_png(each) for each in pixels[:max_images]]
        metadata = self.messages.image.create_summary_metadata("", "")
        self.write(name, np.array([str(width).encode(), str(height).encode(), *encoded], object), metadata, step)

    def figure(self, name: str, figure: Figure, step: int) -> None:
        """Write a matplotlib figure as an image, such as those of `pellucid.show.plots`.

        Parameters
        ----------
        name : str
            Name of the image.
        figure : matplotlib Figure
            The figure.
        step : int
            Number of the step.
        """
        with require_packages("Writing pictures"):
            from PIL import Image

        png = io.BytesIO()
        figure.savefig(png, format="png")
        self.image(name, np.asarray(Image.open(png).convert("RGB")), step)

    def text(self, name: str, text: str, step: int = 0) -> None:
        """Write text, which may be Markdown.

        Parameters
        ----------
        name : str
            Name of the text.
        text : str
            The text.
        step : int
            Number of the step.
        """
        metadata = self.messages.text.create_summary_metadata("", "")
        self.write(name, np.array(text.encode("utf-8"), object), metadata, step)

    def graph(self, shown: Any) -> None:
        """Write the graph of a model, grouped by layer, or of expressions.

        Parameters
        ----------
        shown : Model, Expr or sequence of Expr
            What to write, in training mode.
        """
        content = build_graph_def(self.messages, shown).SerializeToString()
        self.add(self.messages.Event(graph_def=content))

    def hyperparameters(self, settings: Mapping[str, bool | float | str]) -> None:
        """Write the hyperparameters of the run; values other than numbers and booleans are written as text.

        TensorBoard compares runs by them. They can be written once per file.

        Parameters
        ----------
        settings : dict from str
            Values by name.
        """
        if self.has_hyperparameters:
            raise UseError(
                "The hyperparameters of a run can be written once. Create another EventWriter for another run"
            )
        self.has_hyperparameters = True
        m = self.messages
        start = m.SessionStartInfo(start_time_secs=self.started, group_name=self.folder.resolve().name)
        for name, value in settings.items():
            plain = value.item() if isinstance(value, np.generic) else value
            if isinstance(plain, bool):
                start.hparams[name].bool_value = plain
            elif isinstance(plain, (int, float)):
                start.hparams[name].number_value = plain
            else:
                start.hparams[name].string_value = str(plain)
        data = m.HParamsPluginData(session_start_info=start)
        self.write_hyperparameter_record(m.hparams.SESSION_START_INFO_TAG, data)

    def write_hyperparameter_record(self, tag: str, data: Any) -> None:
        """Write a record of the hyperparameter plugin."""
        m = self.messages
        value = m.Summary.Value(tag=tag, metadata=m.hparams.create_summary_metadata(data), tensor=m.hparams.NULL_TENSOR)
        self.add(m.Event(summary=m.Summary(value=[value])))

    def write(self, name: object, values: Array, metadata: Any, step: object) -> None:
        """Write an array with the metadata of the plugin that displays it."""
        if not isinstance(name, str) or not name:
            raise OptionError(f"Expected a name, as in writer.scalar('loss', 0.5, step=0). Received: {name!r}")
        if not isinstance(step, (int, np.integer)):
            raise OptionError(f"{name}: expected a step that is an integer. Received: step={step!r}")
        m = self.messages
        value = m.Summary.Value(tag=name, metadata=metadata, tensor=m.make_tensor_proto(values))
        self.add(m.Event(step=int(step), summary=m.Summary(value=[value])))

    def add(self, event: Any) -> None:
        """Add an event to the file."""
        if self.closed:
            raise UseError(f"The event file in {self.folder} is closed. Create another EventWriter to write more")
        event.wall_time = time.time()
        with explain_write_errors(self.folder):
            self.file.add_event(event)

    def flush(self) -> None:
        """Flush everything written so far to disk."""
        with explain_write_errors(self.folder):
            self.file.flush()

    def close(self, failed: bool = False) -> None:
        """Close the file; mark a run with hyperparameters as finished or failed.

        Parameters
        ----------
        failed : bool
            Whether the run failed.
        """
        if self.closed:
            return
        if self.has_hyperparameters:
            m = self.messages
            status = m.Status.Value("STATUS_FAILURE" if failed else "STATUS_SUCCESS")
            end = m.SessionEndInfo(status=status, end_time_secs=time.time())
            self.write_hyperparameter_record(m.hparams.SESSION_END_INFO_TAG, m.HParamsPluginData(session_end_info=end))
        self.file.close()
        self.closed = True


def to_pixels(images: ArrayLike, name: str) -> Array:
    """Return images as bytes of shape (n, height, width, channels)."""
    pixels = np.asarray(images)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim == 3:
        pixels = pixels[None]
    if pixels.ndim != 4 or pixels.shape[-1] not in (1, 3, 4) or not pixels.size:
        raise ShapeError(
            f"{name}: expected images of shape (height, width), (height, width, channels) or (n, height, width, "
            f"channels), with 1, 3 or 4 channels. Received: shape {format_shape(np.shape(images))}"
        )
    if pixels.dtype == np.uint8:
        return pixels
    return np.round(np.clip(np.nan_to_num(pixels.astype(np.float64)), 0, 1) * 255).astype(np.uint8)


def encode_png(pixels: Array) -> bytes:
    with require_packages("Writing pictures"):
        from PIL import Image

    encoded = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(encoded, format="PNG")
    return encoded.getvalue()


def clean_node_name(name: str) -> str:
    """Replace the characters that TensorBoard does not allow in names."""
    clean = INVALID_CHARACTERS.sub("_", name).strip("/")
    return clean if clean and clean[0].isalnum() else f"n{clean}"


def build_graph_def(messages: SimpleNamespace, shown: Any) -> Any:
    """Return the GraphDef of a model or of expressions, in training mode; ``messages`` is `import_tensorboard`'s."""
    outputs, scopes = get_outputs_and_scopes(shown)
    definition = messages.GraphDef()
    definition.versions.producer = 1
    unique_names, names = UniqueNames(), dict[Expr, str]()
    for e in topological(outputs):
        scope = scopes.get(e, "")
        name = e.name if e.op is None and e.name else f"{scope}/{e.name or get_node_type(e)}"
        names[e] = unique_names.add(clean_node_name(name))
        node = definition.node.add()
        node.name, node.op = names[e], get_node_type(e)
        node.input.extend(names[i] for i in e.inputs)
        set_node_attributes(messages, node, e)
    return definition


def get_outputs_and_scopes(shown: Any) -> tuple[list[Expr], dict[Expr, str]]:
    """Return the output expressions, and the layer name of each expression."""
    if is_model(shown):
        scopes: dict[Expr, str] = {}
        for node in shown.functional_graph.nodes:
            for e in topological(node.outputs, stop=scopes):
                scopes.setdefault(e, node.layer.name)
        return list(shown.outputs), scopes
    outputs = [shown] if isinstance(shown, Expr) else list(shown) if isinstance(shown, Sequence) else []
    if not outputs or not all(isinstance(e, Expr) for e in outputs):
        raise UseError(f"Expected a model or expressions. Received: {shown!r}")
    return outputs, {}


def get_node_type(e: Expr) -> str:
    if isinstance(e, Input):
        return "Placeholder"
    if isinstance(e, Constant):
        return "Const"
    return "Variable" if isinstance(e, Shared) or e.op is None else e.op.name


def set_node_attributes(messages: SimpleNamespace, node: Any, e: Expr) -> None:
    for result in e.types:
        shape = node.attr["_output_shapes"].list.shape.add()
        sizes = [dim if isinstance(dim, int) else -1 for dim in result.shape]
        shape.dim.extend(messages.TensorShapeProto.Dim(size=size) for size in sizes)
    data_type = DATA_TYPES.get(e.dtype.name, f"DT_{e.dtype.name.upper()}")
    if data_type in dict(messages.DataType.items()):
        node.attr["dtype"].type = messages.DataType.Value(data_type)
    for name, value in e.settings.items():
        node.attr[name].s = str(value).encode("utf-8")
