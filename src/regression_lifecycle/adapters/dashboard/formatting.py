"""Figures and moments as people read them."""

from __future__ import annotations

import json
import math
from typing import Any

import pandas as pd

NOTHING = "\u2013"
_MINUS = "\u2212"


def is_number(value: Any) -> bool:
    """Tell whether a value is a finite number.

    Args:
        value: Anything that a table holds.

    Returns:
        False for missing values, text, booleans and infinities.
    """
    if value is None or value is pd.NA or isinstance(value, bool | str):
        return False
    try:
        return math.isfinite(value)
    except TypeError:
        return False


def figure(value: Any) -> str:
    """Write a quantity with three or four significant digits.

    Args:
        value: A number; everything else is a dash.

    Returns:
        For example ``1,234``, ``51.3``, ``0.127``; a whole number has no decimals.
    """
    if not is_number(value):
        return NOTHING
    number = float(value)
    size = abs(number)
    digits = (
        0 if size >= 1000 or number == int(number) else 1 if size >= 10 else 2 if size >= 1 else 3
    )
    if 0 < size < 0.001:
        return f"{number:.2g}".replace("-", _MINUS)
    return f"{number:,.{digits}f}".replace("-", _MINUS)


def count(value: Any) -> str:
    """Write a whole number.

    Args:
        value: A number; everything else is a dash.

    Returns:
        For example ``13,104``.
    """
    return f"{int(value):,}".replace("-", _MINUS) if is_number(value) else NOTHING


def percent(value: Any, *, sign: bool = False) -> str:
    """Write a share as a percentage.

    Args:
        value: A share; what is no number is a dash.
        sign: Whether a plus is written too.

    Returns:
        For example ``4.2%`` or ``+4.2%``.
    """
    if not is_number(value):
        return NOTHING
    rounded = round(100 * float(value), 1) or 0.0  # no minus before a zero
    return f"{rounded:{'+' if sign and rounded else ''}.1f}%".replace("-", _MINUS)


def moment(value: Any) -> str:
    """Write a moment, without its time if that is midnight.

    Args:
        value: A timestamp or its text.

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


def text(value: Any, limit: int = 400) -> str:
    """Write any cell as one line of bounded length.

    Args:
        value: A cell.
        limit: Most characters.

    Returns:
        The text; empty for a missing value.
    """
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, float) and math.isnan(value):
        return ""
    line = " ".join(str(value).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def from_json(value: Any) -> Any:
    """Read a JSON cell.

    Args:
        value: JSON text, or what it would hold.

    Returns:
        The content; None if it is no JSON.
    """
    if isinstance(value, list | dict):
        return value
    try:
        return json.loads(str(value), parse_constant=lambda _: None)
    except ValueError:
        return None
