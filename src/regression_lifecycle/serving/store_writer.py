"""Lines of the spool: how a row becomes one, and how lines become rows of the store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from regression_lifecycle.adapters import database
from regression_lifecycle.core.data.tables import SERVICE_PREDICTIONS
from regression_lifecycle.core.errors import ConfigurationError, DataContractError
from regression_lifecycle.core.scrubbing import scrub

_LONGEST_REASON = 200


def to_lines(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Write rows as the spool keeps them.

    Args:
        rows: Values by column of ``SERVICE_PREDICTIONS``; moments as datetime or ISO text.

    Returns:
        One line of JSON per row, in ASCII, which every text can be written in.

    Raises:
        TypeError: If a value is of a kind that the table has no column for.
    """
    return [_encode(row) for row in rows]


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        # NaT is a datetime too, and the only one that differs from itself.
        return _naive(value).isoformat() if value == value else None
    if hasattr(value, "item"):  # a number of NumPy
        return value.item()
    if type(value).__name__ == "NAType":
        return None
    raise TypeError(f"a value of the prediction log is a {type(value).__name__}")


_encode: Callable[[Any], str] = json.JSONEncoder(separators=(",", ":"), default=_to_json).encode


def _naive(moment: datetime) -> datetime:
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


@dataclass
class StoreWriter:
    """Writes lines into ``service_predictions``.

    Attributes:
        url: SQLAlchemy URL of the store.
    """

    url: str = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse what is no URL.

        Raises:
            ConfigurationError: If the URL cannot be read; the text does not repeat it.
        """
        try:
            self._secrets()
        except Exception:
            raise ConfigurationError(
                "the URL of the store cannot be read; write for example "
                "'postgresql+psycopg://user:password@host:5432/database'"
            ) from None

    def write(self, lines: Sequence[str]) -> dict[str, str]:
        """Store lines; those that are stored already stay as they are.

        A batch that the store refuses for its data is halved until the bad rows are alone.

        Args:
            lines: Lines of the spool.

        Returns:
            Reasons of the lines that were refused.

        Raises:
            Exception: If the store does not answer, or refuses for a reason that is not the
                data's. Lines may be stored by then; the same call may be made again.
        """
        rows: list[tuple[str, dict[str, Any]]] = []
        refused: dict[str, str] = {}
        for line in lines:
            try:
                rows.append((line, _row(line)))
            except (ValueError, TypeError) as error:
                refused[line] = self.reason(error)
        if rows:
            self._write(rows, refused)
        return refused

    def reason(self, error: BaseException) -> str:
        """Describe an error in words that may stand in a log.

        Args:
            error: What was raised.

        Returns:
            Kind and first line of the error, without user, password or options of the URL, and
            without the rows, which SQLAlchemy adds to its own texts.
        """
        cause = getattr(error, "orig", None) or error
        # A text of a row may come back that no file can hold, such as half a surrogate.
        written = str(cause).encode(errors="backslashreplace").decode()
        text = (written.strip().splitlines() or [""])[0]
        text = scrub(text, self._secrets())
        name = type(cause).__name__
        return f"{name}: {text}"[:_LONGEST_REASON] if text else name

    def _secrets(self) -> list[str]:
        """User, password and options, the first two also as they stand in the URL ("%2F")."""
        from sqlalchemy import make_url

        parsed, raw = make_url(self.url), urlsplit(self.url)
        found = [str(parsed.password or ""), parsed.username, raw.password, raw.username]
        for value in parsed.query.values():
            found.extend([value] if isinstance(value, str) else value)
        return list(filter(None, found))

    def _write(self, rows: list[tuple[str, dict[str, Any]]], refused: dict[str, str]) -> None:
        error = self._data_error([row for _, row in rows])
        if error is None:
            return
        if len(rows) == 1:
            refused[rows[0][0]] = self.reason(error)
            return
        half = len(rows) // 2
        self._write(rows[:half], refused)
        self._write(rows[half:], refused)

    def _data_error(self, rows: list[dict[str, Any]]) -> Exception | None:
        """Store rows in one transaction, or say what is wrong with them."""
        try:
            self._upsert(rows)
        except Exception as error:
            if not is_about_data(error):
                raise
            found = error
        else:
            return None
        self._ask()
        return found

    def _ask(self) -> None:
        """Make sure that the store answers: a wrong option of a driver is a TypeError too."""
        engine = database.connect(self.url)
        try:
            with engine.connect():
                pass
        finally:
            engine.dispose()

    def _upsert(self, rows: list[dict[str, Any]]) -> None:
        frame = SERVICE_PREDICTIONS.frame(rows)
        # A request that was sent twice under one id; the first answer counts, as in the table.
        unique = frame.drop_duplicates(subset=list(SERVICE_PREDICTIONS.key))
        database.upsert_rows(self.url, SERVICE_PREDICTIONS, unique)


def _row(line: str) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(line)
    for name in ("served_at", "timestamp"):
        if row.get(name) is not None:
            row[name] = _naive(datetime.fromisoformat(row[name]))
    return row


def is_about_data(error: Exception) -> bool:
    """Return whether the rows of a batch are to blame for an error.

    Args:
        error: What was raised.

    Returns:
        Whether the rows are to blame; in doubt not, so that nothing is thrown away.
    """
    from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError

    if isinstance(error, ConfigurationError):
        return False
    if isinstance(error, DBAPIError):
        return isinstance(error, (DataError, IntegrityError))
    if isinstance(error, StatementError):
        return isinstance(error.orig, (ValueError, TypeError, ArithmeticError))
    return isinstance(error, (DataContractError, ValueError, TypeError, ArithmeticError))
