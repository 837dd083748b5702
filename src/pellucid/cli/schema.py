"""``pellucid schema``: the JSON Schema of experiment files."""

from importlib.resources import files

from pellucid.cli.output import OUTPUT


def schema() -> int:
    """Print the JSON Schema of experiment files, with which editors complete and check them.

    For example:

        pellucid schema > experiment.schema.json

    Then begin an experiment file in the same folder with the line

        #:schema experiment.schema.json

    which VS Code (with Even Better TOML or Tombi), Neovim, Helix and Zed read.
    The command taplo check mine.toml checks a file without an editor.
    """
    OUTPUT.print((files("pellucid.train.settings") / "experiment.schema.json").read_text("utf-8").rstrip())
    return 0
