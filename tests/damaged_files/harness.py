"""Mutation testing of readers in worker processes with limits of memory and time.

Input number ``n`` is one seed with one mutation, both drawn from ``n``. To repeat it and see its traceback::

    python -m tests.damaged_files.harness 1234
"""

from __future__ import annotations

import difflib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pellucid.untrusted_files.reading import MAX_QUOTE
from tests.damaged_files.mutations import mutate

ROOT = Path(__file__).parents[2]

MAX_SECONDS = 10.0
"""Limit of the processor time of one input, which does not depend on the load of the machine."""

MAX_WAIT = 120.0
"""Seconds after which a worker that waits for something is killed."""

MAX_GROWTH = 600 * 2**20
"""Maximum growth of the memory of a worker, in bytes. The seeds are small."""

CLEAR_REFERENCES, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
"""Files of Linux that reset and tell the peak of a process's memory."""

MAX_ADDRESS_SPACE = 16 * 2**30

MAX_MESSAGE = 1300
"""Maximum number of characters of a message without the path: an explanation, and a few quotes of the file."""


class TimeIsUpError(BaseException):
    """An input took too long. No reader catches it."""


def stop(*_: Any) -> None:
    raise TimeIsUpError


class Reader:
    """Reads damaged files in this process."""

    def __init__(self, folder: Path) -> None:
        from tests.damaged_files.seeds import make_seeds

        made = folder / "made"
        made.mkdir()
        self.folder, self.seeds = folder, make_seeds(made)

    def make_input(self, number: int) -> tuple[Any, str, bytes]:
        """Return the seed, the description of the damage, and the content of an input."""
        rng = random.Random(number)
        seed = self.seeds[number % len(self.seeds)]
        return seed, *mutate(seed.content, seed.file, rng)

    def write(self, number: int) -> tuple[Any, str, bytes, Path]:
        """Write the files of an input, and return its description and the damaged file."""
        seed, damage, content = self.make_input(number)
        folder = self.folder / f"{number % len(self.seeds)}"
        path = folder / seed.file
        if not folder.exists():
            for name, other in seed.others.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(other)
            path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return seed, damage, content, path

    def check(self, number: int) -> tuple[str, str]:
        """Read an input; return what happened, and the problem or an empty string."""
        from pellucid.data import DataWarning
        from pellucid.graph.errors import StorageWarning

        seed, damage, content, path = self.write(number)
        reset_peak_memory()
        before = get_peak_memory()
        signal.setitimer(signal.ITIMER_PROF, MAX_SECONDS)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                warnings.simplefilter("ignore", DataWarning)
                warnings.simplefilter("ignore", StorageWarning)
                seed.read(path)
            found, problem = "read", ""
        except TimeIsUpError:
            found, problem = "failed", f"took more than {MAX_SECONDS:g} seconds\n{traceback.format_exc(limit=-6)}"
        except seed.errors as error:
            signal.setitimer(signal.ITIMER_PROF, 0)
            found, problem = "refused", check_message(str(error), str(path), content)
            if is_out_of_memory(error):
                problem += f"the memory was exhausted\n{traceback.format_exc(limit=-6)}"
        except BaseException:
            found, problem = "failed", traceback.format_exc(limit=-6)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        growth = get_peak_memory() - before
        if growth > MAX_GROWTH:
            problem += f"\ntook {growth >> 20} MB of memory"
        if problem:
            problem = f"{describe(number, seed, damage, content)}{problem}"
        return found, problem


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether a reader failed only because of the limit of the worker.

    Arrow asks for all memory that a compressed buffer declares, and uses none of it before it has decompressed the
    buffer. So its failure to allocate is no exhaustion; `MAX_GROWTH` limits what it really uses.
    """
    while error is not None and not isinstance(error, MemoryError):
        error = error.__cause__ or error.__context__
    return error is not None and type(error).__name__ != "ArrowMemoryError"


def check_message(message: str, path: str, content: bytes) -> str:
    """Return the problem of an error message, or an empty string."""
    text = content.decode("utf-8", "replace")
    starts = range(0, len(message) - MAX_QUOTE, 20)
    if any(message[start : start + MAX_QUOTE + 1] in text for start in starts):
        return f"its message quotes more than {MAX_QUOTE} characters: {message[:500]}"
    name = Path(path).name
    if len(message.replace(path, "")) > MAX_MESSAGE:
        return f"its message has {len(message)} characters: {message[:300]}"
    if name not in message and Path(path).stem not in message and str(Path(path).parent) not in message:
        return (
            ""
            if message.startswith(("the program", "")) and name == "answer"
            else f"its message names no file: {message}"
        )
    return ""


def reset_peak_memory() -> None:
    """Make the peak the memory of now, where the system can; elsewhere an earlier peak hides a lower one."""
    if CLEAR_REFERENCES.exists():
        CLEAR_REFERENCES.write_text("5")


def get_peak_memory() -> int:
    if not STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return next(int(line.split()[1]) * 1024 for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))


def describe(number: int, seed: Any, damage: str, content: bytes) -> str:
    lines = [list(format_hex(part)) for part in (seed.content, content)]
    changed = list(difflib.unified_diff(*lines, "valid", "damaged", lineterm="", n=0))[:24]
    return f"input {number}: {seed.name}, {damage}\n" + "\n".join(changed) + "\n"


def format_hex(content: bytes, limit: int = 60_000) -> Iterable[str]:
    for start in range(0, min(len(content), limit), 16):
        row = content[start : start + 16]
        yield f"{start:06x} {row.hex(' '):47} {''.join(chr(b) if 32 <= b < 127 else '.' for b in row)}"


def work(numbers: list[int]) -> None:
    """Check inputs, and print a line for each before and after it is read."""
    # Libraries reserve much address space, and readers must not take the machine's memory.
    resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESS_SPACE, MAX_ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, stop)
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(Path(folder))
        for number in numbers:
            print(json.dumps({"begin": number}), flush=True)
            found, problem = reader.check(number)
            print(json.dumps({"end": number, "found": found, "problem": problem}), flush=True)
            if "MB of memory" in problem:  # the maximum would hide that of later inputs
                return


def run(first: int, count: int) -> tuple[Counter[str], list[str]]:
    """Check inputs in a worker process, which is started again when it ends; return counts and problems."""
    left, counts, problems = list(range(first, first + count)), Counter[str](), []
    while left:
        done = run_worker(left, counts, problems)
        left = left[done:]
    return counts, problems


def run_worker(numbers: list[int], counts: Counter[str], problems: list[str]) -> int:
    """Check inputs until the worker ends; return how many were checked."""
    command = [sys.executable, "-m", "tests.damaged_files.harness", "--worker", str(numbers[0]), str(len(numbers))]
    environment = {**os.environ, "PELLUCID_CACHE": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "cwd": ROOT, "env": environment, "text": True}
    with tempfile.TemporaryFile() as stderr, subprocess.Popen(command, stderr=stderr, **options) as process:
        assert process.stdout is not None
        done, current = 0, None
        timer = start_timer(process)
        for line in process.stdout:
            timer.cancel()
            timer = start_timer(process)
            entry = json.loads(line)
            if "begin" in entry:
                current = entry["begin"]
                continue
            done, current = done + 1, None
            counts[entry["found"]] += 1
            problems += [entry["problem"]] if entry["problem"] else []
        timer.cancel()
        status = process.wait()
        if current is not None:
            done += 1
            counts["failed"] += 1
            problems.append(f"input {current}: the worker ended with exit code {status} (-9: it hung)")
        elif status and done < len(numbers):
            stderr.seek(0)
            raise RuntimeError(f"the worker ended with exit code {status}: {stderr.read().decode()[-3000:]}")
    return done


def start_timer(process: subprocess.Popen[str]) -> threading.Timer:
    """Kill a worker that hangs where no signal is handled, such as in a library."""
    timer = threading.Timer(MAX_WAIT, process.kill)
    timer.daemon = True
    timer.start()
    return timer


def repeat(number: int) -> None:
    """Read one input, and print its damage and what happens."""
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(Path(folder))
        seed, damage, content, path = reader.write(number)
        print(describe(number, seed, damage, content))
        print(seed.read(path))


if __name__ == "__main__":
    if sys.argv[1] == "--worker":
        work(list(range(int(sys.argv[2]), int(sys.argv[2]) + int(sys.argv[3]))))
    elif len(sys.argv) == 2:
        repeat(int(sys.argv[1]))
    else:
        found, all_problems = run(int(sys.argv[1]), int(sys.argv[2]))
        print("\n\n".join(all_problems))
        print(dict(found), len(all_problems), "problems")
