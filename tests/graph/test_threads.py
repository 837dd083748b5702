"""Threads that build the same formulas at the same time."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import pellucid as pel
from pellucid.graph.expr import record_new_nodes
from pellucid.graph.traversal import topological
from pellucid.graph.weak_identity import MIN_PURGE, WeakIdentityMap, WeakIdentitySet, remove_dead

THREADS = 8


@pytest.fixture(autouse=True)
def switch_often() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def run_threads(work: Callable[[int], Any]) -> list[Any]:
    """Return the results of a function of the number of a thread, called by all threads at once."""
    barrier = threading.Barrier(THREADS)
    results: list[Any] = [None] * THREADS

    def run(number: int) -> None:
        barrier.wait()
        try:
            results[number] = work(number)
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=[number]) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def build(x: pel.Expr, number: int) -> pel.Expr:
    e = x
    for k in range(10):
        e = pel.named(f"e{k}", pel.tanh(e * x + (number + k / 8)))
    return e


def test_equal_formulas_of_threads_are_one_object() -> None:
    x = pel.scalar("x")
    for trial in range(25):
        found = run_threads(lambda _, trial=trial: build(x, trial))  # type: ignore[misc]
        assert all(e is found[0] for e in found), found


def test_gradients_of_formulas_of_threads() -> None:
    x = pel.scalar("x")
    for trial in range(3):
        found = run_threads(lambda _, trial=trial: pel.grad(build(x, trial), x))  # type: ignore[misc]
        assert all(e is found[0] for e in found), found


def test_a_recording_has_the_expressions_of_its_thread() -> None:
    inputs = [pel.scalar(f"x{number}") for number in range(THREADS)]

    def record(number: int) -> Any:
        with record_new_nodes() as new:
            e = build(inputs[number], number)
        return e in new and {i for i in topological(list(new)) if i.op is None and i.name} == {inputs[number]}

    assert run_threads(record) == [True] * THREADS


class Key:
    pass


def test_weak_collections_are_purged_while_threads_add_to_them() -> None:
    elements, values = WeakIdentitySet(), WeakIdentityMap[int]()

    def add(number: int) -> int:
        keys = [Key() for _ in range(MIN_PURGE)]
        for key in keys:
            values[key] = number
            elements.purge()
            elements.refs[id(key)] = weakref.ref(key)

            Key()
        return sum(values.get(key) == number for key in keys)

    assert run_threads(add) == [MIN_PURGE] * THREADS
    values[Key()] = 1
    remove_dead(values._entries, lambda entry: entry[0])
    assert not values._entries
