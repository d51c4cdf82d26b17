"""Every log record and every traceback of the process leaves without secrets."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from types import TracebackType
from typing import Any

from regression_lifecycle.core.scrubbing import scrub


def scrub_what_leaves() -> None:
    """Scrub log records as they are made, and what the process prints of an error it dies of.

    Records and not handlers: whoever sets up the logging, a library's own text is scrubbed too.
    """
    if not isinstance(logging.getLogRecordFactory(), _ScrubbedRecords):
        logging.setLogRecordFactory(_ScrubbedRecords(logging.getLogRecordFactory()))
        sys.excepthook = _print_scrubbed
        threading.excepthook = lambda it: _print_scrubbed(
            it.exc_type, it.exc_value, it.exc_traceback
        )


def scrubbed_traceback(error: BaseException) -> str:
    """Return an error with its causes, as Python prints it, without secrets."""
    return scrub("".join(traceback.format_exception(error)))


class _ScrubbedRecords:
    def __init__(self, make: Any) -> None:
        self._make = make

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record: logging.LogRecord = self._make(*args, **kwargs)
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            return record  # logging itself tells that message and values do not fit
        clean = scrub(text)
        if clean != text:
            record.msg, record.args = clean, ()
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            told = "".join(traceback.format_exception(error))
            clean = scrub(told)
            if clean != told:
                # A handler that draws the traceback itself would draw the secret.
                record.exc_info, record.exc_text = None, clean.rstrip("\n")
        return record


def _print_scrubbed(
    _: type[BaseException], error: BaseException | None, __: TracebackType | None
) -> None:
    if error is not None:
        sys.stderr.write(scrubbed_traceback(error))
