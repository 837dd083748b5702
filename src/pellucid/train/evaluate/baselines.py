"""Baselines of a training run: a constant, a linear model and gradient-boosted trees, on the same samples."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.optional_packages import require_packages
from pellucid.train.evaluate.decision import Decision
from pellucid.train.read.out_of_core.row_file import Rows, iter_row_blocks, store_blocks, take_rows
from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.train.prepare.prepared_run import PreparedRun

LINEAR, TREES = "linear model", "gradient-boosted trees"

MAXIMUM_LINEAR_WORK = 20_000_000
"""Largest product of samples, inputs and outputs of a linear baseline: some seconds."""
MAXIMUM_TREE_INPUTS = 2_000
"""More inputs are pixels, of which single ones say little to a tree, and take minutes."""
MAXIMUM_TREE_WORK = 50_000_000
MAXIMUM_TREE_OUTPUTS = 20
"""Each of up to 100 rounds grows one tree for each class."""

SAMPLED_ROWS, MAXIMUM_SAMPLED_NUMBERS = 100_000, 2_000_000
"""Largest number of samples, and of their inputs together, for which baselines are trained if the data are larger than
memory."""


@dataclass(frozen=True, eq=False)
class Baseline:
    """A trained baseline.

    Attributes
    ----------
    outputs : array
        Class probabilities, shape (n, k), or values, shape (n, k), of the test samples.
    decision : Decision
        How probabilities become classes; a threshold is chosen as that of the network, on the validation set.
    is_constant : bool
        Whether it ignores the inputs.
    """

    outputs: Array
    decision: Decision
    is_constant: bool


def fit_baselines(prepared: "PreparedRun") -> tuple[dict[str, Baseline], dict[str, str]]:
    """Return the baselines by name, and the reasons for those that are skipped."""
    with require_packages("The baselines"):
        from threadpoolctl import threadpool_limits

    found: dict[str, Baseline] = {}
    skipped: dict[str, str] = {}
    # Sums in several threads have another order in every run.
    with threadpool_limits(1):
        for name, build, reason in list_baselines(prepared):
            if reason:
                skipped[name] = reason
            else:
                found[name] = fit_baseline(prepared, build(), is_constant=not found)
    return found, skipped


def choose_rows(prepared: "PreparedRun") -> Rows:
    """Return the training samples of the baselines: all, or the first of a file, which are in random order."""
    rows = prepared.parts["training"]
    if prepared.arranged is None:
        return rows
    return rows[: min(SAMPLED_ROWS, max(1, MAXIMUM_SAMPLED_NUMBERS // int(np.prod(prepared.x.shape[1:]))))]


def describe_sample(prepared: "PreparedRun") -> list[str]:
    """Return a line that says on which samples the baselines were trained, if not on all."""
    used, total = len(choose_rows(prepared)), len(prepared.parts["training"])
    return [f"baselines: trained on a random sample of {used:,} of {total:,} training samples"] * (used < total)


def list_baselines(prepared: "PreparedRun") -> Iterator[tuple[str, Callable[[], Any], str]]:
    """Yield name, constructor and the reason to skip each baseline; the first is the constant one."""
    with require_packages("The baselines"):
        from sklearn.dummy import DummyClassifier, DummyRegressor
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
        from sklearn.linear_model import LogisticRegression, Ridge
        from sklearn.multioutput import MultiOutputRegressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

    outputs, weights = prepared.dataset.outputs, prepared.class_weights
    inputs = int(np.prod(prepared.x.shape[1:]))
    work = len(choose_rows(prepared)) * inputs * outputs
    seed = prepared.settings.seed
    tree_reason = (
        f"{inputs:,} inputs, more than {MAXIMUM_TREE_INPUTS:,}"
        if inputs > MAXIMUM_TREE_INPUTS
        else f"{outputs:,} outputs, more than {MAXIMUM_TREE_OUTPUTS}"
        if outputs > MAXIMUM_TREE_OUTPUTS
        else describe_work(work, MAXIMUM_TREE_WORK)
    )
    linear_reason = describe_work(work, MAXIMUM_LINEAR_WORK)
    if prepared.dataset.class_names:
        yield "most frequent class", lambda: DummyClassifier(strategy="prior"), ""
        logistic = LogisticRegression(max_iter=200, class_weight=weights)
        yield "logistic regression", lambda: make_pipeline(StandardScaler(), logistic), linear_reason
        yield TREES, lambda: HistGradientBoostingClassifier(class_weight=weights, random_state=seed), tree_reason
    else:
        yield "mean", lambda: DummyRegressor(), ""
        yield "linear regression", lambda: make_pipeline(StandardScaler(), Ridge()), linear_reason
        trees = HistGradientBoostingRegressor(random_state=seed)
        yield TREES, lambda: MultiOutputRegressor(trees) if outputs > 1 else trees, tree_reason


def describe_work(work: int, maximum: int) -> str:
    return f"{work:,} samples x inputs x outputs, more than {maximum:,}" if work > maximum else ""


def fit_baseline(prepared: "PreparedRun", estimator: Any, *, is_constant: bool) -> Baseline:
    """Train an estimator of scikit-learn on the training samples, and predict the others."""
    y = np.array(take_rows(prepared.dataset.targets, choose_rows(prepared)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a regression that has not converged is a valid baseline
        estimator.fit(
            flatten(np.array(take_rows(prepared.x, choose_rows(prepared)))), y[:, 0] if y.shape[1:] == (1,) else y
        )
    if not prepared.dataset.class_names:
        values = apply_in_blocks(prepared, "test", estimator.predict)
        return Baseline(values.reshape(len(values), -1), Decision(), is_constant)

    def predict(part: str) -> Array:
        return apply_in_blocks(prepared, part, predict_block)

    def predict_block(x: Array) -> Array:
        # A class without training samples has no probability.
        probabilities = np.zeros((len(x), prepared.dataset.outputs))
        probabilities[:, estimator.classes_] = estimator.predict_proba(x)
        return probabilities

    decision = Decision(prepared.positive) if is_constant else prepared.choose_decision(predict)
    return Baseline(predict("test"), decision, is_constant)


def apply_in_blocks(prepared: "PreparedRun", part: str, predict: Callable[[Array], Array]) -> Array:
    """Return the predictions for a part; samples that are larger than memory are predicted in blocks."""
    if prepared.arranged is None:
        return predict(flatten(prepared.get_inputs(part)))
    size = max(1, MAXIMUM_SAMPLED_NUMBERS // int(np.prod(prepared.x.shape[1:])))
    blocks = iter_row_blocks(prepared.x, prepared.parts[part], size)
    return store_blocks((predict(flatten(block)).reshape(len(block), -1) for block in blocks), prepared.arranged.folder)


def flatten(x: Array) -> Array:
    """Return inputs as a table, float64, shape (n, inputs)."""
    return x.reshape(len(x), -1).astype(np.float64)
