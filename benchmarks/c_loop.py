"""Hand-written C loops of small networks, as a check of the floors."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

FLAGS = ("-O3", "-march=native", "-ffast-math", "-shared", "-fPIC")
SECONDS = 120
"""Time limit of the compiler."""


def time_c_loop(source: str, steps: int, arrays: Sequence[Any], constants: dict[str, int]) -> tuple[float, list[Any]]:
    """Compile a loop of the folder ``loops``; return its shortest time for some steps, and the arrays after them.

    Raises RuntimeError if there is no C compiler, or it fails.
    """
    compiler = next(filter(None, map(shutil.which, ("gcc", "cc", "clang"))), None)
    if compiler is None:
        raise RuntimeError("there is no C compiler")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "loop.so"
        defines = [f"-D{name}={value}" for name, value in constants.items()]
        code = Path(__file__).parent / "loops" / source
        command = [compiler, *FLAGS, *defines, str(code), "-o", str(library), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
        if done.returncode:
            raise RuntimeError(f"{compiler} cannot compile {source}: {done.stderr.strip()}")
        run = ctypes.CDLL(str(library)).run
        times = []
        for _ in range(3):
            copies = [np.array(a, order="C") for a in arrays]
            pointers = [ctypes.c_void_p(a.ctypes.data) for a in copies]
            start = time.perf_counter()
            run(ctypes.c_int64(steps), *pointers)
            times.append(time.perf_counter() - start)
    return min(times), copies
