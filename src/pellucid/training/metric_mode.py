"""Direction of metrics: whether higher or lower values are better."""

from __future__ import annotations

from pellucid.nn import losses, metrics
from pellucid.nn.registry import normalize_name

HIGHER_IS_BETTER = {
    normalize_name(name)
    for name in (
        *(name for name in dir(metrics) if name.lower().endswith(("accuracy", "iou", "correlation", "score"))),
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

LOWER_IS_BETTER = {
    normalize_name(name)
    for name in (
        *losses.NAMED,
        "loss",
        "false_negatives",
        "false_positives",
        "log_cosh_error",
        "rmse",
        "root_mean_squared_error",
    )
}


def is_higher_better(name: str) -> bool | None:
    """Whether higher values of a metric are better; None if unknown.

    The name may begin with ``val_`` or the name of an output, and end with a number.

    Examples
    --------
    >>> [is_higher_better(name) for name in ("val_loss", "digits_accuracy", "mse", "auc_1", "my_own")]
    [False, True, False, True, None]
    """
    words = name.removeprefix("val_").rstrip("0123456789").rstrip("_").split("_")
    for start in range(len(words)):
        suffix = normalize_name("_".join(words[start:]))
        # Metrics first: cosine_similarity is also a loss, but the history calls a loss `loss`.
        if suffix in HIGHER_IS_BETTER:
            return True
        if suffix in LOWER_IS_BETTER:
            return False
    return None
