"""Ticks over a stretch of the past, one per window, told by what the ledger says of each.

A replay that was stopped goes on where it was: moments that a later decision already knows are told
again and not repeated.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from itertools import count, takewhile
from pathlib import Path
from typing import Any, cast

import pandas as pd

from regression_lifecycle.core.calendar.moments import moment_text
from regression_lifecycle.core.data.as_of import read_as_of
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.decisions.champion_history import version_text
from regression_lifecycle.core.decisions.records import POLICY, PROMOTE, Reason, from_cell
from regression_lifecycle.core.decisions.wording import line
from regression_lifecycle.core.durations import AnyDuration
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.runtime.tick import open_loader, run_tick
from regression_lifecycle.runtime.tick_inputs import TickInputs

NOTHING_NEW = "nothing new"
DECIDED_LATER = "not run: a later moment is decided already"


def replay_ticks(
    project: Path,
    env: str | None,
    params: Mapping[str, Any],
    first: str,
    show: Callable[[str], None],
    *,
    conf_source: str | None = None,
) -> str:
    """Run a tick at a moment, one after each window's length, and the last one at ``as_of``.

    Args:
        project: The project's folder, bootstrapped already.
        env: Environment under ``conf/``; None for the default.
        params: Runtime parameters of every tick, with ``as_of``.
        first: Moment of the first tick.
        show: Takes each piece of text as soon as it is known.
        conf_source: Another configuration folder or archive.

    Returns:
        Path of the page that the last tick has drawn, as it is configured.

    Raises:
        ConfigurationError: If the moments are none or in no order, windows have no length, a tick
            is refused, or the ticks go on where there is no more to judge.
        LockedError: If another run is at work in the workspace and did not end in time.
    """
    from regression_lifecycle.runtime.parameter_check import read_sections

    loader = open_loader(project, env, params, conf_source)
    sections = read_sections(loader["parameters"], ("problem", "windows"), loader.origin)
    problem = sections["problem"]
    length = sections["windows"].longest(problem)
    if length is None:
        raise ConfigurationError(
            f"  windows: kind {sections['windows'].kind} has no length, so nothing says when the "
            "ticks are; run them one by one with --as-of"
        )
    begin = _moment("--from", first, problem)
    end = _moment("--as-of", params["as_of"], problem)
    if begin > end:
        raise ConfigurationError(f"  --from {begin} lies after --as-of {end}")
    text = problem.moment_text if problem.timestamp.rows else moment_text
    moments = _tick_moments(begin, end, length)
    show(f"{len(moments)} ticks, {text(moments[0])} to {text(moments[-1])}\n")
    decided = _decisions(loader.store_url, problem)
    newest = decided.loc[decided["kind"] == POLICY, "as_of"].max()
    last: pd.Timestamp | None = None
    for moment in moments:
        if last is not None and moment > last + length:
            raise ConfigurationError(
                f"  --as-of {text(end)}: the observations and the wait for their labels end "
                f"at {text(last)}, and no tick behind it has anything to judge. What stands "
                f"above was run; --as-of '{text(last)}' ends there"
            )
        show(f"{text(moment)}  ")
        # The newest one may have been killed half way.
        is_run = pd.isna(newest) or moment >= newest
        if is_run:
            with _quiet():
                run_tick(project, env, {**params, "as_of": str(moment)}, conf_source=conf_source)
            decided = _decisions(loader.store_url, problem)
            last = last or _last_news(TickInputs(loader, project, (), ()), problem)
        rows = decided[decided["as_of"] == moment].to_dict("records")
        said = [_in_words(row) for row in rows] or [NOTHING_NEW if is_run else DECIDED_LATER]
        show("\n            ".join(said) + "\n")
    return str(loader["catalog"]["dashboard_page"]["filepath"])


def _last_news(inputs: TickInputs, problem: Problem) -> pd.Timestamp | None:
    """Return the moment at which the last label is here; None if no tick stored observations."""
    end = inputs.observations_end()
    for wait in (problem.label_delay, problem.label_deadline):
        end = end + wait if end is not None and wait is not None else end
    return end


def _moment(option: str, value: Any, problem: Problem) -> pd.Timestamp:
    try:
        return cast(pd.Timestamp, read_as_of(value, problem))
    except ConfigurationError as error:
        raise ConfigurationError(f"  {option}: {error}") from None


def _tick_moments(
    first: pd.Timestamp, last: pd.Timestamp, length: AnyDuration
) -> list[pd.Timestamp]:
    regular = (first + number * length for number in count())
    return [*takewhile(lambda moment: moment < last, regular), last]


def _decisions(store_url: str, problem: Problem) -> pd.DataFrame:
    """Read the problem's decisions that stand at a moment, the oldest first."""
    from regression_lifecycle.adapters.database import read_decisions

    ledger = read_decisions(store_url)
    own = ledger[(ledger["problem"] == problem.name) & ledger["as_of"].notna()]
    return own.assign(as_of=pd.to_datetime(own["as_of"], format="ISO8601"))


def _in_words(row: Mapping[str, Any]) -> str:
    version = version_text(row["candidate_version"]) if row["decision"] == PROMOTE else ""
    decision = f"{row['decision']} version {version}" if version else row["decision"]
    return f"{decision}: {line(from_cell(row['reasons'], Reason))}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what each step of a tick prints and logs; warnings and errors are shown."""
    # Every session configures logging anew, so the level of a logger would not stay.
    previous = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        with redirect_stdout(StringIO()):
            yield
    finally:
        logging.disable(previous)
