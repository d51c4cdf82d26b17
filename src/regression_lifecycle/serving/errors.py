"""What a caller is told when a request is not answered: one form for every status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MAXIMUM_MISTAKES = 20
MAXIMUM_TEXT = 300


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong with a request.

    Attributes:
        message: What is wrong and what would be right.
        row: Position of the row in the request, from 0; None if it is no single row.
        column: Name of the value; None if it is no single value.
    """

    message: str
    row: int | None = None
    column: str | None = None

    def as_dict(self) -> dict[str, int | str | None]:
        """Return the form that callers see, with texts of a bounded length."""
        column = None if self.column is None else shorten(self.column, 80)
        return {"row": self.row, "column": column, "message": shorten(self.message)}


class RefusedError(Exception):
    """A request is answered with a status other than 200."""

    def __init__(
        self,
        status: int,
        mistakes: Iterable[Mistake] | str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Describe a refusal.

        Args:
            status: HTTP status.
            mistakes: What is wrong; a text for one mistake of the request as a whole.
            headers: Further headers of the answer.
        """
        found = [Mistake(mistakes)] if isinstance(mistakes, str) else list(mistakes)
        super().__init__(f"{status}: {found[0].message if found else ''}")
        self.status = status
        self.mistakes = found
        self.headers = dict(headers or {})

    def body(self) -> dict[str, object]:
        """Return the body of the answer.

        Returns:
            ``detail``: the first mistakes.
        """
        return {"detail": [mistake.as_dict() for mistake in self.mistakes[:MAXIMUM_MISTAKES]]}


def overloaded(message: str) -> RefusedError:
    """Turn a request away that may be sent again in a moment.

    Args:
        message: Why.

    Returns:
        The error, with ``Retry-After``.
    """
    return RefusedError(503, message, {"Retry-After": "1"})


def shorten(text: str, length: int = MAXIMUM_TEXT) -> str:
    """Bound a text that a caller, a file or a library may have written.

    Args:
        text: The text.
        length: Most characters.

    Returns:
        Its first line, cut where it is too long.
    """
    line = text.strip().partition("\n")[0]
    return line if len(line) <= length else f"{line[: length - 3]}..."
