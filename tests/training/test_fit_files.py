"""The number of files that a call of `fit` enters is limited, so that readers can follow it."""

import gc
import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import json, pathlib, sys, threading
import numpy as np
import pellucid as pel
import pellucid.training.fit  # imported by the first fit, so that only calls count
from pellucid import nn

root = str(pathlib.Path(pel.__file__).parent) + "/"
entered = set()

def profile(frame, event, argument):
    if event == "call" and frame.f_code.co_name != "<module>" and frame.f_code.co_filename.startswith(root):
        entered.add(frame.f_code.co_filename.removeprefix(root))

x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
y = (x[:, 0] > 0).astype("int32")
model = pel.Sequential([nn.Input((4,)), nn.Dense(8, activation="relu"), nn.Dense(2, activation="softmax")])
model.compile(nn.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
threading.setprofile(profile)
sys.setprofile(profile)
try:
    model.fit(x, y, batch_size=16, epochs=2, verbose=0)
finally:
    sys.setprofile(None)
    threading.setprofile(None)
print(json.dumps(sorted(entered)))
"""


LIMITS = pytest.mark.parametrize(
    ("switched_off", "limit"),
    [
        pytest.param((), 132, id="with C for small loops"),
        pytest.param(("PELLUCID_NATIVE", "PELLUCID_KERNELS"), 105, id="XLA alone"),
    ],
)


def check_files(files: list[str], limit: int) -> None:
    assert {"training/fit.py", "training/fit_loop.py", "run/graph_program.py"} <= set(files)
    assert len(files) <= limit, f"{len(files)} files:\n" + "\n".join(files)


@LIMITS
def test_a_fit_of_two_layers_enters_few_files(
    switched_off: tuple[str, ...], limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*switched_off, "PELLUCID_CACHE"):
        monkeypatch.setenv(name, "0")
    written: list[str] = []
    gc.disable()  # objects of other tests enter files when they are deleted
    try:
        exec(PROGRAM, {"print": written.append})  # profiles this process
    finally:
        gc.enable()
    check_files(json.loads(written[0]), limit + 5)  # earlier tests may have switched on what a process starts without


@pytest.mark.slow
@LIMITS
def test_the_first_fit_of_a_process_enters_few_files(switched_off: tuple[str, ...], limit: int) -> None:
    off = dict.fromkeys((*switched_off, "PELLUCID_CACHE"), "0")
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**os.environ, **off}, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    check_files(json.loads(run.stdout), limit)
