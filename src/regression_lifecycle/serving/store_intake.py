"""Labels and rows known in advance that callers hand in: all of a request is kept or none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pandas as pd
from pydantic_core import to_json

from regression_lifecycle.adapters import database
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.quarantine import REASON_COLUMN
from regression_lifecycle.core.data.row_moments import RowMoments
from regression_lifecycle.core.data.tables import KNOWN_ROWS, LABELS, HistoryTable
from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.core.ingestion.labels import REPLACED, LabelParameters, accept_labels
from regression_lifecycle.serving.errors import Mistake, RefusedError, overloaded, shorten
from regression_lifecycle.serving.model_inputs import RowNames
from regression_lifecycle.serving.request_schema import (
    belongs_elsewhere,
    known_row_fields,
    label_fields,
)
from regression_lifecycle.serving.request_validation import BodyReader, Row
from regression_lifecycle.serving.store_writer import StoreWriter, is_about_data

LOGGER = logging.getLogger(__name__)
# Longer than the store's own patience with a second writer.
STORE_SECONDS = 40.0
MAXIMUM_WAITING = 32


class StoreIntake:
    """Checks rows and saves them by their key.

    Attributes:
        reader: Reads the body of a request.
    """

    def __init__(
        self,
        url: str,
        table: HistoryTable,
        reader: BodyReader,
        accept: Callable[[list[Row]], pd.DataFrame],
        saved: Callable[[], None],
    ) -> None:
        """Start the thread that writes.

        Args:
            url: SQLAlchemy URL of the store; it need not answer yet.
            table: Where the rows are kept.
            reader: Reads the body of a request.
            accept: Turns its rows into rows of the table, unique by their key, or refuses them
                with a ``RefusedError``.
            saved: Called once rows are stored.
        """
        self.reader = reader
        self._url = url
        self._table = table
        self._accept = accept
        self._saved = saved
        self._writer = StoreWriter(url)
        # Writers of one database take turns anyway.
        self._pool = ThreadPoolExecutor(1, table.name)
        self._waiting = 0
        self._closing = False

    async def save(self, rows: list[Row]) -> dict[str, int]:
        """Save rows.

        Args:
            rows: What the reader gave.

        Returns:
            ``stored``: how many are new or changed; ``received``; ``replaced``: how many are
            followed by another row of the same key, which counts.

        Raises:
            RefusedError: Status 422 naming the rows that cannot be used, 503 if the store is away.
        """
        if self._waiting >= MAXIMUM_WAITING:
            raise overloaded("too many requests wait for the store")
        if self._closing:
            raise overloaded("the service is about to end")
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, self._save, rows)
        future.add_done_callback(self._done)
        try:
            # Shielded: the thread goes on, and its turn counts as taken until it is over.
            return await asyncio.wait_for(asyncio.shield(future), STORE_SECONDS)
        except TimeoutError:
            raise overloaded("the store did not answer in time; send the rows again") from None

    def close(self) -> None:
        """Take no more rows; what is being written is written."""
        self._closing = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _done(self, future: asyncio.Future[dict[str, int]]) -> None:
        self._waiting -= 1
        # Somebody has to look at an error that comes after the time was over.
        if not future.cancelled():
            future.exception()

    def _save(self, rows: list[Row]) -> dict[str, int]:
        accepted = self._accept(rows)
        try:
            stored = database.upsert_rows(self._url, self._table, accepted)
        except Exception as error:
            reason = self._writer.reason(error)
            if is_about_data(error):
                raise RefusedError(422, f"the store refuses the rows: {reason}") from error
            LOGGER.error("%s were not saved: %s", self._table.name, reason)
            raise overloaded("the store took none of the rows; send them again") from error
        # The next request may ask for what was just sent. It is stored, whatever happens here.
        with suppress(Exception):
            self._saved()
        replaced = len(rows) - len(accepted)
        return {"stored": stored, "received": len(rows), "replaced": replaced}


def label_intake(
    url: str, problem: Problem, maximum_rows: int, saved: Callable[[], None]
) -> StoreIntake:
    """Make the intake of labels."""

    def accept(rows: list[Row]) -> pd.DataFrame:
        # A float between them would cost whole numbers their digits.
        frame = pd.DataFrame(rows, dtype="object")
        try:
            # The share is judged here, since a person is told the rows and not the share.
            result = accept_labels(frame, problem, LabelParameters(maximum_rejected_share=1))
        except DataContractError as error:
            raise RefusedError(422, shorten(str(error))) from error
        wrong = result.rejected[result.rejected[REASON_COLUMN] != REPLACED]
        if len(wrong):
            raise RefusedError(
                422,
                [
                    Mistake(str(row["rejection_reason"]), int(row["raw_row"]) - 1)
                    for row in wrong.to_dict("records")
                ],
            )
        return result.observations

    reader = BodyReader(
        {"labels": label_fields(problem)},
        maximum_rows,
        finish=RowMoments(problem, needed=problem.key_holds_time).complete,
    )
    return StoreIntake(url, LABELS, reader, accept, saved)


def known_row_intake(
    url: str,
    problem: Problem,
    maximum_rows: int,
    saved: Callable[[], None],
    *,
    enforce_bounds: bool,
) -> StoreIntake:
    """Make the intake of rows that are known in advance."""
    names, stamp = RowNames(problem), problem.timestamp.name
    kept_columns = tuple(dict.fromkeys([*problem.row_order, *problem.columns_known_in_advance]))

    def accept(rows: list[Row]) -> pd.DataFrame:
        by_key: dict[str | None, Row] = {names.of(row): row for row in rows}
        kept = [
            {
                "problem": problem.name,
                "row_key": key,
                "timestamp": row[stamp],
                "row": to_json({name: row[name] for name in kept_columns if name in row}).decode(),
            }
            for key, row in by_key.items()
        ]
        return KNOWN_ROWS.frame(kept)

    reader = BodyReader(
        {"rows": known_row_fields(problem, enforce_bounds=enforce_bounds)},
        maximum_rows,
        finish=RowMoments(problem, needed=True).complete,
        elsewhere=belongs_elsewhere(problem),
    )
    return StoreIntake(url, KNOWN_ROWS, reader, accept, saved)
