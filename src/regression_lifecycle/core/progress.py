"""How far a loop is, as a line of the log, where it takes longer than people wait in silence."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sized
from time import monotonic
from typing import TypeVar

from regression_lifecycle.core.errors import counted

_LOGGER = logging.getLogger(__name__)
_SECONDS = 2.0

_Item = TypeVar("_Item")


class Progress:
    """Counts what is done, and logs it where the last line is some time ago."""

    def __init__(self, noun: str, total: int | None = None, seconds: float = _SECONDS) -> None:
        """Begin at nothing.

        Args:
            noun: What is counted, such as ``fold``.
            total: How many there are; None if nobody knows.
            seconds: The least time between two lines.
        """
        self._noun, self._total, self._seconds = noun, total, seconds
        self._done, self._last = 0, monotonic()

    def step(self, number: int = 1) -> None:
        """Count some more.

        Args:
            number: How many.
        """
        self._done += number
        if monotonic() - self._last < self._seconds:
            return
        self._last = monotonic()
        if self._total is None:
            _LOGGER.info("    %s", counted(self._done, self._noun))
        else:
            _LOGGER.info("    %s %d of %d", self._noun, self._done, self._total)


def logged(items: Iterable[_Item], noun: str, total: int | None = None) -> Iterator[_Item]:
    """Yield items, and log which one it is where the last line is some time ago.

    Args:
        noun: What an item is, such as ``fold``.
        total: How many there are, where that cannot be asked.
    """
    progress = Progress(noun, len(items) if isinstance(items, Sized) else total)
    for item in items:
        progress.step()
        yield item
