"""Scikit-learn estimators backed by neural networks."""

from pellucid.optional_packages import require_packages

with require_packages("An estimator for pipelines"):
    import sklearn.base  # noqa: F401
