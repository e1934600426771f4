"""Reading on every core: decoders let other threads run.

Example:
    >>> for pixels, valid in in_order(chip.pixels.read, windows):
    ...     moments.add(pixels[:, valid])
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from segmint.processor import cores

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 2
"""Results per core that wait to be taken: memory does not grow with the number of items."""


def in_order(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Results in the order of the items, some of them made ahead, in threads."""
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(cores()) as threads:
        try:
            for item in items:
                waiting.append(threads.submit(work, item))
                if len(waiting) > _AHEAD * cores():
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
