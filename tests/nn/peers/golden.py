"""Write golden values, computed with Keras: ``python tests/nn/peers/golden.py optimizers``.

A family of cases is a file ``FAMILY.py`` in this folder with ``CASES``, a dict by name, and ``by_keras(name)``, which
returns a dict of arrays.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))


def main(families: list[str]) -> None:
    """Compute and write the golden values of some families."""
    from tests.nn.peers import store

    for family in families:
        cases = importlib.import_module(f"tests.nn.peers.{family}")
        store.save(family, {name: cases.by_keras(name) for name in cases.CASES})
        print(f"{family}: {len(cases.CASES)} cases")


if __name__ == "__main__":
    main(sys.argv[1:] or sorted(p.stem for p in Path(__file__).parent.glob("*.py") if "\nCASES" in p.read_text()))
