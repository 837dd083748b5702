"""Event files: what TensorBoard shows, written with TensorBoard's own records and messages."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from pellucid.graph.errors import OptionError, ShapeError, UseError
from pellucid.graph.types import shape_text
from pellucid.interop.tensorboard.graphs import graph_definition
from pellucid.interop.tensorboard.lazy_import import tensorboard

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]

BUCKETS = 30
"""How many a histogram has, as in Keras."""

MOST_IMAGES = 3
"""How many images of a batch are written, as in Keras."""


class EventWriter:
    """Writes what TensorBoard shows into a folder: one file of events, which it reads while it grows.

    Everything has a name, in which a slash makes a group, and belongs to a step. ``tensorboard --logdir FOLDER`` shows
    all runs whose folders lie below.

    Parameters
    ----------
    folder : str or Path
        Made if it is not there. Each run has one of its own.
    suffix : str
        At the end of the file's name, to tell several files of one run apart.

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

    def __init__(self, folder: str | Path, suffix: str = "") -> None:
        self.messages = tensorboard()
        self.folder = Path(folder)
        self.file = self.messages.EventFileWriter(str(self.folder), filename_suffix=suffix)
        self.started = time.time()
        self.has_settings = False
        self.closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(failed=error is not None)

    def scalar(self, name: str, value: Any, step: int) -> None:
        """Write a number.

        Parameters
        ----------
        name : str
            What it is; a slash makes a group, as in ``"epoch/loss"``.
        value : number
            A NaN or infinity is written as it is.
        step : int
            When it was so.
        """
        number = np.asarray(value, np.float32)
        if number.shape:
            raise ShapeError(f"{name}: expected one number. Received: an array of shape {shape_text(number.shape)}")
        self.write(name, number, self.messages.scalar.create_summary_metadata("", ""), step)

    def scalars(self, values: Mapping[str, Any], step: int) -> None:
        """Write several numbers, such as the logs of an epoch."""
        for name, value in values.items():
            self.scalar(name, value, step)

    def histogram(self, name: str, values: Any, step: int, buckets: int = BUCKETS) -> None:
        """Write how numbers are distributed.

        Parameters
        ----------
        name : str
            What they are.
        values : array
            Of any shape; those that are not finite are left out.
        step : int
            When they were so.
        buckets : int
            Into how many equal parts the range from the least to the greatest is cut.
        """
        if buckets < 1:
            raise OptionError(f"Expected buckets of 1 or more. Received: buckets={buckets}")
        numbers = np.asarray(values, np.float64).reshape(-1)
        numbers = numbers[np.isfinite(numbers)]
        rows = np.empty((0, 3))
        if len(numbers):
            counts, edges = np.histogram(numbers, buckets)
            rows = np.stack([edges[:-1], edges[1:], counts], axis=1)
        self.write(name, rows, self.messages.histogram.create_summary_metadata("", ""), step)

    def image(self, name: str, images: Any, step: int, most: int = MOST_IMAGES) -> None:
        """Write images.

        Parameters
        ----------
        name : str
            What they show.
        images : array
            Of shape (height, width), (height, width, channels) or (n, height, width, channels), with 1, 3 or 4
            channels: uint8, or real numbers, where 0 is black and 1 is white.
        step : int
            When they were so.
        most : int
            How many of several are written.
        """
        pixels = as_pixels(images, name)
        height, width = pixels.shape[1:3]
        encoded = [as_png(each) for each in pixels[:most]]
        metadata = self.messages.image.create_summary_metadata("", "")
        self.write(name, np.array([str(width).encode(), str(height).encode(), *encoded], object), metadata, step)

    def figure(self, name: str, figure: Figure, step: int) -> None:
        """Write a picture of matplotlib's, such as those of `pellucid.show.plots`."""
        from PIL import Image

        drawn = io.BytesIO()
        figure.savefig(drawn, format="png")
        self.image(name, np.asarray(Image.open(drawn).convert("RGB")), step)

    def text(self, name: str, words: str, step: int = 0) -> None:
        """Write words, which may hold Markdown."""
        metadata = self.messages.text.create_summary_metadata("", "")
        self.write(name, np.array(words.encode("utf-8"), object), metadata, step)

    def graph(self, shown: Any) -> None:
        """Write a graph: a model with a box for each layer, an expression, or several.

        Parameters
        ----------
        shown : Model, Expr or sequence of Expr
            What is drawn, as it is while training.
        """
        definition = graph_definition(self.messages, shown)
        self.add(self.messages.Event(graph_def=definition.SerializeToString()))

    def hyperparameters(self, settings: Mapping[str, Any]) -> None:
        """Write what this run was set to: numbers, truths and words; anything else as it prints.

        TensorBoard compares the runs below a folder by these, and by the scalars that they wrote. Once a file.
        """
        if self.has_settings:
            raise UseError("The hyperparameters of a run are written once. Make another EventWriter for another run")
        self.has_settings = True
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
        self.settings_record(m.hparams.SESSION_START_INFO_TAG, data)

    def settings_record(self, tag: str, data: Any) -> None:
        """Write a record of the panel of hyperparameters."""
        m = self.messages
        value = m.Summary.Value(tag=tag, metadata=m.hparams.create_summary_metadata(data), tensor=m.hparams.NULL_TENSOR)
        self.add(m.Event(summary=m.Summary(value=[value])))

    def write(self, name: Any, values: Array, metadata: Any, step: Any) -> None:
        """Write an array under a name, with what says how it is to be shown."""
        if not isinstance(name, str) or not name:
            raise OptionError(f"Expected a name, as in writer.scalar('loss', 0.5, step=0). Received: {name!r}")
        if not isinstance(step, (int, np.integer)):
            raise OptionError(f"{name}: expected a step that is an integer. Received: step={step!r}")
        m = self.messages
        tensor = m.make_tensor_proto(values)
        self.add(
            m.Event(
                step=int(step), summary=m.Summary(value=[m.Summary.Value(tag=name, metadata=metadata, tensor=tensor)])
            )
        )

    def add(self, event: Any) -> None:
        """Add an event to the file."""
        if self.closed:
            raise UseError(f"The event file in {self.folder} is closed. Make another EventWriter to write more")
        event.wall_time = time.time()
        self.file.add_event(event)

    def flush(self) -> None:
        """Have everything on disk that was written so far."""
        self.file.flush()

    def close(self, failed: bool = False) -> None:
        """Write the rest and close the file; a run with hyperparameters is noted as finished or failed."""
        if self.closed:
            return
        if self.has_settings:
            m = self.messages
            status = m.Status.Value("STATUS_FAILURE" if failed else "STATUS_SUCCESS")
            end = m.SessionEndInfo(status=status, end_time_secs=time.time())
            self.settings_record(m.hparams.SESSION_END_INFO_TAG, m.HParamsPluginData(session_end_info=end))
        self.file.close()
        self.closed = True


def as_pixels(images: Any, name: str) -> Array:
    """Return images as bytes of shape (n, height, width, channels), or say what they must be."""
    pixels = np.asarray(images)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim == 3:
        pixels = pixels[None]
    if pixels.ndim != 4 or pixels.shape[-1] not in (1, 3, 4) or not pixels.size:
        raise ShapeError(
            f"{name}: expected images of shape (height, width), (height, width, channels) or (n, height, width, "
            f"channels), with 1, 3 or 4 channels. Received: shape {shape_text(np.shape(images))}"
        )
    if pixels.dtype == np.uint8:
        return pixels
    return np.round(np.clip(np.nan_to_num(pixels.astype(np.float64)), 0, 1) * 255).astype(np.uint8)


def as_png(pixels: Array) -> bytes:
    """Return one image as a PNG."""
    from PIL import Image

    encoded = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(encoded, format="PNG")
    return encoded.getvalue()
