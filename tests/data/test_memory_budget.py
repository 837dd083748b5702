"""A budget of memory: what is spent stays spent, and what is reserved comes back."""

import threading

import pytest

from pellucid.data import DataError
from pellucid.untrusted_files.budget import MemoryBudget


def test_bytes_are_spent_until_none_are_left() -> None:
    budget = MemoryBudget(10, DataError, "a.csv")
    budget.spend(4, "the header")
    with pytest.raises(DataError, match=r"a.csv: the table takes 7 bytes, and 6 of the budget of 10 are left"):
        budget.spend(7, "the table")
    budget.spend(6, "the table")
    assert budget.left == 0


def test_reserved_bytes_come_back() -> None:
    budget = MemoryBudget(10, DataError, "a.csv")
    with budget.reserve(10, "the image"):
        assert budget.left == 0
    assert budget.left == 10
    with (
        pytest.raises(DataError, match=r"the image takes 11 bytes, more than the budget of 10"),
        budget.reserve(11, "the image"),
    ):
        raise AssertionError("there is not enough memory")
    with pytest.raises(ZeroDivisionError), budget.reserve(3, "the image"):
        raise ZeroDivisionError
    assert budget.left == 10


def test_a_reservation_waits_for_another_thread() -> None:
    budget, order = MemoryBudget(10, DataError, "a.csv"), []

    def wait() -> None:
        with budget.reserve(6, "the second image"):
            order.append("second")

    with budget.reserve(5, "the first image"):
        thread = threading.Thread(target=wait)
        thread.start()
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
    assert budget.left == 10
