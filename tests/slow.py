"""Run the slow tests part by part, and record in `slow_results.json` when each part last passed.

    python -m tests.slow               all parts
    python -m tests.slow graph run     these parts

XLA and the C compiler optimize as they do for users.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).parent
ROOT = TESTS.parent
RESULTS = TESTS / "slow_results.json"

PARTS = {
    "graph": ["tests/graph", "src/pellucid/graph"],
    "run": ["tests/run", "src/pellucid/run"],
    "nn": ["tests/nn", "tests/byhand", "src/pellucid/nn", "src/pellucid/byhand"],
    "training": ["tests/training", "tests/model", "tests/saving", "tests/data", "src/pellucid/training"],
    "show": ["tests/show", "tests/inspect", "tests/interop", "src/pellucid/show", "src/pellucid/inspect"],
    "commands": ["tests/cli", "src/pellucid/cli"],
    "train": ["tests/train", "tests/tracking", "src/pellucid/train", "src/pellucid/tracking"],
    "course": ["tests/course", "tests/reference", "src/pellucid/course"],
    "live": ["tests/live", "tests/notebooks", "src/pellucid/live"],
    "compat": ["tests/compat"],
    "project": sorted(str(path.relative_to(ROOT)) for path in TESTS.glob("test_*.py")),
    "mutations": ["tests/mutations"],
}
"""Folders and files of each part."""

ALSO = {"graph": ["tests/graph/test_stability.py"], "nn": ["tests/nn/test_every_layer.py"]}
"""Files whose fast tests run too, because rounding errors depend on the optimization of the compilers."""


def run_part(part: str) -> bool:
    """Run the slow tests of a part, and return whether they passed."""
    # The fast tests of `ALSO` take longer with optimized code, so their limit is higher.
    environment = {**os.environ, "CC": "", "XLA_FLAGS": "", "PELLUCID_TEST_LIMIT": "30"}
    arguments = [["-m", "slow", "--timeout=1800", *PARTS[part]], ALSO.get(part)]
    commands = [[sys.executable, "-m", "pytest", "-q", "-rfE", *each] for each in arguments if each]
    statuses = [subprocess.run(command, cwd=ROOT, env=environment).returncode for command in commands]
    return not any(statuses)


def describe_commit() -> str:
    """Return the commit of the sources, and whether they have changed since."""
    command = ["git", "describe", "--always", "--dirty=, with changes", "--exclude=*"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=f"one of {', '.join(PARTS)}")
    chosen = parser.parse_args().parts or list(PARTS)
    failed = []
    for part in chosen:
        start, commit = time.time(), describe_commit()
        print(f"\n=== {part}", flush=True)
        if not run_part(part):
            failed.append(part)
            continue
        results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
        minutes = round((time.time() - start) / 60, 1)
        results[part] = {"passed": time.strftime("%Y-%m-%d"), "commit": commit, "minutes": minutes}
        RESULTS.write_text(json.dumps({p: results[p] for p in PARTS if p in results}, indent=2) + "\n", "utf-8")
    print(f"\nFailed: {', '.join(failed)}" if failed else "\nAll passed.")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
