"""Labels that come in by HTTP: all of a request or none of it."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

import pandas as pd

from regression_lifecycle.adapters import database
from regression_lifecycle.core.data.labels import LabelParameters, accept_labels
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import LABELS
from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.serving.errors import Mistake, RefusedError, overloaded, shorten
from regression_lifecycle.serving.request_schema import label_fields
from regression_lifecycle.serving.request_validation import BodyReader, Row
from regression_lifecycle.serving.store_writer import StoreWriter, is_about_data

LOGGER = logging.getLogger(__name__)
# Longer than the store's own patience with a second writer.
STORE_SECONDS = 40.0
MAXIMUM_WAITING = 32


class LabelIntake:
    """Checks labels and saves them by their key."""

    def __init__(self, url: str, problem: Problem, maximum_rows: int) -> None:
        """Prepare the check.

        Args:
            url: SQLAlchemy URL of the store; it need not answer yet.
            problem: Names key and target.
            maximum_rows: Most labels of a request.
        """
        self._url = url
        self._problem = problem
        self._writer = StoreWriter(url)
        self.reader = BodyReader("labels", label_fields(problem), maximum_rows)
        # Writers of one database take turns anyway.
        self._pool = ThreadPoolExecutor(1, "labels")
        self._waiting = 0
        self._closing = False

    async def save(self, rows: list[Row]) -> int:
        """Save labels.

        Args:
            rows: What the reader gave.

        Returns:
            How many are new or changed.

        Raises:
            RefusedError: Status 422 naming the rows that cannot be used, 503 if the store is away.
        """
        if self._waiting >= MAXIMUM_WAITING:
            raise overloaded("too many requests with labels wait for the store")
        if self._closing:
            raise overloaded("the service is about to end")
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, self._save, rows)
        future.add_done_callback(self._done)
        try:
            # Shielded: the thread goes on, and its turn counts as taken until it is over.
            return await asyncio.wait_for(asyncio.shield(future), STORE_SECONDS)
        except TimeoutError:
            raise overloaded("the store did not answer in time; send the labels again") from None

    def close(self) -> None:
        """Take no more labels; what is being written is written."""
        self._closing = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _done(self, future: asyncio.Future[int]) -> None:
        self._waiting -= 1
        # Somebody has to look at an error that comes after the time was over.
        if not future.cancelled():
            future.exception()

    def _save(self, rows: list[Row]) -> int:
        # A float between them would cost whole numbers their digits.
        frame = pd.DataFrame(rows, dtype="object")
        try:
            # The share is judged here, since a person is told the rows and not the share.
            result = accept_labels(frame, self._problem, LabelParameters(maximum_rejected_share=1))
        except DataContractError as error:
            raise RefusedError(422, shorten(str(error))) from error
        if len(result.rejected):
            raise RefusedError(
                422,
                [
                    Mistake(str(row["rejection_reason"]), int(row["raw_row"]) - 1)
                    for row in result.rejected.to_dict("records")
                ],
            )
        try:
            return database.upsert_rows(self._url, LABELS, result.observations)
        except Exception as error:
            reason = self._writer.reason(error)
            if is_about_data(error):
                raise RefusedError(422, f"the store refuses the labels: {reason}") from error
            LOGGER.error("labels were not saved: %s", reason)
            raise overloaded("the store took none of the labels; send them again") from error
