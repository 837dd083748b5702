import numpy as np

from pellucid.show.boundary_ensembles import boundary_bundles

X, y = np.array([[-1.0, 0.0], [1.0, 0.5], [0.5, 2.0], [-0.5, 1.0]]), np.array([0, 1, 1, 0])


def contours(axes: object) -> list[float]:
    """Return where the lines of the axes lie, left to right."""
    lines = [c for c in axes.collections if type(c).__name__ == "QuadContourSet"]  # type: ignore[attr-defined]
    return [float(np.concatenate([path.vertices for path in line.get_paths()])[:, 0].mean()) for line in lines]


def test_every_classifier_has_its_boundary_and_the_truth_comes_last() -> None:
    figure = boundary_bundles(
        {"two": lambda P: np.stack([P[:, 0] + 0.5, P[:, 0] + 0.2]), "one": lambda P: [P[:, 0] + 0.5]},
        X,
        y,
        truth=lambda P: P[:, 0] + 0.9,
    )
    two, one = figure.axes
    assert np.allclose(contours(two), [0.0, 0.3, -0.4], atol=0.02)
    assert np.allclose(contours(one), [0.0, -0.4], atol=0.02)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["two", "one"]


def test_a_classifier_that_never_changes_its_mind_has_no_boundary() -> None:
    figure = boundary_bundles({"sure": lambda P: [np.ones(len(P))]}, X, y)
    assert not [p for c in figure.axes[0].collections[2:] for p in c.get_paths() if len(p.vertices)]
