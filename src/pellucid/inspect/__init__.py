"""Inspection of models: explanations, source export, diagnostics, comparisons and pictures."""
