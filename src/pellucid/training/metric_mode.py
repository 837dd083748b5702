"""Which measures are good when they are small, and which when they are great."""

from __future__ import annotations

from pellucid.nn import losses, metrics
from pellucid.nn.registry import bare

GREAT = {
    bare(name)
    for name in (
        *(name for name in metrics.__all__ if name.lower().endswith(("accuracy", "iou", "correlation", "score"))),
        "acc",
        "auc",
        "cosine_similarity",
        "precision",
        "precision_at_recall",
        "r2_score",
        "recall",
        "recall_at_precision",
        "sensitivity_at_specificity",
        "specificity_at_sensitivity",
        "true_negatives",
        "true_positives",
    )
}
"""What is good when it is great, in bare spelling."""

SMALL = {
    bare(name) for name in (*losses.NAMED, "loss", "false_negatives", "false_positives", "log_cosh_error", "rmse")
} | {bare("root_mean_squared_error")}
"""What is good when it is small."""


def better_when_great(name: str) -> bool | None:
    """Tell whether a measure of this name is better when it is greater; None where nobody knows.

    The name may begin with ``val_`` or that of an output, and end with a number.

    Examples
    --------
    >>> [better_when_great(name) for name in ("val_loss", "digits_accuracy", "mse", "auc_1", "my_own")]
    [False, True, False, True, None]
    """
    words = name.removeprefix("val_").rstrip("0123456789").rstrip("_").split("_")
    for start in range(len(words)):
        spelt = bare("_".join(words[start:]))
        # A loss named like a metric is one: cosine_similarity as a loss is called by `loss`.
        if spelt in GREAT:
            return True
        if spelt in SMALL:
            return False
    return None
