"""How a table is cut into windows."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from regression_lifecycle.core.config import Duration, Moment, StrictModel
from regression_lifecycle.core.errors import ConfigurationError, bounded_list

_WAYS = ("length", "period", "rows", "column", "explicit")


class NamedWindow(StrictModel):
    """One window given by its bounds: ``start`` belongs to it, ``end`` does not."""

    start: Moment
    end: Moment

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end <= self.start:
            raise ConfigurationError("a window must end after it starts")
        return self


class WindowParameters(StrictModel):
    """How a table is cut into windows: exactly one of the first five ways.

    Attributes:
        length: Windows of one length, one after the other.
        period: Calendar periods; a week is an ISO week, from Monday to Sunday.
        rows: Windows of so many rows, in the order of time.
        column: One window per value of this column, in the order of first appearance. A row
            without a value is in no window.
        explicit: The windows themselves, in the order of time, without overlap.
        origin: Rows before it are in no window, and counting begins here. If left out,
            ``length`` counts from the day of the first row, the other ways from the first row.
        minimum_rows: A window with fewer rows is underpopulated.
        labelled_share: Share of a window's rows with a known target from which on it counts as
            labelled.
    """

    length: Duration | None = None
    period: Literal["day", "week", "month", "quarter", "year"] | None = None
    rows: int | None = Field(None, ge=1)
    column: str | None = None
    explicit: tuple[NamedWindow, ...] = ()
    origin: Moment | None = None
    minimum_rows: int = Field(24, ge=1)
    labelled_share: float = Field(0.95, gt=0, le=1)

    @field_validator("explicit", mode="before")
    @classmethod
    def _null_is_none_of_them(cls, value: Any) -> Any:
        return () if value is None else value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [way for way in _WAYS if getattr(self, way) not in (None, ())]
        if len(given) != 1:
            raise ConfigurationError(
                f"give exactly one of {', '.join(_WAYS)}; given: {bounded_list(given)}. "
                "An environment sets the one of conf/base to null"
            )
        for earlier, later in pairwise(self.explicit):
            if later.start < earlier.end:
                raise ConfigurationError(
                    f"windows overlap: {earlier.start} to {earlier.end} and "
                    f"{later.start} to {later.end}"
                )
        if self.explicit and self.origin is not None:
            raise ConfigurationError("'origin' has no meaning for explicit windows; leave it out")
        if self.rows is not None and self.rows < self.minimum_rows:
            raise ConfigurationError(
                f"windows of {self.rows} rows never reach minimum_rows = {self.minimum_rows}; "
                "lower it"
            )
        return self

    @property
    def by_time(self) -> bool:
        """Whether a row's time alone says in which window it lies."""
        return self.rows is None and self.column is None
