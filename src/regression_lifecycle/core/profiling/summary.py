"""What a profile says on a terminal: what was found, and what only a person knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from regression_lifecycle.core.calendar.weekdays import WEEKDAYS
from regression_lifecycle.core.errors import bounded_list
from regression_lifecycle.core.profiling.profile import TableProfile

_LISTED = 8
_WIDTH = 18


def found_lines(profile: TableProfile) -> Iterator[str]:
    """Write what the table told.

    Args:
        profile: The profile.

    Yields:
        Lines without a line end.
    """
    target = profile.columns[profile.target]
    sign = "never negative" if profile.nonnegative else "may be negative"
    labelled = f", {profile.n_rows - profile.n_labelled:,} missing"
    missing = labelled if profile.n_labelled < profile.n_rows else ""
    yield _line("target", f"{profile.target} ({target.type}, {sign}{missing})")
    yield _line("time", _time(profile))
    if profile.key:
        yield _line("key", f"{', '.join(profile.key)} ({profile.n_series:,} series)")
    kinds = Counter(column.type for column in profile.described.values())
    yield _line("columns", ", ".join(f"{count} {kind}" for kind, count in kinds.items()))
    for name, reason in list(profile.left_out.items())[:_LISTED]:
        yield _line("left out", f"{name}: {reason}")
    if len(profile.left_out) > _LISTED:
        yield _line("left out", f"and {len(profile.left_out) - _LISTED} more")
    for leak in profile.leaks[:_LISTED]:
        yield _line("suspected leak", f"{leak.column}: {leak.reason}")
    if len(profile.leaks) > _LISTED:
        yield _line("suspected leak", f"and {len(profile.leaks) - _LISTED} more")
    for note in profile.notes:
        yield _line("note", note)


def assumed_lines(profile: TableProfile) -> Iterator[str]:
    """Write what only a person knows, and what was assumed.

    Args:
        profile: The profile.

    Yields:
        Lines without a line end; none if everything was given.
    """
    for question in profile.assumed:
        if question == "known_in_advance":
            names = bounded_list(profile.known_in_advance, _LISTED)
            yield _line("known in advance", f"{names} (--known-in-advance)")
        elif question == "horizon":
            yield _line("horizon", f"{profile.horizon} (--horizon)")
        elif profile.time.has_time:
            yield _line("label delay", "none, labels come with their rows (--label-delay)")


def _line(what: str, text: str) -> str:
    return f"  {what:{_WIDTH}}{text}"


def _time(profile: TableProfile) -> str:
    if profile.frequency is None:
        return "none, the order of the file stands for it"
    parts = " and ".join(profile.time.parts.values())
    if not profile.frequency.regular:
        return f"{parts}, at no fixed distance (about {profile.frequency.text})"
    found = f"{parts}, every {profile.frequency.text} ({profile.frequency.share:.0%} of the rows)"
    missed = [day for day in WEEKDAYS if day not in (profile.frequency.weekdays or WEEKDAYS)]
    return f"{found}, never on {' and '.join(missed)}" if missed else found
