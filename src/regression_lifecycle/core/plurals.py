"""Numbers with their nouns."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: ``1 row``, ``no rows``, ``1,024 rows``.

    Args:
        plural: Of the noun, where it does not end in s.
    """
    named = noun if number == 1 else plural or f"{noun}s"
    return f"{number or 'no'} {named}" if number < 1000 else f"{number:,} {named}"
