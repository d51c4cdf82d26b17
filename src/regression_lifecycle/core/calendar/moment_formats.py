"""How moments are written: what ``strptime`` reads, and what it does not know.

Beside its own directives a format may have ``%q``, the quarter 1 to 4 as pandas writes it, and an
ISO week (``%G-W%V``) without a weekday; both name the start of their time. ``%B`` and ``%b`` also
read the months of German, French, Spanish, Italian, Portuguese and Dutch, whatever the machine's
language. ``unix s``, ``unix ms``, ``unix us`` and ``unix ns`` count from 1970-01-01 00:00 UTC, and
``excel`` the days of spreadsheets, of which 1 is 1900-01-01 on the clock of the place.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from regression_lifecycle.core.errors import ConfigurationError

UNIX = {"unix s": 10**6, "unix ms": 10**3, "unix us": 1, "unix ns": 1 / 10**3}
"""Microseconds in one of each count."""
EXCEL = "excel"
# Spreadsheets count a 29 February 1900 that there was not.
_EXCEL_START = np.datetime64("1899-12-30", "us").astype("int64")
_EXCEL_SIZE = 86_400 * 10**6
# Names and abbreviations other than the English ones. No word stands for two months.
_MONTH_WORDS = {
    "January": "januar jänner janvier janv enero ene gennaio gen janeiro januari",
    "February": "februar feber février fevrier févr fevr febrero febbraio fevereiro fev februari",
    "March": "märz maerz mär mrz mars marzo março marco maart mrt",
    "April": "avril avr abril abr aprile",
    "May": "mai mayo maggio mag maio mei",
    "June": "juni juin junio giugno giu junho",
    "July": "juli juillet juil julio luglio lug julho",
    "August": "août aout agosto ago augustus",
    "September": "sept septembre septiembre settembre set setembro",
    "October": "oktober okt octobre octubre ottobre ott outubro out",
    "November": "novembre noviembre novembro",
    "December": "dezember dez décembre decembre déc diciembre dic dicembre dezembro",
}
_MONTHS = {word: month for month, words in _MONTH_WORDS.items() for word in words.split()}
_ABBREVIATIONS = {word: month[:3] for word, month in _MONTHS.items() if len(word) <= 4} | {
    month[:3].lower(): month[:3] for month in _MONTH_WORDS
}
_DIRECTIVES = frozenset("aAbBdfGHIjmMpqSuUVwWyYzZ%")
_NOT_WITH_QUARTER = "%q goes with %Y or %y and no other directive, as in '%YQ%q' or 'Q%q/%y'"


def check_format(form: str) -> None:
    """Check that a format can be read.

    Raises:
        ConfigurationError: With what may be written instead.
    """
    if form in UNIX or form == EXCEL:
        return
    named = re.findall("%(.?)", form)
    if not named or form.startswith("unix"):
        raise ConfigurationError(
            f"'{form}' is no format of moments; write for example '%d.%m.%Y', '%YQ%q', or one of "
            f"{', '.join(UNIX)}, {EXCEL}"
        )
    wrong = [name for name in named if name not in _DIRECTIVES]
    if wrong:
        raise ConfigurationError(
            f"'%{wrong[0]}' in '{form}' is no directive; for example %Y-%m-%d %H:%M:%S, %y, %b "
            "(Jan), %B (January), %q (quarter), %G-W%V (ISO week)"
        )
    if "q" in named and (len(named) != 2 or not {*named} & {"y", "Y"}):
        raise ConfigurationError(f"'{form}': {_NOT_WITH_QUARTER}")


def to_strptime(text: pd.Series, form: str) -> tuple[pd.Series, str]:
    """Rewrite texts of a format that ``strptime`` does not know.

    Args:
        text: Texts, some of them missing.
        form: A format that :func:`check_format` accepts, and no count.

    Returns:
        Texts and a format that ``strptime`` reads; missing where a text has no quarter.
    """
    if "%q" in form:
        year = "%Y" if "%Y" in form else "%y"
        parts = {year: r"(?P<year>\d{4}|\d{2})", "%q": "(?P<quarter>[1-4])"}
        pattern = "".join(parts.get(part, re.escape(part)) for part in re.split("(%.)", form))
        found = text.str.extract(rf"(?i)^{pattern}$")
        month = found["quarter"].map({"1": "01", "2": "04", "3": "07", "4": "10"})
        return found["year"] + "-" + month, f"{year}-%m"
    if "%V" in form and not re.search("%[aAuw]", form):
        # ISO weeks begin on a Monday.
        return text + " 1", f"{form} %u"
    if "%B" in form:
        return _translated(text, r"[^\W\d_]+", _MONTHS), form
    if "%b" in form:
        # Most languages put a point behind an abbreviation, and none behind May.
        return _translated(text, r"[^\W\d_]+\.?", _ABBREVIATIONS), form.replace("%b.", "%b")
    return text, form


def _translated(text: pd.Series, pattern: str, words: dict[str, str]) -> pd.Series:
    def translate(found: re.Match[str]) -> str:
        return words.get(found[0].rstrip(".").lower(), found[0])

    codes, distinct = pd.factorize(text)
    written = [re.sub(pattern, translate, str(value)) for value in distinct]
    return pd.Series(pd.array([*written, None], dtype="str").take(codes), text.index)


def from_count(numbers: pd.Series, form: str) -> pd.Series:
    """Read counts from 1970, or days of a spreadsheet.

    Args:
        numbers: Counts as float64, some of them missing.
        form: One of :data:`UNIX`, or :data:`EXCEL`.

    Returns:
        Moments without a zone, of UTC or of the spreadsheet's place, as ``datetime64[us]``;
        missing beyond the years 1 to 9999.
    """
    if form == EXCEL:
        # A fraction of a day is exact to some microseconds: 10:00 is no whole number of them.
        microseconds = (numbers * (_EXCEL_SIZE / 1000)).round() * 1000 + _EXCEL_START
    else:
        microseconds = (numbers * UNIX[form]).round()
    low, high = (np.datetime64(bound, "us").astype("int64") for bound in ("0001", "10000"))
    known = (microseconds >= low) & (microseconds < high)
    moments = microseconds.where(known, 0).astype("int64").to_numpy().astype("datetime64[us]")
    return pd.Series(np.where(known, moments, np.datetime64("NaT", "us")), numbers.index)


def start_of(moment: datetime, form: str | None) -> datetime:
    """Return the moment that is read again where a moment was written in a format.

    Args:
        form: A format that :func:`check_format` accepts, or None for ISO 8601, which leaves
            nothing out.

    Returns:
        The start of the month for ``%Y-%m``, midnight for ``%d.%m.%Y``, and so on.
    """
    if form is None or form in UNIX:
        return moment
    named = {*re.findall("%(.)", form)}
    left_out: dict[str, int] = {}
    if not named & set("djVUW"):
        left_out["day"] = 1
        if not named & set("mbB"):
            left_out["month"] = (moment.month - 1) // 3 * 3 + 1 if "q" in named else 1
    for name, signs in (("hour", "HI"), ("minute", "M"), ("second", "S"), ("microsecond", "f")):
        if not named & set(signs):
            left_out[name] = 0
    moment = moment.replace(**left_out)  # type: ignore[arg-type]
    if "V" in named and not named & set("uwaA"):
        moment -= timedelta(days=moment.weekday())  # an ISO week begins on a Monday
    return moment
