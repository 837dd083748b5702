"""Scikit-learn estimators backed by neural networks."""
