"""The parameters of a rollback."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from regression_lifecycle.core.config import StrictModel


class RollbackParameters(StrictModel):
    """Which version takes the champion's place again, and why.

    Attributes:
        version: A former champion; None for the one before the present.
        reason: Why, in the person's words; a rollback without a reason is refused.
        actor: Who does it.
    """

    version: str | None = None
    reason: str = ""
    actor: str = Field(min_length=1)

    @field_validator("version", "reason", "actor", mode="before")
    @classmethod
    def _numbers_are_text(cls, value: Any) -> Any:
        # --params makes numbers of what looks like one.
        return str(value) if isinstance(value, int | float) else value
