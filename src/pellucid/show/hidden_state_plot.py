"""The picture of what a recurrent layer holds, step after step."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from pellucid.graph.errors import OptionError
from pellucid.show.plot_style import colour_scale, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def hidden_states(states: ArrayLike, steps: Sequence[str], title: str = "") -> "Figure":
    """Draw the units of a recurrent layer as rows and its steps as columns: the brighter, the nearer to one.

    Parameters
    ----------
    states
        Values from 0 to 1, shape (steps, units).
    steps
        What to write under each step, of any number of lines.
    title
        Stands above the picture.

    Returns
    -------
    matplotlib.figure.Figure
        The picture.

    Examples
    --------
    >>> figure = hidden_states([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]], ["first", "second", "third"])
    >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
    ['first', 'second', 'third']
    """
    values = np.asarray(states, dtype=float)
    if values.ndim != 2 or len(steps) != len(values):
        raise OptionError(
            f"expected states of shape (steps, units) and as many steps; received {values.shape}, {len(steps)}"
        )
    figure = new_figure(2.0 + 0.55 * len(values), 1.4 + 0.2 * values.shape[1])
    axes = plain_axes(figure.add_subplot(), "", "hidden unit", title)
    axes.grid(visible=False)
    image = axes.imshow(values.T, cmap="viridis", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    axes.set_xticks(range(len(values)), steps)
    colour_scale(figure, image, axes)
    return figure
