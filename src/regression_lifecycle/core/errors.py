"""Errors meant for a person: each message names the place, the rows and the mend.

The command line prints them without a traceback, so a message must stand on its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class LifecycleError(Exception):
    """Base of every error that the user can mend."""


class ConfigurationError(LifecycleError, ValueError):
    """A value under ``conf/`` or ``--params`` cannot be used.

    It is a ``ValueError`` too, so that pydantic reports it with the path of the field.
    """


class DataContractError(LifecycleError):
    """The table breaks the contract written in ``problem.columns``."""


class ModelError(LifecycleError):
    """A model cannot be built, loaded or trusted."""


class StateError(LifecycleError):
    """What is asked for does not fit what is stored or observed so far."""


class LockedError(LifecycleError):
    """Another run is at work in the workspace; the same command will do later."""

    # The "temporary failure" of sysexits.h: a scheduler may tell it from a real one.
    exit_code = 75


def unknown_name(kind: str, name: object, allowed: Iterable[object], limit: int = 20) -> str:
    """Say that a name is unknown, which ones are allowed and which one was probably meant.

    Args:
        kind: What the name stands for, for example ``"key"`` or ``"metric"``.
        name: The name that was given.
        allowed: The names that would have been accepted.
        limit: How many allowed names are listed before "and k more".

    Returns:
        One sentence without a final full stop.
    """
    names = sorted(str(item) for item in allowed)
    close = get_close_matches(str(name), names, n=1)
    guess = f"; did you mean '{close[0]}'?" if close else ""
    return f"unknown {kind} '{name}'{guess} Allowed: {bounded_list(names, limit)}".replace(
        "' Allowed", "'. Allowed"
    )


def bounded_list(items: Iterable[object], limit: int = 10) -> str:
    """Join items with commas and stop after ``limit`` of them with "and k more".

    Args:
        items: What to list, in the order to show.
        limit: How many items are shown.

    Returns:
        For example ``"a, b and 3 more"``; ``"none"`` for no items.
    """
    names = [str(item) for item in items]
    if not names:
        return "none"
    if len(names) <= limit:
        return ", ".join(names)
    return f"{', '.join(names[:limit])} and {len(names) - limit} more"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: ``no rows``, ``1 row``, ``1,024 rows``.

    Args:
        plural: Of the noun, where it does not end in s.
    """
    named = noun if number == 1 else plural or f"{noun}s"
    return f"{number:,} {named}" if number else f"no {named}"
