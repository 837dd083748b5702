"""`tf.summary`: values that a session fetches, and a `FileWriter` that writes them for TensorBoard."""

import sys
from types import ModuleType

import numpy as np

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.tensorflow.graph import Summary, convert, get_default_graph


def add_summary(parts, tensors, collections):
    made = Summary(parts, tensors)
    for key in collections:
        get_default_graph().add_to_collection(key, made)
    return made


def scalar(name, tensor, collections=None):
    return add_summary([("scalar", name)], [convert(tensor)], collections or ["summaries"])


def histogram(name, values, collections=None):
    return add_summary([("histogram", name)], [convert(values)], collections or ["summaries"])


def image(name, tensor, max_outputs=3, collections=None, max_images=None):
    """Return a summary of images; `max_images` is the name of `max_outputs` in 0.x."""
    part = "image", name, max_images or max_outputs
    return add_summary([part], [convert(tensor)], collections or ["summaries"])


def merge(inputs, collections=None, name=None):
    parts, tensors = [p for s in inputs for p in s.parts], [t for s in inputs for t in s.tensors]
    return add_summary(parts, tensors, collections or [])


def merge_all(key="summaries"):
    """Return all summaries as one; None if there is none."""
    found = get_default_graph().get_collection(key)
    return merge(found) if found else None


def scale_image(pixels):
    """Return numbers from 0 to 1 of an image: 0 stays black, or is gray if there are negative numbers."""
    if pixels.dtype == np.uint8:
        return pixels
    limit = np.abs(pixels).max() or 1.0
    return pixels / limit if pixels.min() >= 0 else 0.5 + pixels / (2 * limit)


class FileWriter:
    """Writes fetched summaries into an event file of a folder; the graph is not written."""

    def __init__(self, logdir, graph=None, max_queue=10, flush_secs=120, graph_def=None, filename_suffix=""):
        # TensorBoard would import TensorFlow, which is pellucid.compat here, unless there is a module of this name.
        sys.modules.setdefault("tensorboard.compat.notf", ModuleType("tensorboard.compat.notf"))
        from pellucid.interop.tensorboard.writer import EventWriter

        self.writer = EventWriter(logdir, filename_suffix or "")
        self.flush, self.close = self.writer.flush, self.writer.close

    def add_summary(self, summary, global_step=None):
        step = 0 if global_step is None else int(global_step)
        for kind, name, *settings, value in summary:
            if kind == "image":
                value = np.stack([scale_image(pixels) for pixels in value])
            getattr(self.writer, kind)(name, value, step, *settings)

    def add_graph(self, graph, global_step=None):
        print(f"The graph is not written to {self.writer.folder}; its summaries are")


OLD_NAMES = {f"{function}_summary": globals()[function] for function in ("scalar", "histogram", "image", "merge")}
OLD_NAMES["merge_all_summaries"] = merge_all
add_missing_name_errors(globals(), "tensorflow.summary")
