"""One thread predicts for all requests: those that wait meanwhile share the next call."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from regression_lifecycle.core.errors import counted
from regression_lifecycle.core.prediction.service_parameters import ServingParameters
from regression_lifecycle.serving.active_model import ActiveModel
from regression_lifecycle.serving.errors import RefusedError, overloaded
from regression_lifecycle.serving.prediction_log import PredictionLog
from regression_lifecycle.serving.predictor import Answers, Predictor
from regression_lifecycle.serving.request_validation import Row

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of a request.

    Attributes:
        answers: Its predictions.
        logged: Whether they are in the prediction log.
    """

    answers: Answers
    logged: bool


@dataclass(frozen=True)
class _Job:
    deployed: ActiveModel
    request_id: str
    rows: list[Row]
    future: Future[Outcome] = field(default_factory=Future)

    def finish(self, outcome: Outcome | Exception) -> None:
        # Nobody waits any more for a request whose caller went away.
        if self.future.done() or not self.future.set_running_or_notify_cancel():
            return
        if isinstance(outcome, Exception):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


class PredictionQueue:
    """A queue in front of the model.

    A request is predicted at once if nothing is under way; nobody waits for a batch to fill.
    Requests of one batch have the same model and the same adjustment, those with which they came.
    """

    def __init__(
        self, answering: Predictor, log: PredictionLog, parameters: ServingParameters
    ) -> None:
        """Start the thread.

        Args:
            answering: Predicts.
            log: Keeps what was predicted, before it is answered.
            parameters: How many rows may wait, how many are predicted in one call, and with how
                many threads.
        """
        self._answering = answering
        self._log = log
        self._parameters = parameters
        self._jobs: deque[_Job] = deque()
        self._waiting_rows = 0
        self._predicted_rows = 0
        self._missing_features: Counter[str] = Counter()
        self._closing = False
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="predicting", daemon=True)
        self._thread.start()

    @property
    def waiting_rows(self) -> int:
        """Rows that wait for the model."""
        return self._waiting_rows

    @property
    def predicted_rows(self) -> int:
        """Rows that were answered since the start."""
        return self._predicted_rows

    @property
    def missing_features(self) -> dict[str, float]:
        """How often a feature did not find all that it looked up, since the start."""
        return dict(self._missing_features)

    async def predict(self, deployed: ActiveModel, request_id: str, rows: list[Row]) -> Outcome:
        """Predict the rows of a request and log them.

        Args:
            deployed: Model and adjustment.
            request_id: Name of the request in the log.
            rows: Checked rows.

        Returns:
            The predictions.

        Raises:
            RefusedError: Status 503 if too many rows wait, or the log does not take the rows and
                must; 422 if the model cannot take them.
        """
        job = _Job(deployed, request_id, rows)
        with self._change:
            if self._closing:
                raise overloaded("the service is about to end")
            if self._waiting_rows + len(rows) > self._parameters.maximum_queue_rows:
                raise overloaded(f"{self._waiting_rows} rows wait already; send it again later")
            self._jobs.append(job)
            self._waiting_rows += len(rows)
            self._change.notify()
        return await asyncio.wrap_future(job.future)

    def close(self, timeout: float) -> None:
        """Answer what waits and end the thread.

        Args:
            timeout: Seconds to wait at most.
        """
        with self._change:
            self._closing = True
            self._change.notify()
        self._thread.join(timeout)

    def _work(self) -> None:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=self._parameters.threads):
            while (batch := self._next_batch()) is not None:
                try:
                    self._predict(batch)
                # Whatever a model or a disk does: the next request must find a living thread.
                except Exception as error:
                    LOGGER.exception("a batch of %s failed", counted(len(batch), "request"))
                    for job in batch:
                        job.finish(_failed(error))

    def _next_batch(self) -> list[_Job] | None:
        with self._change:
            while not self._jobs:
                if self._closing:
                    return None
                self._change.wait()
            first = self._jobs.popleft()
            batch, rows = [first], len(first.rows)
            while (
                self._jobs
                and self._jobs[0].deployed is first.deployed
                and rows + len(self._jobs[0].rows) <= self._parameters.maximum_batch_rows
            ):
                batch.append(self._jobs.popleft())
                rows += len(batch[-1].rows)
            self._waiting_rows -= rows
        return batch

    def _predict(self, batch: Sequence[_Job]) -> None:
        try:
            answers = self._answering.answer(batch[0].deployed, [job.rows for job in batch])
        except Exception as error:
            if len(batch) == 1:
                if not isinstance(error, RefusedError):
                    LOGGER.exception("the model failed")
                batch[0].finish(_failed(error))
                return
            # One of them is to blame, and the others are not.
            for job in batch:
                self._predict([job])
            return
        for job, found in zip(batch, answers, strict=True):
            job.finish(self._logged(job, found))

    def _logged(self, job: _Job, answers: Answers) -> Outcome | Exception:
        records: list[dict[str, Any]] = self._answering.records(
            job.deployed, job.request_id, job.rows, answers
        )
        logged = self._log.append(records)
        if not logged and self._log.must_log:
            return overloaded("the prediction log takes no more rows")
        self._predicted_rows += len(job.rows)
        for lacking in answers.inputs.lacking:
            self._missing_features.update(lacking.keys())
        return Outcome(answers, logged)


def _failed(error: Exception) -> RefusedError:
    if isinstance(error, RefusedError):
        return error
    return RefusedError(503, "the model failed; the log of the service says why")
