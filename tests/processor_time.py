"""Pytest plugin: a limit on the processor time of each test, and the sum of all tests.

A test may take `LIMIT` seconds of processor time. The same work takes up to `NOISE` times as long late in a large
process or next to other programs, so a test that takes more than both together is run again, at most `RUNS` times, and
fails if no run takes less. Above `CERTAIN` times that it fails at once. The time includes threads, finished child
processes and the browser. Fixtures that tests share and first imports of modules do not count, nor do tests with the
marker ``slow``. Wall time is not measured, because it depends on the other programs of the machine.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from _pytest.doctest import DoctestItem
from _pytest.runner import runtestprotocol

LIMIT = float(os.environ.get("PELLUCID_TEST_LIMIT", "0.5"))
"""Seconds of processor time that a test may take on the reference machine."""

RUNS = 3
"""How often a test is run at most. The fastest run counts."""

CERTAIN = 2.0
"""How many times the allowed seconds fail a test without another run."""

NOISE = 2.0
"""How many times as long the same test may take at another time: with the browser one took 0.70 s and 1.31 s, without
it one took 0.30 s alone and 0.94 s in the suite, where it may be the first to use a library."""

REFERENCE_SECONDS = 0.0105
"""Seconds of `time_reference_work` on the reference machine: a core of an AMD EPYC with nothing else to do."""

read_text = Path.read_text  # a test may replace the method


def read_processor_time(*, running: bool = True) -> float:
    """Return the processor seconds of this process, of its finished child processes, and of its running ones."""
    times = os.times()
    children = sum(map(read_process_time, list_child_processes("self"))) if running else 0.0
    return time.process_time() + times.children_user + times.children_system + children


def list_child_processes(process: str) -> list[str]:
    """Return the numbers of the running child processes of a process. Only Linux tells them."""
    found = []
    for children in Path("/proc", process, "task").glob("*/children"):
        try:
            found += read_text(children).split()
        except OSError:  # the thread has ended meanwhile
            continue
    return found


def read_process_time(process: str) -> float:
    """Return the processor seconds of a process and of all processes below it."""
    try:
        status = read_text(Path("/proc", process, "stat"))
    except OSError:  # the process has ended meanwhile
        return 0.0
    # The program's name, which may have spaces, ends with the last parenthesis. Fields 14 to 17 are the user and system
    # time of the process and of its finished children.
    ticks = sum(map(int, status[status.rindex(")") + 2 :].split()[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK") + sum(map(read_process_time, list_child_processes(process)))


def time_reference_work() -> float:
    """Return the processor seconds of a fixed piece of work: the least of three times."""

    def work() -> float:
        start = time.thread_time()
        sum(i * i % 7 for i in range(150_000))
        return time.thread_time() - start

    return min(work() for _ in range(3))


def get_crowding() -> float:
    """Return the load average per core: processes that share a core and its caches take more processor time."""
    return os.getloadavg()[0] / (os.cpu_count() or 1) if hasattr(os, "getloadavg") else 1.0


class SharedWork:
    """Context manager that adds up the processor seconds of work that is done once for many tests."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.depth = 0  # an import inside a fixture, or inside another import, is counted once

    def __enter__(self) -> None:
        if not self.depth:
            self.start = read_processor_time()
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1
        if not self.depth:
            self.seconds += read_processor_time() - self.start


shared = SharedWork()
run_module = SourceFileLoader.exec_module


def run_module_as_shared_work(self: SourceFileLoader, module: ModuleType) -> None:
    with shared:
        run_module(self, module)


STARTED: pytest.StashKey[tuple[float, float, bool]] = pytest.StashKey()
"""At the start of a test: all processor seconds, those of shared work, and whether JAX is imported."""

BROWSER = "browser"
"""Fixture whose processes outlive tests. Reading their time takes milliseconds, so it is read for its tests only."""

RUN: pytest.StashKey[int] = pytest.StashKey()
"""The number of the run of a test, from 1."""

TOO_LONG = "took more than the limit"
"""Failure of a run that is not the last, which is never shown."""

SECONDS: pytest.StashKey[float] = pytest.StashKey()
"""Processor seconds of a test, once it has run."""

set_up: list[tuple[str, float]] = []
"""Fixtures that tests share, set up since the last report, with their processor seconds."""

costs: Counter[str] = Counter()
"""Processor seconds of each test, and of each fixture that tests share."""

process_seconds: list[float] = []
"""Processor seconds of each process that runs tests, its collection included."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--costs", type=int, default=0, metavar="N", help="show the N tests and files that use most processor time"
    )


def pytest_configure() -> None:
    SourceFileLoader.exec_module = run_module_as_shared_work  # type: ignore[method-assign]


def pytest_unconfigure() -> None:
    SourceFileLoader.exec_module = run_module  # type: ignore[method-assign]


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
    if fixturedef.scope == "function":
        return (yield)
    before = shared.seconds
    try:
        with shared:
            return (yield)
    finally:
        if shared.seconds > before:  # otherwise another fixture needs this one, and has its time
            set_up.append((f"{fixturedef.baseid or 'pytest'}, fixture {fixturedef.argname}", shared.seconds - before))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run a test, and again if it passed but took more than the limit."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    names = dict(item.dtest.globs) if isinstance(item, DoctestItem) else {}
    earlier: list[str] = []
    for run in range(1, RUNS + 1):
        item.stash[RUN] = run
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        if not any(report.longrepr is TOO_LONG for report in reports):
            break
        earlier.append(f"{item.stash[SECONDS]:.2f} s")
        item._initrequest()  # type: ignore[attr-defined]  # a request sets up the fixtures of a function once
        if isinstance(item, DoctestItem):  # doctest has cleared the names of the module
            item.dtest.globs.update(names)
    if earlier:
        note = f"The test passed before, but took {' and '.join(earlier)} of processor time, so it was run again."
        for report in reports:
            report.sections.append(("earlier runs", note))
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[STARTED] = read_test_time(item), shared.seconds, "jax" in sys.modules


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    try:
        return (yield)
    finally:
        started, shared_before, _ = item.stash[STARTED]
        item.stash[SECONDS] = read_test_time(item) - started - (shared.seconds - shared_before)


def read_test_time(item: pytest.Item) -> float:
    return read_processor_time(running=uses_browser(item))


def uses_browser(item: pytest.Item) -> bool:
    return BROWSER in getattr(item, "fixturenames", ())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report: pytest.TestReport = yield
    report.user_properties += set_up
    set_up.clear()
    if call.when == "call" and SECONDS in item.stash:  # otherwise the report is that of a subtest
        seconds = item.stash[SECONDS]
        report.user_properties.append((report.nodeid, seconds))
        starts_jax = not item.stash[STARTED][2] and "jax" in sys.modules  # which takes a second
        if report.passed and seconds > LIMIT and not starts_jax and item.get_closest_marker("slow") is None:
            check_limit(report, seconds, may_repeat=item.stash[RUN] < RUNS)
    return report


def check_limit(report: pytest.TestReport, seconds: float, *, may_repeat: bool) -> None:
    """Fail a test that takes too long, unless the machine is as much slower at the moment."""
    allowed = LIMIT * NOISE * max(1.0, time_reference_work() / REFERENCE_SECONDS, get_crowding())
    if seconds <= allowed:
        return
    report.outcome = "failed"
    if may_repeat and seconds <= CERTAIN * allowed:
        report.longrepr = TOO_LONG
        return
    report.longrepr = (
        f"The test passed, but took {seconds:.2f} s of processor time. Expected at most {allowed:.2f} s. Make "
        "it smaller, move its work to a fixture that tests share, or mark it `slow` and test the same promise in a "
        'cheaper way. See "Tests" in CONTRIBUTING.md.'
    )


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    for name, seconds in report.user_properties:
        costs[name] += seconds


def pytest_testnodedown(node: Any) -> None:
    process_seconds.append(node.workeroutput["processor_seconds"])


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    seconds = read_processor_time()
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["processor_seconds"] = seconds
    else:
        # Workers are child processes of this one, so its own time does not have theirs twice.
        process_seconds.append(time.process_time() if process_seconds else seconds)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    processes = " + ".join(f"{seconds:.0f}" for seconds in process_seconds)
    terminalreporter.write_line(f"Processor time: {sum(process_seconds):.0f} s ({processes})")
    count = config.getoption("costs")
    files = Counter[str]()
    for name, seconds in costs.items():
        files[name.partition("::")[0].partition(",")[0]] += seconds
    for title, table in (("tests and fixtures", costs), ("files", files)) if count else ():
        terminalreporter.section(f"processor seconds of {title}: {sum(table.values()):.1f} s in all")
        for name, seconds in table.most_common(count):
            terminalreporter.write_line(f"{seconds:8.2f}  {name}")
