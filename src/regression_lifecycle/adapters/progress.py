"""The bar and the lines that a long loop shows on the terminal."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOGGER = logging.getLogger(__name__)


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[str], None]]:
    """Show how far a loop is.

    On a terminal there is a bar with the newest line below it; elsewhere, as in a log file, the
    lines are logged at level INFO.

    Args:
        title: What the loop does.
        total: How many steps it has.

    Yields:
        A function to call after each step with the line to show; an empty line only moves on.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda line: _LOGGER.info("%s: %s", title, line) if line else None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Elapsed())
    with Progress(*columns, TextColumn("{task.fields[line]}"), console=console) as bar:
        task = bar.add_task(title, total=total, line="")

        def step(line: str) -> None:
            if line:
                bar.update(task, line=line)
            bar.advance(task)

        yield step
