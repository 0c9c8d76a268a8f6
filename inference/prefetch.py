"""Work done ahead in a thread, so that reading and tokenising go on while the model computes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from queue import Full, Queue
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")
_PATIENCE = 0.1  # seconds between looks at whether anyone still wants an item


class _End:
    """After the last item; with what the iterable raised, if it did."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def prefetch(items: Iterable[T]) -> Iterator[T]:
    """The same items, each made while the one before it is in use; at most two wait at a time.

    What the iterable raises is raised in its place. A consumer that stops early leaves nothing behind, not
    even where the iterable never gives another item (a terminal that nobody types at).
    """
    queue: Queue[T | _End] = Queue(maxsize=1)
    stopped = Event()

    def put(item: T | _End) -> bool:
        while not stopped.is_set():
            try:
                queue.put(item, timeout=_PATIENCE)
            except Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item):
                    return
        # Whatever it is, it belongs to the consumer, which raises it again: in a thread it would be lost, and
        # the consumer would wait for ever.
        except BaseException as error:  # noqa: BLE001 - the consumer raises it again
            put(_End(error))
        else:
            put(_End())

    # A daemon: one that waits for input must not keep the program from ending.
    Thread(target=work, name="polystance-prefetch", daemon=True).start()
    try:
        while not isinstance(item := queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
