"""Raw values, whatever reader they come from, as labels, numbers, whole numbers or moments.

The contract decides the type and not the reader, so that a table says the same as CSV, Parquet or
a query. Text is read without surrounding spaces; a value that is no text is first written as one
would write it, unless its whole column has a type that can be taken as it is.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from regression_lifecycle.core.calendar.moment_formats import EXCEL, UNIX, from_count, to_strptime
from regression_lifecycle.core.errors import ConfigurationError

# Spellings of a missing number or moment, in any case. Among labels they are labels.
MISSING_WORDS = frozenset({"na", "n/a", "#n/a", "<na>", "nan", "nat", "null", "none"})
TRUE_WORDS = frozenset({"true", "t", "yes", "y"})
FALSE_WORDS = frozenset({"false", "f", "no", "n"})
# From here on a float skips whole numbers.
FLOAT_DIGITS = 2**53
_LARGEST = 2**63
# Trees compute with 32-bit floats, and errors are squared and summed.
LARGEST_NUMBER = 1e38
_NANOSECONDS = r"\.\d{7}"
# What pandas takes for the moment at which it reads.
_MOMENT_OF_READING = ("now", "today")
_ZONED = r"[T ]\d.*(?:[zZ]|[+-]\d[\d:]*)$"

ALLOWED_FORMS = (
    '"1234.5", "1,234.5", "1 234.5", "1\'234.5", "1234,5", "1.234,5", "1 234,5", each also with '
    'a "%" at the end ("12 %", "12,5 %"), which divides by 100, or with a unit ("1.234,5 €", '
    '"$1,234.5", "12 kg")'
)
_UNIT = r"[^\d\s%.,'+\-]{1,10}"
_EXAMPLE = re.compile(
    rf"(?P<before>{_UNIT})?\s*"
    r"(?:\d+|\d+(?P<only>[.,])\d{1,2}|\d{1,3}(?P<thousands>[,. '])\d{3}(?P<decimal>[.,])\d{1,2})"
    rf"(?:(?P<percent>\s*%)|\s*(?P<after>{_UNIT}))?"
)
# A space between digits is often one that must not break a line.
_SPACES = "[ \u00a0\u2009\u202f]"
_PERCENT = _SPACES + "*%$"
_SEPARATORS = {",": ",", ".": r"\.", "'": "['\u2019]", " ": _SPACES}
_BEHIND = r"^(?:\(([^()]*\d[^()]*)\)|([^\-]*\d[^\-]*)-)$"
_PLAIN_NUMBER = r"(?i)^[+-]?(?:inf|infinity|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)$"


@dataclass(frozen=True)
class NumberFormat:
    """How the numbers of one column are written; a minus may be a bracket or stand behind.

    Attributes:
        decimal: The character before the decimals.
        thousands: The character between groups of three digits, which a number may also do
            without; empty for none.
        percent: Whether a percent sign ends every number, which is then divided by 100.
        before: A unit before the number, such as ``$``, which a number may also do without.
        after: A unit behind it, such as ``€`` or ``kg``, likewise.
    """

    decimal: str = "."
    thousands: str = ""
    percent: bool = False
    before: str = ""
    after: str = ""

    @classmethod
    def from_example(cls, example: str) -> Self:
        """Read a declaration such as ``1.234,5``.

        Raises:
            ConfigurationError: If the example leaves open what separates what.
        """
        found = _EXAMPLE.fullmatch(example.strip())
        if found is not None:
            decimal = found["decimal"] or found["only"]
            percent, unit = found["percent"] is not None, found["before"] or found["after"]
            if found["thousands"] != (decimal or "") and (decimal or percent or unit):
                return cls(
                    decimal or ".",
                    found["thousands"] or "",
                    percent,
                    found["before"] or "",
                    found["after"] or "",
                )
        raise ConfigurationError(f"'{example}' is no format of numbers; allowed: {ALLOWED_FORMS}")

    def to_plain(self, text: Any) -> Any:
        """Rewrite numbers as Python writes them.

        Args:
            text: Arrow array of texts without surrounding spaces.

        Returns:
            Arrow array of texts like ``-1234.5``; null for those that do not follow the format.
        """
        text = self._without_unit(self._sign_in_front(text))
        fits = pc.match_substring_regex(text, self._pattern())
        plain = pc.if_else(fits, text, pa.scalar(None, text.type))
        if self == NumberFormat():
            return pc.utf8_ltrim(plain, "+")
        if self.thousands:
            plain = pc.replace_substring_regex(plain, _SEPARATORS[self.thousands], "")
        if self.decimal != ".":
            plain = pc.replace_substring(plain, self.decimal, ".")
        plain = pc.utf8_ltrim(pc.replace_substring(plain, "\u2212", "-"), "+")
        # Rounded once, by whoever reads the text.
        return pc.replace_substring_regex(plain, _PERCENT, "e-2") if self.percent else plain

    def _pattern(self) -> str:
        if self == NumberFormat():
            return _PLAIN_NUMBER
        decimal, digits = _SEPARATORS[self.decimal], r"\d+"
        if self.thousands:
            digits = rf"(?:\d{{1,3}}(?:{_SEPARATORS[self.thousands]}\d{{3}})+|\d+)"
        end = _PERCENT if self.percent else "$"
        return rf"^[+\-\x{{2212}}]?(?:{digits}(?:{decimal}\d*)?|{decimal}\d+){end}"

    def _sign_in_front(self, text: Any) -> Any:
        """Bookkeepers write -12.50 as (12.50) or 12.50-."""
        if self == NumberFormat():
            return text
        return pc.replace_substring_regex(text, _BEHIND, r"-\1\2")

    def _without_unit(self, text: Any) -> Any:
        # The sign stands before the unit or behind it.
        before = rf"^([+\-\x{{2212}}]?){re.escape(self.before)}{_SPACES}*"
        text = pc.replace_substring_regex(text, before, r"\1") if self.before else text
        after = rf"{_SPACES}*{re.escape(self.after)}$"
        return pc.replace_substring_regex(text, after, "") if self.after else text


PLAIN = NumberFormat()


def text_of(value: object) -> str | None:
    """Write one value as text.

    Returns:
        Text without surrounding spaces; whole numbers without decimals, since a reader turns 1
        into 1.0 beside a blank; truth values as ``true`` and ``false``; moments in ISO 8601. None
        for what is no single value, and for a text that UTF-8 cannot hold.
    """
    if isinstance(value, str):
        return value.strip() if _is_unicode(value) else None
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, Decimal):
        whole = value.is_finite() and value == value.to_integral_value()
        return str(int(value)) if whole else format(value, "f")
    if isinstance(value, float | np.floating):
        return str(int(value)) if float(value).is_integer() else str(float(value))
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return None


def _is_unicode(text: str) -> bool:
    # Half of a pair of surrogates is a str of Python, and no text anywhere else.
    return text.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in text)


def as_written(values: pd.Series) -> pd.Series:
    """Write raw values as ``str`` does, whatever they are, for who looks at rejected rows.

    Returns:
        ``str``, with escapes for what is no text; missing where a value is missing.
    """
    try:
        return values.astype("str")
    except UnicodeError:
        return values.map(_escaped, na_action="ignore").astype("str")


def _escaped(value: object) -> str:
    return str(value).encode("utf-8", "backslashreplace").decode()


def normalize(values: pd.Series) -> pd.Series:
    """Bring the dtypes of all readers down to a few.

    Returns:
        ``str`` without surrounding spaces, a numpy or nullable dtype of numbers or truth values,
        ``datetime64``, or ``object`` for anything else.
    """
    if isinstance(values.dtype, pd.CategoricalDtype | pd.ArrowDtype):
        values = values.astype("object")
    is_text = isinstance(values.dtype, pd.StringDtype) or (
        values.dtype == object and pd.api.types.infer_dtype(values, skipna=True) == "string"
    )
    if not is_text:
        return values
    try:
        return values.astype("str").str.strip()
    except UnicodeEncodeError:
        return values


def as_text(values: pd.Series) -> pd.Series:
    """Write values as text, as :func:`text_of` does.

    Args:
        values: What :func:`normalize` returned.

    Returns:
        ``str``; missing where a value is missing or no single value.
    """
    if isinstance(values.dtype, pd.StringDtype):
        return values
    if values.dtype == object:
        return values.map(text_of, na_action="ignore").astype("str")
    # Few of many values differ, most often.
    codes, distinct = pd.factorize(values)
    texts = pd.array([*(text_of(value) for value in distinct), None], dtype="str")
    return pd.Series(texts.take(codes), index=values.index)


def is_one_of(values: pd.Series, words: Collection[str]) -> pd.Series:
    """Return where normalized values are missing or one of some words."""
    missing = values.isna()
    if isinstance(values.dtype, pd.StringDtype):
        missing |= values.isin(list(words))
    elif values.dtype == object:
        missing |= values.map(lambda value: isinstance(value, str) and value.strip() in words)
    return missing.astype("bool")


def read_numbers(values: pd.Series, form: NumberFormat) -> tuple[pd.Series, pd.Series]:
    """Read normalized values as numbers.

    Args:
        form: How those are written that are text.

    Returns:
        Numbers as float64, and the values as they are to be read digit by digit: numbers, or text
        as Python writes numbers. Both are missing where a value is no number.
    """
    if pd.api.types.is_numeric_dtype(values):
        return pd.Series(values.to_numpy("float64", na_value=np.nan), values.index), values
    mixed = values.dtype == object
    if mixed:
        # Not by map, which would make floats of whole numbers, and fails where none can hold them.
        plain_values = [int(v) if isinstance(v, bool | np.bool_) else v for v in values]
        values = pd.Series(plain_values, values.index, dtype="object")
    text = pa.array(as_text(values), pa.large_string())
    plain = form.to_plain(text)
    if mixed:
        # A number between texts is one already, whatever the format of the texts.
        is_text = pa.array(values.map(lambda v: isinstance(v, str)).astype("bool"))
        plain = pc.if_else(is_text, plain, PLAIN.to_plain(text))
    numbers = pc.cast(plain, pa.float64()).to_numpy(zero_copy_only=False)
    return pd.Series(numbers, values.index), pd.Series(pd.array(plain, "str"), values.index)


def read_whole(numbers: pd.Series, exact: pd.Series) -> pd.Series:
    """Read whole numbers with all their digits.

    Args:
        numbers: Numbers as :func:`read_numbers` returns them.
        exact: The values that they were read from, as it returns them too.

    Returns:
        ``Int64``; missing where a number is not whole, or its digits are lost: it is beyond 64
        bits, or beyond 2**53 and stored as a float.
    """
    if pd.api.types.is_integer_dtype(exact) and exact.dtype != "uint64":
        return exact.astype("Int64")
    small = numbers.abs() < FLOAT_DIGITS
    whole = numbers.where(small & (numbers % 1 == 0)).astype("Int64")
    large = (numbers.notna() & ~small).to_numpy()
    if large.any() and not pd.api.types.is_float_dtype(exact):
        whole[large] = pd.array([_whole(value) for value in exact[large]], "Int64")
    return whole


def _whole(value: Any) -> int | None:
    try:
        number = Decimal(str(value))
        whole = int(number) if abs(number) <= _LARGEST else _LARGEST
    except InvalidOperation:
        return None
    return whole if whole == number and -_LARGEST <= whole < _LARGEST else None


def read_moments(values: pd.Series, form: str | None, zone: str | None) -> tuple[Any, pd.Series]:
    """Read normalized values as moments.

    Args:
        form: How those are written that are no datetimes (``moment_formats``); ISO 8601 if None.
        zone: Time zone into whose local time moments with a zone are brought; None to read none,
            and counts from 1970 as UTC.

    Returns:
        Local moments as ``datetime64[us]``, missing where a value is none; and which values have
        a time zone although none is declared.
    """
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        zoned = values.notna()
        if zone is None:
            return pd.Series(pd.NaT, values.index, dtype="datetime64[us]"), zoned
        return _local(values, zone), zoned & False
    if pd.api.types.is_datetime64_dtype(values):
        return values.astype("datetime64[us]"), pd.Series(False, values.index)
    if form in UNIX:
        moments = from_count(read_numbers(values, PLAIN)[0], form)
        return _local(moments.dt.tz_localize("UTC"), zone or "UTC"), pd.Series(False, values.index)
    if form == EXCEL:
        return from_count(read_numbers(values, PLAIN)[0], form), pd.Series(False, values.index)
    text = as_text(values)
    own = pd.Series(True, values.index)
    if values.dtype == object and form is not None:
        # What the reader has read as a moment already is written in ISO 8601.
        own = values.map(lambda value: not isinstance(value, dt.date)).astype("bool")
    moments, zoned = _parsed(text.where(own), form, zone)
    if not own.all():
        others, also_zoned = _parsed(text.where(~own), None, zone)
        moments, zoned = moments.where(own, others), zoned | also_zoned
    return moments, zoned


def _parsed(text: pd.Series, form: str | None, zone: str | None) -> tuple[pd.Series, pd.Series]:
    nothing = pd.Series(False, text.index)
    text = text.mask(text.str.lower().isin(_MOMENT_OF_READING))
    if form is not None:
        text, form = to_strptime(text, form)
    parse = form or "ISO8601"
    if form is None and text.str.contains(_NANOSECONDS, na=False).any():
        # They would shorten the calendar of the whole column to the years 1678 to 2261.
        text = text.str.replace(r"(\.\d{6})\d+", r"\1", regex=True)
    try:
        moments = pd.to_datetime(text, errors="coerce", format=parse)
        if not isinstance(moments.dtype, pd.DatetimeTZDtype):
            return moments.astype("datetime64[us]"), nothing
    except ValueError:  # times with and without a zone, or in several ones
        pass
    has_zone = text.notna()
    if form is None:
        has_zone &= text.str.contains(_ZONED, na=False)
    zoned = pd.to_datetime(text.where(has_zone), errors="coerce", format=parse, utc=True)
    local = pd.to_datetime(text.where(~has_zone), errors="coerce", format=parse)
    local = local.astype("datetime64[us]")
    if zone is None:
        return local, zoned.notna()
    return local.where(~has_zone, _local(zoned, zone)), nothing


def _local(moments: pd.Series, zone: str) -> pd.Series:
    return moments.dt.tz_convert(zone).dt.tz_localize(None).astype("datetime64[us]")
