"""Time from moving a slider to the picture of the trained network, in a headless browser.

    python benchmarks/live.py                      50 moves, compared with an engine like TensorFlow Playground's
    python benchmarks/live.py --moves 200 --json
    python benchmarks/live.py --playground nn.ts   the original engine, from a file

Each move changes the learning rate of the moons figure, which trains 20,000 steps from the start and draws the result.
The first coarse picture and the complete one are timed from the event of the slider. The other engine trains a network
of the same size on the same points for as many steps, without drawing anything; its output unit and loss (tanh,
squared error) are Playground's own.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
ENGINE = HERE / "playground_engine.js"
STEPS, HIDDEN = 20_000, 3


def find_chromium() -> str | None:
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def measure_figure(browser: Any, moves: int) -> dict[str, Any]:
    """Move the slider of the learning rate, and return the times in milliseconds."""
    import pellucid as pel

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "moons.html"
        pel.live.examples.moons(HIDDEN, steps=STEPS).save(path)
        page = browser.new_page(viewport={"width": 1100, "height": 900})
        page.goto(path.as_uri())
        page.evaluate("document.querySelector('pellucid-figure').ready")
        rates = np.geomspace(0.002, 0.02, moves)
        np.random.default_rng(0).shuffle(rates)
        times = [page.evaluate(MOVE, float(rate)) for rate in rates]
    return {name: [t[name] for t in times] for name in ("coarse", "final")}


MOVE = """
(rate) => new Promise((drawn) => {
  const figure = document.querySelector("pellucid-figure");
  const slider = figure.shadowRoot.querySelector("input[type=range]");
  const before = figure.timings.length;
  const [low, high] = [slider.min, slider.max].map(Number);
  slider.value = low + ((high - low) * Math.log(rate / 0.0001)) / Math.log(0.02 / 0.0001);
  slider.dispatchEvent(new Event("input", { bubbles: true }));
  const wait = () => (figure.timings.length > before ? drawn(figure.timings.at(-1)) : requestAnimationFrame(wait));
  wait();
})
"""


def measure_playground(browser: Any, source: str, repeats: int) -> list[dict[str, float]]:
    """Train with an engine in the style of TensorFlow Playground, in the same browser."""
    import pellucid as pel

    points, classes = pel.data.moons(200)
    page = browser.new_page()
    page.add_script_tag(content=source)
    arguments = [points.tolist(), classes.tolist(), STEPS, HIDDEN]
    return [
        page.evaluate("([X, y, steps, hidden]) => trainPlayground(X, y, steps, hidden, 0.3, 0.0001)", arguments)
        for _ in range(repeats)
    ]


def read_engine(path: Path | None) -> str:
    """Return the script of the engine: the port, or the original compiled with esbuild and the port's training loop."""
    port = ENGINE.read_text("utf-8")
    if path is None:
        return port
    web = HERE.parent / "web"
    command = [web / "node_modules/.bin/esbuild", path, "--bundle", "--format=iife", "--global-name=nn"]
    compiled = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    loop = port[re.search(r"^/\* Trains", port, re.MULTILINE).start() :]  # type: ignore[union-attr]
    return compiled + loop


def format_table(found: dict[str, Any]) -> str:
    """Return the times as terminal text."""
    coarse, final = found["figure"]["coarse"], found["figure"]["final"]
    engine = float(np.median([t["milliseconds"] for t in found["playground"]]))
    name = "TensorFlow Playground's engine" if found["is_original"] else "an engine like TensorFlow Playground's"
    return "\n".join(
        [
            f"200 points, {STEPS:,} steps, {len(final)} moves of the slider in Chromium",
            f"first coarse picture  {describe(coarse)}",
            f"complete picture      {describe(final)}",
            f"{name} needs {engine:.0f} ms for as many steps without drawing, {compute_ratio(found):.1f} times as long",
        ]
    )


def describe(times: list[float]) -> str:
    return f"median {np.median(times):6.1f} ms, 95 % {np.quantile(times, 0.95):6.1f} ms"


def compute_ratio(found: dict[str, Any]) -> float:
    """Return the time of the other engine, relative to that of the complete picture."""
    engine = np.median([t["milliseconds"] for t in found["playground"]])
    return float(engine / np.median(found["figure"]["final"]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moves", type=int, default=50, help="moves of the slider (default 50)")
    parser.add_argument("--repeats", type=int, default=3, help="trainings of the other engine (default 3)")
    parser.add_argument("--playground", type=Path, help="nn.ts of TensorFlow Playground, compiled with web/'s esbuild")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    chromium = find_chromium()
    if chromium is None:
        sys.exit("There is no Chromium on PATH. Install it (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        figure = measure_figure(browser, options.moves)
        other = measure_playground(browser, read_engine(options.playground), options.repeats)
        browser.close()
    found = {"figure": figure, "playground": other, "is_original": options.playground is not None}
    print(json.dumps(found) if options.json else f"Two moons, a live figure\n{format_table(found)}")


if __name__ == "__main__":
    main()
