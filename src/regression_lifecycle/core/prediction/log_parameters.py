"""How the service keeps what it answered: parameters of the prediction log."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from regression_lifecycle.core.config import StrictModel


class PredictionLogParameters(StrictModel):
    """From the answer into a local spool, from the spool into the store.

    Attributes:
        enabled: Whether predictions are kept at all.
        batch_rows: Most rows of one write to the store. More make the drain faster and hold more
            memory.
        interval_seconds: Longest time in seconds that a row waits before it is written to the
            store, as long as the store keeps up.
        retry_seconds: Pause in seconds before the store is tried again after it failed; it
            doubles up to 30 seconds.
        spool_maximum_mb: Megabytes (of 1,000,000 bytes) of rows that may wait on the disk; then
            the spool is full.
        when_full: What the service does if a row cannot be kept: ``serve`` answers and says
            ``logged: false``; ``refuse`` answers with the status 503.
        fsync: ``false`` keeps an acknowledged row through the death of the process; ``true``
            through that of the machine too, for milliseconds more per request.
    """

    enabled: bool = True
    batch_rows: int = Field(5000, ge=1, le=100_000)
    interval_seconds: float = Field(0.5, gt=0, le=60)
    retry_seconds: float = Field(1.0, gt=0, le=30)
    spool_maximum_mb: float = Field(256.0, ge=0.1, le=100_000)
    when_full: Literal["serve", "refuse"] = "serve"
    fsync: bool = False
