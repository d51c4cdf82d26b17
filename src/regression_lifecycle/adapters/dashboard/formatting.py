"""Figures and moments as people read them: filters of the template, and words of tooltips."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.decisions.wording import quantity
from regression_lifecycle.core.durations import rows_label

NOTHING = "\u2013"
_MINUS = "\u2212"


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number; text, booleans and missing values are none."""
    if value is None or value is pd.NA or isinstance(value, bool | str):
        return False
    try:
        return math.isfinite(value)
    except TypeError:
        return False


def figure(value: Any) -> str:
    """Write a quantity as :func:`quantity` does; what is no number is a dash."""
    return quantity(float(value)).replace("-", _MINUS) if is_number(value) else NOTHING


def count(value: Any) -> str:
    """Write a whole number, for example ``13,104``; what is no number is a dash."""
    return f"{int(value):,}".replace("-", _MINUS) if is_number(value) else NOTHING


def percent(value: Any) -> str:
    """Write a share as a percentage, for example ``4.2%``; what is no number is a dash."""
    return _percent(value, "")


def signed(value: Any) -> str:
    """Write a share as a percentage with its sign, for example ``+4.2%``."""
    return _percent(value, "+")


def _percent(value: Any, plus: str) -> str:
    if not is_number(value):
        return NOTHING
    rounded = round(100 * float(value), 1) or 0.0  # no minus before a zero
    return f"{rounded:{plus if rounded else ''}.1f}%".replace("-", _MINUS)


def window_name(value: Any) -> str:
    """Write the name of a window: ``rows 0 to 499`` for ``rows=0-499``, any other as it is."""
    return rows_label(text(value))


def moment_filter(problem: Problem) -> Callable[[Any], str]:
    """Return what writes the moments of a table: :func:`moment`, or the numbers of its rows."""
    if not problem.timestamp.rows:
        return moment

    def row(value: Any) -> str:
        stamp = pd.to_datetime(value, errors="coerce")
        return moment(value) if pd.isna(stamp) or stamp.tz else problem.moment_text(stamp)

    return row


def moment(value: Any) -> str:
    """Write a moment, without its time if that is midnight.

    Returns:
        For example ``2012-08-07`` or ``2012-08-07 12:00``; the text itself if it is no moment.
    """
    try:
        stamp = pd.Timestamp(value)
    except (ValueError, TypeError):
        return text(value)
    if stamp is pd.NaT:
        return NOTHING
    written: str = stamp.strftime("%Y-%m-%d" if stamp == stamp.normalize() else "%Y-%m-%d %H:%M")
    return written


def recorded(value: Any) -> str:
    """Write when something was recorded, on the clock of the store."""
    stamp = pd.to_datetime(value, errors="coerce", utc=True)
    return "" if pd.isna(stamp) else f"{stamp:%Y-%m-%d %H:%M} UTC"


def versions_text(versions: Sequence[Any]) -> str:
    """Write model versions, for example ``version 1`` or ``versions 1, 2``."""
    names = [name for name in dict.fromkeys(map(text, versions)) if name]
    return f"version{'s' if len(names) > 1 else ''} {', '.join(names)}" if names else ""


def capitalize_first(words: str) -> str:
    """Begin a sentence, and leave names inside it as they are."""
    return words[:1].upper() + words[1:]


def text(value: Any, limit: int = 400) -> str:
    """Write any cell as one line of bounded length; a missing value is empty."""
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, float) and math.isnan(value):
        return ""
    line = " ".join(str(value).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
