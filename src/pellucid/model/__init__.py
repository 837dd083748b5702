"""Models: structure, configuration, summary and files."""
