"""`tf.summary`: values for TensorBoard, written by `pellucid.tensorboard`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.tensorflow.graph import Graph, Tensor, convert, make_op
from pellucid.compat.tensorflow.variables import GraphKeys, add_to_collection, get_collection
from pellucid.graph.errors import UseError
from pellucid.interop.tensorboard.writer import EventWriter

Entry = tuple[str, str, Any, dict[str, Any]]
"""Method of the event writer, name, value and options."""


class Summary(list[Entry]):
    """Value of a summary: a list of entries that `FileWriter.add_summary` writes, instead of a protocol buffer."""


def _make_host_op(name: str, inputs: list[Tensor], host: Callable[..., Any]) -> Tensor:
    made: Tensor = make_op(name, None, inputs, name, dtype="string", setup=lambda op: setattr(op, "host", host))
    return made


def _make_summary(method: str) -> Callable[..., Tensor]:
    def summarize(
        name: Any,
        tensor: Any,
        max_outputs: int = 3,
        collections: Any = None,
        family: Any = None,
        max_images: Any = None,
    ) -> Tensor:
        tag = f"{family}/{name}" if family else str(name)
        options = {"max_images": max_images or max_outputs} if method == "image" else {}
        made = _make_host_op(tag, [convert(tensor)], lambda value: Summary([(method, tag, value, options)]))
        for key in collections or [GraphKeys.SUMMARIES]:
            add_to_collection(key, made)
        return made

    return summarize


scalar, histogram, image = map(_make_summary, ("scalar", "histogram", "image"))


def merge(inputs: Any, collections: Any = None, name: str | None = None) -> Tensor:
    """Return a summary that joins others."""
    return _make_host_op(
        name or "Merge", [convert(i) for i in inputs], lambda *parts: Summary(e for p in parts for e in p)
    )


def merge_all(key: str = GraphKeys.SUMMARIES) -> Tensor | None:
    """Return a summary that joins all of the graph; None if there are none."""
    found = get_collection(key)
    return merge(found) if found else None


class FileWriter:
    """Writes an event file for TensorBoard."""

    def __init__(
        self,
        logdir: Any,
        graph: Any = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        graph_def: Any = None,
        filename_suffix: str | None = None,
    ) -> None:
        # TensorBoard would import these modules as TensorFlow; this name makes it use its own substitute.
        sys.modules.setdefault("tensorboard.compat.notf", ModuleType("notf"))
        self.writer = EventWriter(str(logdir), filename_suffix or "")
        if isinstance(graph or graph_def, Graph):
            self.add_graph(graph or graph_def)

    def add_summary(self, summary: Any, global_step: Any = 0) -> None:
        """Write the value of a summary."""
        if not isinstance(summary, Summary):
            raise UseError(
                f"Expected the value of a summary, as in sess.run(tf.summary.merge_all()). Received: {summary!r}"
            )
        for method, tag, value, options in summary:
            getattr(self.writer, method)(tag, value, int(global_step or 0), **options)

    def add_graph(self, graph: Graph, global_step: Any = None) -> None:
        """Write the operations of a graph and their inputs."""
        messages = self.writer.messages
        definition = messages.GraphDef()
        definition.versions.producer = 1
        for op in graph.operations:
            node = definition.node.add()
            node.name, node.op = op.name, op.type
            node.input.extend([t.op.name for t in op.inputs] + [f"^{c.name}" for c in op.control_inputs])
        self.writer.add(messages.Event(graph_def=definition.SerializeToString()))

    def flush(self) -> None:
        self.writer.flush()

    def close(self) -> None:
        self.writer.close()


add_missing_name_errors(globals(), "tensorflow.summary")
