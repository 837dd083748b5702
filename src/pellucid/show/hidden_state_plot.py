"""Plot of the hidden states of a recurrent layer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from pellucid.graph.errors import OptionError
from pellucid.show.plot_style import add_colour_bar, new_figure, style_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def hidden_states(states: ArrayLike, steps: Sequence[str], title: str = "") -> "Figure":
    """Plot hidden states in 0...1, shape (steps, units), as an image with units as rows and labelled steps as columns.

    Examples
    --------
    >>> figure = hidden_states([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]], ["first", "second", "third"])
    >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
    ['first', 'second', 'third']
    """
    values = np.asarray(states, dtype=float)
    if values.ndim != 2 or len(steps) != len(values):
        raise OptionError(
            f"expected states of shape (steps, units) and one label per step; received {values.shape}, {len(steps)} "
            "labels"
        )
    figure = new_figure(2.0 + 0.55 * len(values), 1.4 + 0.2 * values.shape[1])
    axes = style_axes(figure.add_subplot(), "", "hidden unit", title)
    axes.grid(visible=False)
    image = axes.imshow(values.T, cmap="viridis", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    axes.set_xticks(range(len(values)), steps)
    add_colour_bar(figure, image, axes)
    return figure
