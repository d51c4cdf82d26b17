"""How text spells numbers, yes and no, dates, and what is missing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd
import pyarrow as pa

from regression_lifecycle.core.calendar.moment_formats import to_strptime
from regression_lifecycle.core.data.values import (
    FALSE_WORDS,
    MISSING_WORDS,
    TRUE_WORDS,
    NumberFormat,
)

# Read as missing in columns of numbers and dates without being declared.
DEFAULT_MISSING = MISSING_WORDS | {""}
# Spell "missing" among labels too; "none" is a label more often than not.
LABEL_MISSING = frozenset({"?", "na", "n/a", "#n/a", "nan", "null", "<na>"})
_OTHER_TRUTH = (
    ("ja", "nein"), ("j", "n"), ("oui", "non"), ("si", "no"), ("sí", "no"), ("sim", "não"),
    ("on", "off"), ("da", "nein"),
)  # fmt: skip
# Blanks that group digits; as characters, since Arrow's expressions know no \\u.
_BLANKS = " \u00a0\u2009\u202f"
_DATES = (
    "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%d %b %Y", "%d %B %Y",
    "%d-%b-%Y", "%d-%b-%y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%b %Y", "%B %Y", "%b-%y", "%b-%Y",
    "%b %d, %Y", "%B %d, %Y", "%m/%Y", "%m.%Y", "%m-%Y", "%Y/%m", "%Y.%m.%d",
    "%d. %B %Y", "%d. %b %Y", "%G-W%V-%u", "%G-%V",
)  # fmt: skip
# Parts of a year, which have no clock.
_PERIODS = (
    "%YQ%q", "%Y-Q%q", "%Y Q%q", "%Y/Q%q", "Q%q %Y", "Q%q-%Y", "Q%q/%Y", "%qQ%Y", "Q%q %y", "%qQ%y",
    "%G-W%V", "%GW%V", "%Y-%b", "%Y %b", "%Y %B", "%Y-%B", "%B-%Y", "%b. %Y", "%b/%Y",
)  # fmt: skip
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S", " %H:%M:%S.%f")
_SAMPLE = 1000
# A minus as bookkeepers write it: (12.50) or 12.50-.
_SIGN_BEHIND = r"\((?:[^()]*\d[^()]*)\)|[^-]*\d[^-]*-"
_MONEY = "[$€£¥₹₽₩₺]|EUR|USD|GBP|CHF|JPY|CNY|INR"
# Other letters before digits are the head of a code more often than a unit: S001.
_WITH_UNIT = (
    rf"^[-+\u2212]?(?P<before>{_MONEY})?[{_BLANKS}]*(?P<number>[-+\u2212]?\d[\d.,'{_BLANKS}]*?)"
    rf"(?P<blank>[{_BLANKS}]*)(?P<after>[^\d\s%.,'+\-:]{{1,10}})?$"
)


@dataclass(frozen=True)
class NumberForm:
    """How a column spells its numbers.

    Attributes:
        format: An example of the form, as the contract takes it; None for plain numbers.
    """

    format: str | None = None

    def matches(self, text: pd.Series) -> pd.Series:
        """Tell which texts are numbers of this form."""
        return pd.Series(self._plain(text).is_valid().to_numpy(False), index=text.index)

    def read(self, text: pd.Series) -> pd.Series:
        """Read texts of this form as float64; missing where a text is of another form."""
        plain = pd.Series(self._plain(text).to_pandas(), dtype="object").set_axis(text.index)
        return pd.to_numeric(plain, errors="coerce").astype("float64")

    def _plain(self, text: pd.Series) -> pa.Array:
        form = NumberFormat() if self.format is None else NumberFormat.from_example(self.format)
        return form.to_plain(pa.array(text.astype("object"), pa.string(), from_pandas=True))


def _sign_in_front(text: pd.Series) -> pd.Series:
    behind = text.str.fullmatch(_SIGN_BEHIND)
    return text.where(~behind, "-" + text.str.strip("()-"))


class _Unit(NamedTuple):
    """What stands before or behind all numbers of a column.

    Attributes:
        before: ``$`` of ``$1,234.5``; empty for nothing.
        blank: What stands between the number and the unit.
        after: ``€`` of ``1.234,5 €``.
    """

    before: str
    blank: str
    after: str

    @property
    def is_money(self) -> bool:
        return re.fullmatch(_MONEY, self.before or self.after) is not None

    def strip(self, text: pd.Series) -> pd.Series:
        bare = text.str.replace(self.before, "", n=1, regex=False) if self.before else text
        return bare.str.removesuffix(self.after).str.strip()

    def around(self, form: NumberForm) -> NumberForm:
        number = form.format or "1234.5"
        blank = " " if self.blank or len(self.before) > 1 else ""
        return NumberForm(blank.join(part for part in (self.before, number, self.after) if part))


def _unit(sample: pd.Series) -> _Unit | None:
    """The unit that all numbers of a column have; before a number only that of money."""
    found = sample.str.extract(_WITH_UNIT)
    found = found[found["number"].notna()].fillna("")
    units = found[found["before"] + found["after"] != ""]
    if units.empty or len(found) < 0.9 * len(sample) or len(units) < 0.5 * len(sample):
        return None
    commonest = units.value_counts(["before", "after"])
    before, after = commonest.index[0]
    if len(commonest) > 1 or (before and after):
        return None
    return _Unit(before, units["blank"].mode()[0], after)


def find_number_form(text: pd.Series, decimal_comma: bool | None = None) -> NumberForm | None:
    """Find the form that most texts have.

    Args:
        text: Texts without blanks around them; none is missing.
        decimal_comma: Whether other columns of the file say so; None if they do not tell.

    Returns:
        The form, or None if fewer than nine tenths of the texts are numbers of one form.
    """
    sample = text.drop_duplicates().head(_SAMPLE)
    if sample.str.fullmatch(_SIGN_BEHIND).any():
        bare = find_number_form(_sign_in_front(text), decimal_comma)
        # The plain form knows no other way of writing a minus; this one reads its numbers too.
        return NumberForm("1,234.5") if bare == NumberForm() else bare
    unit = _unit(sample)
    if unit is not None:
        bare_text = unit.strip(text)
        # Money has two decimals: three digits behind a point are thousands.
        if unit.is_money and bare_text.str.fullmatch(r"-?\d{1,3}(\.\d{3})*").all():
            decimal_comma = True
        bare = find_number_form(bare_text, decimal_comma)
        return None if bare is None else unit.around(bare)
    forms = [NumberForm()]
    if sample.str.contains("%", regex=False).mean() > 0.5:
        comma = sample.str.contains(",", regex=False).any()
        forms = [NumberForm("12,5 %" if comma else "12 %")]
    elif sample.str.contains(rf"\d[{_BLANKS}]\d", regex=True).any():
        forms += [NumberForm("1 234,5"), NumberForm("1 234.5")]
    elif sample.str.contains("'", regex=False).any():
        forms.append(NumberForm("1'234.5"))
    elif sample.str.contains(",", regex=False).any():
        pointed, decimal = NumberForm("1,234.5"), NumberForm("1.234,5")
        # "1,234" is either; "0,5" and "1234,5" are decimal, and a file has one convention.
        grouped = pointed.matches(sample).all() and decimal_comma is not True
        forms += [pointed, decimal] if grouped else [decimal, pointed]
    elif decimal_comma and sample.str.fullmatch(r"[+-]?\d{1,3}(\.\d{3})*").all():
        grouped = sample.str.contains(".", regex=False).any()
        forms = [NumberForm("1.234,5")] if grouped else forms
    for form in forms:
        if form.matches(sample).mean() >= 0.9 and form.matches(text).mean() >= 0.9:
            return form
    return None


def uses_decimal_comma(text: pd.Series) -> bool:
    """Return whether a column is full of numbers that only a decimal comma explains."""
    sample = _sign_in_front(text.drop_duplicates().head(_SAMPLE))
    unit = _unit(sample)
    sample = sample if unit is None else unit.strip(sample)
    if sample.empty or not sample.str.contains(",", regex=False).any():
        return False
    pointed, decimal = NumberForm("1,234.5"), NumberForm("1.234,5")
    return bool(decimal.matches(sample).mean() >= 0.9 and not pointed.matches(sample).all())


def find_truth(text: pd.Series) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Find which texts stand for yes and for no.

    Args:
        text: Texts without blanks around them; none is missing.

    Returns:
        Spellings to be declared as true and as false, empty where the contract knows them; None
        if the texts are something else.
    """
    found = list(text.drop_duplicates().head(5))
    folded = {value.lower() for value in found}
    if len(folded) != 2:
        return None
    if folded & TRUE_WORDS and folded & FALSE_WORDS:
        return (), ()
    for yes, no in _OTHER_TRUTH:
        if folded == {yes, no}:
            return (
                tuple(value for value in found if value.lower() == yes),
                tuple(value for value in found if value.lower() == no),
            )
    return None


@dataclass(frozen=True)
class DateForm:
    """How a column spells its dates.

    Attributes:
        format: A format of ``moment_formats``; None for ISO 8601.
        other: A second format that reads every value too, with another meaning.
    """

    format: str | None = None
    other: str | None = None

    def read(self, text: pd.Series) -> pd.Series:
        """Read texts; missing where one has another form. Zoned times are turned into UTC."""
        text, form = (text, "ISO8601") if self.format is None else to_strptime(text, self.format)
        found = pd.to_datetime(text, errors="coerce", format=form, utc=True)
        return found.dt.tz_localize(None).astype("datetime64[us]")


def find_date_form(text: pd.Series) -> DateForm | None:
    """Find the format that most texts have.

    Args:
        text: Texts without blanks around them; none is missing.

    Returns:
        The form, or None if fewer than nine tenths of the texts are dates of one format. Where
        day and month could be either way, the one whose dates stand closer together.
    """
    sample = text.drop_duplicates()
    sample = sample.sample(min(len(sample), _SAMPLE), random_state=0)
    # A date has two digits at least, and no text of a date is long.
    dated = sample.str.fullmatch(r".*\d.*\d.*") & sample.str.len().between(4, 40)
    if sample.empty or dated.mean() < 0.9:
        return None
    if _share(DateForm(), sample) >= 0.9:
        return DateForm()
    forms = [DateForm(day + clock) for day in _DATES for clock in _CLOCKS]
    forms += [DateForm(period) for period in _PERIODS]
    fitting = [form for form in forms if _share(form, sample.head(20)) >= 0.7]
    fitting = [form for form in fitting if _share(form, sample) >= 0.9]
    best = max((_share(form, sample) for form in fitting), default=0.0)
    fitting = [form for form in fitting if _share(form, sample) == best]
    if not fitting:
        return None
    spans = {form: form.read(sample) for form in fitting}
    chosen = min(fitting, key=lambda form: spans[form].max() - spans[form].min())
    others = [f for f in fitting if f != chosen and not spans[f].equals(spans[chosen])]
    return DateForm(chosen.format, others[0].format if others else None)


def _share(form: DateForm, text: pd.Series) -> float:
    try:
        return float(form.read(text).notna().mean())
    except (ValueError, OverflowError):
        return 0.0


def has_zone(text: pd.Series) -> bool:
    """Return whether texts of times name an offset from UTC."""
    sample = text.head(_SAMPLE)
    return bool(sample.str.contains(r"\d(?:Z|[+-]\d\d:?\d\d)$", regex=True).mean() > 0.5)
