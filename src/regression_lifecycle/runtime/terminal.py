"""How commands speak: a label, and below it sentences that fit the screen."""

from __future__ import annotations

import logging
import os
import textwrap
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from regression_lifecycle.core.decisions.health import Health

_LOGGER = logging.getLogger(__name__)
_WIDTH_OF_A_LOG = 200
# Where no line is broken: a no-break space.
_TOGETHER = "\u00a0"
_HEALTH_COLOURS = {"healthy": "green", "watch": "cyan", "act": "red"}


def open_console(*, stderr: bool = False) -> Console:
    """Return an output, as wide as the terminal; a log is as wide as it has to be."""
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False, soft_wrap=True)
    # Rich would cut names at 80 characters.
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH_OF_A_LOG
    return console


def print_entry(
    console: Console, label: str, word: str = "", sentences: Iterable[str] = (), colour: str = ""
) -> None:
    """Print a label with a word, and below it one sentence after the other.

    Args:
        label: In bold.
        word: What it is in a word, as it stands.
        sentences: What belongs to it, as they stand; on a terminal they are wrapped.
        colour: Of the word.
    """
    from rich.text import Text

    console.print(Text.assemble((label, "bold"), " " if word else "", (word, colour)))
    for sentence in sentences:
        lines = [sentence]
        if console.is_terminal or "COLUMNS" in os.environ:
            lines = textwrap.wrap(
                sentence, console.width - 2, subsequent_indent="  ", break_on_hyphens=False
            )
        for line in lines:
            console.print(f"  {line.replace(_TOGETHER, ' ')}", markup=False)


def print_health(console: Console, health: Health) -> None:
    """Print how the model is, why, what has changed, and what to do."""
    from pandas import Timestamp

    from regression_lifecycle.core.decisions.wording import sentence, sentences

    colour = _HEALTH_COLOURS.get(health.verdict, "yellow")
    print_entry(console, "Health", health.verdict, sentences(health.reasons), colour)
    if health.changes:
        since = f"since {Timestamp(health.changed_since):%Y-%m-%d %H:%M}"
        print_entry(console, "Changed", since, sentences(health.changes))
    for action in health.actions:
        print_entry(console, "Next", sentence(action.reason))
        print_commands(console, filter(None, (action.command, action.alternative)))


def print_commands(console: Console, commands: Iterable[str]) -> None:
    """Print commands, one per line and never wrapped, so that they can be copied."""
    for command in commands:
        console.print(f"  {command}", markup=False)


def print_where_to_look(
    console: Console, page: str = "", reports: Iterable[str] = (), env: str = ""
) -> None:
    """Print where the results of a command are.

    Args:
        page: Path of the page; empty if none was drawn.
        reports: Paths of the reports that were written.
        env: The environments of the run; empty for the default.
    """
    option = f" ENV={env}" if env else ""
    if page:
        print_entry(console, "Page", page)
    for report in reports:
        print_entry(console, "Report", report)
    print_entry(
        console, "Look", f"make viz{option} (pipelines and plots), make ui{option} (MLflow)"
    )


def print_derived(derived: Mapping[str, Any], sections: Iterable[str]) -> None:
    """Print what was derived from the table, of the sections that a run uses, where logs go."""
    if not _LOGGER.isEnabledFor(logging.INFO):
        return
    used = set(sections)
    shown = [
        f"{key} {len(value) if isinstance(value, list) else value}".replace(" ", _TOGETHER)
        for key, value in derived.items()
        if key.partition(".")[0] in used
    ]
    if shown:
        console = open_console(stderr=True)
        print_entry(
            console, "Derived from the table", "(kedro config shows all)", [", ".join(shown)]
        )
