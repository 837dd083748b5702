"""`tf.summary`: values for TensorBoard, written by `pellucid.tensorboard`."""

# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.tensorflow.graph import Graph, convert, make_op
from pellucid.compat.tensorflow.variables import GraphKeys, add_to_collection, get_collection
from pellucid.graph.errors import UseError
from pellucid.interop.tensorboard.writer import EventWriter

Entry = tuple[str, str, Any, dict[str, Any]]
"""Method of the event writer, name, value and options."""


class Summary(list[Entry]):
    """Value of a summary: a list of entries that `FileWriter.add_summary` writes, instead of a protocol buffer."""


def _make_host_op(name, inputs, host):
    return make_op(name, None, inputs, name, dtype="string", setup=lambda op: setattr(op, "host", host))


def _make_summary(method):
    def summarize(name, tensor, max_outputs=3, collections=None, family=None, max_images=None):
        tag = f"{family}/{name}" if family else str(name)
        options = {"max_images": max_images or max_outputs} if method == "image" else {}
        made = _make_host_op(tag, [convert(tensor)], lambda value: Summary([(method, tag, value, options)]))
        for key in collections or [GraphKeys.SUMMARIES]:
            add_to_collection(key, made)
        return made

    return summarize


scalar, histogram, image = map(_make_summary, ("scalar", "histogram", "image"))


def merge(inputs, collections=None, name=None):
    """Return a summary that joins others."""
    return _make_host_op(
        name or "Merge", [convert(i) for i in inputs], lambda *parts: Summary(e for p in parts for e in p)
    )


def merge_all(key=GraphKeys.SUMMARIES):
    """Return a summary that joins all of the graph; None if there are none."""
    found = get_collection(key)
    return merge(found) if found else None


class FileWriter:
    """Writes an event file for TensorBoard."""

    def __init__(self, logdir, graph=None, max_queue=10, flush_secs=120, graph_def=None, filename_suffix=None):
        # TensorBoard would import these modules as TensorFlow; this name makes it use its own substitute.
        sys.modules.setdefault("tensorboard.compat.notf", ModuleType("notf"))
        self.writer = EventWriter(str(logdir), filename_suffix or "")
        if isinstance(graph or graph_def, Graph):
            self.add_graph(graph or graph_def)

    def add_summary(self, summary, global_step=0):
        """Write the value of a summary."""
        if not isinstance(summary, Summary):
            raise UseError(
                f"Expected the value of a summary, as in sess.run(tf.summary.merge_all()). Received: {summary!r}"
            )
        for method, tag, value, options in summary:
            getattr(self.writer, method)(tag, value, int(global_step or 0), **options)

    def add_graph(self, graph, global_step=None):
        """Write the operations of a graph and their inputs."""
        messages = self.writer.messages
        definition = messages.GraphDef()
        definition.versions.producer = 1
        for op in graph.operations:
            node = definition.node.add()
            node.name, node.op = op.name, op.type
            node.input.extend([t.op.name for t in op.inputs] + [f"^{c.name}" for c in op.control_inputs])
        self.writer.add(messages.Event(graph_def=definition.SerializeToString()))

    def flush(self):
        self.writer.flush()

    def close(self):
        self.writer.close()


add_missing_name_errors(globals(), "tensorflow.summary")
