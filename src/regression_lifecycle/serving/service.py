"""What stands behind the paths of the service."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from regression_lifecycle.serving.active_model import ActiveModel
from regression_lifecycle.serving.configuration import ServiceConfiguration
from regression_lifecycle.serving.errors import overloaded
from regression_lifecycle.serving.model_watcher import ModelWatcher
from regression_lifecycle.serving.prediction_log import PredictionLog
from regression_lifecycle.serving.prediction_queue import PredictionQueue
from regression_lifecycle.serving.predictor import Answers, Predictor, explain
from regression_lifecycle.serving.store_intake import known_row_intake, label_intake

# A row takes as long as a thousand predictions.
MOST_EXPLAINED = 100


class Service:
    """What stands behind the paths: model, queue, log and labels of one process."""

    def __init__(self, configuration: ServiceConfiguration) -> None:
        """Start all threads; nothing needs to be there yet but a disk for the log.

        Args:
            configuration: What the service is told.

        Raises:
            LifecycleError: If the log cannot be kept.
        """
        self.configuration = configuration
        serving, problem = configuration.serving, configuration.problem
        self.log = PredictionLog(configuration.store_url, configuration.spool, serving.log)
        self.batching = PredictionQueue(Predictor(problem, serving), self.log, serving)
        self.following = ModelWatcher(configuration)
        place = (configuration.store_url, problem, serving.maximum_rows, self.following.known.look)
        self.labels = label_intake(*place)
        self.rows = known_row_intake(*place, enforce_bounds=serving.enforce_bounds)
        self._explaining = ThreadPoolExecutor(1, "explaining")
        self.is_ending = False

    def close(self) -> None:
        """Answer what waits, then give the log its time to reach the store."""
        self.is_ending = True
        seconds = self.configuration.serving.drain_seconds
        self.following.close()
        self.batching.close(seconds)
        self._explaining.shutdown(wait=False, cancel_futures=True)
        self.labels.close()
        self.rows.close()
        self.log.close(seconds)

    async def explain(self, deployed: ActiveModel, answers: Answers) -> list[dict[str, float]]:
        """Say what each raw column adds to predictions that were answered.

        Args:
            deployed: Model and adjustment.
            answers: The predictions.

        Returns:
            Contributions per row.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._explaining, explain, deployed, answers)

    def deployed(self) -> ActiveModel:
        """Return what answers now.

        Returns:
            Model and adjustment; a request keeps what it was given.

        Raises:
            RefusedError: Status 503 with the reason if there is none.
        """
        found = self.following.deployed
        if found is None:
            raise overloaded(self.following.why_not() or "the model is being loaded")
        return found

    def why_not_ready(self) -> str | None:
        """Return why a request would be refused now.

        Returns:
            The reason; None if it would be answered.
        """
        if self.is_ending:
            return "the service is about to end"
        why_not = self.following.why_not()
        if why_not is None and self.log.must_log and not self.log.status()["accepts"]:
            return "the prediction log takes no more rows"
        return why_not

    def describe_model(self) -> dict[str, Any]:
        """Describe what answers, and how it came to its place.

        Returns:
            What ``/model`` shows.
        """
        deployed, following = self.deployed(), self.following
        model, interval = deployed.model, self.configuration.adjustment.interval
        metadata = model.model.metadata
        decisions = following.decisions(model.version)
        return {
            "model_name": self.configuration.model_name,
            "model_version": model.version,
            "alias": self.configuration.alias,
            "digest": model.digest,
            "loaded_at": model.loaded_at.isoformat(timespec="seconds"),
            "trained_from": metadata.trained_from.isoformat(),
            "trained_until": metadata.trained_until.isoformat(),
            "n_rows": metadata.n_rows,
            "features": list(model.inputs.names),
            "level_factor": deployed.adjustment.level_factor,
            "level_shift": deployed.adjustment.level_shift,
            "interval": {"level": interval.level, **asdict(deployed.adjustment.interval)},
            "tags": dict(model.registered.tags),
            "decisions": None if decisions is None else [_readable(row) for row in decisions],
            "registry": following.registry_state,
            "store": following.store_state,
            "warnings": following.warnings(),
        }


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    """Unpack what the ledger keeps as JSON texts, and leave out what it does not say."""
    packed = ("reasons", "metrics", "checks", "policy")
    return {
        name: json.loads(value) if name in packed else value
        for name, value in row.items()
        if value not in (None, "")
    }
