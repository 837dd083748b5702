"""The report of a training run, ``report.html``: collects its content and writes the page."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pellucid.atomic_write import atomic_write
from pellucid.errors import PellucidError
from pellucid.tracking.context import RunContext
from pellucid.tracking.document import POLICY, render_picture, render_prose
from pellucid.tracking.record import Record
from pellucid.tracking.result import SavedPicture
from pellucid.tracking.run_folder import CONFIG
from pellucid.train.read.feature_names import list_columns
from pellucid.train.report.run_page import RunContent, render_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pellucid.model.interfaces import ModelLike
    from pellucid.model.model import Model
    from pellucid.train.prepare.prepared_run import PreparedRun

REPORT = "report.html"

MANY_POINTS = 1000
"""Points of a picture from which on they are pixels, not shapes, in SVG."""

MAX_PICTURE_BYTES = 300_000
"""Maximum size of a picture as SVG; larger ones are embedded as PNG, which do not follow light and dark."""

MAX_PREDICTION_WEIGHTS = 50_000
"""Maximum number of weights of a network that predicts in the page."""


def save_run_page(run: RunContext, prepared: "PreparedRun", network: "ModelLike", record: Record) -> None:
    """Write the report of a finished run into its folder."""
    from pellucid.model.model import Model

    assert isinstance(network, Model)
    names = list_input_names(prepared)
    prediction, scripts, policy = render_live_prediction(prepared, network, names)
    content = RunContent(
        record=record,
        folder=str(run.folder),
        pictures=[render_saved_picture(run, picture) for picture in run.pictures],
        title=f"A network trained on {Path(prepared.dataset.where).name}",
        data=prepared.data_summary,
        facts=prepared.dataset.facts,
        columns=prepared.dataset.list_columns(prepared.description),
        network=prepared.network_summary,
        input_names=names,
        formulas=render_formulas(network),
        settings=(run.folder / CONFIG).read_text("utf-8"),
        prediction=prediction,
        scripts=scripts,
        policy=policy,
    )
    atomic_write(run.folder / REPORT, render_run(content))


def list_input_names(prepared: "PreparedRun") -> list[str]:
    """Return the names of flat inputs; nothing for other shapes."""
    shape = prepared.x.shape[1:]
    columns = list_columns(prepared.description, shape) if len(shape) == 1 else []
    return [name for column in columns for name in column.inputs]


def render_saved_picture(run: RunContext, picture: SavedPicture) -> str:
    """Return a picture as SVG with the colors of light and dark pages, or as PNG if that is much smaller."""
    from pellucid.show.plots.themed_figure import render_svg

    figure = run.figures[picture.file]
    rasterize_many_points(figure)
    content = render_svg(figure).encode()
    if len(content) <= MAX_PICTURE_BYTES:
        return render_picture(content, picture.caption, picture.reading, "svg+xml")
    return render_picture((run.folder / picture.file).read_bytes(), picture.caption, picture.reading)


def rasterize_many_points(figure: "Figure") -> None:
    for axes in figure.axes:
        for collection in axes.collections:
            if len(np.asarray(collection.get_offsets())) > MANY_POINTS:
                collection.set_rasterized(True)


def render_formulas(model: "Model") -> str:
    """Return the network as formulas in HTML, or why there are none."""
    from pellucid.show.pages.formula_page import HtmlPage

    try:
        return model.explain().render(HtmlPage())
    except PellucidError as error:
        return f"<p>There are no formulas of this network: {render_prose(str(error))}</p>"


def render_live_prediction(prepared: "PreparedRun", model: "Model", names: list[str]) -> tuple[str, str, str]:
    """Return a figure that predicts, its scripts and their policy; empty texts for networks that are too large."""
    from pellucid.live.model_page import make_model_figure
    from pellucid.live.page import get_policy, read_runtime, render_element
    from pellucid.live.views.feature_inputs import MAX_FEATURES

    if not 0 < len(names) <= MAX_FEATURES or prepared.weights > MAX_PREDICTION_WEIGHTS:
        return "", "", POLICY
    classes = list(prepared.dataset.class_names) or None
    try:
        figure = make_model_figure(model, "", class_names=classes, feature_names=names)
        element = render_element(figure.to_spec())
    except PellucidError:  # a layer that cannot be compiled for a page
        return "", "", POLICY
    return element, f"<script>{read_runtime()}</script>", get_policy()
