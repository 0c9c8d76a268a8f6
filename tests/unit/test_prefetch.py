"""Items made ahead in a thread: the same items, errors in their place, and nothing left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from polystance.inference.prefetch import prefetch


def threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "polystance-prefetch"]


def gone(seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while threads() and time.monotonic() < end:
        time.sleep(0.01)
    return not threads()


def test_items_come_in_order_and_the_thread_ends() -> None:
    assert list(prefetch(range(1_000))) == list(range(1_000))
    assert list(prefetch([])) == []
    assert gone()


def test_the_next_item_is_made_while_one_is_in_use() -> None:
    made = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        made.set()
        yield 2

    stream = prefetch(items())
    assert next(stream) == 1
    assert made.wait(5)  # nobody has asked for the second one
    assert list(stream) == [2]


def test_no_more_than_two_wait() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    stream = prefetch(items())
    next(stream)
    time.sleep(0.3)
    assert len(made) <= 3  # one taken, one in the queue, one in hand
    stream.close()  # type: ignore[attr-defined]
    assert gone()


def test_an_error_is_raised_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("at the second")

    stream = prefetch(items())
    assert next(stream) == 1
    with pytest.raises(ValueError, match="at the second"):
        next(stream)
    assert gone()


def test_a_consumer_may_leave_while_the_source_waits() -> None:
    never = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        never.wait(30)

    stream = prefetch(items())
    assert next(stream) == 1
    started = time.monotonic()
    stream.close()  # type: ignore[attr-defined]
    assert time.monotonic() - started < 5
    never.set()
    assert gone()
