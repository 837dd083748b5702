"""Drawings of graphs: figures, flowcharts and trees of text."""
