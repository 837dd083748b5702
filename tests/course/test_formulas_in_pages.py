"""Pages read formulas as Python does: values, messages, MathML and fingerprints are equal."""

import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.course.formula_text import FormulaError, parse_formula
from pellucid.course.result_fingerprint import compute_fingerprint, have_equal_fingerprints

WEB = Path(__file__).parents[2] / "web"
ESBUILD = WEB / "node_modules" / ".bin" / "esbuild"
ERRORS = json.loads(Path(__file__).with_name("formula_errors.json").read_text("utf-8"))
RNG = np.random.default_rng(0)
VALUES = {
    "X": RNG.normal(size=(5, 2)),
    "W1": RNG.normal(size=(2, 3)),
    "b1": RNG.normal(size=3),
    "a1": np.tanh(RNG.normal(size=(5, 3))),
    "d1": RNG.normal(size=(5, 3)),
    "p": RNG.dirichlet(np.ones(3), size=5),
    "y": np.array([0.0, 2, 1, 1, 0]),
    "n": np.array(5.0),
    "lam": np.array(0.1),
    "x": RNG.normal(size=(6, 5)),
    "w": RNG.normal(size=(3, 2)),
    "e": RNG.normal(size=4),
    "t3": RNG.normal(size=(2, 3, 2)),
    "δ": np.array([[np.inf, -np.inf, np.nan], [1, -1, 0]]),
    "𝜆": np.array(-2.0),
}

PARTS = json.loads(Path(__file__).with_name("formula_parts.json").read_text("utf-8"))
"""Parts of random formulas, and patterns of functions and of pairs."""

SIGNS = "()[],.:=*/@^'+-<> \t\u00a0\u2009\ufeff\x1c'\"{}%&|~;!?#$\\`0123456789eTXWnλδ𝜆²ᵀ⊙₁×·−÷≤_"
WORDS = "None if lambda np. axis=0 True .shape keepdims= 1e9 10**9 W2 tahn x1"


def write_formula(rng: random.Random, depth: int) -> str:
    """Write a random formula; many have shapes that do not fit."""
    if depth == 0 or rng.random() < 0.2:
        return rng.choice(PARTS["parts"])
    pattern = rng.choice(PARTS["functions" if rng.random() < 0.5 else "pairs"])
    return pattern.format(*(write_formula(rng, depth - 1) for _ in range(pattern.count("{}"))))


def damage(rng: random.Random, text: str) -> str:
    """Delete characters, and insert signs and words."""
    characters = list(text)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(characters) + 1)
        if rng.random() < 0.4:
            del characters[at : at + 1]
        else:
            characters.insert(at, rng.choice(SIGNS) if rng.random() < 0.7 else f" {rng.choice(WORDS.split())} ")
    return "".join(characters)


def write_texts() -> list[str]:
    """Return every part and function, random formulas, and damaged ones."""
    rng = random.Random(1)
    valid = [write_formula(rng, depth) for depth in (1, 2, 2, 3) for _ in range(250)]
    hostile = [damage(rng, rng.choice(valid)) for _ in range(700)]
    limits = [
        "(" * 60 + "1" + ")" * 60,
        "+".join("X" * 150),
        "-" * 300 + "X",
        "x" * 2001,
        "X.T" + ".T" * 120,
        "X[" * 60,
        "9**" * 30 + "9",
    ]
    functions = [pattern.replace("{}", part) for pattern in PARTS["functions"] for part in ("δ", "x", "t3", "2")]
    return [
        *PARTS["parts"],
        *functions,
        *valid,
        *hostile,
        *limits,
        *ERRORS["syntax"],
        *ERRORS["shapes"],
        "",
        " ",
        "\n",
        "𝜆 𝜆",
        "𝜆 + 𝜆 * (X",
    ]


def read_in_python(text: str) -> dict[str, Any]:
    result: dict[str, Any] = {}
    try:
        formula = parse_formula(text, VALUES)
        result["mathml"] = formula.to_mathml({name: value.shape for name, value in VALUES.items()})
        value = formula.evaluate(VALUES)
    except FormulaError as error:
        return {**result, "error": str(error), "position": error.position}
    return {**result, "shape": list(value.shape), "data": value.ravel()}


def to_json(value: Any) -> dict[str, Any]:
    array = np.asarray(value, dtype=float)
    return {"shape": list(array.shape), "data": [float(v) if np.isfinite(v) else str(v) for v in array.flat]}


def run_page(values: dict[str, Any], texts: list[str], arrays: list[tuple[Any, Any]]) -> dict[str, Any]:
    """Run the code of the page in Node.js."""
    if shutil.which("node") is None or not ESBUILD.exists():
        pytest.skip("Node.js or web/node_modules is missing: run `make check-runtime`")
    entry = Path(__file__).with_name("formulas_page.mjs")
    script = subprocess.run(
        [ESBUILD, entry, "--bundle", "--platform=node", "--format=esm"], check=True, capture_output=True
    )
    spec = {"letters": {name: to_json(value) for name, value in values.items()}, "texts": texts}
    spec["arrays"] = [[to_json(left), to_json(right)] for left, right in arrays]
    text = json.dumps(spec).replace('"inf"', '"Infinity"').replace('"-inf"', '"-Infinity"').replace('"nan"', '"NaN"')
    node = ["node", "--input-type=module", "--eval", script.stdout.decode()]
    done = subprocess.run(node, input=text.encode(), check=True, capture_output=True, timeout=60)
    return json.loads(done.stdout)


ARRAYS = [
    (RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4))),
    (np.arange(3.0), np.arange(3.0)[None] * (1 + 1e-9)),
    (np.arange(3.0), np.arange(3.0)[:, None] + 1e-5),
    (np.ones((2, 1, 3)), np.ones((2, 3))),
    (np.ones((1, 1)), np.ones(())),
    (np.ones(0), np.ones((1, 0))),
    (np.array([np.inf, 1.0]), np.array([1.0, 2.0])),
]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return write_texts()


@pytest.fixture(scope="module")
def page(texts: list[str]) -> dict[str, Any]:
    return run_page(VALUES, texts, ARRAYS)


@pytest.mark.parametrize("part", range(2))
def test_values_and_messages_are_equal(texts: list[str], page: dict[str, Any], part: int) -> None:
    counts = {"values": 0, "errors": 0}
    for text, found in list(zip(texts, page["formulas"], strict=True))[part::2]:
        expected = read_in_python(text)
        assert found.get("mathml") == expected.get("mathml"), text
        assert found.get("error") == expected.get("error"), text
        if "error" in expected:
            assert found["position"] == expected["position"], text
            counts["errors"] += 1
            continue
        assert found["shape"] == expected["shape"], text
        np.testing.assert_allclose(
            np.array(found["data"], dtype=float), expected["data"], rtol=1e-9, atol=1e-9, err_msg=text
        )
        counts["values"] += 1
    assert counts["values"] > 200
    assert counts["errors"] > 200


def test_fingerprints_are_equal(page: dict[str, Any]) -> None:
    for (left, right), found in zip(ARRAYS, page["fingerprints"], strict=True):
        np.testing.assert_allclose(
            np.array(found["values"], dtype=float), compute_fingerprint(left), rtol=1e-12, atol=1e-12
        )
        assert found["equal"] == have_equal_fingerprints(left, right)
