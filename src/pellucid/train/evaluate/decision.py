"""Decision threshold of two classes: the rules that choose it, and how class probabilities become a class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pellucid.tracking.errors import UsageError

if TYPE_CHECKING:
    from pellucid.typing import Array

BEST_F1 = "best-f1"
GOALS = ("recall", "precision")


@dataclass(frozen=True)
class ThresholdRule:
    """How a threshold is chosen.

    Attributes
    ----------
    kind : str
        ``"number"``, ``"best-f1"``, ``"recall"`` or ``"precision"``.
    value : float
        The threshold, or the recall or precision that it must reach.
    """

    kind: str
    value: float = 0.0


def parse_threshold(setting: float | str) -> ThresholdRule:
    """Return the rule of a setting; raise `UsageError` if it is invalid.

    Examples
    --------
    >>> parse_threshold(0.3), parse_threshold("recall=0.9")
    (ThresholdRule(kind='number', value=0.3), ThresholdRule(kind='recall', value=0.9))
    """
    if not isinstance(setting, str):
        return ThresholdRule("number", setting)
    if setting == BEST_F1:
        return ThresholdRule(BEST_F1)
    kind, _, text = setting.partition("=")
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if kind not in GOALS or not 0 < value <= 1:
        raise UsageError(
            f"threshold: expected a number between 0 and 1, {BEST_F1}, or a goal such as recall=0.9 or precision=0.9; "
            f"received {setting!r}"
        )
    return ThresholdRule(kind, value)


@dataclass(frozen=True)
class Decision:
    """How class probabilities become a class.

    Attributes
    ----------
    positive : int, optional
        The class that thresholds, precision and recall of two classes are about; None for other numbers of classes.
    threshold : float, optional
        Smallest probability at which the positive class is predicted. Without it, the most probable class is.
    is_goal_reached : bool
        Whether the threshold has the precision on the validation set that its rule demands.
    """

    positive: int | None = None
    threshold: float | None = None
    is_goal_reached: bool = True

    def choose_classes(self, scores: "Array") -> "Array":
        """Return the predicted classes, shape (n,), for probabilities or scores, shape (n, k).

        Examples
        --------
        >>> scores = np.array([[0.7, 0.3], [0.9, 0.1]])
        >>> Decision().choose_classes(scores), Decision(1, 0.2).choose_classes(scores)
        (array([0, 0]), array([1, 0]))
        """
        import numpy as np

        if self.threshold is None or self.positive is None:
            most_probable: Array = scores.argmax(axis=1)
            return most_probable
        chosen: Array = np.where(scores[:, self.positive] >= self.threshold, self.positive, 1 - self.positive)
        return chosen

    def describe(self, class_names: Sequence[str]) -> dict[str, Any] | None:
        """Return the content of ``data.json`` for two classes."""
        return None if self.positive is None else {"class": class_names[self.positive], "threshold": self.threshold}


def read_decision(description: Mapping[str, Any]) -> Decision:
    """Return the decision in ``data.json``; raise `ValueError` if it is damaged."""
    found, names = description.get("decision"), description["class_names"]
    if found is None:  # also runs of earlier versions
        return Decision()
    threshold = found["threshold"]
    is_number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
    if len(names) != 2 or not (threshold is None or (is_number and 0 <= threshold <= 1)):
        raise ValueError(f"expected a threshold between 0 and 1 for two classes; received {found!r}")
    return Decision(names.index(found["class"]), threshold)


def choose_threshold(rule: ThresholdRule, probabilities: "Array", is_positive: "Array") -> tuple[float, bool]:
    """Return the threshold that a rule chooses on the validation set, and whether it reaches its goal there.

    Parameters
    ----------
    rule : ThresholdRule
        ``best-f1`` maximizes F1. A recall is reached with the highest possible threshold, and a precision with the
        lowest. If no threshold reaches a precision, the result is that of the highest one.
    probabilities : array, shape (n,)
        Probability of the positive class.
    is_positive : array of bool, shape (n,)
        Which samples are of the positive class; at least one.

    Examples
    --------
    >>> p, positive = np.array([0.1, 0.2, 0.4, 0.8]), np.array([False, True, False, True])
    >>> [choose_threshold(parse_threshold(rule), p, positive)[0] for rule in ("recall=0.5", "recall=1", "precision=1")]
    [0.6000000000000001, 0.15000000000000002, 0.6000000000000001]
    """
    import numpy as np
    from sklearn.metrics import precision_recall_curve

    if rule.kind == "number":
        return rule.value, True
    precision, recall, thresholds = precision_recall_curve(is_positive, probabilities.astype(np.float64))
    precision, recall = precision[:-1], recall[:-1]  # the last point has no threshold
    if rule.kind == BEST_F1:
        # Precision and recall are both 0 where only negative samples are above the threshold.
        chosen = int((precision * recall / np.maximum(precision + recall, 1e-300)).argmax())
    elif rule.kind == "recall":
        chosen = int(np.flatnonzero(recall >= rule.value)[-1])
    else:
        goal = min(rule.value, float(precision.max()))
        chosen = int(np.flatnonzero(precision >= goal)[0])
    # Halfway to the next lower probability, so that rounding does not change the decision.
    below = thresholds[chosen - 1] if chosen else 0.0
    is_reached = rule.kind != "precision" or float(precision[chosen]) >= rule.value
    return float(thresholds[chosen] + below) / 2, is_reached
