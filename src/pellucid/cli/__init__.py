"""The command ``pellucid``: from a line in a terminal to a trained network."""

from pellucid.cli.entry import main as main
