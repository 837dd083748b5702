"""Modules that scikit-learn has removed; everything else is the installed scikit-learn."""
